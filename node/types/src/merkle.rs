//! Merkle trees whose proofs OpenZeppelin's `MerkleProof.verify` accepts.
//!
//! Pairs are hashed in ascending order, an odd node is promoted, one leaf is its own root and no
//! leaf at all gives the zero word.

use alloy_primitives::{B256, keccak256};

/// Root over leaves in the given order.
pub fn root(leaves: &[B256]) -> B256 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// Siblings from leaf `index` to the root; `None` when there is no such leaf.
pub fn proof(leaves: &[B256], index: usize) -> Option<Vec<B256>> {
    leaves.get(index)?;
    let (mut level, mut at, mut siblings) = (leaves.to_vec(), index, Vec::new());
    while level.len() > 1 {
        siblings.extend(level.get(at ^ 1));
        level = parents(&level);
        at /= 2;
    }
    Some(siblings)
}

/// Whether `siblings` lead from `leaf` to `root`.
pub fn verify(root: B256, leaf: B256, siblings: &[B256]) -> bool {
    siblings.iter().fold(leaf, |node, sibling| pair(node, *sibling)) == root
}

fn parents(level: &[B256]) -> Vec<B256> {
    level.chunks(2).map(|nodes| nodes.iter().skip(1).fold(nodes[0], |left, right| pair(left, *right))).collect()
}

fn pair(a: B256, b: B256) -> B256 {
    keccak256([a.min(b), a.max(b)].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_trees() {
        let leaves: Vec<B256> = (1..=3).map(B256::repeat_byte).collect();
        assert_eq!(root(&[]), B256::ZERO);
        assert_eq!(root(&leaves[..1]), leaves[0]);
        assert_eq!(root(&leaves[..2]), pair(leaves[1], leaves[0]));
        assert_eq!(root(&leaves), pair(pair(leaves[0], leaves[1]), leaves[2]));
        assert_eq!(proof(&leaves, 3), None);
    }

    proptest! {
        #[test]
        fn every_leaf_is_proven_and_no_other(words in prop::collection::btree_set(any::<[u8; 32]>(), 1..40)) {
            let leaves: Vec<B256> = words.into_iter().map(B256::from).collect();
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let siblings = proof(&leaves, index).unwrap();
                prop_assert!(verify(root, *leaf, &siblings));
                prop_assert!(!verify(root, keccak256(leaf), &siblings));
            }
        }
    }
}
