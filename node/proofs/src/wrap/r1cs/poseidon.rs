//! Goldilocks Poseidon in R1CS: the public-input hash, and the constraints of plonky2's gate.

use std::sync::LazyLock;

use gavel_circuits::F;
use plonky2::field::types::Field;
use plonky2::hash::hashing::PlonkyPermutation;
use plonky2::hash::poseidon::{
    ALL_ROUND_CONSTANTS, HALF_N_FULL_ROUNDS, N_PARTIAL_ROUNDS, Poseidon, PoseidonPermutation, SPONGE_WIDTH,
};

use super::extension::Ext;
use super::goldilocks::Lazy;
use super::system::System;

/// A state of the permutation.
pub type State<T> = [T; SPONGE_WIDTH];

/// What linear layers need.
pub trait Linear: Clone {
    /// `sum(factor * element) + constant`.
    fn combine<'a>(terms: impl IntoIterator<Item = (F, &'a Self)>, constant: F) -> Self
    where
        Self: 'a;
}

impl Linear for Lazy {
    fn combine<'a>(terms: impl IntoIterator<Item = (F, &'a Self)>, constant: F) -> Self {
        Lazy::linear(terms, constant)
    }
}

impl Linear for Ext {
    fn combine<'a>(terms: impl IntoIterator<Item = (F, &'a Self)>, constant: F) -> Self {
        let terms: Vec<_> = terms.into_iter().collect();
        let coordinate = |i: usize, constant| Lazy::linear(terms.iter().map(|(f, ext)| (*f, &ext.0[i])), constant);
        Ext([coordinate(0, constant), coordinate(1, F::ZERO)])
    }
}

/// The partial rounds as affine forms: everything between two S-boxes is linear, so each S-box
/// input is a form in the 12 inputs of the section and the S-box outputs before it.
pub struct PartialRounds {
    /// Input of each S-box.
    pub sbox_inputs: Vec<Form>,
    /// State after the section.
    pub outputs: Vec<Form>,
}

/// Coefficients over inputs and S-box outputs, and the constant.
#[derive(Clone, Debug)]
pub struct Form {
    coefficients: [F; SPONGE_WIDTH + N_PARTIAL_ROUNDS],
    constant: F,
}

impl Form {
    fn zero() -> Self {
        Self { coefficients: [F::ZERO; SPONGE_WIDTH + N_PARTIAL_ROUNDS], constant: F::ZERO }
    }

    fn unit(i: usize, constant: u64) -> Self {
        let mut form = Self::zero();
        form.coefficients[i] = F::ONE;
        form.constant = F::from_canonical_u64(constant);
        form
    }

    fn add(&mut self, other: &Form, factor: u64) {
        let factor = F::from_canonical_u64(factor);
        self.coefficients.iter_mut().zip(other.coefficients).for_each(|(a, b)| *a += b * factor);
        self.constant += other.constant * factor;
    }

    /// The form at a basis, which may be shorter than the form where that is zero.
    pub fn at<T: Linear>(&self, basis: &[T]) -> T {
        debug_assert!(self.coefficients[basis.len()..].iter().all(|c| *c == F::ZERO));
        let terms = self.coefficients.iter().copied().zip(basis).filter(|(factor, _)| *factor != F::ZERO);
        T::combine(terms, self.constant)
    }
}

/// The forms of plonky2's instance.
pub static PARTIAL: LazyLock<PartialRounds> = LazyLock::new(|| {
    let mut state: State<Form> =
        std::array::from_fn(|i| Form::unit(i, <F as Poseidon>::FAST_PARTIAL_FIRST_ROUND_CONSTANT[i]));
    let first = state.clone();
    for (column, form) in state.iter_mut().enumerate().skip(1) {
        *form = Form::zero();
        for (input, row) in first[1..].iter().zip(<F as Poseidon>::FAST_PARTIAL_ROUND_INITIAL_MATRIX) {
            form.add(input, row[column - 1]);
        }
    }
    let mut sbox_inputs = Vec::with_capacity(N_PARTIAL_ROUNDS);
    for round in 0..N_PARTIAL_ROUNDS {
        sbox_inputs.push(state[0].clone());
        let last = round + 1 == N_PARTIAL_ROUNDS;
        let constant = if last { 0 } else { <F as Poseidon>::FAST_PARTIAL_ROUND_CONSTANTS[round] };
        let sbox = Form::unit(SPONGE_WIDTH + round, constant);
        let mut next = Form::zero();
        next.add(&sbox, <F as Poseidon>::MDS_MATRIX_CIRC[0] + <F as Poseidon>::MDS_MATRIX_DIAG[0]);
        let weights = <F as Poseidon>::FAST_PARTIAL_ROUND_W_HATS[round];
        let factors = <F as Poseidon>::FAST_PARTIAL_ROUND_VS[round];
        for ((form, weight), factor) in state[1..].iter_mut().zip(weights).zip(factors) {
            next.add(form, weight);
            form.add(&sbox, factor);
        }
        state[0] = next;
    }
    PartialRounds { sbox_inputs, outputs: state.to_vec() }
});

