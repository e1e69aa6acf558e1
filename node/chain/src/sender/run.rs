//! The sender's IO: reads the chain, signs, records, sends.

use alloy::{
    consensus::TxEnvelope,
    eips::{BlockId, Encodable2718},
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, U256},
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
        decide::{Action, Fees, Mined, Policy, View, decide},
        hold::Holds,
        outbox::{Attempt, Intent, Outbox, Outcome, Row},
    },
};

/// A row that [`Sender::turn`] closed.
#[derive(Clone, Debug)]
pub struct Finished {
    pub key: String,
    pub outcome: Outcome,
}

/// A row that the node refuses for now: its gas cannot be estimated, or its attempt was reverted. It
/// stays open and is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub key: String,
    pub reason: String,
    /// Attempts so far, none of which can have an effect any more.
    pub attempts: usize,
}

/// What a [`Sender::turn`] came to.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    pub finished: Vec<Finished>,
    pub refused: Vec<Refusal>,
}

/// Sends the rows of one account.
#[derive(Debug)]
pub struct Sender<O> {
    client: ChainClient,
    signer: PrivateKeySigner,
    outbox: O,
    policy: Policy,
    holds: Holds,
    /// The balance that was too low when it was warned of last.
    short: Option<U256>,
}

/// What one turn has to spend: wei, and the next nonce.
struct Means {
    balance: U256,
    next_nonce: u64,
    in_flight: usize,
}

