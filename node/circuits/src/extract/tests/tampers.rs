//! False readings of true hashes. Each is consistent in everything but one rule: the circuit
//! rejects it, and the circuit without that rule accepts it.

use alloy_primitives::{Address, U256, keccak256};
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;

use super::bench::{Bench, STEPS, relink, spec, trace};
use super::machine::challenges;
use super::tries::table;
use crate::error::CircuitError;
use crate::extract::circuit::{fill_threads, new_trace};
use crate::extract::machine::{Rule, Trace, window};
use crate::extract::role::Role;
use crate::extract::step::{Choices, Step};
use crate::extract::synthetic::{ChainForm, End, Level, PathForm};
use crate::extract::{Chunk, Keys};
use crate::keccak::extension::Ext;
use crate::keccak::stream::fingerprint;
use crate::table::Extraction;
use crate::trie::nibbles;
use crate::{F, circuit, tamper};

/// A false reading: the chunk that it claims and what is done to its trace afterwards.
struct Tamper {
    name: &'static str,
    rule: Rule,
    chunk: Chunk,
    edit: fn(&mut Trace),
}

fn chain(table: &Extraction, blocks: usize, account: PathForm, slots: Vec<PathForm>) -> Chunk {
    let form = ChainForm { seed: 11, fields: 15, first: 100, blocks, account, slots };
    Chunk::build(table, &form.build(table).0).unwrap()
}

/// One block, the account's leaf at the root, one slot.
fn shallow(slot: PathForm) -> Chunk {
    chain(&table(1), 1, PathForm::deep(0), vec![slot])
}

fn form(levels: &[Level], end: End) -> PathForm {
    PathForm { levels: levels.to_vec(), end }
}

fn at(chunk: &Chunk, role: Role) -> usize {
    chunk.steps.iter().position(|step| step.role == role).unwrap()
}

fn last(chunk: &Chunk, role: Role) -> usize {
    chunk.steps.iter().rposition(|step| step.role == role).unwrap()
}

/// The chunk with the bytes of one step changed, hashed anew.
fn patched(mut chunk: Chunk, step: usize, bytes: &[u8]) -> Chunk {
    chunk.steps[step] = chunk.steps[step].with_bytes(bytes);
    relink(&mut chunk);
    chunk
}

fn slot_nibbles(chunk: &Chunk, j: usize) -> Vec<u8> {
    nibbles(&chunk.keys.slots[j].0).collect()
}

/// The steps that a path which is said to end at `from` reads of the key.
fn rest(key: &[u8], from: usize, compare: bool) -> Vec<Step> {
    let mut steps = vec![];
    let mut at = from;
    while at < key.len() {
        let odd = (key.len() - at) % 2 == 1;
        let end = if odd { at + 1 } else { (at + 24).min(key.len()) };
        let bytes: Vec<u8> = match odd {
            true => vec![key[at]],
            false => key[at..end].chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect(),
        };
        let done = end == key.len();
        let choices = Choices { odd, done, compare: compare && done, ..Choices::default() };
        steps.push(Step::new(Role::KeyRest, &bytes, choices));
        at = end;
    }
    steps
}

/// A list of short items as an attacker may write it: no shortest form is sought.
fn hex_prefix_item(first: u8, nibbles: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81 + (nibbles.len() / 2) as u8, first];
    bytes.extend(nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    bytes
}

/// Replaces the steps of the last node by those of one two-item node.
fn pair_node(chunk: &mut Chunk, prefix: &[u8], path: &[u8], leaf: bool, odd: bool, tail: Vec<Step>) {
    let start = last(chunk, Role::NodeList);
    let row = last(chunk, Role::Row);
    let done = Choices { done: true, ..Choices::default() };
    let mut steps = vec![
        Step::new(Role::NodeList, prefix, Choices { pair: true, ..Choices::default() }),
        Step::new(Role::PathFlag, &path[..2], Choices { leaf, odd, ..Choices::default() }),
    ];
    let parts: Vec<&[u8]> = path[2..].chunks(12).collect();
    for (index, part) in parts.iter().enumerate() {
        let choices = if index + 1 == parts.len() { done } else { Choices::default() };
        steps.push(Step::new(Role::Path, part, choices));
    }
    steps.extend(tail);
    chunk.steps.splice(start..row, steps);
}

