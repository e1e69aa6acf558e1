//! Proven chain state: headers linked by parent hash, account and storage proofs walked from the
//! state root. Nothing that this module returns rests on the endpoint's word, except that the
//! newest header is canonical; callers who know a hash pass it as the anchor.

mod cache;

use std::sync::{Arc, Mutex, PoisonError};

use alloy::{eips::BlockNumberOrTag, providers::Provider};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    rpc::types::EIP1186AccountProofResponse,
    transports::TransportError,
};
use alloy_rlp::{Decodable, Header as RlpHeader};
use futures::{StreamExt, TryStreamExt, stream};

use self::cache::{Cache, subject};
use crate::{
    client::{ChainClient, VerifiedHeader},
    error::{ChainError, ProofOf},
    trie::{self, EMPTY_ROOT, TrieError, TriePath},
};

/// Proof requests under way at once.
const PARALLEL_PROOFS: usize = 4;

/// The state of one contract after one block, with everything that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockState {
    pub header: VerifiedHeader,
    /// Hashed nodes from the state root down; the end may prove that there is no account.
    pub account_proof: Vec<Vec<u8>>,
    /// For each asked slot, hashed nodes from the storage root down; empty if the storage is empty.
    pub storage_proofs: Vec<Vec<Vec<u8>>>,
    /// For each asked slot the proven word; absent slots are zero.
    pub values: Vec<U256>,
}

/// Reads proven state from a chain. Clones share what they have read.
#[derive(Clone, Debug)]
pub struct StateSource {
    client: ChainClient,
    cache: Arc<Mutex<Cache>>,
}

impl StateSource {
    pub fn new(client: ChainClient) -> Self {
        Self { client, cache: Arc::default() }
    }

    /// The connection.
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// Headers `from..=to`, each the parent of the next, the last with hash `anchor` if given.
    ///
    /// # Errors
    /// An empty range, an unknown block, or a header that is wrong or does not link.
    pub async fn headers(&self, from: u64, to: u64, anchor: Option<B256>) -> Result<Vec<VerifiedHeader>, ChainError> {
        if from > to {
            return Err(ChainError::EmptyRange { from, to });
        }
        let headers: Vec<VerifiedHeader> = stream::iter(from..=to)
            .map(|number| self.client.header(number))
            .buffered(PARALLEL_PROOFS)
            .try_collect()
            .await?;
        for pair in headers.windows(2) {
            if pair[1].parent != pair[0].hash {
                let (block, expected, got) = (pair[1].number, pair[0].hash, pair[1].parent);
                return Err(ChainError::HeaderParent { block, expected, got });
            }
        }
        match (headers.last(), anchor) {
            (Some(last), Some(expected)) if last.hash != expected => {
                Err(ChainError::HeaderHash { block: to, expected, got: last.hash })
            }
            _ => Ok(headers),
        }
    }

    /// The proven state of `contract` after every block of `from..=to`, ascending. With an anchor, blocks that
    /// were read before are not asked for again.
    ///
    /// # Errors
    /// As [`headers`](Self::headers) and [`at`](Self::at).
    pub async fn range(
        &self,
        contract: Address,
        slots: &[B256],
        from: u64,
        to: u64,
        anchor: Option<B256>,
    ) -> Result<Vec<BlockState>, ChainError> {
        let subject = subject(contract, slots);
        let known =
            anchor.map_or_else(Vec::new, |anchor| self.cached(|cache| cache.back_from(subject, anchor, to, from)));
        let (to, anchor) = match known.first() {
            Some(first) if first.header.number == from => return Ok(known),
            Some(first) => (first.header.number - 1, Some(first.header.parent)),
            None => (to, anchor),
        };
        let headers = self.headers(from, to, anchor).await?;
        let mut states: Vec<BlockState> = stream::iter(headers)
            .map(|header| self.at(contract, slots, header))
            .buffered(PARALLEL_PROOFS)
            .try_collect()
            .await?;
        self.cached(|cache| states.iter().for_each(|state| cache.put(subject, state)));
        states.extend(known);
        Ok(states)
    }

