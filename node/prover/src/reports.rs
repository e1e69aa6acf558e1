//! Answers miss reports with the delivery receipts that the prover keeps: its gateway may be gone, or be the reporter.

use std::collections::HashSet;
use std::time::Duration;

use alloy::eips::BlockId;
use gavel_chain::Wallet;
use gavel_chain::bindings::gavel::Slasher;
use gavel_chain::reads::Reader;
use gavel_types::id::{AwardId, OperatorId};

use crate::checkpoint::Checkpoint;
use crate::error::ProverError;

/// `ReportState.Open` of the contracts (`types/Miss.sol`).
const OPEN: u8 = 1;

/// What stands between an operator that delivered and a slash.
#[derive(Debug)]
pub struct ReportAnswers {
    reader: Reader,
    /// Pays for the answers: the bid key's account.
    wallet: Wallet,
    operator: OperatorId,
    checkpoint: Checkpoint,
    pause: Duration,
    /// Reports without a receipt to answer them, told of once.
    unanswerable: HashSet<AwardId>,
}

impl ReportAnswers {
    /// Answers for `operator` with what `checkpoint` holds, looking at the chain every `pause`.
    pub fn new(reader: Reader, wallet: Wallet, operator: OperatorId, checkpoint: Checkpoint, pause: Duration) -> Self {
        Self { reader, wallet, operator, checkpoint, pause, unanswerable: HashSet::new() }
    }

    /// Looks for reports until dropped. What fails is tried again.
    pub async fn run(mut self) {
        let account = self.wallet.address();
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

    /// Answers every open report against the operator whose delivery receipt is here; returns the awards.
    ///
    /// # Errors
    /// [`ProverError::Chain`] when the chain cannot be read or an answer fails, [`ProverError::File`].
    pub async fn answer_open_reports(&mut self) -> Result<Vec<AwardId>, ProverError> {
        let mut answered = Vec::new();
        for award in self.reported().await? {
            if self.reader.report(award.0, BlockId::latest()).await?.state != OPEN {
                continue;
            }
            let receipt = self.checkpoint.award(award)?.and_then(|record| record.receipt);
            let Some(receipt) = receipt else {
                if self.unanswerable.insert(award) {
                    tracing::error!(%award, "reported as missed, and there is no delivery receipt to answer with");
                }
                continue;
            };
            let call = Slasher::answerCall::from(&receipt);
            self.wallet.send(self.reader.deployment().gavel.slasher, &call).await?;
            tracing::info!(%award, "false report answered");
            answered.push(award);
        }
        Ok(answered)
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
