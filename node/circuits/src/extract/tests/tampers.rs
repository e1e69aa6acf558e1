//! False readings of true hashes. Each is consistent in everything but one rule: the circuit
//! rejects it, and the circuit without that rule accepts it.

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;

use super::bench::{Bench, STEPS, spec, trace};
use super::forged_traces::*;
use super::forgeries::*;
use super::machine::challenges;
use super::tries::table;
use crate::error::CircuitError;
use crate::extract::Chunk;
use crate::extract::circuit::{fill_threads, new_trace};
use crate::extract::machine::{Rule, Trace, window};
use crate::extract::role::Role;
use crate::extract::synthetic::{End, Level, PathForm};
use crate::keccak::extension::Ext;
use crate::keccak::stream::fingerprint;
use crate::{F, circuit, tamper};

/// A false reading: the chunk that it claims and the trace that is to show it.
struct Tamper {
    name: &'static str,
    rule: Rule,
    chunk: Chunk,
    trace: fn(&Chunk) -> Trace,
}

fn tampers() -> Vec<Tamper> {
    let plain = |name, rule, chunk| Tamper { name, rule, chunk, trace };
    let traced = |name, rule, (chunk, trace)| Tamper { name, rule, chunk, trace };
    vec![
        plain("extension read as leaf", Rule::PathFlag, extension_as_leaf()),
        plain("leaf read as extension, value as node", Rule::PathFlag, leaf_as_extension()),
        plain("even path read as odd", Rule::PathFlag, wrong_parity()),
        plain("leaf of 63 nibbles", Rule::LeafDepth, short_leaf()),
        plain("reference of 31 bytes", Rule::Reference, short_hash()),
        plain("no child on the path", Rule::Branch, no_child()),
        plain("pad nibble", Rule::PathPad, pad_nibble()),
        plain("path of another account", Rule::KeyMatch, other_account()),
        plain("another empty child", Rule::KeyMatch, other_child()),
        plain("path of another slot", Rule::RowStream, other_slot()),
        plain("present slot said to be absent", Rule::Divergence, forged_absence()),
        plain("byte read as empty child", Rule::EmptyRun, byte_as_empty_child()),
        plain("list prefix not in shortest form", Rule::ListPrefix, long_list_prefix()),
        plain("number with a leading zero", Rule::Integer, padded_number()),
        plain("prefix on a single byte", Rule::StringItem, prefixed_byte()),
        plain("prefix of a fixed item", Rule::FixedItem, coinbase_prefix()),
        plain("prefix of the account", Rule::Account, account_prefix()),
        plain("prefix of the value", Rule::Value, value_prefix()),
        plain("slot dropped", Rule::RowOrder, slot_dropped()),
        plain("block dropped", Rule::Number, block_dropped()),
        plain("block of another chain", Rule::ParentHash, foreign_block()),
        plain("value of a row", Rule::RowStream, row_changed()),
        plain("timestamp of a row", Rule::RowStream, timestamp_changed()),
        plain("value in an embedded leaf", Rule::Inline, inline_value()),
        plain("node that nothing names", Rule::Stream, forged_node()),
        plain("key of 63 nibbles said to be absent", Rule::KeyRest, short_rest()),
        plain("extension that its last part calls a leaf", Rule::Choice, late_leaf()),
        traced("slot said to be absent without a node", Rule::Transition, no_node()),
        traced("time changed between header and row", Rule::State, later_time()),
        traced("integer other than its bytes", Rule::Window, other_integer()),
        traced("fingerprint other than its bytes'", Rule::Fold, other_fold()),
        traced("commitment to other bytes", Rule::Commitment, other_commitment()),
    ]
}

/// Rules that hold between rows rather than in one.
const BETWEEN: [Rule; 2] = [Rule::RowStream, Rule::Stream];

#[test]
fn each_tamper_breaks_one_rule() {
    for tamper in tampers() {
        let trace = (tamper.trace)(&tamper.chunk);
        let mut broken = trace.violations();
        broken.dedup();
        let expected = if BETWEEN.contains(&tamper.rule) { vec![] } else { vec![tamper.rule] };
        assert_eq!(broken, expected, "{}", tamper.name);
    }
}

fn rejected(bench: &Bench, tamper: &Tamper) {
    let outcome = bench.attempt(&tamper.chunk, &(tamper.trace)(&tamper.chunk));
    assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{}: {outcome:?}", tamper.name);
}

#[test]
fn tampers_are_rejected_and_pass_without_their_rule() {
    let bench = Bench::build(None);
    let mut open: Vec<(Rule, Bench)> = vec![];
    for tamper in tampers() {
        rejected(&bench, &tamper);
        if !open.iter().any(|(rule, _)| *rule == tamper.rule) {
            open.push((tamper.rule, Bench::build(Some(tamper.rule))));
        }
        let (_, without) = open.iter().find(|(rule, _)| *rule == tamper.rule).unwrap();
        let trace = (tamper.trace)(&tamper.chunk);
        let outcome = without.attempt(&tamper.chunk, &trace);
        assert!(outcome.is_ok(), "{} without {:?}: {outcome:?}", tamper.name, tamper.rule);
    }
}

