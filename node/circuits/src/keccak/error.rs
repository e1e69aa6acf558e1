//! Errors of the Keccak argument.

use thiserror::Error;

/// One equation of the verifier (`docs/circuits/keccak.md` §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Chi and iota of a round, 0 to 23.
    Chi(usize),
    /// Use of the column parities, rho and pi of a round.
    Apply(usize),
    /// Column parities of a round.
    Parity(usize),
    /// Sponge, link from output to next row, and bus.
    Sponge,
    /// Bit claims against the table of byte values.
    Bytes,
    /// Fractional sum against the table of byte values.
    LookupRoot,
    /// One layer of the fractional-sum tree, root first.
    LookupTree(usize),
    /// Numerator of the leaves of the tree.
    LookupLeaf,
    /// Opening identity of the committed lanes.
    Opening,
    /// Low-degree test and Merkle paths.
    Fri,
}

/// Why a Keccak argument could not be made or was refused.
#[derive(Debug, Error)]
pub enum KeccakError {
    /// The number of permutations is outside the supported range.
    #[error("log2 of the permutations is {got}, supported are {min} to {max}")]
    Size {
        /// Requested.
        got: usize,
        /// Smallest.
        min: usize,
        /// Largest.
        max: usize,
    },
    /// An empty list has no proof: without a start, row 0 would have to follow row N - 1 in a circle.
    #[error("there is no message to hash")]
    NoMessages,
    /// The messages take more permutations than the shape has.
    #[error("the messages take {needed} permutations, the shape has {capacity}")]
    TooManyBlocks {
        /// Sum over the messages.
        needed: usize,
        /// What fits.
        capacity: usize,
    },
    /// A message is longer than the consumer's gadgets accept.
    #[error("a message of {length} bytes; at most {max} are supported")]
    MessageTooLong {
        /// Its bytes.
        length: usize,
        /// Largest.
        max: usize,
    },
    /// A challenge took one of the few values that the protocol cannot divide by.
    #[error("a challenge has no inverse; change the commitment and try again")]
    DegenerateChallenge,
    /// A part of the proof has another size than the shape prescribes.
    #[error("{part}: expected {expected} elements, got {got}")]
    ProofShape {
        /// Which part.
        part: &'static str,
        /// Prescribed.
        expected: usize,
        /// Found.
        got: usize,
    },
    /// An equation of the verifier does not hold.
    #[error("the proof fails the check {0:?}")]
    Rejected(Check),
    /// A value could not be assigned to the circuit.
    #[error("witness: {0}")]
    Witness(String),
}
