//! Transactions that the gateway owes the chain.

use std::fmt;

use alloy_primitives::{B256, U256};
use gavel_types::id::{AwardId, GatewayEpoch, OperatorId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::JobTerms;
use gavel_types::lot::LotTerms;
use gavel_types::message::{DeliveryReceipt, Signed, TickClose};
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::signature::SignatureBytes;
use gavel_types::statement::Output;
use gavel_types::unit::{WeiPerUnit, WorkUnits};

/// An award in an anchoring transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchoredAward {
    /// Index into the transaction's lots.
    pub lot: u32,
    pub payer: RequestId,
    /// Index of the job in the payer's plan.
    pub job_index: u32,
    pub attempt: u32,
    pub operator: OperatorId,
    pub units: WorkUnits,
    pub price: WeiPerUnit,
}

/// Everything that shows that an accepted job was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissEvidence {
    pub key: TickKey,
    pub job: JobTerms,
    pub attempt: u32,
    pub operator: OperatorId,
    pub lot: LotTerms,
    pub job_proof: Vec<B256>,
    pub price: WeiPerUnit,
    pub salt: B256,
    pub bid_signature: SignatureBytes,
    pub bid_proof: Vec<B256>,
    pub input_digest: B256,
    pub accept_block: u64,
    pub accept_signature: SignatureBytes,
}

/// A transaction that is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    AnchorTick {
        key: TickKey,
        close: TickClose,
        lots: Vec<LotTerms>,
        awards: Vec<AnchoredAward>,
        delivered: Vec<AwardId>,
    },
    Settle {
        id: RequestId,
        request: Request,
        origin: RequestOrigin,
        output: Output,
        results: Vec<B256>,
        proof: Vec<u8>,
    },
    Fail {
        id: RequestId,
        reason: u8,
    },
    ReportMiss {
        award: AwardId,
        evidence: Box<MissEvidence>,
        deposit: U256,
    },
    AnswerReport {
        award: AwardId,
        receipt: Signed<DeliveryReceipt>,
    },
    ExecuteSlash {
        award: AwardId,
    },
    LapseReport {
        award: AwardId,
    },
    Claim {
        award: AwardId,
    },
    ClaimWithReceipt {
        award: AwardId,
        receipt: Signed<DeliveryReceipt>,
    },
    SyncCapacity {
        operator: OperatorId,
        /// Grows with the chain, so that a sync that failed is tried again.
        round: u64,
    },
}

/// Names a transaction for ever. Written as `anchor/1/1/57` (supernet, epoch, tick), `settle/0x…`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebtKey {
    Anchor(TickKey),
    Settle(RequestId),
    Fail(RequestId),
    Report(AwardId),
    Answer(AwardId),
    Slash(AwardId),
    Lapse(AwardId),
    Claim(AwardId),
    ClaimWithReceipt(AwardId),
    Sync { operator: OperatorId, round: u64 },
}

impl fmt::Display for DebtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DebtKey::Anchor(key) => write!(f, "anchor/{key}"),
            DebtKey::Settle(id) => write!(f, "settle/{id}"),
            DebtKey::Fail(id) => write!(f, "fail/{id}"),
            DebtKey::Report(award) => write!(f, "report/{award}"),
            DebtKey::Answer(award) => write!(f, "answer/{award}"),
            DebtKey::Slash(award) => write!(f, "slash/{award}"),
            DebtKey::Lapse(award) => write!(f, "lapse/{award}"),
            DebtKey::Claim(award) => write!(f, "claim/{award}"),
            DebtKey::ClaimWithReceipt(award) => write!(f, "claim-receipt/{award}"),
            DebtKey::Sync { operator, round } => write!(f, "sync/{operator}/{round}"),
        }
    }
}

impl DebtKey {
    /// What [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('/')?;
        let award = || rest.parse().ok().map(AwardId);
        let request = || rest.parse().ok().map(RequestId);
        match name {
            "anchor" => parse_tick(rest).map(DebtKey::Anchor),
            "settle" => request().map(DebtKey::Settle),
            "fail" => request().map(DebtKey::Fail),
            "report" => award().map(DebtKey::Report),
            "answer" => award().map(DebtKey::Answer),
            "slash" => award().map(DebtKey::Slash),
            "lapse" => award().map(DebtKey::Lapse),
            "claim" => award().map(DebtKey::Claim),
            "claim-receipt" => award().map(DebtKey::ClaimWithReceipt),
            "sync" => {
                let (operator, round) = rest.split_once('/')?;
                Some(DebtKey::Sync { operator: OperatorId(operator.parse().ok()?), round: round.parse().ok()? })
            }
            _ => None,
        }
    }
}

fn parse_tick(text: &str) -> Option<TickKey> {
    let mut parts = text.split('/');
    let key = TickKey {
        supernet: SupernetId(parts.next()?.parse().ok()?),
        epoch: GatewayEpoch(parts.next()?.parse().ok()?),
        tick: Tick(parts.next()?.parse().ok()?),
    };
    parts.next().is_none().then_some(key)
}

impl Owed {
    pub fn key(&self) -> DebtKey {
        match *self {
            Owed::AnchorTick { key, .. } => DebtKey::Anchor(key),
            Owed::Settle { id, .. } => DebtKey::Settle(id),
            Owed::Fail { id, .. } => DebtKey::Fail(id),
            Owed::ReportMiss { award, .. } => DebtKey::Report(award),
            Owed::AnswerReport { award, .. } => DebtKey::Answer(award),
            Owed::ExecuteSlash { award } => DebtKey::Slash(award),
            Owed::LapseReport { award } => DebtKey::Lapse(award),
            Owed::Claim { award } => DebtKey::Claim(award),
            Owed::ClaimWithReceipt { award, .. } => DebtKey::ClaimWithReceipt(award),
            Owed::SyncCapacity { operator, round } => DebtKey::Sync { operator, round },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    #[test]
    fn keys_are_read_as_they_were_written() {
        let key = TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(2), tick: Tick(57) };
        let (request, award) = (RequestId(B256::repeat_byte(7)), AwardId(B256::repeat_byte(8)));
        let operator = OperatorId(Address::repeat_byte(0xab));
        let keys = [
            DebtKey::Anchor(key),
            DebtKey::Settle(request),
            DebtKey::Fail(request),
            DebtKey::Report(award),
            DebtKey::Answer(award),
            DebtKey::Slash(award),
            DebtKey::Lapse(award),
            DebtKey::Claim(award),
            DebtKey::ClaimWithReceipt(award),
            DebtKey::Sync { operator, round: 9 },
        ];
        for key in keys {
            assert_eq!(DebtKey::parse(&key.to_string()), Some(key));
        }
        assert_eq!(DebtKey::Anchor(key).to_string(), "anchor/1/2/57");
        for wrong in ["", "anchor", "anchor/1/2", "anchor/1/2/3/4", "settle/0x12", "other/1"] {
            assert_eq!(DebtKey::parse(wrong), None, "{wrong}");
        }
    }
}
