//! What a watcher remembers and how it goes on. No IO.

use std::collections::VecDeque;

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};

use crate::{client::BlockRef, error::ChainError};

/// How deep and how far back.
#[derive(Clone, Copy, Debug)]
pub struct WatchOptions {
    /// A block counts once so many blocks follow it; 0 takes the newest.
    pub confirmations: u64,
    /// Applied blocks that are remembered: the deepest reorganisation that can be taken back.
    pub remembered: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { confirmations: 2, remembered: 256 }
    }
}

/// Where a watcher stands. Store it with what the changes did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// First block that is watched.
    start: u64,
    /// The newest applied blocks, ascending.
    applied: VecDeque<BlockRef>,
    /// Whether older applied blocks were forgotten.
    forgot: bool,
}

/// The header that is needed to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Nothing,
    Header(u64),
}

/// What a header leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Unchanged,
    Apply { block: BlockRef, cursor: Cursor },
    Withdraw { block: BlockRef, cursor: Cursor },
}

impl Cursor {
    /// Before the first block.
    pub fn new(start: u64) -> Self {
        Self { start, applied: VecDeque::new(), forgot: false }
    }

    /// The newest applied block.
    pub fn tip(&self) -> Option<BlockRef> {
        self.applied.back().copied()
    }

    fn next(&self) -> u64 {
        self.tip().map_or(self.start, |tip| tip.number + 1)
    }

    /// Which header to look at when the chain's newest block is `head`: the next one to apply if it
    /// is deep enough, else the newest applied one, to see whether it is still there.
    pub fn want(&self, head: u64, options: &WatchOptions) -> Want {
        if self.next().saturating_add(options.confirmations) <= head {
            return Want::Header(self.next());
        }
        self.tip().map_or(Want::Nothing, |tip| Want::Header(tip.number))
    }

    /// Takes the wanted header (with its parent hash), or `None` when the chain has no such block.
    ///
    /// # Errors
    /// [`ChainError::DeepReorg`] when the oldest remembered block has to be withdrawn.
    pub fn see(mut self, header: Option<(BlockRef, B256)>, options: &WatchOptions) -> Result<Step, ChainError> {
        let tip = self.tip();
        match (tip, header) {
            (Some(tip), Some((block, _))) if block.number == tip.number && block == tip => Ok(Step::Unchanged),
            (Some(tip), Some((block, parent))) if block.number == tip.number + 1 && parent == tip.hash => {
                Ok(self.apply(block, options))
            }
            (None, Some((block, _))) if block.number == self.start => Ok(self.apply(block, options)),
            (None, _) => Ok(Step::Unchanged),
            (Some(block), _) => {
                if self.forgot && self.applied.len() == 1 {
                    return Err(ChainError::DeepReorg { oldest: block.number, kept: options.remembered });
                }
                self.applied.pop_back();
                Ok(Step::Withdraw { block, cursor: self })
            }
        }
    }

