//! One account that signs, sends and waits: for commands that a person runs and for setting up
//! development chains. Daemons send through [`crate::sender`], which survives restarts.

use std::time::Duration;

use alloy::{
    consensus::TxEnvelope,
    eips::Encodable2718,
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
    transports::RpcError,
};

use crate::{client::ChainClient, error::ChainError, revert};

/// An account on a chain.
#[derive(Clone, Debug)]
pub struct Wallet {
    client: ChainClient,
    signer: PrivateKeySigner,
    /// How long to wait for a transaction to be mined.
    pub patience: Duration,
    /// Gas limit of every transaction; estimated (plus a fifth) when `None`.
    pub gas_limit: Option<u64>,
}

impl Wallet {
    /// An account by its secret key.
    ///
    /// # Errors
    /// [`ChainError::Config`] when the key is zero or above the curve order.
    pub fn new(client: ChainClient, secret: B256) -> Result<Self, ChainError> {
        let signer = PrivateKeySigner::from_bytes(&secret)
            .map_err(|e| ChainError::Config { subject: "secret key".into(), reason: e.to_string() })?;
        Ok(Self { client, signer, patience: Duration::from_secs(120), gas_limit: None })
    }

    pub fn address(&self) -> Address {
        self.signer.address()
    }

    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// Calls a contract function in a transaction and waits until it is mined.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with the decoded reason, [`ChainError::NotMined`], or a failed call.
    pub async fn send<C: SolCall>(&self, to: Address, call: &C) -> Result<TransactionReceipt, ChainError> {
        self.send_value(to, call, U256::ZERO).await
    }

    /// As [`send`](Self::send), with wei attached.
    pub async fn send_value<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        self.transact(C::SIGNATURE, TxKind::Call(to), call.abi_encode().into(), value).await
    }

    /// Sends wei without data.
    pub async fn pay(&self, to: Address, value: U256) -> Result<TransactionReceipt, ChainError> {
        self.transact("payment", TxKind::Call(to), Bytes::new(), value).await
    }

    /// Deploys init code (constructor arguments appended) and returns the contract's address.
    pub async fn deploy(
        &self,
        name: &'static str,
        init_code: Vec<u8>,
    ) -> Result<(Address, TransactionReceipt), ChainError> {
        let receipt = self.transact(name, TxKind::Create, init_code.into(), U256::ZERO).await?;
        let address = receipt.contract_address.ok_or(ChainError::Answer {
            call: "eth_getTransactionReceipt",
            reason: format!("no contract address for {name}"),
        })?;
        Ok((address, receipt))
    }

    /// Signs and sends without waiting: for several transactions in one block.
    pub async fn submit_with_gas<C: SolCall>(&self, to: Address, call: &C, gas: u64) -> Result<B256, ChainError> {
        let request = TransactionRequest { to: Some(TxKind::Call(to)), gas: Some(gas), ..Default::default() }
            .with_input(call.abi_encode())
            .with_from(self.address())
            .with_chain_id(self.client.chain_id());
        self.submit(C::SIGNATURE, request).await
    }

    /// Waits for a transaction of this account and fails when it was reverted.
    pub async fn succeeded(&self, what: &'static str, hash: B256) -> Result<TransactionReceipt, ChainError> {
        let receipt = self.receipt(what, hash).await?;
        if receipt.status() {
            Ok(receipt)
        } else {
            Err(ChainError::Reverted { call: what, reason: format!("transaction {hash} failed") })
        }
    }

    async fn transact(
        &self,
        what: &'static str,
        to: TxKind,
        data: Bytes,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        let request = TransactionRequest { to: Some(to), value: Some(value), ..Default::default() }
            .with_input(data)
            .with_from(self.address())
            .with_chain_id(self.client.chain_id());
        let hash = self.submit(what, request.clone()).await?;
        let receipt = self.receipt(what, hash).await?;
        if receipt.status() {
            return Ok(receipt);
        }
        // Ask again at the parent block for the reason; the state may differ, so it is a hint.
        let at = receipt.block_number.unwrap_or_default().saturating_sub(1);
        let reason = match self.client.provider().call(request).block(at.into()).await {
            Err(RpcError::ErrorResp(payload)) => revert::explain(&payload),
            _ => format!("transaction {hash} failed"),
        };
        Err(ChainError::Reverted { call: what, reason })
    }

    async fn submit(&self, what: &'static str, mut request: TransactionRequest) -> Result<B256, ChainError> {
        let provider = self.client.provider();
        let failed = |call| move |e| ChainError::from_transport(call, e);
        let nonce = provider
            .get_transaction_count(self.address())
            .pending()
            .await
            .map_err(failed("eth_getTransactionCount"))?;
        let fees = provider.estimate_eip1559_fees().await.map_err(failed("eth_feeHistory"))?;
        let gas = match request.gas.or(self.gas_limit) {
            Some(gas) => gas,
            None => match provider.estimate_gas(request.clone()).await {
                Ok(gas) => gas + gas / 5,
                Err(RpcError::ErrorResp(payload)) => {
                    return Err(ChainError::Reverted { call: what, reason: revert::explain(&payload) });
                }
                Err(error) => return Err(ChainError::from_transport("eth_estimateGas", error)),
            },
        };
        request.set_nonce(nonce);
        request.set_gas_limit(gas);
        request.set_max_fee_per_gas(fees.max_fee_per_gas);
        request.set_max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
        let wallet = EthereumWallet::from(self.signer.clone());
        let signed: TxEnvelope =
            request.build(&wallet).await.map_err(|e| ChainError::Call { call: what, reason: e.to_string() })?;
        let hash = *signed.tx_hash();
        // Receipts are read below, with a pause that fits development chains too.
        let _ = provider
            .send_raw_transaction(&signed.encoded_2718())
            .await
            .map_err(|e| ChainError::from_transport("eth_sendRawTransaction", e))?;
        Ok(hash)
    }

    async fn receipt(&self, what: &'static str, hash: B256) -> Result<TransactionReceipt, ChainError> {
        let deadline = tokio::time::Instant::now() + self.patience;
        // Development chains mine at once, others in seconds: start fast, slow down.
        let mut pause = Duration::from_millis(2);
        loop {
            let receipt = self.client.provider().get_transaction_receipt(hash).await;
            if let Some(receipt) = receipt.map_err(|e| ChainError::from_transport("eth_getTransactionReceipt", e))? {
                return Ok(receipt);
            }
            if tokio::time::Instant::now() > deadline {
                return Err(ChainError::NotMined { call: what, hash, after: self.patience });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }
}
