//! What the prover sends, with the size that the shape prescribes for each part.

use super::KeccakError;
use super::extension::Ext;
use super::permutation::ROUNDS;
use super::shape::{COLUMNS, KeccakShape, LOG_LANE, STATE_LANES};
use super::transcript::Cap;
use crate::{D, F};
use plonky2::fri::proof::FriProof;
use plonky2::hash::poseidon::PoseidonHash;
use serde::{Deserialize, Serialize};

/// Values of a byte, and entries of the lookup table.
pub const BYTE_VALUES: usize = 256;
/// log2 of the column slots of the lookup (44 of 64 used).
pub const LOG_SLOTS: usize = 6;
/// Claims that the second layer of a round leaves.
pub const APPLY_CLAIMS: usize = 15;

/// One sumcheck over `V`: extension elements, or their targets in a circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sumcheck<V> {
    /// Rounds in which a factor eq(a, ·) is taken out: coefficients of t, t(t-1), t²(t-1), … of the rest.
    pub factored: Vec<Vec<V>>,
    /// Other rounds: coefficients of 1, t(t-1), t²(t-1), ….
    pub plain: Vec<Vec<V>>,
    /// Values at the final point.
    pub claims: Vec<V>,
}

/// Rounds and claims of one sumcheck.
#[derive(Clone, Copy)]
struct Size {
    factored: usize,
    factored_degree: usize,
    plain: usize,
    plain_degree: usize,
    claims: usize,
}

impl<V> Sumcheck<V> {
    fn build(size: Size, next: &mut impl FnMut() -> V) -> Self {
        let mut rounds = |count: usize, degree: usize| {
            (0..count).map(|_| (0..degree).map(|_| next()).collect()).collect::<Vec<Vec<V>>>()
        };
        let factored = rounds(size.factored, size.factored_degree);
        let plain = rounds(size.plain, size.plain_degree);
        Self { factored, plain, claims: (0..size.claims).map(|_| next()).collect() }
    }

    fn structure(&self, sizes: &mut Vec<usize>) {
        for rounds in [&self.factored, &self.plain] {
            sizes.push(rounds.len());
            sizes.extend(rounds.iter().map(Vec::len));
        }
        sizes.push(self.claims.len());
    }

    fn parts<'a>(&'a self, visit: &mut impl FnMut(&'a [V])) {
        self.factored.iter().chain(&self.plain).for_each(|round| visit(round));
        visit(&self.claims);
    }
}

/// Every extension element of a proof, in the order of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages<V> {
    /// Bus sum, then 25 output claims.
    pub outputs: Vec<V>,
    /// Chi, apply, parity of each round, round 23 first.
    pub rounds: Vec<[Sumcheck<V>; 3]>,
    /// Sponge, link of rows, bus.
    pub sponge: Sumcheck<V>,
    /// Weight of each byte value.
    pub values: Vec<V>,
    /// Fractional-sum tree, root first.
    pub tree: Vec<Sumcheck<V>>,
    /// Openings of lanes and of Y (two base polynomials) at the random point.
    pub at_point: Vec<V>,
    /// The same at its inverse.
    pub at_inverse: Vec<V>,
}

impl<V> Messages<V> {
    /// A proof's messages for a shape, each element taken from `next`.
    pub fn build(shape: &KeccakShape, mut next: impl FnMut() -> V) -> Self {
        let n = shape.log_permutations();
        let layer = |factored_degree, plain_degree, claims| Size {
            factored: n,
            factored_degree,
            plain: LOG_LANE,
            plain_degree,
            claims,
        };
        let [chi, apply, parity] = [layer(3, 4, STATE_LANES), layer(3, 3, APPLY_CLAIMS), layer(5, 6, STATE_LANES)];
        let sponge = Size { factored: 0, factored_degree: 0, plain: n + LOG_LANE, plain_degree: 4, claims: COLUMNS };
        let tree = |k: usize| Size { factored: k, factored_degree: 2, plain: 0, plain_degree: 0, claims: 4 };
        let next = &mut next;
        Self {
            outputs: (0..1 + STATE_LANES).map(|_| next()).collect(),
            rounds: (0..ROUNDS).map(|_| [chi, apply, parity].map(|size| Sumcheck::build(size, next))).collect(),
            sponge: Sumcheck::build(sponge, next),
            values: (0..BYTE_VALUES).map(|_| next()).collect(),
            tree: (0..shape.log_rows() + LOG_SLOTS).map(|k| Sumcheck::build(tree(k), next)).collect(),
            at_point: (0..COLUMNS + 2).map(|_| next()).collect(),
            at_inverse: (0..COLUMNS + 2).map(|_| next()).collect(),
        }
    }

