//! What happened to a request, for people who look back.

use gavel_types::id::{RequestId, TickKey};

use crate::auctions::read_key;
use crate::column::Columns;
use crate::error::StoreError;
use crate::store::Transaction;

impl Transaction {
    /// Ticks in which jobs of a request were auctioned, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ticks_of_request(&mut self, request: RequestId) -> Result<Vec<TickKey>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT lots.supernet, lots.epoch, lots.tick FROM lots JOIN lot_jobs USING (lot_digest) \
             JOIN jobs USING (job_id) WHERE jobs.request_id = ? ORDER BY lots.epoch, lots.tick",
        )
        .bind(request.0.as_slice())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|row| read_key(&Columns(row))).collect()
    }
}
