//! What must hold once the first request is settled.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    primitives::{B256, U256},
};
use gavel_chain::{
    ChainError,
    bindings::{
        eigenlayer::DelegationManager,
        gavel::{AuctionBook, PairObserver},
    },
    operator,
};

use super::{
    oracle,
    report::{Report, ResultLine},
    run::{Scene, stake_of},
};
use crate::error::TestkitError;

impl Scene<'_> {
    /// Step 8.
    pub(super) async fn check_result(
        &self,
        report: &mut Report,
        request: B256,
        expected: oracle::Answer,
    ) -> Result<(), TestkitError> {
        let observer = PairObserver::new(self.devnet.description.observer, self.devnet.client().provider());
        let observation = observer.observation(request).block(BlockId::latest()).call().await;
        let observation = observation.map_err(|e| ChainError::from_contract("observation", e))?;
        let proven: Vec<U256> = observation.values.iter().map(|word| U256::from_be_bytes(word.0)).collect();
        let computed = [expected.mean, expected.low, expected.high, expected.count];
        for (position, name) in ["mean", "low", "high", "n"].into_iter().enumerate() {
            let shown = proven.get(position).map_or_else(|| "nothing".into(), ToString::to_string);
            report.result.push(ResultLine {
                name: name.into(),
                proven: shown,
                computed: computed[position].to_string(),
            });
        }
        let held = proven == computed;
        report.check("the callback stored what eth_getStorageAt gives", held, format!("{} values", proven.len()));
        let divided = !expected.count.is_zero() && expected.count < U256::from(self.options.blocks);
        report.check("the WHERE keeps some blocks and drops others", divided, format!("{} kept", expected.count));
        Ok(())
    }

    /// The killed prover's operator loses stake, its restaker withdrawable shares; nobody else is reported.
    pub(super) async fn check_slash(&mut self, report: &mut Report, victim: (usize, B256)) -> Result<(), TestkitError> {
        let accounts = self.operator(victim.0);
        let deployment = self.devnet.deployment();
        let deadline = Instant::now() + self.options.patience;
        loop {
            self.ledger.update().await?;
            if self.ledger.slashes().iter().any(|(_, award)| *award == victim.1) {
                break;
            }
            self.alive()?;
            if Instant::now() > deadline {
                return Err(TestkitError::Waited { what: "the slash", after: self.options.patience });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let status = self.devnet.status(accounts.owner.address).await?;
        let lost = operator::FULL_MAGNITUDE - status.max_magnitude;
        report.check("the killed prover's operator lost magnitude", lost > 0, format!("{lost} of 1e18"));
        let delegation =
            DelegationManager::new(deployment.eigenlayer.delegation_manager, self.devnet.client().provider());
        let shares = delegation
            .getWithdrawableShares(accounts.restaker.address, vec![deployment.restake.strategy])
            .block(BlockId::latest())
            .call()
            .await
            .map_err(|e| ChainError::from_contract("getWithdrawableShares", e))?;
        let left = shares.withdrawableShares.first().copied().unwrap_or_default();
        let deposited = stake_of(victim.0);
        report.check("its restaker's withdrawable shares fell", left < deposited, format!("{left} of {deposited}"));
        Ok(())
    }

    /// The job of the killed prover was awarded again, to somebody else, who delivered it.
    pub(super) fn check_done_by_another(&self, report: &mut Report, request: B256, victim: (usize, B256)) {
        let awards = self.ledger.awards(request);
        let missed = awards.iter().find(|award| award.awardId == victim.1);
        let done = missed.and_then(|missed| {
            let same_job =
                |award: &&AuctionBook::Awarded| award.jobId == missed.jobId && award.attempt > missed.attempt;
            let paid = |award: &&AuctionBook::Awarded| self.ledger.end_of(award.awardId) == "paid";
            awards.iter().filter(same_job).find(paid).filter(|award| award.operator != missed.operator)
        });
        let detail = done.map_or("nobody".into(), |award| format!("attempt {} by {}", award.attempt, award.operator));
        report.check("the killed prover's job was done by another operator", done.is_some(), detail);
    }

    /// One transaction anchors a tick, and a slash waits for the end of the answer window.
    pub(super) fn check_order(&self, report: &mut Report, victim: (usize, B256)) {
        let anchors = self.ledger.anchors();
        let transactions: BTreeSet<B256> = anchors.iter().map(|(_, transaction)| *transaction).collect();
        let ticks: BTreeSet<u64> = anchors.iter().map(|(tick, _)| *tick).collect();
        let single = !anchors.is_empty() && ticks.len() == anchors.len() && transactions.len() == anchors.len();
        let detail = format!("{} ticks, {} transactions", ticks.len(), transactions.len());
        report.check("each tick is anchored by one transaction", single, detail);
        let (until, slashed) = self.ledger.answer_window(victim.1);
        let waited = until.zip(slashed).is_some_and(|(until, slashed)| slashed > until);
        let detail = format!("answers until block {until:?}, slash in {slashed:?}");
        report.check("the slash came after the answer window", waited, detail);
    }

    /// Nobody but the killed prover's operator was reported, save by the false report.
    pub(super) fn check_reports(&self, report: &mut Report, victim: (usize, B256)) {
        let killed = self.operator(victim.0).owner.address;
        let dismissed = self.ledger.dismissed();
        let reported = self.ledger.reported();
        let others = reported.iter().filter(|(operator, award)| *operator != killed && !dismissed.contains(award));
        let others = others.count();
        report.check("no other prover missed a job", others == 0, format!("{others} others"));
    }

    /// Waits until the gateway has claimed every delivered award of the request for its operator.
    pub(super) async fn until_claimed(&mut self, request: B256) -> Result<(), TestkitError> {
        let deadline = Instant::now() + self.options.patience;
        loop {
            self.ledger.update().await?;
            let awards = self.ledger.awards(request);
            // Awards that nobody accepted stay reserved until they expire: there is nothing to claim.
            if !awards.iter().any(|award| self.ledger.end_of(award.awardId) == "delivered") {
                return Ok(());
            }
            self.alive()?;
            if Instant::now() > deadline {
                return Err(TestkitError::Waited { what: "the claims", after: self.options.patience });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