impl<O: Outbox> Sender<O> {
    /// A sender for the account of `secret`.
    ///
    /// # Errors
    /// [`ChainError::Config`] when the key is invalid.
    pub fn new(client: ChainClient, secret: B256, outbox: O, policy: Policy) -> Result<Self, ChainError> {
        let signer = PrivateKeySigner::from_bytes(&secret)
            .map_err(|e| ChainError::Config { subject: "secret key".into(), reason: e.to_string() })?;
        Ok(Self { client, signer, outbox, policy, holds: Holds::default(), short: None })
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
    pub async fn turn(&mut self) -> Result<Turn, ChainError> {
        let rows = self.outbox.open(self.account()).await.map_err(outbox_error)?;
        self.holds.keep(|id| rows.iter().any(|row| row.id == id));
        let mut turn = Turn::default();
        if rows.is_empty() {
            return Ok(turn);
        }
        let common = self.view().await?;
        let live = |row: &&Row| row.attempts.last().is_some_and(|last| last.nonce >= common.nonce);
        let owed = rows.iter().filter(live).map(|row| cost(&row.intent, gas_of(row), fees_of(row)));
        let mut means = Means {
            balance: owed.fold(common.balance, U256::saturating_sub),
            next_nonce: rows.iter().filter_map(|row| Some(row.attempts.last()?.nonce + 1)).fold(common.nonce, u64::max),
            in_flight: rows.iter().filter(live).count(),
        };
        for row in rows {
            let view = self.view_of(&row, &common).await?;
            let action = decide(&row, &view, &self.policy);
            if let Action::Finish(outcome) = action {
                self.finish(&row, outcome, &mut turn.finished).await?;
            } else if !self.holds.is_held(row.id, view.head) {
                turn.refused.extend(self.act(&row, &view, action, &mut means).await?);
            }
        }
        Ok(turn)
    }

    /// Signs and sends what is due for a row.
    async fn act(
        &mut self,
        row: &Row,
        view: &View,
        action: Action,
        means: &mut Means,
    ) -> Result<Option<Refusal>, ChainError> {
        match action {
            Action::Wait | Action::Finish(_) => Ok(None),
            Action::Resend(attempt) => {
                // Its own cost is in what is owed already.
                if self.can_pay(row, view, view.balance, cost(&row.intent, gas_of(row), fees_of(row))) {
                    self.send(row, view.head, &attempt).await?;
                }
                Ok(None)
            }
            Action::Replace { nonce, fees } => {
                let gas = gas_of(row);
                if self.can_pay(row, view, view.balance, cost(&row.intent, gas, fees)) {
                    self.attempt(row, nonce, gas, fees, view.head).await?;
                }
                Ok(None)
            }
            Action::Retry { reverted, fees } => match self.holds.hold_reverted(row.id, view.head, reverted) {
                Some(reason) => {
                    tracing::warn!(key = %row.intent.key, reason, "transaction without effect; tried again later");
                    Ok(Some(refusal(row, reason)))
                }
                None => self.assign(row, view, fees, means).await,
            },
            Action::Assign(fees) => self.assign(row, view, fees, means).await,
        }
    }

    /// Gives a row the next nonce, unless the node refuses it.
    async fn assign(
        &mut self,
        row: &Row,
        view: &View,
        fees: Fees,
        means: &mut Means,
    ) -> Result<Option<Refusal>, ChainError> {
        if means.in_flight >= self.policy.in_flight {
            return Ok(None);
        }
        match self.gas(&row.intent).await? {
            Ok(gas) => {
                let cost = cost(&row.intent, gas, fees);
                if self.can_pay(row, view, means.balance, cost) {
                    self.attempt(row, means.next_nonce, gas, fees, view.head).await?;
                    means.balance = means.balance.saturating_sub(cost);
                    means.next_nonce += 1;
                    means.in_flight += 1;
                }
                Ok(None)
            }
            Err(reason) => {
                if self.holds.hold(row.id, view.head, &reason) {
                    tracing::warn!(key = %row.intent.key, reason, "transaction refused; tried again later");
                }
                Ok(Some(refusal(row, reason)))
            }
        }
    }

    /// Whether the account can pay for an attempt at worst; a row that it cannot pay for waits.
    fn can_pay(&mut self, row: &Row, view: &View, balance: U256, cost: U256) -> bool {
        if cost <= balance {
            // A cheaper transaction may be paid while others wait.
            if self.short.take_if(|short| view.balance > *short).is_some() {
                tracing::info!(account = %self.account(), balance = %view.balance, "the account can pay again");
            }
            return true;
        }
        // Once for each balance: what a transaction costs changes with every block.
        if self.short != Some(view.balance) {
            let (account, key) = (self.account(), &row.intent.key);
            tracing::warn!(%account, balance = %view.balance, needed = %cost, %key, "the account cannot pay, in wei");
            self.short = Some(view.balance);
        }
        self.holds.wait(row.id, view.head);
        false
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
            balance: self.client.balance(self.account()).await?,
            nonce: provider.get_transaction_count(self.account()).latest().await.map_err(nonce_call)?,
            confirmed_nonce: provider.get_transaction_count(self.account()).block_id(deep).await.map_err(nonce_call)?,
            receipt: None,
            pooled: false,
        })
    }

    async fn view_of(&self, row: &Row, common: &View) -> Result<View, ChainError> {
        let mut view = common.clone();
        let provider = self.client.provider();
        let newest = row.attempts.last().map(|last| last.nonce);
        for attempt in row.attempts.iter().rev() {
            let receipt = provider.get_transaction_receipt(attempt.hash).await;
            let receipt = receipt.map_err(|e| ChainError::from_transport("eth_getTransactionReceipt", e))?;
            // A reverted attempt of an earlier nonce was followed by another.
            if let Some(receipt) = receipt.filter(|receipt| receipt.status() || newest == Some(attempt.nonce))
                && let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash)
            {
                let (block, success) = (BlockRef { number, hash }, receipt.status());
                view.receipt = Some(Mined { hash: attempt.hash, block, success, gas_used: receipt.gas_used });
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

    fn request(&self, intent: &Intent) -> TransactionRequest {
        TransactionRequest::default()
            .with_from(self.account())
            .with_to(intent.to)
            .with_input(intent.data.clone())
            .with_value(intent.value)
            .with_chain_id(self.client.chain_id())
    }

    async fn attempt(&mut self, row: &Row, nonce: u64, gas: u64, fees: Fees, head: u64) -> Result<(), ChainError> {
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
        self.send(row, head, &attempt).await
    }

    /// Sends. A refusal is not an error: the node may know the transaction already, or the nonce may
    /// have been mined a moment ago; a later turn sees what became of it.
    async fn send(&mut self, row: &Row, head: u64, attempt: &Attempt) -> Result<(), ChainError> {
        match self.client.provider().send_raw_transaction(&attempt.raw).await {
            Ok(_) => Ok(()),
            Err(RpcError::ErrorResp(payload)) => {
                if self.holds.hold(row.id, head, &payload.message) {
                    let (key, hash) = (&row.intent.key, attempt.hash);
                    tracing::info!(%key, %hash, message = %payload.message, "the node does not take the transaction");
                }
                Ok(())
            }
            Err(error) => Err(ChainError::from_transport("eth_sendRawTransaction", error)),
        }
    }
}

fn refusal(row: &Row, reason: String) -> Refusal {
    Refusal { key: row.intent.key.clone(), reason, attempts: row.attempts.len() }
}

/// A replacement keeps the gas limit of the attempt that it replaces.
fn gas_of(row: &Row) -> u64 {
    use alloy::{consensus::Transaction, eips::Decodable2718};
    let signed = row.attempts.last().and_then(|last| TxEnvelope::decode_2718(&mut last.raw.as_ref()).ok());
    signed.map(|signed| signed.gas_limit()).or(row.intent.gas_limit).unwrap_or_default()
}

/// Fees of the newest attempt.
fn fees_of(row: &Row) -> Fees {
    let (max_fee, priority_fee) = row.attempts.last().map_or((0, 0), |last| (last.max_fee, last.priority_fee));
    Fees { max_fee, priority_fee }
}

/// Wei that an attempt takes at worst: what a node wants to see in the account.
fn cost(intent: &Intent, gas: u64, fees: Fees) -> U256 {
    U256::from(gas).saturating_mul(U256::from(fees.max_fee)).saturating_add(intent.value)
}

fn outbox_error(error: impl std::error::Error) -> ChainError {
    ChainError::Outbox(error.to_string())
}