    fn apply(mut self, block: BlockRef, options: &WatchOptions) -> Step {
        self.applied.push_back(block);
        // One block is always kept: without it the next header could not be linked.
        while self.applied.len() > options.remembered.max(1) {
            self.applied.pop_front();
            self.forgot = true;
        }
        Step::Apply { block, cursor: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;
    use proptest::prelude::*;

    const START: u64 = 10;

    /// A chain that grows and reorganises; `salt` tells blocks of the same number apart.
    struct Chain {
        hashes: Vec<B256>,
        salt: u64,
    }

    impl Chain {
        fn new() -> Self {
            let hashes = (0..=START).map(|n| keccak256(n.to_be_bytes())).collect();
            Self { hashes, salt: 0 }
        }

        fn head(&self) -> u64 {
            self.hashes.len() as u64 - 1
        }

        fn grow(&mut self, blocks: usize) {
            for _ in 0..blocks {
                self.salt += 1;
                let parent = self.hashes[self.hashes.len() - 1];
                self.hashes.push(keccak256([parent.0.as_slice(), &self.salt.to_be_bytes()].concat()));
            }
        }

        fn header(&self, number: u64) -> Option<(BlockRef, B256)> {
            let hash = *self.hashes.get(number as usize)?;
            Some((BlockRef { number, hash }, self.hashes[number as usize - 1]))
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Move {
        Grow(usize),
        /// Drop so many blocks, then add so many.
        Reorganise(usize, usize),
        /// Let the watcher take so many steps.
        Watch(usize),
        /// Store and load the cursor.
        Restart,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            (1usize..6).prop_map(Move::Grow),
            (1usize..7, 0usize..9).prop_map(|(drop, add)| Move::Reorganise(drop, add)),
            (1usize..12).prop_map(Move::Watch),
            Just(Move::Restart),
        ];
        proptest::collection::vec(one, 1..60)
    }

    /// Applies one step to the list of blocks whose effects are in force.
    fn step(chain: &Chain, cursor: &mut Cursor, in_force: &mut Vec<BlockRef>, options: &WatchOptions) -> bool {
        let Want::Header(number) = cursor.want(chain.head(), options) else { return false };
        match cursor.clone().see(chain.header(number), options).unwrap() {
            Step::Unchanged => false,
            Step::Apply { block, cursor: next } => {
                assert!(block.number + options.confirmations <= chain.head());
                assert_eq!(block.number, in_force.last().map_or(START, |tip| tip.number + 1));
                in_force.push(block);
                *cursor = next;
                true
            }
            Step::Withdraw { block, cursor: next } => {
                assert_eq!(in_force.pop(), Some(block), "only the newest block is withdrawn");
                *cursor = next;
                true
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_in_force_is_the_confirmed_chain(moves in moves(), confirmations in 0u64..4) {
            // Everything is remembered, so every reorganisation can be taken back.
            let options = WatchOptions { confirmations, remembered: 1_000 };
            let mut chain = Chain::new();
            let mut cursor = Cursor::new(START);
            let mut in_force = Vec::new();
            for action in moves {
                match action {
                    Move::Grow(blocks) => chain.grow(blocks),
                    Move::Reorganise(drop, add) => {
                        let keep = chain.hashes.len().saturating_sub(drop).max(START as usize);
                        chain.hashes.truncate(keep);
                        chain.grow(add);
                    }
                    Move::Watch(steps) => {
                        for _ in 0..steps {
                            step(&chain, &mut cursor, &mut in_force, &options);
                        }
                    }
                    Move::Restart => {
                        let stored = serde_json::to_string(&cursor).unwrap();
                        cursor = serde_json::from_str(&stored).unwrap();
                    }
                }
            }
            chain.grow(1);
            while step(&chain, &mut cursor, &mut in_force, &options) {}
            // A watcher does not take back a block only because it is less deep than asked for, so
            // what is in force is canonical and reaches at least to the asked depth.
            for block in &in_force {
                prop_assert_eq!(chain.hashes.get(block.number as usize), Some(&block.hash));
            }
            let reached = in_force.last().map_or(START - 1, |tip| tip.number);
            prop_assert!(reached + confirmations >= chain.head() || chain.head() < START + confirmations);
        }
    }

    #[test]
    fn a_reorganisation_deeper_than_memory_is_an_error() {
        let options = WatchOptions { confirmations: 0, remembered: 3 };
        let mut chain = Chain::new();
        chain.grow(8);
        let mut cursor = Cursor::new(START);
        let mut in_force = Vec::new();
        while step(&chain, &mut cursor, &mut in_force, &options) {}
        chain.hashes.truncate(START as usize + 2);
        chain.grow(9);
        let error = loop {
            let Want::Header(number) = cursor.want(chain.head(), &options) else { panic!("nothing wanted") };
            match cursor.clone().see(chain.header(number), &options) {
                Ok(Step::Withdraw { cursor: next, .. }) => cursor = next,
                Ok(other) => panic!("{other:?}"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ChainError::DeepReorg { kept: 3, .. }), "{error}");
    }
}