/// Prefix of a list of `length` bytes in shortest form.
fn list_prefix(length: usize) -> Vec<u8> {
    if length < 56 { vec![0xc0 + length as u8] } else { vec![0xf8, length as u8] }
}

fn value_steps(prefix: &[u8], item: &[u8]) -> Vec<Step> {
    let end = Choices { end: true, prefixed: item[0] >= 0x80, ..Choices::default() };
    vec![Step::plain(Role::ValuePrefix, prefix), Step::new(Role::Value, item, end)]
}

fn extension_as_leaf() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    // the hash of a child that begins like an integer of 31 bytes
    let mut child = vec![0x9f];
    child.extend([0x77; 31]);
    let path = hex_prefix_item(0x00, &slot_nibbles(&chunk, 0));
    let prefix = list_prefix(path.len() + 33);
    pair_node(&mut chunk, &prefix, &path, true, false, value_steps(&[0xa0], &child));
    chunk.rows[0].values[0] = U256::from_be_slice(&child[1..]);
    relink(&mut chunk);
    chunk
}

fn leaf_as_extension() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let path = hex_prefix_item(0x20, &slot_nibbles(&chunk, 0));
    // a stored value of 31 bytes whose encoding is the hash of a leaf that nobody stored
    let forged = |value: u32| {
        let mut bytes = vec![0xc7, 0x20, 0x85, 0x84];
        bytes.extend((value | 1 << 31).to_be_bytes());
        bytes
    };
    let value = (0..).find(|value| keccak256(forged(*value))[0] == 0x9f).unwrap();
    let hash = keccak256(forged(value));
    let reference = [&[0xa0], hash.as_slice()].concat();
    let choices = Choices { hash: true, end: true, ..Choices::default() };
    let mut tail = vec![Step::new(Role::ExtensionChild, &reference, choices)];
    tail.extend(forged_leaf(&forged(value)));
    let prefix = list_prefix(path.len() + 33);
    pair_node(&mut chunk, &prefix, &path, false, false, tail);
    chunk.rows[0].values[0] = U256::from(value | 1 << 31);
    relink(&mut chunk);
    chunk
}

/// An even path read as odd, so that the pad nibble passes for a digit of the key.
fn wrong_parity() -> Chunk {
    let zero_second = |slot: &u64| keccak256(U256::from(*slot).to_be_bytes::<32>())[0] & 15 == 0;
    let slot = (0u64..).find(zero_second).unwrap();
    let table = Extraction::new(31337, Address::repeat_byte(0x5a), vec![U256::from(slot)]).unwrap();
    let mut chunk = chain(&table, 1, PathForm::deep(0), vec![PathForm::deep(1)]);
    let path = hex_prefix_item(0x20, &slot_nibbles(&chunk, 0)[2..]);
    pair_node(&mut chunk, &list_prefix(path.len() + 1), &path, true, true, value_steps(&[], &[5]));
    chunk.rows[0].values[0] = U256::from(5);
    relink(&mut chunk);
    chunk
}

/// A leaf of 63 nibbles, for a key that begins with a zero nibble and so has the same fold.
fn short_leaf() -> Chunk {
    let zero_first = |slot: &u64| keccak256(U256::from(*slot).to_be_bytes::<32>())[0] >> 4 == 0;
    let slot = (0u64..).find(zero_first).unwrap();
    let table = Extraction::new(31337, Address::repeat_byte(0x5a), vec![U256::from(slot)]).unwrap();
    let mut chunk = chain(&table, 1, PathForm::deep(0), vec![PathForm::deep(0)]);
    let key = slot_nibbles(&chunk, 0);
    let path = hex_prefix_item(0x30 | key[1], &key[2..]);
    pair_node(&mut chunk, &list_prefix(path.len() + 1), &path, true, true, value_steps(&[], &[5]));
    chunk.rows[0].values[0] = U256::from(5);
    relink(&mut chunk);
    chunk
}

