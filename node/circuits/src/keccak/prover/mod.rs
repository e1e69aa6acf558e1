//! The prover: commits to the messages, then shows their digests to whoever committed to reading them.

mod apply;
mod chi;
mod lookup;
pub(super) mod opening;
mod parity;
mod rounds;
mod sponge;

use super::extension::{Ext, eq_table, powers, small};
use super::permutation::{ROUNDS, theta_rho_pi};
use super::proof::{KeccakProof, Messages};
use super::shape::{COLUMNS, ENDED, KeccakShape, RATE_LANES, START, STATE_LANES};
use super::stream::Challenges;
use super::table::Table;
use super::transcript::{Cap, Transcript};
use super::{DIGEST_BYTES, KeccakError, RATE_BYTES};
use crate::F;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;
use rayon::prelude::*;

/// Claims on lanes, as multilinear functions of ±1 bits, at one point.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    /// Bit position, most significant coordinate first.
    pub z: Vec<Ext>,
    /// Permutation, most significant coordinate first.
    pub i: Vec<Ext>,
    pub values: Vec<Ext>,
}

/// Tables of the three layers, kept from round to round so that their pages are.
#[derive(Default)]
struct Scratch {
    chi: Vec<Ext>,
    apply: Vec<Ext>,
    parity: Vec<Ext>,
}

/// A committed list of messages.
pub struct Argument {
    shape: KeccakShape,
    table: Table,
    pub(super) lanes: opening::Batch,
}

/// What the prover works on. The honest one takes its committed table and its true bus sum for all three.
pub(super) struct Witness<'a> {
    /// States, and the bits that the sponge works on.
    pub bits: &'a Table,
    /// Bytes that the lookup works on.
    pub bytes: &'a Table,
    /// Bus sum to claim.
    pub sum: Ext,
}

impl Argument {
    /// Hashes the messages and commits to them.
    ///
    /// # Errors
    /// [`KeccakError::NoMessages`], [`KeccakError::TooManyBlocks`].
    pub fn commit(shape: &KeccakShape, messages: &[impl AsRef<[u8]>]) -> Result<Self, KeccakError> {
        Ok(Self::from_table(shape, Table::new(shape, messages)?))
    }

    /// Commits to a table as it is.
    pub(super) fn from_table(shape: &KeccakShape, table: Table) -> Self {
        let polynomials = (0..COLUMNS)
            .into_par_iter()
            .map(|lane| table.lane_bytes(lane).map(F::from_canonical_u8).collect())
            .collect();
        Self { shape: *shape, lanes: opening::commit(shape, polynomials), table }
    }

    /// Digests of the messages, in order.
    pub fn digests(&self) -> Vec<[u8; DIGEST_BYTES]> {
        self.table.digests()
    }

    /// Cap of the commitment.
    pub fn cap(&self) -> &Cap {
        &self.lanes.merkle_tree.cap
    }

    /// The bus challenges that follow from a consumer's commitment.
    pub fn challenges(&self, consumer_commitment: HashOut<F>) -> Challenges {
        Transcript::start(&self.shape, self.cap(), consumer_commitment).1
    }

    /// Proves the digests to a consumer that committed to reading exactly these messages.
    ///
    /// # Errors
    /// [`KeccakError::DegenerateChallenge`], with negligible probability.
    pub fn prove(&self, consumer_commitment: HashOut<F>) -> Result<KeccakProof, KeccakError> {
        let start = Transcript::start(&self.shape, self.cap(), consumer_commitment);
        let sum = bus_sum(start.1, &self.table);
        self.prove_with(start, &Witness { bits: &self.table, bytes: &self.table, sum })
    }

