//! The smallest base circuits: they state any words that they are given. For tests.

use gavel_types::statement::{Claim, Kind, Output, Statement, Status};
use plonky2::gates::noop::NoopGate;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::witness::PartialWitness;

use super::register_statement;
use super::set::CircuitSet;
use super::shrink::Shrink;
use super::slot::ShrunkProof;
use crate::Builder;
use crate::circuit::{self, Circuit, Proof};
use crate::security::Profile;
use crate::statement::{WordsTarget, word_from_hash};

/// A base circuit of a kind without any content.
pub struct Trivial {
    pub kind: Kind,
    pub circuit: Circuit,
    words: WordsTarget,
    set_root: HashOutTarget,
    pub shrink: Shrink,
}

impl Trivial {
    /// `padding` rows make the circuits of a kind differ in size.
    pub fn build(profile: Profile, kind: Kind, padding: usize) -> Self {
        let mut b = Builder::new(profile.recursion_config());
        let mut words = WordsTarget::new_virtual(&mut b);
        words.0[2..].iter().for_each(|word| word.range_check(&mut b));
        let set_root = b.add_virtual_hash();
        register_statement(&mut b, kind, set_root, &mut words);
        (0..padding).for_each(|_| {
            b.add_gate(NoopGate, vec![]);
        });
        let circuit = circuit::build(b);
        let shrink = Shrink::build(profile, kind, &circuit.common, &circuit.verifier_only).unwrap();
        Trivial { kind, circuit, words, set_root, shrink }
    }

    pub fn statement(&self, set: &CircuitSet) -> Statement {
        statement(self.kind, set)
    }

    pub fn prove_base(&self, statement: &Statement, set: &CircuitSet) -> Proof {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set.root()).unwrap();
        let words = statement.words();
        for (target, word) in self.words.0.iter().zip(&words).skip(2) {
            target.set(&mut pw, word).unwrap();
        }
        circuit::prove(&self.circuit, pw).unwrap()
    }

    pub fn prove(&self, set: &CircuitSet) -> ShrunkProof {
        let statement = self.statement(set);
        let index = set.entries().iter().position(|entry| entry.key == *self.shrink.key()).unwrap();
        let base = self.prove_base(&statement, set);
        ShrunkProof { proof: self.shrink.prove(&base).unwrap(), circuit: index, statement }
    }
}

/// Some statement of a kind under a set.
pub fn statement(kind: Kind, set: &CircuitSet) -> Statement {
    Statement {
        claim: Claim {
            kind,
            circuit_set: word_from_hash(set.root()),
            chain_id: 31337,
            table_id: [2; 32].into(),
            query_digest: [3; 32].into(),
            params_digest: [4; 32].into(),
            from_block: 7,
            to_block: 42,
            anchor_hash: [5; 32].into(),
            inputs: [6; 32].into(),
        },
        output: Output { status: Status::Ok, row_count: 36, roots: [[7; 32].into(); 3], result_digest: [8; 32].into() },
    }
}
