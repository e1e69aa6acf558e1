//! Keccak-f[1600] natively, with every intermediate state (FIPS 202, section 3).

use super::shape::STATE_LANES;

/// Lane x + 5y; bit z of a lane is bit z of the word.
pub type State = [u64; STATE_LANES];
/// Rounds of a permutation.
pub const ROUNDS: usize = 24;

/// Iota's constants, from the LFSR x^8 + x^6 + x^5 + x^4 + 1: only the bits 2^j - 1 are ever set.
pub const ROUND_CONSTANTS: [u64; ROUNDS] = round_constants();
/// Rho's rotation of each lane.
pub const ROTATIONS: [u32; STATE_LANES] = rotations();

const fn round_constants() -> [u64; ROUNDS] {
    let mut constants = [0; ROUNDS];
    let mut register: u8 = 1;
    let mut round = 0;
    while round < ROUNDS {
        let mut j = 0;
        while j < 7 {
            if register & 1 == 1 {
                constants[round] |= 1 << ((1u32 << j) - 1);
            }
            register = (register << 1) ^ (if register >> 7 == 1 { 0x71 } else { 0 });
            j += 1;
        }
        round += 1;
    }
    constants
}

const fn rotations() -> [u32; STATE_LANES] {
    let mut rotations = [0; STATE_LANES];
    let (mut x, mut y) = (1, 0);
    let mut t = 0;
    while t < 24 {
        rotations[x + 5 * y] = (t + 1) * (t + 2) / 2 % 64;
        (x, y) = (y, (2 * x + 3 * y) % 5);
        t += 1;
    }
    rotations
}

/// Where pi moves a lane.
pub const fn pi(lane: usize) -> usize {
    let (x, y) = (lane % 5, lane / 5);
    y + 5 * ((2 * x + 3 * y) % 5)
}

/// Column parities.
pub fn parities(state: &State) -> [u64; 5] {
    std::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ state[x + 5 * y]))
}

/// Theta, rho and pi.
pub fn theta_rho_pi(state: &State) -> State {
    let parity = parities(state);
    let mut moved = [0; STATE_LANES];
    for (lane, &word) in state.iter().enumerate() {
        let x = lane % 5;
        let mixed = word ^ parity[(x + 4) % 5] ^ parity[(x + 1) % 5].rotate_left(1);
        moved[pi(lane)] = mixed.rotate_left(ROTATIONS[lane]);
    }
    moved
}

/// The next two lanes of a lane's row, which chi combines with it.
pub const fn row_neighbours(lane: usize) -> (usize, usize) {
    let (x, row) = (lane % 5, lane - lane % 5);
    (row + (x + 1) % 5, row + (x + 2) % 5)
}

/// Chi, and iota of a round.
pub fn chi_iota(state: &State, round: usize) -> State {
    let mut next: State = std::array::from_fn(|lane| {
        let (first, second) = row_neighbours(lane);
        state[lane] ^ (!state[first] & state[second])
    });
    next[0] ^= ROUND_CONSTANTS[round];
    next
}

/// One round.
pub fn round(state: &State, round: usize) -> State {
    chi_iota(&theta_rho_pi(state), round)
}
