//! Kind 3: two adjacent query results joined (`docs/circuits/merge.md`).

use alloy_primitives::B256;
use gavel_types::statement::{Claim, Kind, Output, Statement};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::PartialWitness;

use super::Constraint;
use super::error::QueryError;
use super::interval::{interval_of, interval_target, interval_word, ok_word};
use super::state::{COUNT_BITS, States};
use super::targets::{OutputStateTarget, StatesTarget};
use crate::circuit::{self, Circuit, Proof};
use crate::preprocess::Finish;
use crate::recursion::{CircuitSet, ShrunkProof, SlotTarget, register_statement, shape, verify_slot};
use crate::security::Profile;
use crate::statement::{WordTarget, WordsTarget, join, word_from_hash};
use crate::uint;
use crate::{Builder, F};

/// A proof of kind [`Kind::Query`] or [`Kind::Merge`] with the states behind its word 13.
#[derive(Clone, Copy, Debug)]
pub struct Partial<'a> {
    pub proof: &'a ShrunkProof,
    pub states: &'a States,
}

/// The circuit of kind 3.
pub struct MergeCircuit {
    pub circuit: Circuit,
    pub(super) slots: [SlotTarget; 2],
    pub(super) set_root: HashOutTarget,
    pub(super) states: [StatesTarget; 2],
}

impl MergeCircuit {
    /// Builds the circuit and finishes it under the name `merge`.
    ///
    /// # Errors
    /// What `finish` fails with.
    pub fn build(profile: Profile, finish: &dyn Finish) -> Result<Self, QueryError> {
        let mut b = Builder::new(profile.recursion_config());
        let set_root = b.add_virtual_hash();
        let slots: [SlotTarget; 2] =
            std::array::from_fn(|_| verify_slot(&mut b, shape::common(profile), &[Kind::Query, Kind::Merge], set_root));
        let states = add_merge(&mut b, set_root, slots.each_ref().map(SlotTarget::words), None);
        Ok(MergeCircuit { circuit: finish.finish("merge", b)?, slots, set_root, states })
    }

    /// Joins two neighbours; returns the proof, what it states, and the states behind word 13.
    ///
    /// # Errors
    /// Those of [`merge_statement`]; [`QueryError::Circuit`].
    pub fn prove(
        &self,
        left: Partial<'_>,
        right: Partial<'_>,
        set: &CircuitSet,
    ) -> Result<(Proof, Statement, States), QueryError> {
        let (statement, states) =
            merge_statement(&left.proof.statement, left.states, &right.proof.statement, right.states)?;
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set.root())?;
        for ((slot, target), part) in self.slots.iter().zip(&self.states).zip([left, right]) {
            slot.set_witness(&mut pw, part.proof, set)?;
            target.set(&mut pw, part.states)?;
        }
        Ok((circuit::prove(&self.circuit, pw)?, statement, states))
    }
}

/// Checks that states are those behind word 13 of a statement.
///
/// # Errors
/// [`QueryError::States`].
pub(super) fn check_states(statement: &Statement, states: &States) -> Result<(), QueryError> {
    let expected = statement.output.roots[1];
    match word_from_hash(states.digest()) == expected {
        true => Ok(()),
        false => Err(QueryError::States { expected }),
    }
}

/// What two neighbours state together, with the states behind word 13.
///
/// # Errors
/// [`QueryError::Join`] naming what does not fit, [`QueryError::States`].
pub fn merge_statement(
    left: &Statement,
    left_states: &States,
    right: &Statement,
    right_states: &States,
) -> Result<(Statement, States), QueryError> {
    check_states(left, left_states)?;
    check_states(right, right_states)?;
    let same = |what, x: &dyn ToString, y: &dyn ToString| match (x.to_string(), y.to_string()) {
        (x, y) if x == y => Ok(()),
        (left, right) => Err(QueryError::Join { what, left, right }),
    };
    let (l, r) = (&left.claim, &right.claim);
    same("circuit sets", &l.circuit_set, &r.circuit_set)?;
    same("chains", &l.chain_id, &r.chain_id)?;
    same("tables", &l.table_id, &r.table_id)?;
    same("queries", &l.query_digest, &r.query_digest)?;
    same("parameters", &l.params_digest, &r.params_digest)?;
    same("first blocks of the request", &l.from_block, &r.from_block)?;
    same("last blocks of the request", &l.to_block, &r.to_block)?;
    same("hashes at the seam", &l.anchor_hash, &r.inputs)?;
    let ((first, seam), (next, last)) = (interval_of(&left.output.roots[0]), interval_of(&right.output.roots[0]));
    same("blocks at the seam", &seam.saturating_add(1), &next)?;
    let states = left_states.join(right_states)?;
    let claim = Claim { kind: Kind::Merge, anchor_hash: r.anchor_hash, ..l.clone() };
    let output = Output {
        row_count: left.output.row_count + right.output.row_count,
        roots: [interval_word(first, last), word_from_hash(states.digest()), B256::ZERO],
        ..left.output.clone()
    };
    Ok((Statement { claim, output }, states))
}