    fn cached<T>(&self, access: impl FnOnce(&mut Cache) -> T) -> T {
        // Nothing in there panics half-way.
        access(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The proven state of `contract` after the block of `header`.
    ///
    /// # Errors
    /// A node that is wrong, missing or malformed, a value that differs from what its proof shows,
    /// proofs for something else than what was asked, missing history, or a failed call.
    pub async fn at(
        &self,
        contract: Address,
        slots: &[B256],
        header: VerifiedHeader,
    ) -> Result<BlockState, ChainError> {
        let block = header.number;
        // By number: some endpoints serve proofs at recent blocks by number only. A reorganisation
        // in between shows as a wrong root node.
        let answer: Result<EIP1186AccountProofResponse, TransportError> = self
            .client
            .provider()
            .raw_request("eth_getProof".into(), (contract, slots, BlockNumberOrTag::Number(block)))
            .await;
        let answer = answer.map_err(|e| ChainError::about_block("eth_getProof", block, e))?;
        verify(contract, slots, header, &answer)
    }
}

/// Checks an `eth_getProof` answer against a header's state root. No IO.
///
/// # Errors
/// As [`StateSource::at`], except for those of the call.
pub fn verify(
    contract: Address,
    slots: &[B256],
    header: VerifiedHeader,
    answer: &EIP1186AccountProofResponse,
) -> Result<BlockState, ChainError> {
    let block = header.number;
    let account = ProofOf::Account(contract);
    if answer.address != contract {
        return Err(ChainError::ProofKey { block, expected: account, got: answer.address.to_string() });
    }
    if answer.storage_proof.len() != slots.len() {
        return Err(ChainError::ProofCount { block, expected: slots.len(), got: answer.storage_proof.len() });
    }
    let failed = |proof| move |source| ChainError::Proof { block, proof, source };

    let path = trie::walk(header.state_root, contract.as_slice(), &answer.account_proof).map_err(failed(account))?;
    let storage_root = match &path.value {
        Some(value) => storage_root(value).map_err(failed(account))?,
        None => EMPTY_ROOT,
    };
    let mut storage_proofs = Vec::with_capacity(slots.len());
    let mut values = Vec::with_capacity(slots.len());
    for (slot, got) in slots.iter().zip(&answer.storage_proof) {
        let proof = ProofOf::Slot { contract, slot: *slot };
        if got.key.as_b256() != *slot {
            return Err(ChainError::ProofKey { block, expected: proof, got: got.key.as_b256().to_string() });
        }
        let TriePath { value, nodes } = trie::walk(storage_root, slot.as_slice(), &got.proof).map_err(failed(proof))?;
        let proven = value.map_or(Ok(U256::ZERO), |value| storage_word(&value)).map_err(failed(proof))?;
        if proven != got.value {
            return Err(ChainError::Value { block, proof, claimed: got.value, proven });
        }
        storage_proofs.push(nodes);
        values.push(proven);
    }
    Ok(BlockState { header, account_proof: path.nodes, storage_proofs, values })
}

/// Third of the four items of an account: nonce, balance, storage root, code hash.
fn storage_root(account: &[u8]) -> Result<B256, TrieError> {
    let bad = TrieError::Value { reason: "not an account: nonce, balance, storage root, code hash" };
    let items = trie::list_items(account).ok_or(bad.clone())?;
    let [nonce, balance, root, code] = items.as_slice() else { return Err(bad) };
    let integer =
        |raw: &[u8], limit| trie::string(raw).is_some_and(|bytes| bytes.len() <= limit && bytes.first() != Some(&0));
    let hash = |raw: &[u8]| trie::string(raw).and_then(|bytes| B256::try_from(bytes).ok());
    match (integer(nonce, 8) && integer(balance, 32), hash(root), hash(code)) {
        (true, Some(root), Some(_)) => Ok(root),
        _ => Err(bad),
    }
}

/// A storage leaf holds the RLP of the word as an integer in shortest form; zero is never stored.
fn storage_word(value: &[u8]) -> Result<U256, TrieError> {
    let bad = TrieError::Value { reason: "not an integer of 1 to 32 bytes in shortest form" };
    let mut rest = value;
    let word = U256::decode(&mut rest).map_err(|_| bad.clone())?;
    if rest.is_empty() && !word.is_zero() { Ok(word) } else { Err(bad) }
}

/// Number of fields of an encoded header.
///
/// Useful to name a header's fork: 15 until London (16), Shanghai (17), Cancun (20), Prague (21).
pub fn header_fields(rlp: &[u8]) -> Option<usize> {
    trie::list_items(rlp).map(|items| items.len())
}

/// Keccak of an encoded header: its block hash.
pub fn header_hash(rlp: &[u8]) -> Option<B256> {
    let mut rest = rlp;
    RlpHeader::decode_bytes(&mut rest, true).ok()?;
    rest.is_empty().then(|| keccak256(rlp))
}
