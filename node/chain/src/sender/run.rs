//! The sender's IO: reads the chain, signs, records, sends.

use alloy::{
    consensus::TxEnvelope,
    eips::{BlockId, Encodable2718},
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::TransactionRequest,
    signers::local::PrivateKeySigner,
    transports::RpcError,
};

use crate::{
    client::{BlockRef, ChainClient},
    error::ChainError,
    revert,
    sender::{
        decide::{Action, Fees, Policy, View, decide},
        outbox::{Attempt, Intent, Outbox, Outcome, Row},
    },
};

/// A row that [`Sender::turn`] closed.
#[derive(Clone, Debug)]
pub struct Finished {
    pub key: String,
    pub outcome: Outcome,
}

/// Sends the rows of one account.
#[derive(Debug)]
pub struct Sender<O> {
    client: ChainClient,
    signer: PrivateKeySigner,
    outbox: O,
    policy: Policy,
}

impl<O: Outbox> Sender<O> {
    /// A sender for the account of `secret`.
    ///
    /// # Errors
    /// [`ChainError::Config`] when the key is invalid.
    pub fn new(client: ChainClient, secret: B256, outbox: O, policy: Policy) -> Result<Self, ChainError> {
        let signer = PrivateKeySigner::from_bytes(&secret)
            .map_err(|e| ChainError::Config { subject: "secret key".into(), reason: e.to_string() })?;
        Ok(Self { client, signer, outbox, policy })
    }

    pub fn account(&self) -> Address {
        self.signer.address()
    }

    pub fn outbox(&self) -> &O {
        &self.outbox
    }

    /// Adds an intent; nothing is sent before the next [`turn`](Self::turn).
    pub async fn put(&self, intent: Intent) -> Result<Row, ChainError> {
        self.outbox.put(self.account(), intent).await.map_err(outbox_error)
    }

    /// Looks at every open row once, in order, and does what is due. Call it every block or second.
    /// Takes `&mut self`: two turns at one time would give one nonce twice.
    ///
    /// # Errors
    /// A failed call or a failed outbox. Rows keep what was recorded; the next turn goes on.
    pub async fn turn(&mut self) -> Result<Vec<Finished>, ChainError> {
        let rows = self.outbox.open(self.account()).await.map_err(outbox_error)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let common = self.view().await?;
        let mut next_nonce =
            rows.iter().filter_map(|row| Some(row.attempts.last()?.nonce + 1)).fold(common.nonce, u64::max);
        let mut in_flight = rows.iter().filter(|row| !row.attempts.is_empty()).count();
        let mut finished = Vec::new();
        for row in rows {
            let view = self.view_of(&row, &common).await?;
            match decide(&row, &view, &self.policy) {
                Action::Wait => {}
                Action::Finish(outcome) => self.finish(&row, outcome, &mut finished).await?,
                Action::Resend(attempt) => self.send(&row.intent, &attempt).await?,
                Action::Replace { nonce, fees } => {
                    let gas = self.gas_of(&row);
                    self.attempt(&row, nonce, gas, fees, view.head).await?;
                }
                Action::Assign(fees) => {
                    if row.attempts.is_empty() && in_flight >= self.policy.in_flight {
                        continue;
                    }
                    match self.gas(&row.intent).await? {
                        Ok(gas) => {
                            self.attempt(&row, next_nonce, gas, fees, view.head).await?;
                            next_nonce += 1;
                            in_flight += usize::from(row.attempts.is_empty());
                        }
                        Err(reason) => self.finish(&row, Outcome::Refused { reason }, &mut finished).await?,
                    }
                }
            }
        }
        Ok(finished)
    }

    async fn finish(&self, row: &Row, outcome: Outcome, finished: &mut Vec<Finished>) -> Result<(), ChainError> {
        self.outbox.finish(row.id, outcome.clone()).await.map_err(outbox_error)?;
        tracing::info!(key = %row.intent.key, ?outcome, "transaction finished");
        finished.push(Finished { key: row.intent.key.clone(), outcome });
        Ok(())
    }

    /// What is the same for all rows.
    async fn view(&self) -> Result<View, ChainError> {
        let provider = self.client.provider();
        let nonce_call = |e| ChainError::from_transport("eth_getTransactionCount", e);
        let head = self.client.head().await?;
        let fees = provider
            .get_fee_history(1, head.into(), &[])
            .await
            .map_err(|e| ChainError::from_transport("eth_feeHistory", e))?;
        let deep = BlockId::number(head.saturating_sub(self.policy.confirmations));
        Ok(View {
            head,
            base_fee: fees.next_block_base_fee().or(fees.latest_block_base_fee()).unwrap_or_default(),
            nonce: provider.get_transaction_count(self.account()).latest().await.map_err(nonce_call)?,
            confirmed_nonce: provider.get_transaction_count(self.account()).block_id(deep).await.map_err(nonce_call)?,
            receipt: None,
            pooled: false,
        })
    }

