//! Proven blocks by hash: a block that several jobs need is fetched and checked once. A hash names
//! its block for ever, so nothing in here goes stale.

use std::collections::{HashMap, VecDeque};

use alloy::primitives::{Address, B256, keccak256};

use super::BlockState;

/// Blocks that are kept, the newest; a block of mainnet takes 10 to 100 kB.
const BLOCKS: usize = 512;

type Key = (B256, B256);

#[derive(Debug, Default)]
pub(super) struct Cache {
    blocks: HashMap<Key, BlockState>,
    /// Oldest first.
    order: VecDeque<Key>,
}

/// What is proven: a contract and its slots, in order.
pub(super) fn subject(contract: Address, slots: &[B256]) -> B256 {
    let words = slots.iter().flat_map(|slot| slot.0);
    keccak256(contract.0.0.into_iter().chain(words).collect::<Vec<u8>>())
}

impl Cache {
    pub fn put(&mut self, subject: B256, state: &BlockState) {
        let key = (subject, state.header.hash);
        if self.blocks.insert(key, state.clone()).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > BLOCKS
            && let Some(oldest) = self.order.pop_front()
        {
            self.blocks.remove(&oldest);
        }
    }

    /// The known blocks from `anchor`, which has number `to`, back to `from`, as far as there is no gap; ascending.
    pub fn back_from(&self, subject: B256, anchor: B256, to: u64, from: u64) -> Vec<BlockState> {
        let mut found = VecDeque::new();
        let mut hash = anchor;
        for number in (from..=to).rev() {
            let Some(state) = self.blocks.get(&(subject, hash)).filter(|state| state.header.number == number) else {
                break;
            };
            hash = state.header.parent;
            found.push_front(state.clone());
        }
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::VerifiedHeader;

    fn hash(number: u64) -> B256 {
        keccak256(number.to_be_bytes())
    }

    fn block(number: u64) -> BlockState {
        let (hash, parent) = (hash(number), hash(number - 1));
        let header = VerifiedHeader { number, hash, parent, state_root: B256::ZERO, timestamp: 0, rlp: vec![] };
        BlockState { header, account_proof: vec![], storage_proofs: vec![], values: vec![] }
    }

    #[test]
    fn blocks_are_followed_back_to_the_first_gap() {
        let mut cache = Cache::default();
        let (one, other) = (subject(Address::ZERO, &[]), subject(Address::ZERO, &[B256::ZERO]));
        for number in [10, 12, 13, 14] {
            cache.put(one, &block(number));
        }
        let numbers = |cache: &Cache, subject, anchor: u64, to, from| -> Vec<u64> {
            cache.back_from(subject, hash(anchor), to, from).iter().map(|state| state.header.number).collect()
        };
        assert_eq!(numbers(&cache, one, 14, 14, 10), [12, 13, 14]);
        assert_eq!(numbers(&cache, one, 14, 14, 13), [13, 14]);
        assert!(numbers(&cache, other, 14, 14, 10).is_empty(), "another subject");
        assert!(numbers(&cache, one, 13, 14, 10).is_empty(), "the anchor is of another number");
        assert!(numbers(&cache, one, 11, 11, 10).is_empty(), "not known");
        cache.put(one, &block(11));
        assert_eq!(numbers(&cache, one, 14, 14, 10), [10, 11, 12, 13, 14]);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut cache = Cache::default();
        for number in 1..=BLOCKS as u64 + 3 {
            cache.put(B256::ZERO, &block(number));
            cache.put(B256::ZERO, &block(number));
        }
        assert_eq!((cache.blocks.len(), cache.order.len()), (BLOCKS, BLOCKS));
        let last = BLOCKS as u64 + 3;
        let kept = cache.back_from(B256::ZERO, hash(last), last, 1);
        assert_eq!(kept.first().map(|state| state.header.number), Some(4));
    }
}
