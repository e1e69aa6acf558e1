//! Chunks that say something false, every hash in them true.

use alloy_primitives::{Address, U256, keccak256};

use super::bench::relink;
use super::tries::table;
use crate::extract::role::Role;
use crate::extract::step::{Choices, Step};
use crate::extract::synthetic::{ChainForm, End, Level, PathForm};
use crate::extract::{Chunk, Keys};
use crate::table::Extraction;
use crate::trie::nibbles;

pub fn chain(table: &Extraction, blocks: usize, account: PathForm, slots: Vec<PathForm>) -> Chunk {
    let form = ChainForm { seed: 11, fields: 15, first: 100, blocks, account, slots };
    Chunk::build(table, &form.build(table).0).unwrap()
}

/// One block, the account's leaf at the root, one slot.
pub fn shallow(slot: PathForm) -> Chunk {
    chain(&table(1), 1, PathForm::deep(0), vec![slot])
}

pub fn form(levels: &[Level], end: End) -> PathForm {
    PathForm { levels: levels.to_vec(), end }
}

pub fn at(chunk: &Chunk, role: Role) -> usize {
    chunk.steps.iter().position(|step| step.role == role).unwrap()
}

pub fn last(chunk: &Chunk, role: Role) -> usize {
    chunk.steps.iter().rposition(|step| step.role == role).unwrap()
}

/// The chunk with the bytes of one step changed, hashed anew.
pub fn patched(mut chunk: Chunk, step: usize, bytes: &[u8]) -> Chunk {
    chunk.steps[step] = chunk.steps[step].with_bytes(bytes);
    relink(&mut chunk);
    chunk
}

pub fn slot_nibbles(chunk: &Chunk, j: usize) -> Vec<u8> {
    nibbles(&chunk.keys.slots[j].0).collect()
}

