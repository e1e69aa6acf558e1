//! Requests that end without an answer, and a report that is false.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    primitives::{
        Address, B256, U256,
        utils::{format_ether, parse_ether},
    },
};
use gavel_chain::bindings::gavel::{AuctionBook, FeeEscrow, QueryRequests, Slasher};

use super::{
    follow::Follower,
    money::{self, CANCELLED, FAILED, REFUNDED},
    report::Report,
    run::{Asked, MAX_FEE, Scene, lowest_price},
};
use crate::{
    error::TestkitError,
    keys,
    miss::{AwardedJob, PRICE, UNITS},
};

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
const ATTEMPTS_EXHAUSTED: u8 = 2;

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

    /// That request fails for want of bids; others are cancelled or run past their deadline.
    pub(super) async fn other_requests(
        &mut self,
        report: &mut Report,
        progress: &mut impl FnMut(&str),
        asked: &Asked<'_>,
        cheap: Cheap,
    ) -> Result<(), TestkitError> {
        let client = self.devnet.client().clone();
        let requests = self.devnet.deployment().gavel.query_requests;
        progress("waiting for the end of a request whose fee is under every bid");
        let request = cheap.asker.unanswered(report, self.options.patience).await?;
        self.ledger.update().await?;
        money::ended_as(report, &self.reader, "a fee under every bid ends in a failure", request, FAILED).await?;
        let reason = self.ledger.failure(request);
        report.check("whose reason is that nobody bid", reason == Some(NO_BIDS), format!("reason {reason:?}"));
        let back = client.balance(cheap.refund_to).await?;
        report.check("and is refunded in full", back == cheap.fee, format!("{back} wei"));

        // Without the gateway nothing is committed to these two.
        if let Some(gateway) = &mut self.gateway {
            gateway.kill();
        }
        self.false_report(report, progress, asked).await?;
        progress("a request that is cancelled, and one that a stranger refunds after its deadline");
        let late_to = keys::address("refunds of the late request");
        let blocks = u64::from(self.devnet.supernet.windows.min_deadline) + 5;
        let late = self.ask(asked, MAX_FEE, blocks, late_to).await?;
        let taken_back = keys::address("refunds of the cancelled request");
        let cancelled = self.ask_with(asked, MAX_FEE, 600, taken_back, &["--no-callback"]).await?;
        self.gavel(&["request", "cancel", &cancelled.to_string()]).await?;
        let whole: U256 = parse_ether(MAX_FEE).unwrap_or_default();
        money::ended_as(report, &self.reader, "a request is cancelled", cancelled, CANCELLED).await?;
        let back = client.balance(taken_back).await?;
        report.check("and is refunded in full", back == whole, format!("{back} wei"));
        let due = self.reader.request(late, BlockId::latest()).await?.deadline;
        while client.head().await? <= due {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let stranger = self.devnet.wallet(&self.devnet.description.accounts.stranger)?;
        stranger.send(requests, &QueryRequests::refundCall { requestId: late }).await?;
        money::ended_as(report, &self.reader, "a stranger refunds a request past its deadline", late, REFUNDED).await?;
        let back = client.balance(late_to).await?;
        report.check("and it is whole", back == whole, format!("{back} wei"));
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

    /// A report of a job that was delivered: its receipt ends the report and the reporter's deposit goes to the
    /// operator. Made by hand with the development keys, since no honest gateway reports what it received.
    async fn false_report(
        &mut self,
        report: &mut Report,
        progress: &mut impl FnMut(&str),
        asked: &Asked<'_>,
    ) -> Result<(), TestkitError> {
        progress("a false report of a missed job");
        let client = self.devnet.client().clone();
        let slasher = self.devnet.deployment().gavel.slasher;
        // The large prover's operator: it has failed nothing.
        let accounts = self.operator(1);
        let owner = accounts.owner.address;
        let refund_to = keys::address("refunds of the falsely reported request");
        let request = self.ask(asked, MAX_FEE, 600, refund_to).await?;
        let tick = self.reader.last_tick(BlockId::latest()).await? + 1;
        let job = AwardedJob::anchor(self.devnet, &accounts, request, tick).await?;
        let record = self.reader.award(job.id, BlockId::latest()).await?;
        let window = record.awardBlock + record.provingBlocks;
        while client.head().await? <= window {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let reporter = self.devnet.wallet(&self.devnet.description.accounts.stranger)?;
        let deposit = self.devnet.supernet.stake.report_deposit.u256();
        let call = Slasher::reportMissCall { evidence: job.evidence(record.awardBlock) };
        reporter.send_value(slasher, &call, deposit).await?;
        let magnitude = self.devnet.status(owner).await?.max_magnitude;
        let (statement, signature) = job.receipt();
        let key = job.evidence(record.awardBlock).key;
        let answer = Slasher::answerCall { key, statementDigest: statement, signature };
        let before = client.balance(owner).await?;
        let requester = self.devnet.wallet(&self.devnet.description.accounts.requester)?;
        requester.send(slasher, &answer).await?;
        let gained = client.balance(owner).await? - before;
        report.check("a false report costs its reporter", gained == deposit, format!("{gained} wei to the operator"));
        let kept = self.devnet.status(owner).await?.max_magnitude == magnitude;
        report.check("and slashes nobody", kept, format!("magnitude {magnitude}"));
        self.fail_after_delivery(report, request, &job, refund_to).await
    }

    /// The gateway gives up a request with a delivered job: the requester gets everything back, and the operator
    /// its price out of the gateway's bond.
    async fn fail_after_delivery(
        &mut self,
        report: &mut Report,
        request: B256,
        job: &AwardedJob,
        refund_to: Address,
    ) -> Result<(), TestkitError> {
        let client = self.devnet.client().clone();
        let contracts = &self.devnet.deployment().gavel;
        let gateway = self.devnet.wallet(&self.devnet.description.accounts.gateway_key)?;
        let fail = QueryRequests::failCall { requestId: request, reason: ATTEMPTS_EXHAUSTED };
        gateway.send(contracts.query_requests, &fail).await?;
        let whole: U256 = parse_ether(MAX_FEE).unwrap_or_default();
        let back = client.balance(refund_to).await?;
        report.check(
            "a request that failed after a delivery is refunded in full",
            back == whole,
            format!("{back} wei"),
        );
        let operator = job.key.operator;
        let (before, bond) = (client.balance(operator).await?, self.reader.bond(BlockId::latest()).await?.balance);
        let stranger = self.devnet.wallet(&self.devnet.description.accounts.stranger)?;
        stranger.send(contracts.auction_book, &AuctionBook::claimCall { awardId: job.id }).await?;
        let gained = client.balance(operator).await? - before;
        let spent = U256::from(bond - self.reader.bond(BlockId::latest()).await?.balance);
        let price = U256::from(PRICE) * U256::from(UNITS);
        report.check(
            "and its operator is paid out of the bond",
            gained == price && spent == price,
            format!("{gained} wei"),
        );
        Ok(())
    }
}
