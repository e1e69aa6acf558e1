//! What to do with a row, given what the chain says. No IO.

use alloy::primitives::{B256, U256};

use crate::{
    client::BlockRef,
    sender::outbox::{Attempt, Outcome, Row},
};

/// When to bump and when to be sure.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Blocks on top of a receipt before it counts.
    pub confirmations: u64,
    /// Blocks without a receipt before fees rise.
    pub bump_after: u64,
    /// Percent by which a bump raises both fees; nodes ask for at least 10.
    pub bump_percent: u128,
    /// Wei per gas: the tip of a first attempt.
    pub priority_fee: u128,
    /// Wei per gas that is never exceeded.
    pub max_fee: u128,
    /// Rows with a nonce and without an outcome at one time.
    pub in_flight: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            confirmations: 1,
            bump_after: 4,
            bump_percent: 25,
            priority_fee: 1_000_000_000,
            max_fee: 500_000_000_000,
            in_flight: 8,
        }
    }
}

/// Fees of a transaction, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub max_fee: u128,
    pub priority_fee: u128,
}

/// A mined attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mined {
    pub hash: B256,
    pub block: BlockRef,
    pub success: bool,
    pub gas_used: u64,
}

/// What the chain says about a row.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub head: u64,
    /// Base fee of the newest block, wei per gas.
    pub base_fee: u128,
    /// The account's nonce after the newest block.
    pub nonce: u64,
    /// The account's nonce after the block that is `confirmations` deep.
    pub confirmed_nonce: u64,
    /// The account's balance in wei, after the newest block.
    pub balance: U256,
    /// Receipt of an attempt that succeeded, or of one with the newest nonce that did not.
    pub receipt: Option<Mined>,
    /// Whether the node has the newest attempt in its pool.
    pub pooled: bool,
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Wait,
    /// Sign with a new nonce.
    Assign(Fees),
    /// Send this attempt again as it is.
    Resend(Attempt),
    /// Sign with the same nonce and these fees.
    Replace {
        nonce: u64,
        fees: Fees,
    },
    /// The attempt was mined and reverted: as [`Action::Assign`], if it can succeed now.
    Retry {
        reverted: B256,
        fees: Fees,
    },
    Finish(Outcome),
}

