//! How much a chunk circuit holds.

use gavel_types::statement::Kind;
use serde::{Deserialize, Serialize};

use crate::keccak::{KeccakError, KeccakShape};
use crate::security::Profile;

/// What blocks take of a shape, or what a shape offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
pub struct Usage {
    /// Keccak permutations, those of the key hashes included.
    pub permutations: usize,
    /// Steps of the machine.
    pub steps: usize,
    /// Row entries: blocks times slots.
    pub rows: usize,
}

impl Usage {
    /// Every resource is at most that of `limit`.
    pub fn fits(&self, limit: &Usage) -> bool {
        self.permutations <= limit.permutations && self.steps <= limit.steps && self.rows <= limit.rows
    }
}

impl std::ops::Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage {
            permutations: self.permutations + other.permutations,
            steps: self.steps + other.steps,
            rows: self.rows + other.rows,
        }
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} permutations, {} steps and {} row entries", self.permutations, self.steps, self.rows)
    }
}

/// Size of a chunk circuit. Blocks, slots, depth and fork of a chunk are not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractShape {
    keccak: KeccakShape,
    steps: usize,
    rows: usize,
}

impl ExtractShape {
    /// log2 of the permutations of [`ExtractShape::small`] and [`ExtractShape::large`]: the sizes in
    /// which the Keccak argument is used.
    pub const LOG_PERMUTATIONS: [usize; 2] = [8, 10];

    /// A shape of `2^log_permutations` permutations, `steps` steps and `rows` row entries.
    ///
    /// # Errors
    /// [`KeccakError::Size`] when the argument does not come in that size.
    pub fn new(log_permutations: usize, steps: usize, rows: usize, profile: Profile) -> Result<Self, KeccakError> {
        Ok(ExtractShape { keccak: KeccakShape::new(log_permutations, profile, Kind::Extract)?, steps, rows })
    }

    /// 256 permutations in 2^14 rows: short chunks and shallow tries.
    ///
    /// # Errors
    /// As [`ExtractShape::new`].
    pub fn small(profile: Profile) -> Result<Self, KeccakError> {
        Self::new(Self::LOG_PERMUTATIONS[0], 1_500, 64, profile)
    }

    /// 1,024 permutations in 2^15 rows: 15 mainnet blocks with one slot.
    ///
    /// # Errors
    /// As [`ExtractShape::new`].
    pub fn large(profile: Profile) -> Result<Self, KeccakError> {
        Self::new(Self::LOG_PERMUTATIONS[1], 4_600, 128, profile)
    }

    /// The Keccak argument inside.
    pub const fn keccak(&self) -> &KeccakShape {
        &self.keccak
    }

    /// Security profile.
    pub const fn profile(&self) -> Profile {
        self.keccak.profile()
    }

    /// What the shape holds.
    pub const fn capacity(&self) -> Usage {
        Usage { permutations: self.keccak.capacity(), steps: self.steps, rows: self.rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Keys;
    use crate::extract::step::WINDOW;
    use crate::keccak::RATE_BYTES;
    use crate::keccak::soundness::CONSUMER_BLOCKS;
    use crate::soundness::CONSUMER_FOLDS_BITS;

    /// The two bounds on this circuit that its soundness is computed from.
    #[test]
    fn folds_stay_within_the_degrees_that_soundness_assumes() {
        for shape in [ExtractShape::small(Profile::Production), ExtractShape::large(Profile::Production)] {
            let steps = shape.unwrap().capacity().steps as u64;
            let bytes = steps * WINDOW as u64;
            // A step ends at most one message; a message has a block more than it fills.
            let blocks = Keys::USAGE.permutations as u64 + steps + bytes / RATE_BYTES as u64;
            assert!(blocks <= CONSUMER_BLOCKS, "{blocks} blocks");
            // One identity a step, of the degree of a message.
            assert!(steps * bytes <= 1 << CONSUMER_FOLDS_BITS, "{steps} steps");
        }
    }
}