    /// The prover on a transcript past the bus challenges.
    pub(super) fn prove_with(
        &self,
        (mut transcript, challenges): (Transcript, Challenges),
        &Witness { bits: table, bytes, sum }: &Witness<'_>,
    ) -> Result<KeccakProof, KeccakError> {
        let transcript = &mut transcript;
        let states = &table.states;
        let (z, i) = (transcript.challenges(6), transcript.challenges(self.shape.log_permutations()));
        let values = evaluate_lanes::<STATE_LANES>(&states[ROUNDS], &z, &i);
        let outputs = Claims { z, i, values };
        let sent: Vec<Ext> = std::iter::once(sum).chain(outputs.values.iter().copied()).collect();
        transcript.absorb(&sent);

        let mut scratch = Scratch::default();
        let mut claims = outputs.clone();
        let mut rounds = Vec::with_capacity(ROUNDS);
        for round in (0..ROUNDS).rev() {
            let before = table.map_states(round, theta_rho_pi);
            let (chi, lanes) = chi::prove(transcript, &mut scratch, &before, round, &claims)?;
            let (apply, columns, theta) = apply::prove(transcript, &mut scratch, &states[round], &lanes)?;
            let (parity, next) = parity::prove(transcript, &mut scratch, &theta, &columns)?;
            rounds.push([chi, apply, parity]);
            claims = next;
        }
        let (sponge, bits) = sponge::prove(transcript, table, challenges, sum, &outputs, &claims);
        let (lookup, claim) = lookup::prove(transcript, bytes, &bits)?;
        let opening = opening::prove(transcript, &self.shape, &self.lanes, &claim)?;
        let messages = Messages {
            outputs: sent,
            rounds,
            sponge,
            values: lookup.values,
            tree: lookup.tree,
            at_point: opening.at_point,
            at_inverse: opening.at_inverse,
        };
        let (quotient_cap, fri) = (opening.quotient_cap, opening.fri);
        Ok(KeccakProof { cap: self.cap().clone(), messages, quotient_cap, fri })
    }
}

/// Every lane's multilinear function of ±1 bits at one point: rows are instances, each of `K` words.
pub(super) fn evaluate_lanes<const K: usize>(rows: &[[u64; K]], z: &[Ext], i: &[Ext]) -> Vec<Ext> {
    // sums of eq over the set bits of each value of each byte
    let eq_z = eq_table(z);
    let sums: Vec<[Ext; 256]> = eq_z
        .chunks_exact(8)
        .map(|eq| {
            let mut sums = [Ext::ZERO; 256];
            for value in 1..256usize {
                sums[value] = sums[value & (value - 1)] + eq[value.trailing_zeros() as usize];
            }
            sums
        })
        .collect();
    let eq_i = eq_table(i);
    let lane = |lane: usize| {
        rows.iter().zip(&eq_i).fold(Ext::ZERO, |total, (row, &weight)| {
            let set: Ext = row[lane].to_le_bytes().iter().zip(&sums).map(|(&byte, sums)| sums[usize::from(byte)]).sum();
            total + weight * (Ext::ONE - set - set)
        })
    };
    (0..K).into_par_iter().map(lane).collect()
}

/// The bus sum of a table (`docs/circuits/keccak.md` §4).
pub(super) fn bus_sum(Challenges { alpha, beta }: Challenges, table: &Table) -> Ext {
    let byte_powers = powers(alpha, RATE_BYTES);
    let lane = |word: u64, last_power: usize| -> Ext {
        let bytes = word.to_le_bytes();
        (0..8).map(|j| byte_powers[last_power + 7 - j] * small(u64::from(bytes[j]))).sum()
    };
    let row_sum = |row: &[u64; COLUMNS]| -> Ext {
        let block: Ext = (0..RATE_LANES).map(|l| lane(row[l], 128 - 8 * l)).sum();
        let digest: Ext = (0..4).map(|l| lane(row[ENDED] & row[RATE_LANES + l], 24 - 8 * l)).sum();
        block + beta * (lane(row[START], 0) + beta * (lane(row[ENDED], 0) + beta * digest))
    };
    let step = alpha.exp_u64(RATE_BYTES as u64);
    let sums: Vec<Ext> = table.rows.par_iter().map(row_sum).collect();
    sums.into_iter().fold(Ext::ZERO, |sum, row| sum * step + row)
}