/// A string of 31 bytes in place of a hash that begins with a zero byte.
fn short_hash() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let forged = |value: u32| [&[0xc7, 0x20, 0x85, 0x84][..], &(value | 1 << 31).to_be_bytes()].concat();
    let value = (0..).find(|value| keccak256(forged(*value))[0] == 0).unwrap();
    let path = hex_prefix_item(0x00, &slot_nibbles(&chunk, 0));
    let choices = Choices { hash: true, end: true, ..Choices::default() };
    let reference = [&[0x9f], &keccak256(forged(value))[1..]].concat();
    let mut tail = vec![Step::new(Role::ExtensionChild, &reference, choices)];
    tail.extend(forged_leaf(&forged(value)));
    pair_node(&mut chunk, &list_prefix(path.len() + 32), &path, false, false, tail);
    chunk.rows[0].values[0] = U256::from(value | 1 << 31);
    relink(&mut chunk);
    chunk
}

/// The steps of a leaf without nibbles and with an integer of four bytes.
fn forged_leaf(node: &[u8]) -> Vec<Step> {
    let flag = Choices { leaf: true, done: true, ..Choices::default() };
    let mut steps = vec![
        Step::new(Role::NodeList, &node[..1], Choices { pair: true, ..Choices::default() }),
        Step::new(Role::PathFlag, &node[1..2], flag),
    ];
    steps.extend(value_steps(&node[2..3], &node[3..]));
    steps
}

/// A branch that no child of is on the path, so that the slot seems absent.
fn no_child() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    let start = last(&chunk, Role::Row);
    let leaf = last(&chunk, Role::NodeList);
    let key = slot_nibbles(&chunk, 0);
    chunk.steps.splice(leaf..start, rest(&key, 0, false));
    let selected = chunk.steps.iter().rposition(|step| step.choices.selected).unwrap();
    chunk.steps[selected].choices.selected = false;
    chunk.messages.pop();
    chunk.rows[0].values[0] = U256::ZERO;
    chunk
}

fn pad_nibble() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = last(&chunk, Role::PathFlag);
    let prefix = chunk.steps[step].bytes()[0];
    patched(chunk, step, &[prefix, 0x25])
}

fn other_account() -> Chunk {
    let other = Extraction::new(31337, Address::repeat_byte(0x77), vec![U256::from(8)]).unwrap();
    let mut chunk = chain(&other, 1, PathForm::deep(1), vec![PathForm::deep(1)]);
    chunk.extraction = table(1);
    chunk.keys = Keys::new(&chunk.extraction);
    relink_keys(&mut chunk);
    chunk
}

fn other_slot() -> Chunk {
    let other = Extraction::new(31337, Address::repeat_byte(0x5a), vec![U256::from(1234)]).unwrap();
    let mut chunk = chain(&other, 1, PathForm::deep(1), vec![PathForm::deep(1)]);
    chunk.extraction = table(1);
    chunk.keys = Keys::new(&chunk.extraction);
    relink_keys(&mut chunk);
    chunk
}

fn relink_keys(chunk: &mut Chunk) {
    let count = chunk.keys.messages.len();
    chunk.messages.splice(..count, chunk.keys.messages.clone());
}

fn forged_absence() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    let done = last_path_step(&chunk);
    chunk.steps[done].choices.diverges = true;
    let row = last(&chunk, Role::Row);
    let key = slot_nibbles(&chunk, 0);
    chunk.steps.splice(row..row, rest(&key, 1, true));
    chunk.rows[0].values[0] = U256::ZERO;
    chunk
}

fn last_path_step(chunk: &Chunk) -> usize {
    chunk.steps.iter().rposition(|step| step.choices.done).unwrap()
}

/// An empty sibling is read in place of the child that the key names.
fn other_child() -> Chunk {
    let mut chunk = chain(&table(1), 1, form(&[Level::Branch(3)], End::EmptyChild), vec![PathForm::deep(0)]);
    // the child of the key is a single empty step; its neighbours' runs hold other empty ones
    let own = chunk.steps.iter().position(|step| step.choices.selected).unwrap();
    let run = (0..chunk.steps.len())
        .find(|i| *i != own && chunk.steps[*i].role == Role::Child && chunk.steps[*i].choices.empty)
        .unwrap();
    let count = chunk.steps[run].bytes().len();
    chunk.steps[own].choices.selected = false;
    let choices = chunk.steps[run].choices;
    let first = Step::new(Role::Child, &[0x80], Choices { selected: true, end: false, ..choices });
    let mut replacement = vec![first];
    if count > 1 {
        replacement.push(Step::new(Role::Child, &vec![0x80; count - 1], choices));
    } else {
        replacement[0].choices.end = choices.end;
    }
    chunk.steps.splice(run..=run, replacement);
    chunk
}

