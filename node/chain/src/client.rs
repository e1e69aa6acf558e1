//! A connection to one chain: typed errors, a checked chain id, headers checked against their hash.

use std::sync::Arc;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::{client::RpcClient, types::Header as RpcHeader},
    transports::TransportError,
};

use crate::{
    endpoint::{EndpointOptions, Fallback},
    error::ChainError,
};

/// Number and hash of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct BlockRef {
    pub number: u64,
    pub hash: B256,
}

/// A header whose encoding hashes to its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHeader {
    pub number: u64,
    pub hash: B256,
    pub parent: B256,
    pub state_root: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// The RLP encoding, with the fields of the block's fork: 15, 16, 17, 20 or 21.
    pub rlp: Vec<u8>,
}

impl VerifiedHeader {
    /// Number and hash.
    pub fn block(&self) -> BlockRef {
        BlockRef { number: self.number, hash: self.hash }
    }
}

/// A client of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChainClient {
    provider: DynProvider,
    chain_id: u64,
    urls: Arc<Vec<String>>,
}

impl ChainClient {
    /// Connects to the endpoints in order of preference and reads the chain id.
    ///
    /// # Errors
    /// A URL that is none, endpoints that do not answer, or another chain than `expected`.
    pub async fn connect(urls: &[String], options: EndpointOptions, expected: Option<u64>) -> Result<Self, ChainError> {
        let parsed = urls
            .iter()
            .map(|url| url.parse().map_err(|_| ChainError::Url(url.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        let transport = Fallback::new(parsed, options).map_err(ChainError::Client)?;
        let client = RpcClient::new(transport, true);
        let provider = ProviderBuilder::default().connect_client(client).erased();
        let chain_id = provider.get_chain_id().await.map_err(|e| ChainError::from_transport("eth_chainId", e))?;
        match expected {
            Some(expected) if expected != chain_id => Err(ChainError::WrongChain { expected, got: chain_id }),
            _ => Ok(Self { provider, chain_id, urls: Arc::new(urls.to_vec()) }),
        }
    }

    /// The alloy provider, for contract bindings.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Chain id, read when the client connected.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The endpoints, in order of preference.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Number of the newest block.
    pub async fn head(&self) -> Result<u64, ChainError> {
        self.provider.get_block_number().await.map_err(|e| ChainError::from_transport("eth_blockNumber", e))
    }

    /// The canonical header at `number`, checked against the hash that the node gives for it.
    /// (`alloy`'s type is not asked for the block itself, since recorded headers have no transactions.)
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`], [`ChainError::HeaderNumber`], [`ChainError::HeaderHash`] or a failed call.
    pub async fn header(&self, number: u64) -> Result<VerifiedHeader, ChainError> {
        let answer: Result<Option<RpcHeader>, TransportError> =
            self.provider.raw_request("eth_getBlockByNumber".into(), (BlockNumberOrTag::Number(number), false)).await;
        let header = answer
            .map_err(|e| ChainError::about_block("eth_getBlockByNumber", number, e))?
            .ok_or(ChainError::UnknownBlock { block: number })?;
        if header.inner.number != number {
            return Err(ChainError::HeaderNumber { block: number, got: header.inner.number });
        }
        verify_header(header)
    }

    /// The header with this hash, canonical or not; `None` when the node does not know it.
    pub async fn header_by_hash(&self, hash: B256) -> Result<Option<VerifiedHeader>, ChainError> {
        let answer: Result<Option<RpcHeader>, TransportError> =
            self.provider.raw_request("eth_getBlockByHash".into(), (hash, false)).await;
        let header = answer.map_err(|e| ChainError::from_transport("eth_getBlockByHash", e))?;
        header
            .map(|header| {
                let block = header.inner.number;
                let verified = verify_header(header)?;
                if verified.hash != hash {
                    return Err(ChainError::HeaderHash { block, expected: hash, got: verified.hash });
                }
                Ok(verified)
            })
            .transpose()
    }

    /// Code at an address now; empty for accounts without code.
    pub async fn code(&self, address: Address) -> Result<Bytes, ChainError> {
        self.provider.get_code_at(address).await.map_err(|e| ChainError::from_transport("eth_getCode", e))
    }

    /// Balance in wei now.
    pub async fn balance(&self, address: Address) -> Result<U256, ChainError> {
        self.provider.get_balance(address).await.map_err(|e| ChainError::from_transport("eth_getBalance", e))
    }

    /// A storage word after `block`, unproven.
    pub async fn storage_at(&self, contract: Address, slot: B256, block: u64) -> Result<U256, ChainError> {
        self.provider
            .get_storage_at(contract, slot.into())
            .block_id(BlockId::number(block))
            .await
            .map_err(|e| ChainError::about_block("eth_getStorageAt", block, e))
    }
}

fn verify_header(header: RpcHeader) -> Result<VerifiedHeader, ChainError> {
    let inner = &header.inner;
    let rlp = alloy_rlp::encode(inner);
    let got = alloy::primitives::keccak256(&rlp);
    if got != header.hash {
        return Err(ChainError::HeaderHash { block: inner.number, expected: header.hash, got });
    }
    Ok(VerifiedHeader {
        number: inner.number,
        hash: got,
        parent: inner.parent_hash,
        state_root: inner.state_root,
        timestamp: inner.timestamp,
        rlp,
    })
}
