//! Reports of missed jobs, whoever made them.

use crate::awards::stored_receipt;
use crate::chain::Owed;
use crate::engine::Gateway;
use crate::error::GatewayError;

impl Gateway {
    /// Answers reports on delivered awards, executes the slash of unanswered ones, and closes what nobody executed.
    pub(crate) async fn serve_reports(&mut self) -> Result<(), GatewayError> {
        let reports = self.context.store.read().await?.open_reports().await?;
        if reports.is_empty() {
            return Ok(());
        }
        for (award, answer_until) in reports {
            let owed = match self.context.store.read().await?.award(award).await? {
                None => continue,
                Some(row) => match stored_receipt(&row.value) {
                    Some(receipt) => Owed::AnswerReport { award, receipt },
                    None if self.head <= answer_until => continue,
                    None => match self.context.chain.executable_until(award).await {
                        Ok(last) if self.head <= last => Owed::ExecuteSlash { award },
                        // This gateway slept through the window: the deposit comes back.
                        Ok(_) => Owed::LapseReport { award },
                        Err(error) => {
                            tracing::warn!(%award, %error, "the report cannot be read");
                            continue;
                        }
                    },
                },
            };
            let mut steps = self.steps().await?;
            steps.owe(&owed).await?;
            self.finish(steps).await?;
        }
        Ok(())
    }
}
