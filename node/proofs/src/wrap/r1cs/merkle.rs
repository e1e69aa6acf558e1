//! Merkle openings against a cap.

use super::linear::Lc;
use super::sponge::{compress, hash_leaf};
use super::system::{Rule, System};

/// Constrains `leaf` to be at the position that `index` spells, least significant bit first: the
/// low bits walk the path, the rest select the element of the cap.
pub fn verify(system: &mut System, leaf: &[Lc], index: &[Lc], siblings: &[Lc], cap: &[Lc]) {
    let (path, cap_index) = index.split_at(siblings.len());
    assert_eq!(1 << cap_index.len(), cap.len(), "the index reaches every element of the cap");
    let mut node = hash_leaf(system, leaf);
    for (bit, sibling) in path.iter().zip(siblings) {
        let swap = system.product(bit, &sibling.minus(&node));
        node = compress(system, &node.plus(&swap), &sibling.minus(&swap));
    }
    let root = select(system, cap, cap_index);
    if system.enforces(Rule::Cap) {
        system.enforce_zero(&node.minus(&root));
    }
}

/// The element of `items` that the bits select, least significant bit first.
pub fn select(system: &mut System, items: &[Lc], bits: &[Lc]) -> Lc {
    let mut items = items.to_vec();
    for bit in bits {
        items =
            items.chunks_exact(2).map(|pair| pair[0].plus(&system.product(bit, &pair[1].minus(&pair[0])))).collect();
    }
    items.swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::hash::{Digest, FinalHasher};
    use ark_bn254::Fr;
    use gavel_circuits::F;
    use plonky2::field::types::{PrimeField64, Sample};
    use plonky2::hash::merkle_tree::MerkleTree;

    fn satisfied(index: usize, change: impl Fn(&mut Vec<Fr>, &mut Vec<Fr>, &mut Vec<Fr>), system: &mut System) -> bool {
        let leaves: Vec<Vec<F>> = (0..16).map(|_| F::rand_vec(20)).collect();
        let tree = MerkleTree::<F, FinalHasher>::new(leaves.clone(), 2);
        let mut leaf: Vec<Fr> = leaves[index].iter().map(|x| Fr::from(x.to_canonical_u64())).collect();
        let mut siblings: Vec<Fr> = tree.prove(index).siblings.iter().map(|Digest(node)| *node).collect();
        let mut bits: Vec<Fr> = (0..4).map(|i| Fr::from((index >> i & 1) as u64)).collect();
        change(&mut leaf, &mut siblings, &mut bits);
        let mut witnesses = |values: &[Fr]| values.iter().map(|x| system.witness(*x)).collect::<Vec<_>>();
        let (leaf, siblings, bits) = (witnesses(&leaf), witnesses(&siblings), witnesses(&bits));
        let cap: Vec<Lc> = tree.cap.0.iter().map(|Digest(node)| Lc::constant(*node)).collect();
        verify(system, &leaf, &bits, &siblings, &cap);
        system.is_satisfied()
    }

    #[test]
    fn openings_verify_and_tampered_ones_do_not() {
        for index in 0..16 {
            assert!(satisfied(index, |_, _, _| (), &mut System::new(false)));
            assert!(!satisfied(index, |leaf, _, _| leaf[3] += Fr::from(1u64), &mut System::new(false)));
            assert!(!satisfied(index, |_, siblings, _| siblings[1] += Fr::from(1u64), &mut System::new(false)));
            for bit in 0..4 {
                let flip =
                    |_: &mut Vec<Fr>, _: &mut Vec<Fr>, bits: &mut Vec<Fr>| bits[bit] = Fr::from(1u64) - bits[bit];
                assert!(!satisfied(index, flip, &mut System::new(false)), "bit {bit}");
                // Bits 2 and 3 select from the cap: without that comparison the forgery stands.
                assert!(satisfied(index, flip, &mut System::relaxed(Rule::Cap)));
            }
        }
    }
}