/// The merge itself, over the words of two children; returns their opened states.
pub(super) fn add_merge(
    b: &mut Builder,
    set_root: HashOutTarget,
    [left, right]: [&WordsTarget; 2],
    without: Option<Constraint>,
) -> [StatesTarget; 2] {
    // Chain, table, query, parameters, range of the request.
    (2..=7).for_each(|word| left[word].connect(b, &right[word]));
    if without != Some(Constraint::HashLink) {
        left[8].connect(b, &right[9]);
    }
    let [(first, seam), (next, last)] = [left, right].map(|words| halves(&words[12]));
    let [seam_number, next_number] = [seam, next].map(|[high, low]| join(b, high, low));
    let after_seam = b.add_const(seam_number, F::ONE);
    if without != Some(Constraint::NextBlock) {
        b.connect(after_seam, next_number);
    }

    let states: [StatesTarget; 2] = std::array::from_fn(|_| StatesTarget::opened(b));
    for (i, (target, words)) in states.iter().zip([left, right]).enumerate() {
        let digest = target.digest(b);
        let stated = words[13].to_hash(b);
        if i == 1 || without != Some(Constraint::LeftStates) {
            b.connect_hashes(digest, stated);
        }
    }
    let joined = join_states(b, &states[0], &states[1]);
    let digest = joined.digest(b);

    let mut words = left.clone();
    words[8] = right[8];
    words[10] = ok_word(b);
    words[11] = add_counts(b, &left[11], &right[11]);
    let [first, last] = [first, last].map(|[high, low]| WordTarget::from_u64_limbs(b, high, low));
    words[12] = interval_target(b, &first, &last);
    words[13] = WordTarget::from_hash(b, digest);
    words[14] = WordTarget::zero(b);
    words[15] = WordTarget::zero(b);
    register_statement(b, Kind::Merge, set_root, &mut words);
    states
}

/// (high, low) limbs of the first and the last block of an interval word.
pub(super) fn halves(word: &WordTarget) -> ([Target; 2], [Target; 2]) {
    ([word.0[4], word.0[5]], [word.0[6], word.0[7]])
}

/// Sum of two row counts, below 2^[`COUNT_BITS`].
fn add_counts(b: &mut Builder, left: &WordTarget, right: &WordTarget) -> WordTarget {
    let [x, y] = [left, right].map(|word| word.to_u64(b));
    let sum = b.add(x, y);
    uint::range_check(b, sum, COUNT_BITS);
    WordTarget::from_u32(b, sum)
}

/// In-circuit [`States::join`]: counts below 2^[`COUNT_BITS`], equal growths.
fn join_states(b: &mut Builder, left: &StatesTarget, right: &StatesTarget) -> StatesTarget {
    let mut count = |x, y| {
        let sum = b.add(x, y);
        uint::range_check(b, sum, COUNT_BITS);
        sum
    };
    let (matched, in_range) = (count(left.matched, right.matched), count(left.in_range, right.in_range));
    let outputs = std::array::from_fn(|j| join_output(b, &left.outputs[j], &right.outputs[j]));
    StatesTarget { matched, in_range, outputs }
}

fn join_output(b: &mut Builder, left: &OutputStateTarget, right: &OutputStateTarget) -> OutputStateTarget {
    b.connect(left.growth, right.growth);
    // growth is 0, 1 or 2: is_sum = g (2 - g), is_min = g (g - 1) / 2.
    let growth = left.growth;
    let is_sum = b.arithmetic(-F::ONE, F::TWO, growth, growth, growth);
    let half = F::TWO.inverse();
    let is_min = b.arithmetic(half, -half, growth, growth, growth);

    let (sum, carry) = uint::add(b, &left.value, &right.value);
    let less = uint::sub(b, &left.value, &right.value).borrow;
    let minimum = uint::select(b, less, &left.value, &right.value);
    let value = std::array::from_fn(|k| {
        let part = b.mul(is_sum, sum[k]);
        b.mul_add(is_min, minimum[k], part)
    });
    let either = b.or(left.overflow, right.overflow);
    let any = b.or(either, carry);
    let overflow = b.and(BoolTarget::new_unsafe(is_sum), any);
    OutputStateTarget { growth, overflow, value }
}
