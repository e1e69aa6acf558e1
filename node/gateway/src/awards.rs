//! From the signed award to the accepted one, deadlines, and what an operator is told again.

use alloy_primitives::B256;
use gavel_domain::award::{Award, AwardEvent, AwardState};
use gavel_rpc::message::{FromProver, RefusalCode, ToProver};
use gavel_store::AwardRow;
use gavel_types::id::{AwardId, OperatorId};
use gavel_types::message::{Accept, AwardMessage, DeliveryReceipt, Signed};

use crate::awarding::award_message;
use crate::chain::{AwardOnChain, Owed};
use crate::clock::millis;
use crate::deliveries::{MISS_CLOSED, miss_closed};
use crate::engine::Gateway;
use crate::error::GatewayError;
use crate::steps::Due;

/// Blocks between two attempts to sync one operator's capacity.
pub(crate) const SYNC_BLOCKS: u64 = 8;

impl Gateway {
    pub(crate) async fn hear_prover(&mut self, operator: OperatorId, message: FromProver) -> Result<(), GatewayError> {
        match message {
            FromProver::Commit(bid) => self.hear_commit(operator, bid).await,
            FromProver::Open(opening) => self.hear_opening(operator, opening).await,
            FromProver::Accept(accept) => self.hear_accept(operator, accept).await,
            FromProver::Decline { award, reason } => self.hear_decline(operator, award, &reason).await,
            FromProver::Deliver { award, proof, results } => self.hear_delivery(operator, award, proof, results).await,
            FromProver::Heartbeat { holding } => self.hear_heartbeat(operator, &holding).await,
        }
    }

    /// Sends a new session everything that it may have missed.
    pub(crate) async fn catch_up(&mut self, operator: OperatorId) -> Result<(), GatewayError> {
        self.announce(operator);
        self.show_close(operator).await?;
        let mut read = self.context.store.read().await?;
        let mut messages = Vec::new();
        for row in read.live_awards().await? {
            let award = row.value.award;
            if award.operator != operator {
                continue;
            }
            let signed = Signed { message: award_message(&award), signature: row.value.signatures.award };
            messages.push(ToProver::Award(signed));
            if let Some(digest) = read.job(award.job).await?.value.input_digest {
                let data = self.context.objects.get(digest).await?;
                messages.push(ToProver::Input { award: award.id, data });
            }
            if let AwardState::Anchored { block } | AwardState::Accepted { anchored: block, .. } = award.state {
                messages.push(ToProver::Anchored { award: award.id, block, head: self.head });
            }
        }
        drop(read);
        for message in messages {
            self.send(operator, message);
        }
        Ok(())
    }

    /// Tells an operator of what it holds in vain: it was away when the award ended.
    async fn hear_heartbeat(&mut self, operator: OperatorId, holding: &[AwardId]) -> Result<(), GatewayError> {
        let mut read = self.context.store.read().await?;
        let mut messages = Vec::new();
        for id in holding {
            let row = read.award(*id).await?.map(|row| row.value).filter(|row| row.award.operator == operator);
            let Some(row) = row else { continue };
            match (row.award.state, stored_receipt(&row)) {
                (_, Some(receipt)) => messages.push(ToProver::DeliveryReceipt(receipt)),
                (state @ (AwardState::Skipped | AwardState::Lapsed | AwardState::Void), None) => {
                    messages.push(ToProver::Ended { award: *id, reason: format!("{state:?}") });
                }
                (state, None) if miss_closed(&mut read, *id, Some(state)).await? => {
                    messages.push(ToProver::Ended { award: *id, reason: MISS_CLOSED.into() });
                }
                _ => {}
            }
        }
        drop(read);
        for message in messages {
            self.send(operator, message);
        }
        Ok(())
    }

    pub(crate) fn refuse(&mut self, operator: OperatorId, award: AwardId, code: RefusalCode, reason: String) {
        tracing::info!(%operator, %award, reason, "refused");
        self.send(operator, ToProver::Refusal { code, subject: award.0, reason });
    }

    async fn hear_accept(&mut self, operator: OperatorId, accept: Signed<Accept>) -> Result<(), GatewayError> {
        let id = accept.message.award_id();
        if accept.message.acceptBlock > self.head {
            // The operator's node is ahead of what was read last.
            let head = self.context.chain.head().await?;
            self.see_head(head, None, None).await?;
        }
        let mut steps = self.steps().await?;
        let Some(row) = steps.tx.award(id).await? else {
            drop(steps);
            self.refuse(operator, id, RefusalCode::UnknownAward, "no such award".into());
            return Ok(());
        };
        let award = &row.value.award;
        let lot = award.lot;
        let inputs = steps.tx.job(award.job).await?.value.input_digest.unwrap_or_default();
        let message = &accept.message;
        let checked = match self.view.operator(award.operator) {
            _ if award.operator != operator || message.lotDigest != lot.0 => Err("another award".to_owned()),
            None => Err("the operator is not registered".to_owned()),
            Some(on_chain) => accept
                .verify(&self.context.domain, on_chain.bid_key)
                .map_err(|error| error.to_string())
                .and_then(|()| {
                    let (block, digest) = (message.acceptBlock, message.inputDigest);
                    award.check_accept(self.now(), block, digest, inputs).map_err(|error| error.to_string())
                }),
        };
        if let Err(reason) = checked {
            drop(steps);
            self.refuse(operator, id, RefusalCode::Accept, reason);
            return Ok(());
        }
        let event = AwardEvent::Accepted { accept_block: message.acceptBlock, input_digest: message.inputDigest };
        if matches!(award.state, AwardState::Anchored { .. }) {
            tracing::info!(award = %id, %operator, block = message.acceptBlock, "accepted");
            steps.accept(row, event, accept.signature).await?;
            return self.finish(steps).await;
        }
        Ok(())
    }