/// The steps that a path which is said to end at `from` reads of the key.
pub fn rest(key: &[u8], from: usize, compare: bool) -> Vec<Step> {
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
pub fn hex_prefix_item(first: u8, nibbles: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81 + (nibbles.len() / 2) as u8, first];
    bytes.extend(nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    bytes
}

/// Replaces the steps of the last node by those of one two-item node.
pub fn pair_node(chunk: &mut Chunk, prefix: &[u8], path: &[u8], leaf: bool, odd: bool, tail: Vec<Step>) {
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
pub fn list_prefix(length: usize) -> Vec<u8> {
    if length < 56 { vec![0xc0 + length as u8] } else { vec![0xf8, length as u8] }
}

pub fn value_steps(prefix: &[u8], item: &[u8]) -> Vec<Step> {
    let end = Choices { end: true, prefixed: item[0] >= 0x80, ..Choices::default() };
    vec![Step::plain(Role::ValuePrefix, prefix), Step::new(Role::Value, item, end)]
}

pub fn extension_as_leaf() -> Chunk {
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

pub fn leaf_as_extension() -> Chunk {
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
pub fn wrong_parity() -> Chunk {
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
pub fn short_leaf() -> Chunk {
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
pub fn short_hash() -> Chunk {
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
pub fn forged_leaf(node: &[u8]) -> Vec<Step> {
    let flag = Choices { leaf: true, done: true, ..Choices::default() };
    let mut steps = vec![
        Step::new(Role::NodeList, &node[..1], Choices { pair: true, ..Choices::default() }),
        Step::new(Role::PathFlag, &node[1..2], flag),
    ];
    steps.extend(value_steps(&node[2..3], &node[3..]));
    steps
}

/// A branch that no child of is on the path, so that the slot seems absent.
pub fn no_child() -> Chunk {
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

pub fn pad_nibble() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = last(&chunk, Role::PathFlag);
    let prefix = chunk.steps[step].bytes()[0];
    patched(chunk, step, &[prefix, 0x25])
}

pub fn other_account() -> Chunk {
    let other = Extraction::new(31337, Address::repeat_byte(0x77), vec![U256::from(8)]).unwrap();
    let mut chunk = chain(&other, 1, PathForm::deep(1), vec![PathForm::deep(1)]);
    chunk.extraction = table(1);
    chunk.keys = Keys::new(&chunk.extraction);
    relink_keys(&mut chunk);
    chunk
}

pub fn other_slot() -> Chunk {
    let other = Extraction::new(31337, Address::repeat_byte(0x5a), vec![U256::from(1234)]).unwrap();
    let mut chunk = chain(&other, 1, PathForm::deep(1), vec![PathForm::deep(1)]);
    chunk.extraction = table(1);
    chunk.keys = Keys::new(&chunk.extraction);
    relink_keys(&mut chunk);
    chunk
}

pub fn relink_keys(chunk: &mut Chunk) {
    let count = chunk.keys.messages.len();
    chunk.messages.splice(..count, chunk.keys.messages.clone());
}

pub fn forged_absence() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    let done = last_path_step(&chunk);
    chunk.steps[done].choices.diverges = true;
    let row = last(&chunk, Role::Row);
    let key = slot_nibbles(&chunk, 0);
    chunk.steps.splice(row..row, rest(&key, 1, true));
    chunk.rows[0].values[0] = U256::ZERO;
    chunk
}

pub fn last_path_step(chunk: &Chunk) -> usize {
    chunk.steps.iter().rposition(|step| step.choices.done).unwrap()
}

/// An empty sibling is read in place of the child that the key names.
pub fn other_child() -> Chunk {
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
pub fn byte_as_empty_child() -> Chunk {
    let chunk = shallow(form(&[Level::Branch(3)], End::EmptyChild));
    let step = chunk.steps.iter().rposition(|step| step.choices.selected).unwrap();
    patched(chunk, step, &[0x05])
}

/// `f8 n` before fewer than 56 bytes.
pub fn long_list_prefix() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let path = hex_prefix_item(0x20, &slot_nibbles(&chunk, 0));
    let prefix = [0xf8, path.len() as u8 + 1];
    pair_node(&mut chunk, &prefix, &path, true, false, value_steps(&[], &[5]));
    chunk.rows[0].values[0] = U256::from(5);
    relink(&mut chunk);
    chunk
}

/// The block number with a zero byte in front.
pub fn padded_number() -> Chunk {
    longer_header(Role::HeaderNumber, &[0x82, 0, 100])
}

/// A single byte below 0x80 with a prefix.
pub fn prefixed_byte() -> Chunk {
    longer_header(Role::HeaderDifficulty, &[0x81, 5])
}

/// The header with one item replaced and its list prefix set right.
pub fn longer_header(role: Role, item: &[u8]) -> Chunk {
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

pub fn coinbase_prefix() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = at(&chunk, Role::HeaderCoinbase);
    let mut bytes = chunk.steps[step].bytes().to_vec();
    bytes[0] = 0x95;
    patched(chunk, step, &bytes)
}

pub fn account_prefix() -> Chunk {
    let chunk = shallow(PathForm::deep(0));
    let step = at(&chunk, Role::AccountHead);
    let mut bytes = chunk.steps[step].bytes().to_vec();
    bytes[1] += 1;
    patched(chunk, step, &bytes)
}

pub fn value_prefix() -> Chunk {
    let chunk = shallow(form(&[], End::Present));
    let step = at(&chunk, Role::ValuePrefix);
    let byte = chunk.steps[step].bytes()[0];
    patched(chunk, step, &[byte + 1])
}

pub fn slot_dropped() -> Chunk {
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

pub fn block_dropped() -> Chunk {
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

pub fn foreign_block() -> Chunk {
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

pub fn row_changed() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    chunk.rows[0].values[0] += U256::from(1);
    chunk
}

pub fn timestamp_changed() -> Chunk {
    let mut chunk = shallow(PathForm::deep(1));
    chunk.rows[0].timestamp += 1;
    chunk
}

/// The value inside an embedded leaf, not in the bytes that its parent holds.
pub fn inline_value() -> Chunk {
    let mut chunk = embedded();
    let value = last(&chunk, Role::Value);
    let byte = chunk.steps[value].bytes()[0];
    chunk.steps[value] = chunk.steps[value].with_bytes(&[byte ^ 1]);
    chunk.rows[0].values[0] = U256::from(byte ^ 1);
    chunk
}

/// A block whose storage leaf is embedded and holds a value of one byte.
pub fn embedded() -> Chunk {
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
