//! Size and parameters of an argument, and the header that its transcript starts with.

use super::KeccakError;
use crate::F;
use crate::security::Profile;
use gavel_types::statement::Kind;
use plonky2::field::types::Field;
use plonky2::fri::FriParams;
use serde::{Deserialize, Serialize};

/// First element of every transcript ("KECK").
const TAG: u64 = 0x4b45_434b;
/// Version of the protocol.
const VERSION: u64 = 1;

/// Rate lanes of a block.
pub const RATE_LANES: usize = 17;
/// Lanes of a state.
pub const STATE_LANES: usize = 25;
/// Committed lanes: block, previous output, start, ended.
pub const COLUMNS: usize = RATE_LANES + STATE_LANES + 2;
/// Column of the start flags.
pub const START: usize = COLUMNS - 2;
/// Column of the ended flags.
pub const ENDED: usize = COLUMNS - 1;
/// log2 of the bits of a lane.
pub const LOG_LANE: usize = 6;
/// log2 of the bytes of a lane.
pub const LOG_LANE_BYTES: usize = 3;

/// What prover and verifier agree on beforehand; never read from a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeccakShape {
    log_permutations: usize,
    profile: Profile,
    kind: Kind,
}

impl KeccakShape {
    /// Smallest supported log2 of the permutations.
    pub const MIN_LOG: usize = 4;
    /// Largest supported log2 of the permutations (bounds the soundness terms).
    pub const MAX_LOG: usize = 14;

    /// `2^log_permutations` permutations, verified inside a circuit of the given kind.
    ///
    /// # Errors
    /// [`KeccakError::Size`] outside `MIN_LOG..=MAX_LOG`.
    pub fn new(log_permutations: usize, profile: Profile, kind: Kind) -> Result<Self, KeccakError> {
        let (min, max) = (Self::MIN_LOG, Self::MAX_LOG);
        if !(min..=max).contains(&log_permutations) {
            return Err(KeccakError::Size { got: log_permutations, min, max });
        }
        Ok(Self { log_permutations, profile, kind })
    }

    /// log2 of the permutations.
    pub const fn log_permutations(&self) -> usize {
        self.log_permutations
    }

    /// Rows of the table.
    pub const fn permutations(&self) -> usize {
        1 << self.log_permutations
    }

    /// Blocks of messages that fit: the last row only holds the last digest.
    pub const fn capacity(&self) -> usize {
        self.permutations() - 1
    }

    /// Security profile.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// log2 of the coefficients of a committed lane (eight bytes a row).
    pub(super) const fn log_rows(&self) -> usize {
        self.log_permutations + LOG_LANE_BYTES
    }

    pub(super) fn fri_params(&self) -> FriParams {
        self.profile.recursion().fri_config().fri_params(self.log_rows(), false)
    }

    /// What every transcript absorbs first.
    pub(super) fn header(&self) -> Vec<F> {
        let level = self.profile.recursion();
        [
            TAG,
            VERSION,
            self.log_permutations as u64,
            COLUMNS as u64,
            level.rate_bits as u64,
            level.cap_height as u64,
            level.pow_bits as u64,
            level.queries as u64,
            self.kind as u64,
        ]
        .map(F::from_canonical_u64)
        .to_vec()
    }
}
