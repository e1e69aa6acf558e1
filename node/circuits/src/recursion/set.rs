//! The circuit set: which circuits a statement may have been proven by.

use gavel_types::statement::Kind;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::hash::merkle_proofs::MerkleProofTarget;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::PartialWitness;
use plonky2::plonk::circuit_data::VerifierCircuitTarget;

use super::kind_element;
use crate::circuit::{self, VerifierKey, hash, hash_in_circuit, hash_pair};
use crate::error::CircuitError;
use crate::{Builder, F};

/// Depth of the Merkle tree over the circuits.
pub const SET_DEPTH: usize = 4;
/// Circuits that a set can hold.
pub const SET_CAPACITY: usize = 1 << SET_DEPTH;

/// A circuit of the common shape, listed under the kind of statement that it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetEntry {
    pub kind: Kind,
    /// Key of the last shrinking step.
    pub key: VerifierKey,
}

/// An ordered list of circuits and the Merkle tree over it. A place without a circuit holds the
/// zero digest, of which nobody knows a preimage.
#[derive(Clone, Debug)]
pub struct CircuitSet {
    entries: Vec<SetEntry>,
    /// Layers of the tree, leaves first, root last.
    layers: Vec<Vec<HashOut<F>>>,
}

/// Leaf of a circuit: Poseidon(kind, constants-sigmas cap, circuit digest).
pub fn leaf(kind: Kind, key: &VerifierKey) -> HashOut<F> {
    let cap = key.constants_sigmas_cap.0.iter().flat_map(|node| node.elements);
    let inputs: Vec<F> = std::iter::once(kind_element(kind)).chain(cap).chain(key.circuit_digest.elements).collect();
    hash(&inputs)
}

impl CircuitSet {
    /// The set of `entries`, in this order.
    ///
    /// # Errors
    /// [`CircuitError::CircuitSetFull`] for more than [`SET_CAPACITY`] entries.
    pub fn new(entries: Vec<SetEntry>) -> Result<Self, CircuitError> {
        if entries.len() > SET_CAPACITY {
            return Err(CircuitError::CircuitSetFull { limit: SET_CAPACITY, got: entries.len() });
        }
        let mut leaves: Vec<_> = entries.iter().map(|entry| leaf(entry.kind, &entry.key)).collect();
        leaves.resize(SET_CAPACITY, HashOut::ZERO);
        let mut layers = vec![leaves];
        while let [.., below] = layers.as_slice()
            && below.len() > 1
        {
            layers.push(below.chunks_exact(2).map(|pair| hash_pair(pair[0], pair[1])).collect());
        }
        Ok(CircuitSet { entries, layers })
    }

    /// Root of the tree: word 1 of every statement.
    pub fn root(&self) -> HashOut<F> {
        self.layers[SET_DEPTH][0]
    }

    /// All circuits in order.
    pub fn entries(&self) -> &[SetEntry] {
        &self.entries
    }

    /// The circuit at `index`.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`].
    pub fn entry(&self, index: usize) -> Result<&SetEntry, CircuitError> {
        self.entries.get(index).ok_or(CircuitError::UnknownCircuit { index })
    }

    /// Siblings on the path from a leaf to the root, lowest first.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`].
    pub fn path(&self, index: usize) -> Result<[HashOut<F>; SET_DEPTH], CircuitError> {
        self.entry(index)?;
        Ok(std::array::from_fn(|height| self.layers[height][(index >> height) ^ 1]))
    }
}

/// A path in the set as a witness.
#[derive(Clone, Debug)]
pub struct MembershipTarget {
    pub(crate) index: [BoolTarget; SET_DEPTH],
    pub(crate) path: [HashOutTarget; SET_DEPTH],
}

impl MembershipTarget {
    /// An unconstrained path.
    pub fn new(b: &mut Builder) -> Self {
        MembershipTarget {
            index: std::array::from_fn(|_| b.add_virtual_bool_target_safe()),
            path: std::array::from_fn(|_| b.add_virtual_hash()),
        }
    }

    /// Constrains (kind, key) to be in the set under `root`: 13 rows.
    pub fn verify(&self, b: &mut Builder, kind: Target, key: &VerifierCircuitTarget, root: HashOutTarget) {
        let cap = key.constants_sigmas_cap.0.iter().flat_map(|node| node.elements);
        let inputs = std::iter::once(kind).chain(cap).chain(key.circuit_digest.elements).collect();
        let leaf = hash_in_circuit(b, inputs);
        let proof = MerkleProofTarget { siblings: self.path.to_vec() };
        b.verify_merkle_proof::<PoseidonHash>(leaf.elements.to_vec(), &self.index, root, &proof);
    }

    /// Sets the path of the circuit at `index`.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`].
    pub fn set(&self, pw: &mut PartialWitness<F>, set: &CircuitSet, index: usize) -> Result<(), CircuitError> {
        let path = set.path(index)?;
        for (height, (bit, sibling)) in self.index.into_iter().zip(self.path).enumerate() {
            circuit::set_bool(pw, bit, index >> height & 1 == 1)?;
            circuit::set_hash(pw, sibling, path[height])?;
        }
        Ok(())
    }
}
