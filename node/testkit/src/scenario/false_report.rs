//! A report of a job that was delivered, against an operator whose gateway is gone.

use std::time::{Duration, Instant};

use alloy::{
    eips::BlockId,
    primitives::{B256, Bytes, U256, utils::parse_ether},
    sol_types::SolCall,
};
use gavel_chain::bindings::gavel::{AuctionBook, Slasher};

use super::{
    daemon::Daemon,
    files::write_key,
    money::{self, REFUNDED},
    report::Report,
    run::{Asked, MAX_FEE, OPERATORS, Scene},
};
use crate::{error::TestkitError, keys};

/// `AwardState.Reserved` and `ReportState.Dismissed` of the contracts.
const RESERVED: u8 = 1;
const DISMISSED: u8 = 2;
/// Blocks until the deadline of the request, which nobody answers.
const DEADLINE: u64 = 600;

impl Scene<'_> {
    /// Step 7: a prover delivers, and the gateway is killed before it tells the chain so. Somebody with the signed
    /// evidence of the acceptance reports a miss once the proving window is over; the prover answers by itself.
    pub(super) async fn false_report(
        &mut self,
        report: &mut Report,
        progress: &mut impl FnMut(&str),
        asked: &Asked<'_>,
    ) -> Result<(), TestkitError> {
        progress("a request of one block: its first job is delivered, then the gateway is killed");
        let refund_to = keys::address("refunds of the late request");
        let one_block = Asked { from: asked.to, ..*asked };
        let request = self.ask(&one_block, MAX_FEE, DEADLINE, refund_to).await?;
        let (award, evidence) = self.evidence_of_an_award(request).await?;
        self.until_receipted(award.awardId).await?;
        if let Some(gateway) = &mut self.gateway {
            gateway.kill();
        }
        progress("a false report of a missed job, which its prover answers");
        self.report_falsely(report, &award, &evidence).await?;
        self.refund_after_delivery(report, progress, request, &award).await
    }

    /// The first accepted award of a request, and the transaction that reports it.
    async fn evidence_of_an_award(
        &mut self,
        request: B256,
    ) -> Result<(AuctionBook::Awarded, Slasher::reportMissCall), TestkitError> {
        let began = Instant::now();
        let config = self.options.folder.join("gateway/gateway.toml").display().to_string();
        loop {
            self.ledger.update().await?;
            let log = self.gateway.as_ref().map(Daemon::log).unwrap_or_default();
            let accepted = self.ledger.awards(request).into_iter().find(|award| says(&log, "accepted", award.awardId));
            if let Some(award) = accepted {
                let command = ["gateway", "evidence", "--config", &config, &award.awardId.to_string()];
                let answer = self.gavel(&command).await?;
                let bad = |reason: String| TestkitError::Command { command: command.join(" "), reason };
                let data: Bytes = serde_json::from_value(answer["data"].clone()).map_err(|e| bad(e.to_string()))?;
                let call = Slasher::reportMissCall::abi_decode(&data).map_err(|e| bad(e.to_string()))?;
                return Ok((award, call));
            }
            self.wait(began, "an accepted award of the request of one block").await?;
        }
    }

    /// Waits until a prover holds the delivery receipt of an award.
    async fn until_receipted(&mut self, award: B256) -> Result<(), TestkitError> {
        let began = Instant::now();
        while !self.provers.iter().any(|prover| says(&prover.log(), "delivered", award)) {
            self.wait(began, "the delivery of the request of one block").await?;
        }
        Ok(())
    }

    async fn wait(&mut self, began: Instant, what: &'static str) -> Result<(), TestkitError> {
        self.alive()?;
        if began.elapsed() > self.options.patience {
            return Err(TestkitError::Waited { what, after: self.options.patience });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }

    async fn report_falsely(
        &mut self,
        report: &mut Report,
        award: &AuctionBook::Awarded,
        call: &Slasher::reportMissCall,
    ) -> Result<(), TestkitError> {
        let client = self.devnet.client().clone();
        let record = self.reader.award(award.awardId, BlockId::latest()).await?;
        let held = record.state == RESERVED;
        report.check(
            "a delivery is on nobody's record but the prover's",
            held,
            format!("award state {}", record.state),
        );
        let over = record.awardBlock + record.acceptBlocks + record.provingBlocks + 1;
        self.devnet.anvil.mine(over.saturating_sub(client.head().await?)).await?;

        let status = self.devnet.status(award.operator).await?;
        let before = client.balance(award.operator).await?;
        let deposit = self.devnet.supernet.stake.report_deposit.u256();
        let reporter = self.devnet.wallet(&self.devnet.description.accounts.stranger)?;
        reporter.send_value(self.devnet.deployment().gavel.slasher, call, deposit).await?;
        let began = Instant::now();
        while self.reader.report(award.awardId, BlockId::latest()).await?.state != DISMISSED {
            self.wait(began, "the answer to the false report").await?;
        }
        let gained = client.balance(award.operator).await? - before;
        report.check("a false report costs its reporter", gained == deposit, format!("{gained} wei to the operator"));
        let magnitude = self.devnet.status(award.operator).await?.max_magnitude;
        report.check("and slashes nobody", magnitude == status.max_magnitude, format!("magnitude {magnitude}"));
        Ok(())
    }

    /// The requester gets everything back, and the operator its price out of the gateway's bond.
    async fn refund_after_delivery(
        &mut self,
        report: &mut Report,
        progress: &mut impl FnMut(&str),
        request: B256,
        award: &AuctionBook::Awarded,
    ) -> Result<(), TestkitError> {
        progress("that request runs past its deadline, and a stranger refunds it");
        let client = self.devnet.client().clone();
        let record = self.reader.request(request, BlockId::latest()).await?;
        self.devnet.anvil.mine((record.deadline + 1).saturating_sub(client.head().await?)).await?;
        let secret = self.devnet.description.accounts.stranger.secret;
        let key = write_key(&self.options.folder, "stranger.key", secret)?.display().to_string();
        self.gavel(&["request", "refund", "--key-file", &key, &request.to_string()]).await?;
        let name = "a stranger refunds a request past its deadline";
        money::ended_as(report, &self.reader, name, request, REFUNDED).await?;
        let whole: U256 = parse_ether(MAX_FEE).unwrap_or_default();
        let back = client.balance(keys::address("refunds of the late request")).await?;
        report.check("and it is whole, though work was delivered", back == whole, format!("{back} wei"));

        let (before, bond) =
            (client.balance(award.operator).await?, self.reader.bond(BlockId::latest()).await?.balance);
        let is_its = |number: &usize| self.operator(*number).owner.address == award.operator;
        let prover = (1..=OPERATORS).find(is_its).unwrap_or_default();
        let config = self.options.folder.join(format!("prover-{prover}/prover.toml")).display().to_string();
        self.gavel(&["prover", "claim", "--config", &config]).await?;
        let gained = client.balance(award.operator).await? - before;
        let spent = U256::from(bond - self.reader.bond(BlockId::latest()).await?.balance);
        report.check(
            "the operator that delivered claims its bid out of the bond",
            gained == award.price && spent == award.price,
            format!("{gained} wei"),
        );
        Ok(())
    }
}

/// Whether a line of a log says something of an award.
fn says(log: &str, what: &str, award: B256) -> bool {
    let id = award.to_string();
    log.lines().any(|line| line.contains(what) && line.contains(&id))
}
