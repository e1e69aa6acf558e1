//! The transcript in R1CS, in step with plonky2's challenger over [`crate::wrap::hash::Transcript`].

use ark_bn254::Fr;
use ark_ff::Field as _;
use gavel_circuits::F;
use plonky2::field::types::{Field64, PrimeField64};

use super::extension::Ext;
use super::goldilocks::{Lazy, enforce_canonical};
use super::linear::Lc;
use super::sponge::{pack, permute};
use super::system::{Rule, System};
use crate::wrap::hash::{PACK, RATE, RATE_SCALARS, digits, transcript_capacity};
use crate::wrap::poseidon2::SPONGE;

/// Bits of the fourth digit of a scalar.
const TOP_BITS: usize = 62;

/// A challenge: canonical, with its bits.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The element, below p.
    pub element: Lazy,
    /// Its bits, least significant first.
    pub bits: Vec<Lc>,
}

/// Duplex sponge over combinations.
#[derive(Debug)]
pub struct Transcript {
    state: [Lc; RATE_SCALARS + 1],
    input: Vec<Lc>,
    /// Digits not yet given out of the scalar decomposed last, next one last.
    output: Vec<Challenge>,
    /// Scalars of the rate decomposed since the last permutation; all of them before the first.
    squeezed: usize,
}

impl Default for Transcript {
    fn default() -> Self {
        let mut state = std::array::from_fn(|_| Lc::zero());
        state[RATE_SCALARS] = Lc::constant(transcript_capacity());
        Self { state, input: Vec::new(), output: Vec::new(), squeezed: RATE_SCALARS }
    }
}

impl Transcript {
    /// Absorbs an element that is canonical already.
    pub fn absorb(&mut self, system: &mut System, element: &Lc) {
        self.output.clear();
        self.squeezed = RATE_SCALARS;
        self.input.push(element.clone());
        if self.input.len() == RATE {
            self.permute(system);
        }
    }

    /// Absorbs a constant.
    pub fn absorb_constant(&mut self, system: &mut System, element: F) {
        self.absorb(system, &Lc::constant(Fr::from(element.to_canonical_u64())));
    }

    /// Absorbs an extension element with canonical coordinates.
    pub fn absorb_extension(&mut self, system: &mut System, element: &Ext) {
        element.0.iter().for_each(|coordinate| self.absorb(system, coordinate.lc()));
    }

    /// Absorbs a Merkle node as its four digits.
    pub fn absorb_node(&mut self, system: &mut System, node: &Lc) {
        if let Some(node) = node.as_constant() {
            for digit in digits(node) {
                self.absorb(system, &Lc::constant(Fr::from(digit)));
            }
            return;
        }
        let (low, top) = decompose(system, node);
        for digit in &low {
            self.absorb(system, digit.element.lc());
        }
        self.absorb(system, &top);
    }

    /// The next challenge.
    pub fn challenge(&mut self, system: &mut System) -> Challenge {
        if !self.input.is_empty() || (self.output.is_empty() && self.squeezed == RATE_SCALARS) {
            self.permute(system);
        }
        if self.output.is_empty() {
            let (digits, _) = decompose(system, &self.state[self.squeezed].clone());
            self.squeezed += 1;
            self.output.extend(digits.into_iter().rev());
        }
        self.output.pop().expect("a scalar has three digits")
    }

    /// The next challenge as an element.
    pub fn element(&mut self, system: &mut System) -> Lazy {
        self.challenge(system).element
    }

    /// Two challenges as an extension element.
    pub fn extension(&mut self, system: &mut System) -> Ext {
        Ext([self.element(system), self.element(system)])
    }

    fn permute(&mut self, system: &mut System) {
        for (scalar, packed) in self.state.iter_mut().zip(self.input.chunks(PACK)) {
            *scalar = pack(packed);
        }
        self.state[RATE_SCALARS] = self.state[RATE_SCALARS].plus_constant(Fr::from(self.input.len() as u64));
        self.state = permute(system, &SPONGE, &self.state);
        self.input.clear();
        self.output.clear();
        self.squeezed = 0;
    }
}

/// The digits of a scalar in base p: three canonical ones and the fourth.
///
/// Uniqueness: the fourth digit is strictly below that of the modulus, so the digits add up to an
/// integer below the modulus. A scalar in the top 2^-61 of the field has no decomposition; the
/// prover then needs another proof.
pub fn decompose(system: &mut System, scalar: &Lc) -> ([Challenge; PACK], Lc) {
    let [low @ .., _] = digits(scalar.value());
    decompose_as(system, scalar, low)
}

/// [`decompose`] with given values of the low digits.
fn decompose_as(system: &mut System, scalar: &Lc, low: [u64; PACK]) -> ([Challenge; PACK], Lc) {
    let low = low.map(|value| {
        let digit = system.witness(Fr::from(value));
        let bits = enforce_canonical(system, &digit);
        Challenge { element: Lazy::bounded(digit, 64), bits }
    });
    let base = Fr::from(F::ORDER);
    let sum = low.iter().rev().fold(Lc::zero(), |sum, digit: &Challenge| sum.scaled(base).plus(digit.element.lc()));
    let place = (base * base * base).inverse().expect("p is not r");
    let top = scalar.minus(&sum).scaled(place);
    let limit = digits(-Fr::from(1u64))[PACK];
    system.range(&top, TOP_BITS, Rule::SqueezeUnique);
    system.range(&top.plus_constant(Fr::from((1u64 << TOP_BITS) - limit)), TOP_BITS, Rule::SqueezeUnique);
    (low, top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wrap::hash::FinalHasher;
    use alloy_primitives::U256;
    use ark_ff::PrimeField;
    use plonky2::field::types::Sample;
    use plonky2::iop::challenger::Challenger;

    #[test]
    fn challenges_agree_with_plonky2() {
        let mut system = System::new(true);
        let mut native = Challenger::<F, FinalHasher>::new();
        let mut transcript = Transcript::default();
        for (inputs, outputs) in [(7, 4), (0, 2), (45, 1), (50, 44), (0, 3), (1, 1), (90, 46)] {
            for element in F::rand_vec(inputs) {
                native.observe_element(element);
                let witness = system.witness(Fr::from(element.to_canonical_u64()));
                transcript.absorb(&mut system, &witness);
            }
            for _ in 0..outputs {
                assert_eq!(transcript.element(&mut system).value(), native.get_challenge());
            }
        }
        assert!(system.is_satisfied());
    }

    /// The digits of x + r are another decomposition of the scalar x.
    #[test]
    fn a_squeeze_has_one_decomposition() {
        let x = U256::from(12_345_678_901_234_567_890u64);
        let mut rest = x + U256::from_limbs(Fr::MODULUS.0);
        let order = U256::from(F::ORDER);
        let other: [u64; PACK] = std::array::from_fn(|_| {
            let digit = rest % order;
            rest /= order;
            digit.to::<u64>()
        });
        for (digits, with, without) in [(digits(Fr::from(12_345_678_901_234_567_890u64)), true, true)]
            .map(|([low @ .., _], with, without)| (low, with, without))
            .into_iter()
            .chain([(other, false, true)])
        {
            for (mut system, expected) in [(System::new(false), with), (System::relaxed(Rule::SqueezeUnique), without)]
            {
                let scalar = system.witness(Fr::from(12_345_678_901_234_567_890u64));
                decompose_as(&mut system, &scalar, digits);
                assert_eq!(system.is_satisfied(), expected);
            }
        }
    }
}
