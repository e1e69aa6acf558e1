//! Attacks on sponge and bus (`docs/circuits/keccak.md` §4). Each prover runs on altered rows or states
//! and claims what the deceived consumer would compute; only the layer "sponge" stands in its way.

use super::{Outcome, Read, Table, assert_only_stops, is_sponge, messages, read, read_with, rows, shape};
use crate::keccak::permutation::State;
use crate::keccak::shape::{COLUMNS, ENDED, RATE_LANES, START};
use crate::keccak::table::input_state;

const LOG: usize = 4;
/// Two messages of two blocks: rows 11, 12 and 13, 14 of 16.
const LENGTHS: [usize; 2] = [200, 250];
const FIRST: usize = 11;

/// Honest rows, but the state that permutation `at` starts from is altered: the consumer is offered the
/// digests that follow.
fn altered_input(at: usize, alter: impl Fn(&[u64; COLUMNS], &mut State)) -> Outcome {
    let shape = shape(LOG)?;
    let messages = messages(&LENGTHS);
    let table = Table::run(rows(&shape, &messages)?, |i, row| {
        let mut state = input_state(row);
        if i == at {
            alter(row, &mut state);
        }
        state
    });
    let reading = read_with(&messages, &table);
    assert_ne!(reading, read(&messages));
    assert_only_stops(is_sponge, &shape, &table, &reading)
}

#[test]
fn first_block_starts_from_the_zero_state() -> Outcome {
    altered_input(FIRST, |_, state| state[20] ^= 1)?;
    altered_input(FIRST + 2, |row, state| (0..25).for_each(|lane| state[lane] ^= row[RATE_LANES + lane]))
}

#[test]
fn capacity_is_carried() -> Outcome {
    altered_input(FIRST + 1, |_, state| state[24] ^= 1 << 63)?;
    altered_input(FIRST + 1, |_, state| state[17..].fill(0))
}

#[test]
fn rate_is_the_previous_output_xored_with_the_block() -> Outcome {
    altered_input(FIRST + 1, |_, state| state[3] ^= 1 << 17)?;
    altered_input(FIRST + 1, |row, state| state[..RATE_LANES].copy_from_slice(&row[..RATE_LANES]))
}

/// Rows altered by `alter`, everything else following honestly from them; the consumer reads `reading`.
fn altered_rows(alter: impl Fn(&mut [[u64; COLUMNS]]), reading: impl Fn(&[Vec<u8>], &Table) -> Vec<Read>) -> Outcome {
    let shape = shape(LOG)?;
    let messages = messages(&LENGTHS);
    let mut rows = rows(&shape, &messages)?;
    alter(&mut rows);
    let table = Table::run(rows, |_, row| input_state(row));
    assert_only_stops(is_sponge, &shape, &table, &reading(&messages, &table))
}

#[test]
fn padding_is_at_the_true_length() -> Outcome {
    // domain byte 06 instead of 01
    altered_rows(|rows| rows[FIRST + 1][8] ^= 7, read_with)?;
    // final byte missing, and moved
    altered_rows(|rows| rows[FIRST + 1][16] ^= 0x80 << 56, read_with)?;
    altered_rows(|rows| rows[FIRST + 1][16] ^= 0x80 << 56 | 0x80 << 48, read_with)?;
    // a byte after the padding began
    altered_rows(|rows| rows[FIRST + 1][10] ^= 0xff, read_with)
}

#[test]
fn length_is_that_of_the_bytes() -> Outcome {
    let resized = |by: isize| {
        move |messages: &[Vec<u8>], table: &Table| {
            let mut resized = messages.to_vec();
            resized[1].resize(messages[1].len().saturating_add_signed(by), 1);
            read_with(&resized, table)
        }
    };
    altered_rows(|_| (), resized(-1))?;
    altered_rows(|_| (), resized(1))?;
    altered_rows(|_| (), resized(-136))
}

#[test]
fn blocks_keep_their_order() -> Outcome {
    altered_rows(
        |rows| {
            let block: Vec<u64> = rows[FIRST][..RATE_LANES].to_vec();
            let next: Vec<u64> = rows[FIRST + 1][..RATE_LANES].to_vec();
            rows[FIRST][..RATE_LANES].copy_from_slice(&next);
            rows[FIRST + 1][..RATE_LANES].copy_from_slice(&block);
        },
        read_with,
    )
}

#[test]
fn two_messages_cannot_be_spliced() -> Outcome {
    // tails exchanged
    altered_rows(
        |rows| {
            let tail: Vec<u64> = rows[FIRST + 1][..RATE_LANES].to_vec();
            let other: Vec<u64> = rows[FIRST + 3][..RATE_LANES].to_vec();
            rows[FIRST + 1][..RATE_LANES].copy_from_slice(&other);
            rows[FIRST + 3][..RATE_LANES].copy_from_slice(&tail);
        },
        read_with,
    )?;
    // the second continues from the first
    altered_rows(|rows| rows[FIRST + 2][START] = 0, read_with)?;
    // the first is cut in two: its second block starts anew
    altered_rows(|rows| rows[FIRST + 1][START] = u64::MAX, read_with)
}

#[test]
fn a_digest_belongs_to_its_bytes() -> Outcome {
    altered_rows(
        |_| (),
        |messages, table| {
            let mut reading = read_with(messages, table);
            let digest = std::mem::take(&mut reading[0].digest);
            reading[0].digest = std::mem::replace(&mut reading[1].digest, digest);
            reading
        },
    )
}

#[test]
fn flags_are_whole() -> Outcome {
    // start and end set in some bits only, so that state or digest are mixed
    altered_rows(|rows| rows[FIRST + 2][START] = 0xffff_0000_ffff_ffff, read_with)?;
    altered_rows(
        |rows| rows[FIRST + 2][ENDED] = u64::MAX << 8,
        |messages, table| {
            let mut reading = read_with(messages, table);
            (0..4).for_each(|lane| reading[0].digest[8 * lane] = Default::default());
            reading
        },
    )
}

#[test]
fn inactive_permutations_are_never_read() -> Outcome {
    // the first message's digest is taken from a filler, or from its own first block
    for at in [5, FIRST + 1] {
        altered_rows(
            |rows| {
                rows[at][ENDED] = u64::MAX;
                rows[FIRST + 2][ENDED] = 0;
            },
            read_with,
        )?;
    }
    // a filler is offered as one more message
    altered_rows(
        |rows| rows[5][ENDED] = u64::MAX,
        |messages, table| {
            let all = [&[vec![0; 100]], messages].concat();
            read_with(&all, table)
        },
    )?;
    // a filler absorbs something
    altered_rows(|rows| rows[5][0] = 1, read_with)
}

#[test]
fn messages_are_neither_left_out_nor_used_twice_nor_exchanged() -> Outcome {
    altered_rows(|_| (), |messages, table| read_with(messages, table).split_off(1))?;
    altered_rows(|_| (), |messages, table| read_with(messages, table)[..1].to_vec())?;
    altered_rows(
        |_| (),
        |messages, table| {
            let mut reading = read_with(messages, table);
            reading.insert(1, reading[0].clone());
            reading
        },
    )?;
    altered_rows(|_| (), |messages, table| read_with(messages, table).into_iter().rev().collect())
}
