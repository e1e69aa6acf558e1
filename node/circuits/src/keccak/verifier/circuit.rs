//! The verifier as part of a plonky2 circuit.

use super::{Algebra, opening, verify_layers};
use crate::keccak::KeccakError;
use crate::keccak::consumer::BusTarget;
use crate::keccak::error::Check;
use crate::keccak::proof::{KeccakProof, Messages};
use crate::keccak::shape::{COLUMNS, KeccakShape};
use crate::{Builder, C, D, F};
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;
use plonky2::fri::proof::FriProofTarget;
use plonky2::fri::structure::{
    FriBatchInfoTarget, FriInstanceInfoTarget, FriOpeningBatchTarget, FriOpeningsTarget, FriOracleInfo,
    FriPolynomialInfo,
};
use plonky2::fri::witness_util::set_fri_proof_target;
use plonky2::hash::hash_types::{HashOutTarget, MerkleCapTarget};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::challenger::RecursiveChallenger;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::witness::WitnessWrite;

type Challenger = RecursiveChallenger<F, PoseidonHash, D>;

/// Targets of a builder. Constants are cached by the builder.
struct Targets<'a> {
    b: &'a mut Builder,
    challenger: Challenger,
}

fn field(value: i64) -> F {
    let magnitude = F::from_canonical_u64(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

impl Algebra for Targets<'_> {
    type Value = ExtensionTarget<D>;

    fn constant(&mut self, value: i64) -> ExtensionTarget<D> {
        self.b.constant_extension(field(value).into())
    }

    fn generator(&mut self) -> ExtensionTarget<D> {
        self.b.constant_extension(QuadraticExtension([F::ZERO, F::ONE]))
    }

    fn arithmetic(
        &mut self,
        c0: F,
        c1: F,
        a: ExtensionTarget<D>,
        b: ExtensionTarget<D>,
        c: ExtensionTarget<D>,
    ) -> ExtensionTarget<D> {
        self.b.arithmetic_extension(c0, c1, a, b, c)
    }

    fn inverse(&mut self, _check: Check, a: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.b.inverse_extension(a)
    }

    fn absorb(&mut self, values: &[ExtensionTarget<D>]) {
        self.challenger.observe_extension_elements(values);
    }

    fn challenge(&mut self) -> ExtensionTarget<D> {
        self.challenger.get_extension_challenge(self.b)
    }

    fn assert_equal(&mut self, _check: Check, a: ExtensionTarget<D>, b: ExtensionTarget<D>) {
        self.b.connect_extension(a, b);
    }
}

/// A proof inside a circuit.
#[derive(Debug)]
pub struct KeccakTarget {
    shape: KeccakShape,
    cap: MerkleCapTarget,
    messages: Messages<ExtensionTarget<D>>,
    quotient_cap: MerkleCapTarget,
    fri: FriProofTarget<D>,
}

impl KeccakTarget {
    /// Targets for a proof of this shape.
    pub fn new(b: &mut Builder, shape: &KeccakShape) -> Self {
        let cap_height = shape.profile().recursion().cap_height;
        Self {
            shape: *shape,
            cap: b.add_virtual_cap(cap_height),
            messages: Messages::build(shape, || b.add_virtual_extension_target()),
            quotient_cap: b.add_virtual_cap(cap_height),
            fri: b.add_virtual_fri_proof(&[COLUMNS, 2], &shape.fri_params()),
        }
    }

    /// Verifies the proof, with the challenges bound to `consumer_commitment`, a hash of everything
    /// that the circuit will fold with [`crate::keccak::StreamTarget`] at the returned bus.
    pub fn verify(&self, b: &mut Builder, consumer_commitment: HashOutTarget) -> BusTarget {
        let mut challenger = Challenger::new(b);
        let header = b.constants(&self.shape.header());
        challenger.observe_elements(&header);
        challenger.observe_cap(&self.cap);
        challenger.observe_hash(&consumer_commitment);
        self.verify_after(b, challenger)
    }

    /// [`KeccakTarget::verify`] with a challenger that absorbed every commitment.
    pub(in crate::keccak) fn verify_after(&self, b: &mut Builder, challenger: Challenger) -> BusTarget {
        let mut a = Targets { b, challenger };
        let (bus, claim) = verify_layers(&mut a, &self.shape, &self.messages);
        a.challenger.observe_cap(&self.quotient_cap);
        let point = a.challenge();
        let inverse = opening::verify(&mut a, &self.messages, &claim, point);
        let Targets { b, mut challenger } = a;

        let params = self.shape.fri_params();
        let challenges = challenger.fri_challenges(
            b,
            &self.fri.commit_phase_merkle_caps,
            &self.fri.final_poly,
            self.fri.pow_witness,
            &params.config,
        );
        let polynomials =
            || [FriPolynomialInfo::from_range(0, 0..COLUMNS), FriPolynomialInfo::from_range(1, 0..2)].concat();
        let instance = FriInstanceInfoTarget {
            oracles: [COLUMNS, 2].map(|num_polys| FriOracleInfo { num_polys, blinding: false }).into(),
            batches: [point, inverse].map(|point| FriBatchInfoTarget { point, polynomials: polynomials() }).into(),
        };
        let batches = [&self.messages.at_point, &self.messages.at_inverse];
        let openings =
            FriOpeningsTarget { batches: batches.map(|v| FriOpeningBatchTarget { values: v.clone() }).into() };
        let caps = [self.cap.clone(), self.quotient_cap.clone()];
        b.verify_fri_proof::<C>(&instance, &openings, &challenges, &caps, &self.fri, &params);
        BusTarget { alpha: bus.alpha, beta: bus.beta, sum: bus.sum }
    }

    /// Assigns a proof.
    ///
    /// # Errors
    /// [`KeccakError::ProofShape`] for a proof of another shape, [`KeccakError::Witness`] if the witness
    /// already holds other values.
    pub fn set_witness<W: WitnessWrite<F>>(&self, witness: &mut W, proof: &KeccakProof) -> Result<(), KeccakError> {
        proof.check_shape(&self.shape)?;
        let assign = |witness: &mut W| -> anyhow::Result<()> {
            witness.set_cap_target(&self.cap, &proof.cap)?;
            witness.set_cap_target(&self.quotient_cap, &proof.quotient_cap)?;
            for (&target, &value) in self.messages.elements().into_iter().zip(proof.messages.elements()) {
                witness.set_extension_target(target, value)?;
            }
            set_fri_proof_target(witness, &self.fri, &proof.fri)
        };
        assign(witness).map_err(|error| KeccakError::Witness(error.to_string()))
    }
}