/// A byte that is no reference at all is read as an empty child.
fn byte_as_empty_child() -> Chunk {
    let chunk = shallow(form(&[Level::Branch(3)], End::EmptyChild));
    let step = chunk.steps.iter().rposition(|step| step.choices.selected).unwrap();
    patched(chunk, step, &[0x05])
}

/// `f8 n` before fewer than 56 bytes.
fn long_list_prefix() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let path = hex_prefix_item(0x20, &slot_nibbles(&chunk, 0));
    let prefix = [0xf8, path.len() as u8 + 1];
    pair_node(&mut chunk, &prefix, &path, true, false, value_steps(&[], &[5]));
    chunk.rows[0].values[0] = U256::from(5);
    relink(&mut chunk);
    chunk
}

/// The block number with a zero byte in front.
fn padded_number() -> Chunk {
    longer_header(Role::HeaderNumber, &[0x82, 0, 100])
}

/// A single byte below 0x80 with a prefix.
fn prefixed_byte() -> Chunk {
    longer_header(Role::HeaderDifficulty, &[0x81, 5])
}

/// The header with one item replaced and its list prefix set right.
fn longer_header(role: Role, item: &[u8]) -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let step = at(&chunk, role);
    let growth = item.len() - chunk.steps[step].bytes().len();
    let list = at(&chunk, Role::HeaderList);
    let old = chunk.steps[list].bytes();
    let length = (usize::from(old[1]) << 8 | usize::from(old[2])) + growth;
    chunk.steps[list] = chunk.steps[list].with_bytes(&[0xf9, (length >> 8) as u8, length as u8]);
    chunk.steps[step] = Step::new(role, item, Choices { prefixed: true, ..Choices::default() });
    relink(&mut chunk);
    chunk
}

fn coinbase_prefix() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = at(&chunk, Role::HeaderCoinbase);
    let mut bytes = chunk.steps[step].bytes().to_vec();
    bytes[0] = 0x95;
    patched(chunk, step, &bytes)
}

fn account_prefix() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = at(&chunk, Role::AccountHead);
    let mut bytes = chunk.steps[step].bytes().to_vec();
    bytes[1] += 1;
    patched(chunk, step, &bytes)
}

fn value_prefix() -> Chunk {
    let chunk = shallow(form(&[], End::Present));
    let step = at(&chunk, Role::ValuePrefix);
    let byte = chunk.steps[step].bytes()[0];
    patched(chunk, step, &[byte + 1])
}

fn slot_dropped() -> Chunk {
    let forms = vec![PathForm::deep(0), PathForm::deep(0)];
    let mut chunk = chain(&table(2), 1, PathForm::deep(0), forms);
    let row = at(&chunk, Role::Row);
    let dropped: usize = chunk.steps[row + 1..].iter().filter(|step| step.role == Role::NodeList).count();
    chunk.steps.truncate(row + 1);
    chunk.steps[row].choices.last = true;
    chunk.steps[row].choices.finish = true;
    let kept = chunk.messages.len() - dropped;
    chunk.messages.truncate(kept);
    chunk.rows[0].values.truncate(1);
    chunk
}

fn block_dropped() -> Chunk {
    let form = PathForm::deep(0);
    let mut chunk = chain(&table(1), 3, form.clone(), vec![form]);
    let starts: Vec<usize> = (0..chunk.steps.len()).filter(|i| chunk.steps[*i].role == Role::HeaderList).collect();
    chunk.steps.drain(starts[1]..starts[2]);
    chunk.rows.remove(1);
    // the third block passes for the second
    chunk.rows[1].number -= 1;
    // names the block before it, as a made-up header can
    relink(&mut chunk);
    chunk
}