/// Decides.
pub fn decide(row: &Row, view: &View, policy: &Policy) -> Action {
    let first = Fees {
        max_fee: view.base_fee.saturating_mul(2).saturating_add(policy.priority_fee).min(policy.max_fee),
        priority_fee: policy.priority_fee.min(policy.max_fee),
    };
    if let Some(Mined { hash, block, success, gas_used }) = view.receipt {
        if block.number.saturating_add(policy.confirmations) > view.head {
            return Action::Wait;
        }
        return if success {
            Action::Finish(Outcome::Succeeded { hash, block, gas_used })
        } else {
            Action::Retry { reverted: hash, fees: first }
        };
    }
    let Some(last) = row.attempts.last() else { return Action::Assign(first) };
    if view.nonce > last.nonce {
        // Mined, and no attempt has a receipt: the node is behind with receipts, or the nonce went to
        // a transaction from elsewhere. Only once that is final can no attempt be mined any more.
        return if view.confirmed_nonce > last.nonce { Action::Assign(first) } else { Action::Wait };
    }
    if view.head >= last.signed_at.saturating_add(policy.bump_after) {
        let raised = |fee: u128| fee.saturating_add(fee.saturating_mul(policy.bump_percent) / 100).saturating_add(1);
        let fees = Fees {
            max_fee: raised(last.max_fee).max(first.max_fee),
            priority_fee: raised(last.priority_fee).max(first.priority_fee),
        };
        if fees.max_fee <= policy.max_fee {
            return Action::Replace { nonce: last.nonce, fees };
        }
    }
    if view.pooled { Action::Wait } else { Action::Resend(last.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::outbox::Intent;
    use alloy::primitives::{Address, Bytes};

    fn attempt(nonce: u64, max_fee: u128, signed_at: u64) -> Attempt {
        let raw = Bytes::from(max_fee.to_be_bytes().to_vec());
        let hash = alloy::primitives::keccak256(&raw);
        Attempt { nonce, hash, raw, max_fee, priority_fee: max_fee / 10, signed_at }
    }

    fn row(attempts: Vec<Attempt>) -> Row {
        let intent = Intent {
            key: "anchor/1/1".into(),
            to: Address::ZERO,
            data: Bytes::new(),
            value: U256::ZERO,
            gas_limit: None,
        };
        Row { id: 1, intent, attempts, outcome: None }
    }

    fn view(head: u64, nonce: u64) -> View {
        View { head, base_fee: 100, nonce, confirmed_nonce: nonce, ..Default::default() }
    }

    const POLICY: Policy =
        Policy { confirmations: 2, bump_after: 3, bump_percent: 25, priority_fee: 10, max_fee: 1_000, in_flight: 8 };

    #[test]
    fn a_new_row_gets_a_nonce() {
        let fees = Fees { max_fee: 210, priority_fee: 10 };
        assert_eq!(decide(&row(vec![]), &view(5, 0), &POLICY), Action::Assign(fees));
    }

    #[test]
    fn an_attempt_that_the_pool_lost_is_sent_again() {
        let last = attempt(4, 210, 5);
        assert_eq!(decide(&row(vec![last.clone()]), &view(6, 4), &POLICY), Action::Resend(last.clone()));
        let pooled = View { pooled: true, ..view(6, 4) };
        assert_eq!(decide(&row(vec![last]), &pooled, &POLICY), Action::Wait);
    }

    #[test]
    fn fees_rise_at_the_same_nonce_up_to_the_limit() {
        let action = decide(&row(vec![attempt(4, 210, 5)]), &view(8, 4), &POLICY);
        assert_eq!(action, Action::Replace { nonce: 4, fees: Fees { max_fee: 263, priority_fee: 27 } });
        let pooled = View { pooled: true, ..view(8, 4) };
        assert_eq!(decide(&row(vec![attempt(4, 900, 5)]), &pooled, &POLICY), Action::Wait);
    }

    #[test]
    fn a_receipt_counts_at_its_depth() {
        let hash = attempt(4, 210, 5).hash;
        let block = BlockRef { number: 7, hash: B256::repeat_byte(7) };
        let row = row(vec![attempt(4, 210, 5), attempt(4, 263, 8)]);
        let receipt = Some(Mined { hash, block, success: true, gas_used: 50_000 });
        assert_eq!(decide(&row, &View { receipt, ..view(8, 5) }, &POLICY), Action::Wait);
        let done = Action::Finish(Outcome::Succeeded { hash, block, gas_used: 50_000 });
        assert_eq!(decide(&row, &View { receipt, ..view(9, 5) }, &POLICY), done);
    }

    #[test]
    fn a_reverted_attempt_is_not_the_end() {
        let hash = attempt(4, 210, 5).hash;
        let block = BlockRef { number: 7, hash: B256::repeat_byte(7) };
        let receipt = Some(Mined { hash, block, success: false, gas_used: 50_000 });
        let row = row(vec![attempt(4, 210, 5)]);
        assert_eq!(decide(&row, &View { receipt, ..view(8, 5) }, &POLICY), Action::Wait);
        let fees = Fees { max_fee: 210, priority_fee: 10 };
        let retry = Action::Retry { reverted: hash, fees };
        assert_eq!(decide(&row, &View { receipt, ..view(9, 5) }, &POLICY), retry);
    }

    #[test]
    fn a_nonce_taken_by_another_transaction_is_given_up_only_when_final() {
        let row = row(vec![attempt(4, 210, 5)]);
        let taken = View { confirmed_nonce: 4, ..view(8, 5) };
        assert_eq!(decide(&row, &taken, &POLICY), Action::Wait);
        assert!(matches!(decide(&row, &view(9, 5), &POLICY), Action::Assign(_)));
    }
}
