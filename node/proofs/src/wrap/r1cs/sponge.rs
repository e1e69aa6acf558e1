//! Poseidon2 over BN254 in R1CS: permutation, leaf sponge, node compression.

use ark_bn254::Fr;
use ark_ff::Field;

use super::linear::Lc;
use super::system::{POWERS, System};
use crate::wrap::hash::{PACK, RATE, RATE_SCALARS, leaf_capacity};
use crate::wrap::poseidon2::{BLOCK, HALF_FULL_ROUNDS, NODE, Poseidon2, SPONGE};

/// Partial rounds after which element 1 of the width-2 state becomes a variable, so that
/// combinations stay short: one constraint each time.
const REFRESH: usize = 16;

/// Applies the permutation: three constraints per S-box.
pub fn permute<const T: usize>(system: &mut System, parameters: &Poseidon2<T>, state: &[Lc; T]) -> [Lc; T] {
    let mut state = external(state);
    for constants in &parameters.full[..HALF_FULL_ROUNDS] {
        state = external(&full_round(system, &state, constants));
    }
    for (round, constant) in parameters.partial.iter().enumerate() {
        state[0] = sbox(system, &state[0].plus_constant(*constant));
        let sum = Lc::sum(state.iter().map(|element| (element, Fr::ONE)));
        state = std::array::from_fn(|i| sum.plus_scaled(&state[i], parameters.diagonal[i]));
        if T == 2 && round % REFRESH == REFRESH - 1 {
            state[1] = system.materialize(&state[1]);
        }
    }
    for constants in &parameters.full[HALF_FULL_ROUNDS..] {
        state = external(&full_round(system, &state, constants));
    }
    state
}

fn full_round<const T: usize>(system: &mut System, state: &[Lc; T], constants: &[Fr; T]) -> [Lc; T] {
    std::array::from_fn(|i| sbox(system, &state[i].plus_constant(constants[i])))
}

fn sbox(system: &mut System, x: &Lc) -> Lc {
    if let Some(x) = x.as_constant() {
        return Lc::constant(x.pow([5u64]));
    }
    let square = system.product(x, x);
    let fourth = system.product(&square, &square);
    system.product(&fourth, x)
}

fn external<const T: usize>(state: &[Lc; T]) -> [Lc; T] {
    if T <= 3 {
        let sum = Lc::sum(state.iter().map(|element| (element, Fr::ONE)));
        return std::array::from_fn(|i| sum.plus(&state[i]));
    }
    let mixed: Vec<Lc> =
        (0..T).map(|i| Lc::sum((0..4).map(|j| (&state[i / 4 * 4 + j], Fr::from(BLOCK[i % 4][j]))))).collect();
    let sums: [Lc; 4] = std::array::from_fn(|j| Lc::sum(mixed.iter().skip(j).step_by(4).map(|lc| (lc, Fr::ONE))));
    std::array::from_fn(|i| mixed[i].plus(&sums[i % 4]))
}

/// Packs up to three elements below 2^64.
pub fn pack(elements: &[Lc]) -> Lc {
    assert!(elements.len() <= PACK);
    Lc::sum(elements.iter().enumerate().map(|(i, element)| (element, POWERS[64 * i])))
}

/// Hash of a leaf. Elements must be below 2^64, or the packing is not injective.
pub fn hash_leaf(system: &mut System, elements: &[Lc]) -> Lc {
    let mut state: [Lc; RATE_SCALARS + 1] = std::array::from_fn(|_| Lc::zero());
    state[RATE_SCALARS] = Lc::constant(leaf_capacity(elements.len()));
    for block in elements.chunks(RATE) {
        for (element, packed) in state.iter_mut().zip(block.chunks(PACK)) {
            *element = element.plus(&pack(packed));
        }
        state = permute(system, &SPONGE, &state);
    }
    let [digest, ..] = state;
    digest
}

/// Hash of two nodes.
pub fn compress(system: &mut System, left: &Lc, right: &Lc) -> Lc {
    let [digest, _] = permute(system, &NODE, &[left.clone(), right.clone()]);
    digest.plus(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::hash::FinalHasher;
    use crate::wrap::poseidon2;
    use gavel_circuits::F;
    use plonky2::field::types::{Field as _, PrimeField64, Sample};
    use plonky2::plonk::config::Hasher;

    #[test]
    fn hashes_agree_with_the_native_ones() {
        let mut system = System::new(true);
        for length in [1, 20, 45, 46, 135] {
            let elements = F::rand_vec(length);
            let witnesses: Vec<Lc> = elements.iter().map(|x| system.witness(Fr::from(x.to_canonical_u64()))).collect();
            let digest = hash_leaf(&mut system, &witnesses);
            assert_eq!(digest.value(), FinalHasher::hash_no_pad(&elements).0);
        }
        let (left, right) = (system.witness(Fr::from(3u64)), system.witness(-Fr::from(4u64)));
        let before = system.constraints();
        let node = compress(&mut system, &left, &right);
        assert_eq!(node.value(), poseidon2::compress(left.value(), right.value()));
        assert_eq!(system.constraints() - before, 219);
        assert!(system.is_satisfied());
        let _ = F::ZERO;
    }
}