fn foreign_block() -> Chunk {
    let form = PathForm::deep(0);
    let mut chunk = chain(&table(1), 2, form.clone(), vec![form]);
    let parent = last(&chunk, Role::HeaderParent);
    // everything but the link is true
    let header = last(&chunk, Role::HeaderList);
    let mut bytes = chunk.steps[parent].bytes().to_vec();
    bytes[5] ^= 1;
    chunk.steps[parent] = chunk.steps[parent].with_bytes(&bytes);
    let message: Vec<u8> = chunk.steps[header..]
        .iter()
        .take_while(|step| step.role != Role::NodeList)
        .flat_map(|step| step.bytes().to_vec())
        .collect();
    let count = chunk.steps[header..].iter().filter(|step| step.role == Role::NodeList).count();
    let index = chunk.messages.len() - count - 1;
    chunk.hashes[1] = keccak256(&message);
    chunk.last_hash = chunk.hashes[1];
    chunk.messages[index] = message;
    chunk
}

fn row_changed() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    chunk.rows[0].values[0] += U256::from(1);
    chunk
}

fn timestamp_changed() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    chunk.rows[0].timestamp += 1;
    chunk
}

/// The value inside an embedded leaf, not in the bytes that its parent holds.
fn inline_value() -> Chunk {
    let mut chunk = embedded();
    let value = last(&chunk, Role::Value);
    let byte = chunk.steps[value].bytes()[0];
    chunk.steps[value] = chunk.steps[value].with_bytes(&[byte ^ 1]);
    chunk.rows[0].values[0] = U256::from(byte ^ 1);
    chunk
}

/// A block whose storage leaf is embedded and holds a value of one byte.
fn embedded() -> Chunk {
    let slot = form(&[Level::Extension(58), Level::InlineBranch(1)], End::Present);
    for seed in 0.. {
        let form = ChainForm {
            seed,
            fields: 15,
            first: 100,
            blocks: 1,
            account: PathForm::deep(0),
            slots: vec![slot.clone()],
        };
        let chunk = Chunk::build(&table(1), &form.build(&table(1)).0).unwrap();
        let value = chunk.rows[0].values[0];
        if value > U256::from(3) && value < U256::from(0x80) {
            return chunk;
        }
    }
    unreachable!("some seed has a small value")
}

/// A leaf that the root does not name.
pub fn forged_node() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    let value = last(&chunk, Role::Value);
    let mut bytes = chunk.steps[value].bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    chunk.steps[value] = chunk.steps[value].with_bytes(&bytes);
    chunk.rows[0].values[0] ^= U256::from(1);
    let leaf = chunk.messages.last_mut().unwrap();
    *leaf.last_mut().unwrap() ^= 1;
    chunk
}

fn commitment_changed(trace: &mut Trace) {
    trace.windows[7][window::PACKS] += F::ONE;
}

fn tampers() -> Vec<Tamper> {
    let plain = |name, rule, chunk| Tamper { name, rule, chunk, edit: |_| {} };
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
        Tamper {
            name: "commitment to other bytes",
            rule: Rule::Commitment,
            chunk: shallow(PathForm::deep(1)),
            edit: commitment_changed,
        },
    ]
}

/// Rules that hold between rows rather than in one.
const BETWEEN: [Rule; 2] = [Rule::RowStream, Rule::Stream];

#[test]
fn each_tamper_breaks_one_rule() {
    for tamper in tampers() {
        let mut trace = trace(&tamper.chunk);
        (tamper.edit)(&mut trace);
        let mut broken = trace.violations();
        broken.dedup();
        let expected = if BETWEEN.contains(&tamper.rule) { vec![] } else { vec![tamper.rule] };
        assert_eq!(broken, expected, "{}", tamper.name);
    }
}

fn rejected(bench: &Bench, tamper: &Tamper) {
    let mut trace = trace(&tamper.chunk);
    (tamper.edit)(&mut trace);
    let outcome = bench.attempt(&tamper.chunk, &trace);
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
        let mut trace = trace(&tamper.chunk);
        (tamper.edit)(&mut trace);
        let outcome = without.attempt(&tamper.chunk, &trace);
        assert!(outcome.is_ok(), "{} without {:?}: {outcome:?}", tamper.name, tamper.rule);
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