/// What the rule forbids, the stream refuses as well: a message that is cut off has another length
/// than its list says.
#[test]
fn a_message_that_ends_early_is_rejected_twice() {
    let chunk = cut_header();
    let trace = trace(&chunk);
    assert_eq!(trace.violations(), [Rule::MessageEnd]);
    for without in [None, Some(Rule::MessageEnd)] {
        let outcome = Bench::build(without).attempt(&chunk, &trace);
        assert!(matches!(outcome, Err(CircuitError::Verify(_))), "without {without:?}: {outcome:?}");
    }
}

#[test]
fn honest_chunks_pass_and_state_what_they_say() {
    let bench = Bench::build(None);
    let mut chunks = vec![embedded(), block_chain()];
    chunks.push(chain(&table(2), 1, form(&[Level::Branch(2)], End::OtherLeaf), vec![PathForm::deep(0); 2]));
    for chunk in chunks {
        let honest = trace(&chunk);
        let proof = circuit::prove(&bench.circuit, bench.inputs(&chunk, &honest)).unwrap();
        bench.verify(&chunk, &proof).unwrap();
        let set_root = plonky2::hash::hash_types::HashOut::ZERO;
        let statement = crate::extract::circuit::statement(&spec(&chunk), &chunk, set_root).unwrap();
        assert_eq!(proof.public_inputs[5..9], crate::statement::statement_digest(&statement).elements);
        let commitment = crate::extract::wiring::commitment(&chunk, &honest).unwrap();
        assert_eq!(proof.public_inputs[15..19], commitment.elements);
    }
}

fn block_chain() -> Chunk {
    chain(&table(1), 2, PathForm::deep(1), vec![form(&[Level::Branch(3), Level::Extension(2)], End::Present)])
}

/// The time of a header is forged, and bytes of its tail that are none make the fingerprint right
/// again. Without range checks other bytes have the same commitment, once α is known.
#[test]
fn bytes_are_range_checked() {
    let honest = shallow(PathForm::deep(0));
    let mut forged = honest.clone();
    let time = at(&forged, Role::HeaderTime);
    let mut bytes = forged.steps[time].bytes().to_vec();
    bytes[3] ^= 0x40;
    forged.steps[time] = forged.steps[time].with_bytes(&bytes);
    forged.rows[0].timestamp ^= 0x40 << 8;
    let step = at(&forged, Role::HeaderTail);
    let mut trace = new_trace(&forged, STEPS);
    // positions 14 to 16 of the window are in one packed element: keep it and move the fold
    let alpha = challenges().alpha;
    let fold = |trace: &mut Trace| {
        fill_threads(trace, &forged, challenges());
        let end = last_of_header(&forged);
        Ext::from(F::ZERO) + pair(&trace.windows[end], window::FOLD)
    };
    let target = keccak_fold(&honest);
    let missing = target - fold(&mut trace);
    let bytes_after: usize = forged.steps[step + 1..=last_of_header(&forged)].iter().map(|s| s.bytes().len()).sum();
    let weight = |position: usize| alpha.exp_u64((32 - position + bytes_after) as u64);
    let change = solve([weight(14), weight(15), weight(16)], missing);
    for (k, delta) in change.into_iter().enumerate() {
        trace.windows[step][window::BYTE + 14 + k] += delta;
    }
    assert_eq!(fold(&mut trace), target);
    assert_eq!(trace.violations(), vec![]);

    let without = Bench::build(Some(Rule::ByteRange));
    without.attempt_messages(&forged, &honest, &trace).unwrap();
    let mut bench = Bench::build(None);
    let outcome = bench.force_lookups(&forged, &honest, &trace);
    assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{outcome:?}");
}

fn last_of_header(chunk: &Chunk) -> usize {
    chunk.steps.iter().position(|step| step.choices.end).unwrap()
}

/// Fold of the first block's header.
fn keccak_fold(chunk: &Chunk) -> Ext {
    fingerprint(challenges().alpha, &chunk.messages[chunk.keys.messages.len()])
}

fn pair(wires: &[F], column: usize) -> Ext {
    QuadraticExtension([wires[column], wires[column + 1]])
}

/// Base-field changes with `Σ 256^k change_k = 0` and `Σ weight_k change_k = sum`.
fn solve(weights: [Ext; 3], sum: Ext) -> [F; 3] {
    // change_0 = -256 change_1 - 256^2 change_2 leaves two unknowns and two equations
    let shift = |k: u64| Ext::from(F::from_canonical_u64(256).exp_u64(k));
    let columns = [1, 2].map(|k| weights[k] - weights[0] * shift(k as u64));
    let [[a, c], [b, d]] = columns.map(|column| column.0);
    let determinant = (a * d - b * c).inverse();
    let [x, y] = [(sum.0[0] * d - b * sum.0[1]) * determinant, (a * sum.0[1] - sum.0[0] * c) * determinant];
    let first = -(x * F::from_canonical_u64(256) + y * F::from_canonical_u64(65_536));
    [first, x, y]
}

/// Public inputs changed after proving.
#[test]
fn public_inputs_are_bound() {
    let bench = Bench::build(None);
    let chunk = block_chain();
    let honest = tamper::prove_forced(&bench.circuit, bench.inputs(&chunk, &trace(&chunk))).unwrap();
    for index in 0..honest.public_inputs.len() {
        let mut proof = honest.clone();
        proof.public_inputs[index] += F::ONE;
        assert!(bench.verify(&chunk, &proof).is_err(), "public input {index}");
    }
}
