//! Requests.

use alloy_primitives::{B256, U256};
use gavel_domain::ceiling::CeilingSchedule;
use gavel_domain::request::{RequestFailure, RequestState, RequestTask};
use gavel_types::id::RequestId;
use gavel_types::request::{Request, RequestOrigin};
use gavel_types::unit::WeiPerUnit;
use sqlx::sqlite::SqliteRow;

use crate::Versioned;
use crate::column::{Columns, int, number};
use crate::error::StoreError;
use crate::store::{Transaction, one_row};

/// A request with where it was seen and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    pub task: RequestTask,
    pub request: Request,
    pub origin: RequestOrigin,
    /// The event that told of it.
    pub block_number: u64,
    pub block_hash: B256,
    pub log_index: u64,
    /// Wei left for work after base fee and settlement reserve.
    pub work_fee: U256,
    pub ceiling: CeilingSchedule,
}

fn state(state: RequestState) -> (&'static str, Option<i64>) {
    match state {
        RequestState::Planned => ("planned", None),
        RequestState::Running => ("running", None),
        RequestState::Settling => ("settling", None),
        RequestState::Settled => ("settled", None),
        RequestState::Failing(failure) => ("failing", Some(failure as i64)),
        RequestState::Failed(failure) => ("failed", Some(failure as i64)),
        RequestState::Refunded => ("refunded", None),
        RequestState::Cancelled => ("cancelled", None),
        RequestState::Withdrawn => ("withdrawn", None),
    }
}

fn read_state(columns: &Columns<'_>) -> Result<RequestState, StoreError> {
    let failure = || {
        columns.small("failure", "request failure", |value: u8| {
            RequestFailure::ALL.into_iter().find(|failure| *failure as u8 == value)
        })
    };
    Ok(match columns.text("state")?.as_str() {
        "planned" => RequestState::Planned,
        "running" => RequestState::Running,
        "settling" => RequestState::Settling,
        "settled" => RequestState::Settled,
        "failing" => RequestState::Failing(failure()?),
        "failed" => RequestState::Failed(failure()?),
        "refunded" => RequestState::Refunded,
        "cancelled" => RequestState::Cancelled,
        "withdrawn" => RequestState::Withdrawn,
        other => return columns.unknown("state", other, "request state"),
    })
}

