//! Requests that end without an answer.

use alloy::{
    eips::BlockId,
    primitives::{
        Address, B256, U256,
        utils::{format_ether, parse_ether},
    },
};
use gavel_chain::bindings::gavel::FeeEscrow;

use super::{
    follow::Follower,
    money::{self, CANCELLED, FAILED},
    report::Report,
    run::{Asked, MAX_FEE, Scene, lowest_price},
};
use crate::{error::TestkitError, keys};

/// A request with a fee that no operator works for.
pub(super) struct Cheap {
    asker: Follower,
    fee: U256,
    refund_to: Address,
}

/// What the example dapp asks for its callback.
const CALLBACK_GAS: u64 = 250_000;
/// Of `IQueryRequests.FailureReason`.
const NO_BIDS: u8 = 1;

impl Scene<'_> {
    /// Step 9: asks with a fee that leaves less for each unit than the lowest bid.
    pub(super) async fn ask_too_cheaply(&mut self, asked: &Asked<'_>, first: B256) -> Result<Cheap, TestkitError> {
        self.ledger.update().await?;
        let units: u64 =
            self.ledger.awards(first).iter().filter(|award| award.attempt == 0).map(|award| award.units).sum();
        let minimum = self.reader.minimum_fee(CALLBACK_GAS, BlockId::latest()).await?;
        let fee = minimum + U256::from(units) * U256::from(lowest_price() / 2);
        let refund_to = keys::address("refunds of the cheap request");
        let mut arguments = self.question(asked, &format_ether(fee), 600, refund_to);
        arguments.extend(["--consumer".to_owned(), self.devnet.description.observer.to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let asker = self.start_follower("cheap-request", &arguments)?;
        Ok(Cheap { asker, fee, refund_to })
    }

    /// That request fails for want of bids; others run past their deadline or are cancelled.
    pub(super) async fn other_requests(
        &mut self,
        report: &mut Report,
        progress: &mut impl FnMut(&str),
        asked: &Asked<'_>,
        cheap: Cheap,
    ) -> Result<(), TestkitError> {
        let client = self.devnet.client().clone();
        progress("waiting for the end of a request whose fee is under every bid");
        let request = cheap.asker.unanswered(report, self.options.patience).await?;
        self.ledger.update().await?;
        money::ended_as(report, &self.reader, "a fee under every bid ends in a failure", request, FAILED).await?;
        let reason = self.ledger.failure(request);
        report.check("whose reason is that nobody bid", reason == Some(NO_BIDS), format!("reason {reason:?}"));
        let back = client.balance(cheap.refund_to).await?;
        report.check("and is refunded in full", back == cheap.fee, format!("{back} wei"));

        // It ends with a dead gateway: nothing is committed to the last request.
        self.false_report(report, progress, asked).await?;
        progress("a request that is cancelled");
        let taken_back = keys::address("refunds of the cancelled request");
        let cancelled = self.ask_with(asked, MAX_FEE, 600, taken_back, &["--no-callback"]).await?;
        self.gavel(&["request", "cancel", &cancelled.to_string()]).await?;
        let whole: U256 = parse_ether(MAX_FEE).unwrap_or_default();
        money::ended_as(report, &self.reader, "a request is cancelled", cancelled, CANCELLED).await?;
        let back = client.balance(taken_back).await?;
        report.check("and is refunded in full", back == whole, format!("{back} wei"));
        Ok(())
    }

    /// What was reserved for awards that nobody accepted goes back to the requester after the claim window. The
    /// window is longer than anybody wants to watch: the chain is mined through it.
    pub(super) async fn sweep(&mut self, request: B256, progress: &mut impl FnMut(&str)) -> Result<(), TestkitError> {
        let account = self.reader.account(request, BlockId::latest()).await?;
        if account.committed == 0 {
            return Ok(());
        }
        progress("mining through the claim window, to sweep what awards without an acceptance hold");
        let head = self.devnet.client().head().await?;
        self.devnet.anvil.mine(account.claimUntil.saturating_sub(head) + 1).await?;
        let stranger = self.devnet.wallet(&self.devnet.description.accounts.stranger)?;
        let escrow = self.devnet.deployment().gavel.fee_escrow;
        stranger.send(escrow, &FeeEscrow::sweepCall { requestId: request }).await?;
        Ok(())
    }
}
