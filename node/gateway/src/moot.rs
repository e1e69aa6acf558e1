//! Transactions that the chain refuses: the sender tries them again, and they are dropped here once
//! their purpose is gone. Dropping one that is owed again later only opens it again.

use alloy_primitives::B256;
use gavel_domain::award::AwardState;
use gavel_domain::request::RequestState;
use gavel_types::id::{AwardId, RequestId, TickKey};

use crate::awards::SYNC_BLOCKS;
use crate::chain::{AwardOnChain, DebtKey, Refused, TickOnChain};
use crate::engine::Gateway;
use crate::error::GatewayError;

impl Gateway {
    pub(crate) async fn see_refused(&mut self, refused: Vec<Refused>) -> Result<(), GatewayError> {
        for refused in refused {
            let Some(key) = DebtKey::parse(&refused.key) else { continue };
            match key {
                DebtKey::Anchor(tick) => self.anchor_refused(tick, &refused).await?,
                key => {
                    if let Some(why) = self.moot(key).await? {
                        self.drop_debt(&refused, why, None).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Why nobody needs a transaction any more; `None` while it is still owed.
    async fn moot(&self, key: DebtKey) -> Result<Option<&'static str>, GatewayError> {
        match key {
            DebtKey::Settle(id) => self.moot_unless(id, |state| state == RequestState::Settling).await,
            DebtKey::Fail(id) => self.moot_unless(id, |state| matches!(state, RequestState::Failing(_))).await,
            DebtKey::Report(award) => self.moot_report(award).await,
            DebtKey::Answer(award) | DebtKey::Slash(award) | DebtKey::Lapse(award) => {
                if self.context.store.read().await?.report(award).await? != Some(true) {
                    return Ok(Some("the report is closed"));
                }
                let last = self.context.chain.executable_until(award).await;
                // What cannot be read stays owed.
                let late = matches!(key, DebtKey::Slash(_)) && last.is_ok_and(|last| self.head > last);
                Ok(late.then_some("the execution window is over"))
            }
            DebtKey::Claim(award) => self.moot_claim(award, AwardOnChain::Delivered).await,
            DebtKey::ClaimWithReceipt(award) => self.moot_claim(award, AwardOnChain::Reserved).await,
            DebtKey::Sync { round, .. } => Ok((self.head / SYNC_BLOCKS > round).then_some("a later round syncs again")),
            DebtKey::Anchor(_) => Ok(None),
        }
    }

    async fn moot_unless(
        &self,
        id: RequestId,
        wanted: impl Fn(RequestState) -> bool,
    ) -> Result<Option<&'static str>, GatewayError> {
        let row = self.context.store.read().await?.request(id).await?;
        let owed = row.is_some_and(|row| wanted(row.value.task.state));
        Ok((!owed).then_some("the request went another way"))
    }

    async fn moot_report(&self, id: AwardId) -> Result<Option<&'static str>, GatewayError> {
        let mut read = self.context.store.read().await?;
        if read.report(id).await?.is_some() {
            return Ok(Some("the miss is reported"));
        }
        let award = read.award(id).await?.map(|row| row.value.award);
        drop(read);
        let Some((award, AwardState::Missed { accept_block, .. })) = award.map(|award| (award.clone(), award.state))
        else {
            return Ok(Some("the award is not missed any more"));
        };
        let report_blocks = self.context.supernet_terms().report_blocks;
        let last = accept_block.saturating_add(award.accept_blocks + award.proving_blocks + report_blocks);
        if self.head > last {
            return Ok(Some("the report window is over"));
        }
        Ok(match self.context.chain.award(id).await? {
            AwardOnChain::Delivered | AwardOnChain::Paid | AwardOnChain::Over => Some("the award is closed"),
            // Not reserved yet, perhaps after a reorganisation, or struck against the evidence.
            AwardOnChain::None | AwardOnChain::Reserved | AwardOnChain::Struck => None,
        })
    }

    async fn moot_claim(&self, id: AwardId, claimable: AwardOnChain) -> Result<Option<&'static str>, GatewayError> {
        if self.context.store.read().await?.is_paid(id).await? {
            return Ok(Some("the operator has its money"));
        }
        let on_chain = self.context.chain.award(id).await?;
        Ok((on_chain != claimable).then_some("the award cannot be claimed this way any more"))
    }

    /// An anchor goes again while its tick is open. Once it has passed, its awards are void and its deliveries go
    /// into the next one.
    async fn anchor_refused(&mut self, key: TickKey, refused: &Refused) -> Result<(), GatewayError> {
        let close = self.context.store.read().await?.tick(key).await?.row.close;
        let ours = close.map_or(B256::ZERO, |close| close.message.bidsRoot);
        match self.context.chain.tick(key).await? {
            TickOnChain::Open => Ok(()),
            // The events tell what it reserved.
            TickOnChain::Anchored { bids_root } if bids_root == ours => {
                self.drop_debt(refused, "the tick is anchored", None).await
            }
            TickOnChain::Passed | TickOnChain::Anchored { .. } => {
                self.drop_debt(refused, "the tick has passed", Some(key)).await
            }
        }
    }

    /// Closes an outbox row; with a tick, its awards end as skipped in the same transaction.
    async fn drop_debt(&mut self, refused: &Refused, why: &str, tick: Option<TickKey>) -> Result<(), GatewayError> {
        tracing::info!(key = refused.key, refused = refused.reason, why, "transaction dropped");
        let account = self.context.chain.account();
        let mut steps = self.steps().await?;
        let reason = format!("{why}; refused with: {}", refused.reason);
        steps.tx.drop_intent(account, &refused.key, refused.attempts, &reason).await?;
        if let Some(key) = tick {
            self.skip_awards(&mut steps, key).await?;
        }
        self.finish(steps).await
    }
}