impl Transaction {
    /// Adds a request.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it is there already.
    pub async fn insert_request(&mut self, row: &RequestRow) -> Result<(), StoreError> {
        let (request, origin, ceiling) = (&row.request, &row.origin, &row.ceiling);
        let (state, failure) = state(row.task.state);
        sqlx::query(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
             ?, ?, ?, ?, ?, NULL, 1)",
        )
        .bind(row.task.id.0.as_slice())
        .bind(request.supernet)
        .bind(request.verifierId.as_slice())
        .bind(request.feeToken.as_slice())
        .bind(request.tableId.as_slice())
        .bind(request.tableTextHash.as_slice())
        .bind(request.queryDigest.as_slice())
        .bind(request.queryTextHash.as_slice())
        .bind(int("from_block", request.fromBlock)?)
        .bind(int("to_block", request.toBlock)?)
        .bind(number(request.maxFee))
        .bind(int("deadline", request.deadline)?)
        .bind(request.callback.as_slice())
        .bind(int("callback_gas", request.callbackGas)?)
        .bind(request.refundTo.as_slice())
        .bind(int("chain_id", origin.chain_id)?)
        .bind(origin.contract.as_slice())
        .bind(origin.requester.as_slice())
        .bind(int("nonce", origin.nonce)?)
        .bind(origin.anchor_hash.as_slice())
        .bind(int("block_number", row.block_number)?)
        .bind(row.block_hash.as_slice())
        .bind(int("log_index", row.log_index)?)
        .bind(number(row.work_fee))
        .bind(number(ceiling.start.0))
        .bind(number(ceiling.maximum.0))
        .bind(int("ramp_blocks", ceiling.ramp_blocks)?)
        .bind(int("patience_blocks", ceiling.patience_blocks)?)
        .bind(state)
        .bind(failure)
        .execute(self.connection())
        .await?;
        for (position, word) in row.request.params.iter().enumerate() {
            sqlx::query("INSERT INTO request_params VALUES (?, ?, ?)")
                .bind(row.task.id.0.as_slice())
                .bind(position as i64)
                .bind(word.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the row has another version.
    pub async fn update_request(&mut self, task: &RequestTask, version: i64) -> Result<(), StoreError> {
        let (state, failure) = state(task.state);
        let done = sqlx::query(
            "UPDATE requests SET state = ?, failure = ?, version = version + 1 WHERE request_id = ? AND version = ?",
        )
        .bind(state)
        .bind(failure)
        .bind(task.id.0.as_slice())
        .bind(version)
        .execute(self.connection())
        .await?;
        one_row(&done, "request", task.id, version)
    }

    /// Sets what the request has for work, in wei, and its price bounds, once the plan is known.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_request_terms(
        &mut self,
        id: RequestId,
        work_fee: U256,
        ceiling: &CeilingSchedule,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE requests SET work_fee = ?, ceiling_start = ?, ceiling_maximum = ?, ramp_blocks = ?, \
             patience_blocks = ? WHERE request_id = ?",
        )
        .bind(number(work_fee))
        .bind(number(ceiling.start.0))
        .bind(number(ceiling.maximum.0))
        .bind(int("ramp_blocks", ceiling.ramp_blocks)?)
        .bind(int("patience_blocks", ceiling.patience_blocks)?)
        .bind(id.0.as_slice())
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// # Errors
    /// [`StoreError`].
    pub async fn request(&mut self, id: RequestId) -> Result<Option<Versioned<RequestRow>>, StoreError> {
        let row = sqlx::query("SELECT * FROM requests WHERE request_id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        match row {
            Some(row) => self.read_request(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Requests that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_requests(&mut self) -> Result<Vec<Versioned<RequestRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM requests WHERE state IN ('planned', 'running', 'settling', 'failing') \
             ORDER BY block_number, log_index",
        )
        .fetch_all(self.connection())
        .await?;
        let mut requests = Vec::with_capacity(rows.len());
        for row in &rows {
            requests.push(self.read_request(row).await?);
        }
        Ok(requests)
    }

    /// Notes the block in which a request is seen again.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_request_block(
        &mut self,
        id: RequestId,
        number: u64,
        hash: B256,
        log_index: u64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE requests SET block_number = ?, block_hash = ?, log_index = ? WHERE request_id = ?")
            .bind(int("block_number", number)?)
            .bind(hash.as_slice())
            .bind(int("log_index", log_index)?)
            .bind(id.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Notes the block that ended a request.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_request_end(&mut self, id: RequestId, hash: B256) -> Result<(), StoreError> {
        sqlx::query("UPDATE requests SET end_hash = ? WHERE request_id = ?")
            .bind(hash.as_slice())
            .bind(id.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Requests that a block ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn requests_ended_in(&mut self, hash: B256) -> Result<Vec<RequestId>, StoreError> {
        let rows = sqlx::query("SELECT request_id FROM requests WHERE end_hash = ?")
            .bind(hash.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| Columns(row).word("request_id").map(RequestId)).collect()
    }

    /// Requests that were seen in a block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn requests_in_block(&mut self, hash: B256) -> Result<Vec<RequestId>, StoreError> {
        let rows = sqlx::query("SELECT request_id FROM requests WHERE block_hash = ?")
            .bind(hash.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| Columns(row).word("request_id").map(RequestId)).collect()
    }

    async fn read_request(&mut self, row: &SqliteRow) -> Result<Versioned<RequestRow>, StoreError> {
        let columns = Columns(row);
        let id = columns.word("request_id")?;
        let params = sqlx::query("SELECT word FROM request_params WHERE request_id = ? ORDER BY position")
            .bind(id.as_slice())
            .fetch_all(self.connection())
            .await?;
        let request = Request {
            supernet: columns.narrow("supernet")?,
            verifierId: columns.word("verifier_id")?,
            feeToken: columns.address("fee_token")?,
            tableId: columns.word("table_id")?,
            tableTextHash: columns.word("table_text_hash")?,
            queryDigest: columns.word("query_digest")?,
            queryTextHash: columns.word("query_text_hash")?,
            params: params.iter().map(|row| Columns(row).word("word")).collect::<Result<_, _>>()?,
            fromBlock: columns.uint("from_block")?,
            toBlock: columns.uint("to_block")?,
            maxFee: columns.number("max_fee")?,
            deadline: columns.uint("deadline")?,
            callback: columns.address("callback")?,
            callbackGas: columns.uint("callback_gas")?,
            refundTo: columns.address("refund_to")?,
        };
        let origin = RequestOrigin {
            chain_id: columns.uint("chain_id")?,
            contract: columns.address("contract")?,
            requester: columns.address("requester")?,
            nonce: columns.uint("nonce")?,
            anchor_hash: columns.word("anchor_hash")?,
        };
        let ceiling = CeilingSchedule {
            start: WeiPerUnit(columns.number("ceiling_start")?),
            maximum: WeiPerUnit(columns.number("ceiling_maximum")?),
            ramp_blocks: columns.uint("ramp_blocks")?,
            patience_blocks: columns.uint("patience_blocks")?,
        };
        let state = read_state(&columns)?;
        let value = RequestRow {
            task: RequestTask { id: RequestId(id), deadline: request.deadline, state },
            request,
            origin,
            block_number: columns.uint("block_number")?,
            block_hash: columns.word("block_hash")?,
            log_index: columns.uint("log_index")?,
            work_fee: columns.number("work_fee")?,
            ceiling,
        };
        Ok(Versioned { value, version: columns.signed("version")? })
    }
}
