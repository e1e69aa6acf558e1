//! A slot: the place in a circuit where a shrunk proof of admissible kind is verified.

use gavel_types::statement::{Kind, Statement};
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::PartialWitness;
use plonky2::plonk::circuit_data::VerifierCircuitTarget;

use super::set::{CircuitSet, MembershipTarget};
use super::{PublicInputs, kind_element};
use crate::circuit::{self, Common, Proof, ProofTarget};
use crate::error::CircuitError;
use crate::statement::{WordsTarget, header_word_of, statement_digest, word_from_hash};
use crate::{Builder, F};

/// A proof in the common shape with what it states.
#[derive(Clone, Debug)]
pub struct ShrunkProof {
    pub proof: Proof,
    /// Place of its circuit in the set.
    pub circuit: usize,
    pub statement: Statement,
}

impl ShrunkProof {
    /// Checks everything: the circuit is in the set under the statement's kind, the statement
    /// names this set, the public inputs are the statement's, and the proof verifies.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`], [`CircuitError::Kind`], [`CircuitError::Statement`],
    /// [`CircuitError::Verify`].
    pub fn verify(&self, common: &Common, set: &CircuitSet) -> Result<(), CircuitError> {
        let entry = set.entry(self.circuit)?;
        let kind = self.statement.claim.kind;
        if entry.kind != kind {
            return Err(CircuitError::Kind { expected: vec![entry.kind], got: kind });
        }
        let expected = PublicInputs {
            kind: kind_element(kind),
            set_root: set.root(),
            words_digest: statement_digest(&self.statement),
        };
        let got = PublicInputs::try_from(self.proof.public_inputs.as_slice())?;
        if got != expected || self.statement.claim.circuit_set != word_from_hash(set.root()) {
            return Err(CircuitError::Statement);
        }
        circuit::verify(&entry.key, common, &self.proof)
    }
}

/// A verified child in a circuit.
#[derive(Clone, Debug)]
pub struct SlotTarget {
    proof: ProofTarget,
    key: VerifierCircuitTarget,
    membership: MembershipTarget,
    admissible: Vec<Kind>,
    words: WordsTarget,
}

/// Verifies a shrunk proof whose kind is one of `admissible`, whose circuit is in the set under
/// `set_root`, and which names that same root. About 7,700 rows under the production profile.
///
/// The words of the child are a witness bound by its digest; word 0 is fixed to this version and
/// the child's kind, and word 1 to `set_root`. Their limbs are u32 because every circuit of the
/// set checked its own.
pub fn verify_slot(b: &mut Builder, common: &Common, admissible: &[Kind], set_root: HashOutTarget) -> SlotTarget {
    let slot = SlotTarget::new(b, common, admissible);
    circuit::verify_in_circuit(b, &slot.proof, &slot.key, common);
    slot.check_kind(b);
    slot.check_membership(b, set_root);
    slot.check_root(b, set_root);
    slot.check_words(b);
    slot
}

/// Constrains `kind` to be one of a constant list.
fn assert_kind(b: &mut Builder, kind: Target, admissible: &[Kind]) {
    let mut product = b.one();
    for admitted in admissible {
        let difference = b.add_const(kind, -kind_element(*admitted));
        product = b.mul(product, difference);
    }
    b.assert_zero(product);
}

impl SlotTarget {
    /// The witnesses of a slot. The checks below are separate so that a test can leave one out.
    pub(crate) fn new(b: &mut Builder, common: &Common, admissible: &[Kind]) -> Self {
        SlotTarget {
            proof: circuit::add_proof(b, common),
            key: circuit::add_key(b, common),
            membership: MembershipTarget::new(b),
            admissible: admissible.to_vec(),
            words: WordsTarget::new_virtual(b),
        }
    }

    /// The child's kind is admissible, and word 0 names it.
    pub(crate) fn check_kind(&self, b: &mut Builder) {
        assert_kind(b, self.kind(), &self.admissible);
        let header = header_word_of(b, self.kind());
        header.connect(b, &self.words[0]);
    }

    /// The child's circuit is in the set under the child's kind.
    pub(crate) fn check_membership(&self, b: &mut Builder, set_root: HashOutTarget) {
        self.membership.verify(b, self.kind(), &self.key, set_root);
    }

    /// The child states the set whose root is `set_root`, in its public inputs and in word 1.
    pub(crate) fn check_root(&self, b: &mut Builder, set_root: HashOutTarget) {
        b.connect_hashes(self.public_hash(1), set_root);
        let word = self.words[1].to_hash(b);
        b.connect_hashes(word, set_root);
    }

    /// The words are those of the child's digest.
    pub(crate) fn check_words(&self, b: &mut Builder) {
        let digest = self.words.digest(b);
        b.connect_hashes(digest, self.public_hash(5));
    }

    fn public_hash(&self, from: usize) -> HashOutTarget {
        HashOutTarget { elements: std::array::from_fn(|i| self.proof.public_inputs[from + i]) }
    }

    /// What the child states.
    pub fn words(&self) -> &WordsTarget {
        &self.words
    }

    /// The child's kind, one of the admissible ones.
    pub fn kind(&self) -> Target {
        self.proof.public_inputs[0]
    }

    /// The verified proof and its key, for tamper tests.
    pub fn inner(&self) -> (&ProofTarget, &VerifierCircuitTarget) {
        (&self.proof, &self.key)
    }

    /// Sets the child.
    ///
    /// # Errors
    /// [`CircuitError::Kind`] when it is not admissible here, [`CircuitError::UnknownCircuit`].
    pub fn set_witness(
        &self,
        pw: &mut PartialWitness<F>,
        child: &ShrunkProof,
        set: &CircuitSet,
    ) -> Result<(), CircuitError> {
        let kind = child.statement.claim.kind;
        if !self.admissible.contains(&kind) {
            return Err(CircuitError::Kind { expected: self.admissible.clone(), got: kind });
        }
        self.set_unchecked(pw, child, set)
    }

    /// [`SlotTarget::set_witness`] without looking at the kind, for tamper tests.
    ///
    /// # Errors
    /// [`CircuitError::UnknownCircuit`].
    pub fn set_unchecked(
        &self,
        pw: &mut PartialWitness<F>,
        child: &ShrunkProof,
        set: &CircuitSet,
    ) -> Result<(), CircuitError> {
        circuit::set_proof(pw, &self.proof, &child.proof)?;
        circuit::set_key(pw, &self.key, &set.entry(child.circuit)?.key)?;
        self.membership.set(pw, set, child.circuit)?;
        self.words.set(pw, &child.statement.words())
    }
}
