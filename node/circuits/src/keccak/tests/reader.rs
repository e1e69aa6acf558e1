//! An example consumer: a circuit that reads a list of messages of any length up to a bound, commits to
//! what it read, verifies the argument and demands that both lists are the same.

use super::{F, KeccakError, KeccakShape, Read};
use crate::keccak::consumer::fingerprint;
use crate::keccak::proof::KeccakProof;
use crate::keccak::{BusTarget, KeccakTarget, MessageTarget, StreamTarget};
use crate::{Builder, C, D};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::challenger::RecursiveChallenger;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::generate_partial_witness;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, PartitionWitness, WitnessWrite};
use plonky2::plonk::circuit_data::CircuitData;
use plonky2::plonk::config::Hasher;

/// Bytes of a slot.
const MAX_BYTES: usize = 160;
/// Messages read at most.
pub const SLOTS: usize = 3;

/// Constraints that a test may leave out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Complete,
    /// The fold is not compared with the bus.
    WithoutEquality,
    /// The challenges are drawn without the consumer's commitment.
    WithoutCommitment,
}

struct Slot {
    active: BoolTarget,
    length: Target,
    /// Byte k is part of the message.
    inside: Vec<BoolTarget>,
    bytes: Vec<Target>,
    digest: Vec<Target>,
}

pub struct Reader {
    pub data: CircuitData<F, C, D>,
    keccak: KeccakTarget,
    pub bus: BusTarget,
    pub folded: ExtensionTarget<D>,
    slots: Vec<Slot>,
}

/// What the circuit reads: a message or an empty slot.
pub type Reading = [Option<Read>; SLOTS];

/// Everything that a slot holds, in the order of the commitment.
fn slot_elements(slot: &Option<Read>) -> (Vec<F>, Vec<F>) {
    let padded = |values: &[F], size: usize| {
        let mut all = values.to_vec();
        all.resize(size, F::ZERO);
        all
    };
    let (active, bytes, digest) = match slot {
        Some(read) => (F::ONE, &read.bytes[..], &read.digest[..]),
        None => (F::ZERO, &[][..], &[][..]),
    };
    let length = F::from_canonical_usize(bytes.len());
    let all = [vec![active, length], padded(bytes, MAX_BYTES), padded(digest, 32)].concat();
    let inside = padded(&vec![F::ONE; bytes.len()], MAX_BYTES);
    (all, inside)
}

/// The commitment that the circuit computes.
pub fn commitment(reading: &Reading) -> HashOut<F> {
    let all: Vec<F> = reading.iter().flat_map(|slot| slot_elements(slot).0).collect();
    PoseidonHash::hash_no_pad(&all)
}

impl Slot {
    fn new(b: &mut Builder) -> Self {
        let inside: Vec<BoolTarget> = (0..MAX_BYTES).map(|_| b.add_virtual_bool_target_safe()).collect();
        for pair in inside.windows(2) {
            // once outside, always outside
            let both = b.and(pair[0], pair[1]);
            b.connect(both.target, pair[1].target);
        }
        Self {
            active: b.add_virtual_bool_target_safe(),
            length: b.add_many(inside.iter().map(|flag| flag.target)),
            inside,
            bytes: b.add_virtual_targets(MAX_BYTES),
            digest: b.add_virtual_targets(32),
        }
    }

    fn elements(&self) -> Vec<Target> {
        [&[self.active.target, self.length], &self.bytes[..], &self.digest].concat()
    }

    fn message(&self, b: &mut Builder, alpha: ExtensionTarget<D>) -> MessageTarget {
        let mut message = b.zero_extension();
        for (&byte, inside) in self.bytes.iter().zip(&self.inside) {
            let byte = b.convert_to_ext(byte);
            let appended = b.mul_add_extension(message, alpha, byte);
            message = b.select_ext(*inside, appended, message);
        }
        let digest = fingerprint(b, alpha, &self.digest);
        MessageTarget { active: self.active, length: self.length, fingerprint: message, digest }
    }
}

impl Reader {
    pub fn build(shape: &KeccakShape, variant: Variant) -> Self {
        let mut b = Builder::new(shape.profile().recursion_config());
        let keccak = KeccakTarget::new(&mut b, shape);
        let slots: Vec<Slot> = (0..SLOTS).map(|_| Slot::new(&mut b)).collect();
        let read: Vec<Target> = slots.iter().flat_map(Slot::elements).collect();
        let commitment = b.hash_n_to_hash_no_pad::<PoseidonHash>(read);
        let bus = if variant == Variant::WithoutCommitment {
            let challenger = RecursiveChallenger::new(&mut b);
            keccak.verify_after(&mut b, challenger)
        } else {
            keccak.verify(&mut b, commitment)
        };
        let mut stream = StreamTarget::new(&mut b, &bus);
        for slot in &slots {
            let message = slot.message(&mut b, bus.alpha);
            stream.absorb(&mut b, &message);
        }
        let folded = stream.value();
        if variant != Variant::WithoutEquality {
            stream.finish(&mut b);
        }
        for value in [bus.alpha, bus.beta, bus.sum, folded] {
            b.register_public_inputs(&value.0);
        }
        Self { data: b.build::<C>(), keccak, bus, folded, slots }
    }

    /// Runs all generators on a proof and a reading; an error means that a constraint failed.
    pub fn witness(&self, proof: &KeccakProof, reading: &Reading) -> Result<PartitionWitness<'_, F>, KeccakError> {
        let mut witness = PartialWitness::new();
        self.keccak.set_witness(&mut witness, proof)?;
        let mut assign = || -> anyhow::Result<()> {
            for (slot, read) in self.slots.iter().zip(reading) {
                let (elements, inside) = slot_elements(read);
                // the length is computed from the flags
                witness.set_target(slot.active.target, elements[0])?;
                witness.set_target_arr(&slot.bytes, &elements[2..2 + MAX_BYTES])?;
                witness.set_target_arr(&slot.digest, &elements[2 + MAX_BYTES..])?;
                for (flag, value) in slot.inside.iter().zip(inside) {
                    witness.set_target(flag.target, value)?;
                }
            }
            Ok(())
        };
        let failed = |error: anyhow::Error| KeccakError::Witness(error.to_string());
        assign().map_err(failed)?;
        generate_partial_witness(witness, &self.data.prover_only, &self.data.common).map_err(failed)
    }
}
