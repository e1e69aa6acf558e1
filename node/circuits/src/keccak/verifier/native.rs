//! The verifier on values.

use super::{Algebra, opening, verify_layers};
use crate::keccak::KeccakError;
use crate::keccak::error::Check;
use crate::keccak::extension::{Ext, signed};
use crate::keccak::proof::KeccakProof;
use crate::keccak::prover::opening::instance;
use crate::keccak::shape::KeccakShape;
use crate::keccak::stream::{Bus, Challenges};
use crate::keccak::transcript::Transcript;
use crate::{C, D, F};
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;
use plonky2::fri::structure::{FriOpeningBatch, FriOpenings};
use plonky2::fri::verifier::verify_fri_proof;
use plonky2::hash::hash_types::HashOut;

/// Values, with the first check that failed.
struct Values {
    /// Not there until the bus challenges were handed out.
    transcript: Transcript,
    /// Bus challenges, drawn when the transcript was started.
    drawn: Vec<Ext>,
    rejected: Option<Check>,
    /// A check to leave out, to show in tests that it is the one that rejects.
    ignored: fn(Check) -> bool,
}

impl Values {
    fn require(&mut self, check: Check, holds: bool) {
        if !holds && !(self.ignored)(check) && self.rejected.is_none() {
            self.rejected = Some(check);
        }
    }
}

impl Algebra for Values {
    type Value = Ext;

    fn constant(&mut self, value: i64) -> Ext {
        signed(value)
    }

    fn generator(&mut self) -> Ext {
        QuadraticExtension([F::ZERO, F::ONE])
    }

    fn arithmetic(&mut self, c0: F, c1: F, a: Ext, b: Ext, c: Ext) -> Ext {
        Ext::from(c0) * a * b + Ext::from(c1) * c
    }

    fn inverse(&mut self, check: Check, a: Ext) -> Ext {
        self.require(check, a != Ext::ZERO);
        a.try_inverse().unwrap_or(Ext::ZERO)
    }

    fn absorb(&mut self, values: &[Ext]) {
        self.transcript.absorb(values);
    }

    fn challenge(&mut self) -> Ext {
        self.drawn.pop().unwrap_or_else(|| self.transcript.challenge())
    }

    fn assert_equal(&mut self, check: Check, a: Ext, b: Ext) {
        self.require(check, a == b);
    }
}

/// Verifies a proof and returns what it says: the fold of its messages at the bus challenges. The
/// caller folds its own reading with [`crate::keccak::Stream`] and compares.
///
/// # Errors
/// [`KeccakError::ProofShape`] for a proof of another shape, [`KeccakError::Rejected`] with the first
/// check that fails.
pub fn verify(shape: &KeccakShape, consumer_commitment: HashOut<F>, proof: &KeccakProof) -> Result<Bus, KeccakError> {
    let start = Transcript::start(shape, &proof.cap, consumer_commitment);
    verify_with(shape, start, proof, |_| false)
}

/// [`verify`] on a transcript past the bus challenges, without the checks that `ignored` names.
pub(in crate::keccak) fn verify_with(
    shape: &KeccakShape,
    (transcript, challenges): (Transcript, Challenges),
    proof: &KeccakProof,
    ignored: fn(Check) -> bool,
) -> Result<Bus, KeccakError> {
    let messages = &proof.messages;
    proof.check_shape(shape)?;
    let drawn = vec![challenges.beta, challenges.alpha];
    let mut a = Values { transcript, drawn, rejected: None, ignored };
    let (bus, claim) = verify_layers(&mut a, shape, messages);
    a.transcript.absorb_cap(&proof.quotient_cap);
    let point = a.challenge();
    let inverse = opening::verify(&mut a, messages, &claim, point);
    if let Some(check) = a.rejected {
        return Err(KeccakError::Rejected(check));
    }

    let params = shape.fri_params();
    let fri = &proof.fri;
    let challenges_fri = a.transcript.challenger.fri_challenges::<C, D>(
        &fri.commit_phase_merkle_caps,
        &fri.final_poly,
        fri.pow_witness,
        params.degree_bits,
        &params.config,
        None,
        None,
    );
    let batches = [&messages.at_point, &messages.at_inverse].map(|values| FriOpeningBatch { values: values.clone() });
    verify_fri_proof::<F, C, D>(
        &instance(point, inverse),
        &FriOpenings { batches: batches.into() },
        &challenges_fri,
        &[proof.cap.clone(), proof.quotient_cap.clone()],
        fri,
        &params,
    )
    .map_err(|_| KeccakError::Rejected(Check::Fri))?;
    Ok(Bus { challenges, sum: bus.sum })
}
