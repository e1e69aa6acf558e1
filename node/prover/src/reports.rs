//! Answers miss reports with the delivery receipts that the prover keeps: its gateway may be gone, or be the reporter.
//!
//! What is owed stands on the chain (open reports) and in the checkpoint (receipts), so nothing is stored here: a
//! restart finds the same reports again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use alloy::eips::BlockId;
use alloy::sol_types::SolCall;
use alloy_primitives::{B256, U256};
use gavel_chain::ChainError;
use gavel_chain::bindings::gavel::Slasher;
use gavel_chain::reads::Reader;
use gavel_chain::sender::{Intent, MemoryOutbox, Outbox, Outcome, Policy, Sender};
use gavel_types::id::{AwardId, OperatorId};
use gavel_types::message::{DeliveryReceipt, Signed};

use crate::checkpoint::Checkpoint;
use crate::error::ProverError;

/// `ReportState.Open` of the contracts (`types/Miss.sol`).
const OPEN: u8 = 1;
/// Answers on their way at one time: all of an operator's awards may be reported at once.
const IN_FLIGHT: usize = 64;

/// What stands between an operator that delivered and a slash.
#[derive(Debug)]
pub struct ReportAnswers {
    reader: Reader,
    /// Sends from the bid key's account.
    sender: Sender<MemoryOutbox>,
    operator: OperatorId,
    checkpoint: Checkpoint,
    pause: Duration,
    /// Awards of the answers that were owed, by key.
    owed: HashMap<String, AwardId>,
    /// Answers that were mined, by award. A report that is open again lost its answer to a reorganisation.
    answered: HashMap<AwardId, u32>,
    /// Reports without a receipt to answer them, told of once.
    unanswerable: HashSet<AwardId>,
}

impl ReportAnswers {
    /// Answers for `operator` with what `checkpoint` holds, looking at the chain every `pause`. The account of
    /// `bid_key` pays.
    ///
    /// # Errors
    /// [`ProverError::Chain`] when the key is invalid.
    pub fn new(
        reader: Reader,
        bid_key: B256,
        operator: OperatorId,
        checkpoint: Checkpoint,
        pause: Duration,
    ) -> Result<Self, ProverError> {
        let policy = Policy { in_flight: IN_FLIGHT, ..Policy::default() };
        let sender = Sender::new(reader.client().clone(), bid_key, MemoryOutbox::default(), policy)?;
        let (owed, answered, unanswerable) = (HashMap::new(), HashMap::new(), HashSet::new());
        Ok(Self { reader, sender, operator, checkpoint, pause, owed, answered, unanswerable })
    }

    /// Looks for reports until dropped. What fails is tried again.
    pub async fn run(mut self) {
        let account = self.sender.account();
        if self.reader.client().balance(account).await.is_ok_and(|balance| balance.is_zero()) {
            tracing::warn!(%account, "the bid key's account has nothing to answer a false report with");
        }
        loop {
            if let Err(error) = self.answer_open_reports().await {
                tracing::warn!(%error, %account, "miss reports not looked through");
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    /// Sends what is due for every open report against the operator whose delivery receipt is here, all at once;
    /// returns the awards whose answers were mined and confirmed since the last call.
    ///
    /// # Errors
    /// [`ProverError::Chain`] when the chain cannot be read, [`ProverError::File`]. An answer that the chain refuses is
    /// no error: it keeps no other from being sent.
    pub async fn answer_open_reports(&mut self) -> Result<Vec<AwardId>, ProverError> {
        let mut open = HashSet::new();
        for award in self.reported().await? {
            if self.reader.report(award.0, BlockId::latest()).await?.state != OPEN {
                continue;
            }
            match self.checkpoint.award(award)?.and_then(|record| record.receipt) {
                Some(receipt) => _ = open.insert(self.owe(award, &receipt).await?),
                None if self.unanswerable.insert(award) => {
                    tracing::error!(%award, "reported as missed, and there is no delivery receipt to answer with");
                }
                None => {}
            }
        }
        let turn = self.sender.turn().await?;
        for refusal in turn.refused {
            // Somebody else answered first.
            if !open.contains(&refusal.key)
                && let Some(row) = self.sender.outbox().row(&refusal.key)
            {
                let dropped = Outcome::Dropped { reason: "the report is closed".into() };
                self.sender.outbox().finish(row.id, dropped).await.unwrap_or_else(|never| match never {});
            }
        }
        let mut confirmed = Vec::new();
        for finished in turn.finished {
            let Some(award) = self.owed.get(&finished.key) else { continue };
            tracing::info!(%award, "false report answered");
            *self.answered.entry(*award).or_default() += 1;
            confirmed.push(*award);
        }
        Ok(confirmed)
    }

    /// Puts an answer on its way unless it is; returns its key.
    async fn owe(&mut self, award: AwardId, receipt: &Signed<DeliveryReceipt>) -> Result<String, ChainError> {
        let key = format!("answer/{award}/{}", self.answered.get(&award).copied().unwrap_or_default());
        let intent = Intent {
            key: key.clone(),
            to: self.reader.deployment().gavel.slasher,
            data: Slasher::answerCall::from(receipt).abi_encode().into(),
            value: U256::ZERO,
            gas_limit: None,
        };
        self.sender.put(intent).await?;
        self.owed.insert(key.clone(), award);
        Ok(key)
    }

    /// Awards of the operator that were reported within the blocks in which a report can still be open.
    async fn reported(&self) -> Result<Vec<AwardId>, ProverError> {
        let head = self.reader.client().head().await?;
        let windows = self.reader.config(BlockId::number(head)).await?.windows;
        let span = [windows.maxAccept, windows.maxProving, windows.report, windows.answer, windows.margin];
        let oldest = span.iter().fold(head, |block, window| block.saturating_sub(u64::from(*window)));
        let awards = self.reader.reported_awards(self.operator.0, oldest, head).await?;
        Ok(awards.into_iter().map(AwardId).collect())
    }
}