    /// Visits every vector, in the order of [`Messages::build`].
    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [V])) {
        let visit = &mut visit;
        visit(&self.outputs);
        self.rounds.iter().flatten().for_each(|sumcheck| sumcheck.parts(visit));
        self.sponge.parts(visit);
        visit(&self.values);
        self.tree.iter().for_each(|sumcheck| sumcheck.parts(visit));
        visit(&self.at_point);
        visit(&self.at_inverse);
    }

    /// Every element, in the order of [`Messages::build`].
    pub fn elements(&self) -> Vec<&V> {
        let mut all = Vec::new();
        self.parts(|part| all.extend(part));
        all
    }

    /// Number and length of every vector, in the order of [`Messages::build`].
    fn structure(&self) -> Vec<usize> {
        let mut sizes = vec![self.outputs.len(), self.rounds.len()];
        self.rounds.iter().flatten().for_each(|sumcheck| sumcheck.structure(&mut sizes));
        self.sponge.structure(&mut sizes);
        sizes.extend([self.values.len(), self.tree.len()]);
        self.tree.iter().for_each(|sumcheck| sumcheck.structure(&mut sizes));
        sizes.extend([self.at_point.len(), self.at_inverse.len()]);
        sizes
    }

    /// Refuses messages whose vectors differ in number or length from the shape's.
    fn check_shape(&self, shape: &KeccakShape) -> Result<(), KeccakError> {
        let (expected, got) = (Messages::build(shape, || ()).structure(), self.structure());
        if expected.len() != got.len() {
            let (expected, got) = (expected.len(), got.len());
            return Err(KeccakError::ProofShape { part: "list of messages", expected, got });
        }
        match expected.into_iter().zip(got).find(|(expected, got)| expected != got) {
            Some((expected, got)) => Err(KeccakError::ProofShape { part: "message", expected, got }),
            None => Ok(()),
        }
    }
}

/// A proof that an ordered list of messages has the digests that the bus folds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeccakProof {
    /// Cap of the committed table.
    pub cap: Cap,
    /// Everything sent as extension elements.
    pub messages: Messages<Ext>,
    /// Cap of Y.
    pub quotient_cap: Cap,
    /// Low-degree test.
    pub fri: FriProof<F, PoseidonHash, D>,
}

impl KeccakProof {
    /// Refuses a proof any part of which has another size than the shape prescribes. What plonky2 checks
    /// by itself when it verifies (Merkle paths, final polynomial) is left to it.
    pub(super) fn check_shape(&self, shape: &KeccakShape) -> Result<(), KeccakError> {
        self.messages.check_shape(shape)?;
        let (level, params) = (shape.profile().recursion(), shape.fri_params());
        let require = |part: &'static str, expected: usize, got: usize| {
            if expected == got { Ok(()) } else { Err(KeccakError::ProofShape { part, expected, got }) }
        };
        let folds = &params.reduction_arity_bits;
        require("folding caps", folds.len(), self.fri.commit_phase_merkle_caps.len())?;
        for cap in [&self.cap, &self.quotient_cap].into_iter().chain(&self.fri.commit_phase_merkle_caps) {
            require("Merkle cap", 1 << level.cap_height, cap.0.len())?;
        }
        require("queries", level.queries, self.fri.query_round_proofs.len())?;
        for query in &self.fri.query_round_proofs {
            let leaves = &query.initial_trees_proof.evals_proofs;
            require("opened oracles", 2, leaves.len())?;
            for ((leaf, _), expected) in leaves.iter().zip([COLUMNS, 2]) {
                require("opened leaf", expected, leaf.len())?;
            }
            require("folding steps", folds.len(), query.steps.len())?;
            for (step, bits) in query.steps.iter().zip(folds) {
                require("folded coset", 1 << bits, step.evals.len())?;
            }
        }
        Ok(())
    }
}