    async fn hear_decline(&mut self, operator: OperatorId, id: AwardId, reason: &str) -> Result<(), GatewayError> {
        let mut steps = self.steps().await?;
        let Some(row) = steps.tx.award(id).await? else { return Ok(()) };
        let open = matches!(row.value.award.state, AwardState::Signed | AwardState::Anchored { .. });
        if row.value.award.operator == operator && open {
            tracing::warn!(award = %id, %operator, reason, "declined");
            steps.apply(Due::Award(id, AwardEvent::Declined)).await?;
            self.finish(steps).await?;
        }
        Ok(())
    }

    /// Ends what ran out of blocks.
    pub(crate) async fn check_deadlines(&mut self) -> Result<(), GatewayError> {
        let mut read = self.context.store.read().await?;
        let head = self.head;
        let overdue = |row: &AwardRow| match row.award.state {
            AwardState::Anchored { block } => head > block.saturating_add(row.award.accept_blocks),
            AwardState::Accepted { .. } => row.award.proving_deadline().is_some_and(|deadline| head > deadline),
            _ => false,
        };
        let due: Vec<AwardId> = read
            .live_awards()
            .await?
            .into_iter()
            // A proof that is being checked was in time.
            .filter(|row| overdue(&row.value) && !self.checking.contains(&row.value.award.id))
            .map(|row| row.value.award.id)
            .collect();
        drop(read);
        for award in due {
            let mut steps = self.steps().await?;
            steps.apply(Due::Award(award, AwardEvent::DeadlineCheck)).await?;
            self.finish(steps).await?;
        }
        Ok(())
    }

    /// Gives accepted jobs of silent operators to somebody else as well.
    pub(crate) async fn find_lost_provers(&mut self) -> Result<(), GatewayError> {
        let now = millis();
        if now < self.next_lost_check {
            return Ok(());
        }
        self.next_lost_check = now + 1_000;
        let limit = self.context.rule.lost_after_millis;
        let mut read = self.context.store.read().await?;
        let lost: Vec<AwardId> = read
            .live_awards()
            .await?
            .into_iter()
            .map(|row| row.value.award)
            .filter(|award| matches!(award.state, AwardState::Accepted { given_up: false, .. }))
            .filter(|award| !self.checking.contains(&award.id))
            .filter(|award| self.peers.silence(award.operator, self.started_millis, now) > limit)
            .map(|award| award.id)
            .collect();
        drop(read);
        for award in lost {
            tracing::warn!(%award, "prover is silent; its job is auctioned again");
            let mut steps = self.steps().await?;
            steps.apply(Due::Award(award, AwardEvent::ProverLost)).await?;
            self.finish(steps).await?;
        }
        Ok(())
    }

    /// Keeps cached capacities young enough for the next awards.
    pub(crate) async fn sync_capacities(&mut self) -> Result<(), GatewayError> {
        let fresh = self.context.supernet_terms().capacity_fresh;
        let due: Vec<_> = self
            .view
            .operators()
            .into_iter()
            .filter(|operator| operator.registered && !operator.leaving)
            .filter(|operator| !operator.fresh || operator.synced_at + fresh / 2 < self.head)
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut steps = self.steps().await?;
        for operator in due {
            let round = self.head / SYNC_BLOCKS;
            steps.owe(&Owed::SyncCapacity { operator: operator.operator, round }).await?;
        }
        self.finish(steps).await
    }

    /// Claims for operators whose requests have ended: anybody may, and the money is theirs.
    pub(crate) async fn claim_for_operators(&mut self) -> Result<(), GatewayError> {
        let unpaid = self.context.store.read().await?.awards_to_claim().await?;
        for row in unpaid {
            let id = row.value.award.id;
            let on_chain = self.context.chain.award(id).await?;
            let mut steps = self.steps().await?;
            match (on_chain, stored_receipt(&row.value)) {
                (AwardOnChain::Reserved, Some(receipt)) => {
                    steps.owe(&Owed::ClaimWithReceipt { award: id, receipt }).await?;
                }
                (AwardOnChain::Delivered, _) => steps.owe(&Owed::Claim { award: id }).await?,
                // Paid, or over: nothing is left to claim.
                (AwardOnChain::Paid | AwardOnChain::Over, _) => steps.tx.set_paid(id, self.head).await?,
                (AwardOnChain::None | AwardOnChain::Struck, _) | (AwardOnChain::Reserved, None) => {}
            }
            self.finish(steps).await?;
        }
        Ok(())
    }
}

/// The delivery receipt that was signed for an award.
pub(crate) fn stored_receipt(row: &AwardRow) -> Option<Signed<DeliveryReceipt>> {
    let (AwardState::Delivered { statement }, Some(signature)) = (row.award.state, row.signatures.receipt) else {
        return None;
    };
    Some(Signed { message: receipt_message(&row.award, statement), signature })
}

/// What a delivery receipt says of an award.
pub(crate) fn receipt_message(award: &Award, statement: B256) -> DeliveryReceipt {
    DeliveryReceipt {
        supernet: award.key.supernet.0,
        gatewayEpoch: award.key.epoch.0,
        tick: award.key.tick.0,
        lotDigest: award.lot.0,
        jobId: award.job.0,
        attempt: award.attempt.0,
        operator: award.operator.0,
        statementDigest: statement,
    }
}
