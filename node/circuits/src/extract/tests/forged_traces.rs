//! Forgeries that break a definition: what a step hands on, which bytes its fields are of, when it ends.

use alloy_primitives::{Address, U256, keccak256};
use plonky2::field::types::Field;

use super::bench::{STEPS, relink, trace};
use super::forgeries::*;
use super::machine::challenges;
use crate::F;
use crate::extract::Chunk;
use crate::extract::circuit::{fill_threads, new_trace_with};
use crate::extract::machine::control::state::{ROLE, TIME};
use crate::extract::machine::control::{self, INTEGER, OUT};
use crate::extract::machine::thread::state::STREAM;
use crate::extract::machine::{Trace, thread, window};
use crate::extract::role::Role;
use crate::extract::synthetic::{End, PathForm};
use crate::table::Extraction;

/// A chunk with the trace that is to show it.
pub type Forged = (Chunk, fn(&Chunk) -> Trace);

/// The trace with one step's control row changed and everything after it following from that.
fn adjusted(chunk: &Chunk, step: usize, change: impl Fn(&mut [F; control::WIRES])) -> Trace {
    let mut trace = new_trace_with(chunk, STEPS, |index, w| {
        if index == step {
            change(w);
        }
    });
    fill_threads(&mut trace, chunk, challenges());
    trace
}

/// The key is said to lead nowhere, and no node shows it.
pub fn no_node() -> Forged {
    let mut chunk = shallow(PathForm::deep(0));
    let (start, row) = (last(&chunk, Role::NodeList), last(&chunk, Role::Row));
    let key = slot_nibbles(&chunk, 0);
    chunk.steps.splice(start..row, rest(&key, 0, false));
    chunk.messages.pop();
    chunk.rows[0].values[0] = U256::ZERO;
    (chunk, |chunk| {
        let before = at(chunk, Role::KeyRest) - 1;
        adjusted(chunk, before, |w| w[OUT + ROLE] = F::from_canonical_u8(Role::KeyRest as u8))
    })
}

fn later() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    chunk.rows[0].timestamp += 1;
    chunk
}

/// The time of the header is read rightly and changed on its way to the row.
pub fn later_time() -> Forged {
    (later(), |chunk| adjusted(chunk, at(chunk, Role::AccountHead), |w| w[OUT + TIME] += F::ONE))
}

/// The time is not the integer that its bytes are.
pub fn other_integer() -> Forged {
    (later(), |chunk| {
        let step = at(chunk, Role::HeaderTime);
        let mut trace = adjusted(chunk, step, |w| {
            w[INTEGER] += F::ONE;
            w[OUT + TIME] += F::ONE;
        });
        trace.windows[step][window::INTEGER] += F::ONE;
        trace
    })
}

/// Other bytes under the fingerprint of the true header.
pub fn other_fold() -> Forged {
    let mut chunk = shallow(PathForm::deep(0));
    let time = at(&chunk, Role::HeaderTime);
    let mut bytes = chunk.steps[time].bytes().to_vec();
    bytes[3] ^= 0x40;
    chunk.steps[time] = chunk.steps[time].with_bytes(&bytes);
    chunk.rows[0].timestamp ^= 0x40 << 8;
    (chunk, |chunk| {
        let (honest, mut forged) = (trace(&shallow(PathForm::deep(0))), trace(chunk));
        for (own, true_ones) in forged.windows.iter_mut().zip(&honest.windows) {
            let folds = window::FOLD_IN..window::FOLD + 2;
            own[folds.clone()].copy_from_slice(&true_ones[folds]);
        }
        for (own, true_ones) in forged.threads.iter_mut().zip(&honest.threads) {
            for column in [thread::FOLD, thread::IN + STREAM, thread::OUT + STREAM] {
                own[column..column + 2].copy_from_slice(&true_ones[column..column + 2]);
            }
        }
        forged
    })
}

pub fn other_commitment() -> Forged {
    (shallow(PathForm::deep(1)), |chunk| {
        let mut trace = trace(chunk);
        trace.windows[7][window::PACKS] += F::ONE;
        trace
    })
}

/// An empty trie and 63 nibbles, for a key that begins with a zero nibble and so has the same fold.
pub fn short_rest() -> Chunk {
    let zero_first = |slot: &u64| keccak256(U256::from(*slot).to_be_bytes::<32>())[0] >> 4 == 0;
    let slot = (0u64..).find(zero_first).unwrap();
    let table = Extraction::new(31337, Address::repeat_byte(0x5a), vec![U256::from(slot)]).unwrap();
    let mut chunk = chain(&table, 1, PathForm::deep(0), vec![form(&[], End::EmptyTrie)]);
    let (start, row) = (at(&chunk, Role::KeyRest), last(&chunk, Role::Row));
    let key = slot_nibbles(&chunk, 0);
    chunk.steps.splice(start..row, rest(&key[1..], 0, false));
    chunk
}

/// [`extension_as_leaf`], said by the last part of the path instead of its flag.
pub fn late_leaf() -> Chunk {
    let mut chunk = extension_as_leaf();
    let (flag, path) = (last(&chunk, Role::PathFlag), last(&chunk, Role::Path));
    chunk.steps[flag].choices.leaf = false;
    chunk.steps[path].choices.leaf = true;
    chunk
}

/// A header without its last bytes.
pub fn cut_header() -> Chunk {
    let mut chunk = shallow(PathForm::deep(0));
    let end = last(&chunk, Role::HeaderTail);
    chunk.steps.remove(end);
    assert_eq!(chunk.steps[end - 1].role, Role::HeaderTail);
    chunk.steps[end - 1].choices.end = true;
    relink(&mut chunk);
    chunk
}