/// The MDS matrix, and the round constants added after it if a round is given.
pub fn mds<T: Linear>(state: &State<T>, next_round: Option<usize>) -> State<T> {
    std::array::from_fn(|row| {
        let coefficient = |column: usize| {
            let circulant = <F as Poseidon>::MDS_MATRIX_CIRC[(column + SPONGE_WIDTH - row) % SPONGE_WIDTH];
            let diagonal = if column == row { <F as Poseidon>::MDS_MATRIX_DIAG[row] } else { 0 };
            F::from_canonical_u64(circulant + diagonal)
        };
        let constant = next_round.map_or(F::ZERO, |round| round_constant(round, row));
        T::combine((0..SPONGE_WIDTH).map(|column| (coefficient(column), &state[column])), constant)
    })
}

/// Constant of element `i` in a round.
pub fn round_constant(round: usize, i: usize) -> F {
    F::from_canonical_u64(ALL_ROUND_CONSTANTS[SPONGE_WIDTH * round + i])
}

/// First round after the partial ones.
pub const SECOND_HALF: usize = HALF_N_FULL_ROUNDS + N_PARTIAL_ROUNDS;

fn sbox(system: &mut System, x: &Lazy) -> Lazy {
    let x = x.within(system, 66);
    let cube = x.times(system, &x, 66).times(system, &x, 0).reduce(system);
    cube.times(system, &cube, 66).times(system, &x, 0)
}

fn permute(system: &mut System, state: &State<Lazy>) -> State<Lazy> {
    let mut state: State<Lazy> = std::array::from_fn(|i| state[i].plus(&Lazy::constant(round_constant(0, i))));
    for round in 0..HALF_N_FULL_ROUNDS {
        let next = (round + 1 < HALF_N_FULL_ROUNDS).then_some(round + 1);
        state = mds(&state.each_ref().map(|x| sbox(system, x)), next);
    }
    let mut basis: Vec<Lazy> = state.iter().map(|x| x.reduce(system)).collect();
    for form in &PARTIAL.sbox_inputs {
        let input = form.at(&basis[..]);
        let output = sbox(system, &input).reduce(system);
        basis.push(output);
    }
    for (i, form) in PARTIAL.outputs.iter().enumerate() {
        state[i] = form.at(&basis[..]).plus(&Lazy::constant(round_constant(SECOND_HALF, i)));
    }
    for round in 0..HALF_N_FULL_ROUNDS {
        let next = (round + 1 < HALF_N_FULL_ROUNDS).then_some(SECOND_HALF + round + 1);
        state = mds(&state.each_ref().map(|x| sbox(system, x)), next);
    }
    state
}

/// `PoseidonHash::hash_no_pad`, as four canonical elements.
pub fn hash(system: &mut System, inputs: &[Lazy]) -> [Lazy; 4] {
    let mut state: State<Lazy> = std::array::from_fn(|_| Lazy::zero());
    for block in inputs.chunks(<PoseidonPermutation<F> as PlonkyPermutation<F>>::RATE) {
        state.iter_mut().zip(block).for_each(|(element, input)| *element = input.clone());
        state = permute(system, &state);
    }
    std::array::from_fn(|i| state[i].reduce_canonical(system))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plonky2::field::types::Sample;
    use plonky2::hash::poseidon::PoseidonHash;
    use plonky2::plonk::config::Hasher;

    #[test]
    fn hash_agrees_with_plonky2() {
        let mut system = System::new(true);
        let elements = F::rand_vec(8);
        let inputs: Vec<Lazy> = elements.iter().map(|x| Lazy::witness(&mut system, *x)).collect();
        let before = system.constraints();
        let output = hash(&mut system, &inputs);
        println!("Goldilocks Poseidon: {} constraints", system.constraints() - before);
        assert_eq!(output.map(|x| x.value()), PoseidonHash::hash_no_pad(&elements).elements);
        assert!(system.is_satisfied());
    }
}