    async fn view_of(&self, row: &Row, common: &View) -> Result<View, ChainError> {
        let mut view = common.clone();
        let provider = self.client.provider();
        for attempt in row.attempts.iter().rev() {
            let receipt = provider.get_transaction_receipt(attempt.hash).await;
            let receipt = receipt.map_err(|e| ChainError::from_transport("eth_getTransactionReceipt", e))?;
            if let Some(receipt) = receipt
                && let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash)
            {
                view.receipt = Some((attempt.hash, BlockRef { number, hash }, receipt.status(), receipt.gas_used));
                return Ok(view);
            }
        }
        if let Some(last) = row.attempts.last() {
            let known = provider.get_transaction_by_hash(last.hash).await;
            view.pooled = known.map_err(|e| ChainError::from_transport("eth_getTransactionByHash", e))?.is_some();
        }
        Ok(view)
    }

    /// Gas limit of a first attempt: given, or estimated plus a quarter; `Err` holds a revert reason.
    async fn gas(&self, intent: &Intent) -> Result<Result<u64, String>, ChainError> {
        if let Some(gas) = intent.gas_limit {
            return Ok(Ok(gas));
        }
        // At the newest block, not alloy's default: the pending block may hold our own transactions.
        match self.client.provider().estimate_gas(self.request(intent)).block(BlockId::latest()).await {
            Ok(gas) => Ok(Ok(gas + gas / 4)),
            Err(RpcError::ErrorResp(payload)) => Ok(Err(revert::explain(&payload))),
            Err(error) => Err(ChainError::from_transport("eth_estimateGas", error)),
        }
    }

    /// A replacement keeps the gas limit of the attempt that it replaces.
    fn gas_of(&self, row: &Row) -> u64 {
        use alloy::{consensus::Transaction, eips::Decodable2718};
        let signed = row.attempts.last().and_then(|last| TxEnvelope::decode_2718(&mut last.raw.as_ref()).ok());
        signed.map(|signed| signed.gas_limit()).or(row.intent.gas_limit).unwrap_or_default()
    }

    fn request(&self, intent: &Intent) -> TransactionRequest {
        TransactionRequest::default()
            .with_from(self.account())
            .with_to(intent.to)
            .with_input(intent.data.clone())
            .with_value(intent.value)
            .with_chain_id(self.client.chain_id())
    }

    async fn attempt(&self, row: &Row, nonce: u64, gas: u64, fees: Fees, head: u64) -> Result<(), ChainError> {
        let request = self
            .request(&row.intent)
            .with_nonce(nonce)
            .with_gas_limit(gas)
            .with_max_fee_per_gas(fees.max_fee)
            .with_max_priority_fee_per_gas(fees.priority_fee);
        let signed: TxEnvelope = request
            .build(&EthereumWallet::from(self.signer.clone()))
            .await
            .map_err(|e| ChainError::Transaction { key: row.intent.key.clone(), reason: e.to_string() })?;
        let attempt = Attempt {
            nonce,
            hash: *signed.tx_hash(),
            raw: signed.encoded_2718().into(),
            max_fee: fees.max_fee,
            priority_fee: fees.priority_fee,
            signed_at: head,
        };
        self.outbox.record(row.id, attempt.clone()).await.map_err(outbox_error)?;
        self.send(&row.intent, &attempt).await
    }

    /// Sends. A refusal is not an error: the node may know the transaction already, or the nonce may
    /// have been mined a moment ago; the next turn sees what became of it.
    async fn send(&self, intent: &Intent, attempt: &Attempt) -> Result<(), ChainError> {
        match self.client.provider().send_raw_transaction(&attempt.raw).await {
            Ok(_) => Ok(()),
            Err(RpcError::ErrorResp(payload)) => {
                tracing::debug!(key = %intent.key, hash = %attempt.hash, message = %payload.message, "not taken");
                Ok(())
            }
            Err(error) => Err(ChainError::from_transport("eth_sendRawTransaction", error)),
        }
    }
}

fn outbox_error(error: impl std::error::Error) -> ChainError {
    ChainError::Outbox(error.to_string())
}
