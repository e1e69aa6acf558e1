//! A circuit that does nothing but verify one argument: what a batch costs with its recursion.

use super::{KeccakError, KeccakProof, KeccakShape, KeccakTarget};
use crate::{Builder, C, D, F};
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_data::CircuitData;
use plonky2::plonk::proof::ProofWithPublicInputs;

/// Public inputs: the consumer's commitment (4), α (2), β (2) and the bus sum (2).
pub struct Standalone {
    data: CircuitData<F, C, D>,
    rows: usize,
    target: KeccakTarget,
    commitment: HashOutTarget,
}

impl Standalone {
    /// Builds the circuit for a shape, under the shape's profile.
    pub fn build(shape: &KeccakShape) -> Self {
        let mut b = Builder::new(shape.profile().recursion_config());
        let target = KeccakTarget::new(&mut b, shape);
        let commitment = b.add_virtual_hash();
        let bus = target.verify(&mut b, commitment);
        b.register_public_inputs(&commitment.elements);
        for value in [bus.alpha, bus.beta, bus.sum] {
            b.register_public_inputs(&value.0);
        }
        let rows = b.num_gates();
        Self { data: b.build::<C>(), rows, target, commitment }
    }

    /// Rows before padding to a power of two.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// log2 of the rows after padding.
    pub fn degree_bits(&self) -> usize {
        self.data.common.degree_bits()
    }

    /// Proves that the circuit's verifier accepts `proof`.
    ///
    /// # Errors
    /// [`KeccakError::ProofShape`] for another shape; [`KeccakError::Witness`] if the proof does not verify.
    pub fn prove(
        &self,
        consumer_commitment: HashOut<F>,
        proof: &KeccakProof,
    ) -> Result<ProofWithPublicInputs<F, C, D>, KeccakError> {
        let mut witness = PartialWitness::new();
        self.target.set_witness(&mut witness, proof)?;
        let failed = |error: anyhow::Error| KeccakError::Witness(error.to_string());
        witness.set_hash_target(self.commitment, consumer_commitment).map_err(failed)?;
        self.data.prove(witness).map_err(failed)
    }

    /// Verifies what [`Standalone::prove`] made.
    ///
    /// # Errors
    /// [`KeccakError::Witness`] if it does not verify.
    pub fn verify(&self, proof: ProofWithPublicInputs<F, C, D>) -> Result<(), KeccakError> {
        self.data.verify(proof).map_err(|error| KeccakError::Witness(error.to_string()))
    }
}
