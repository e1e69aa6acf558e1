//! Every security parameter of the proof stack, decided once (`docs/circuits/security.md`).

use plonky2::fri::FriConfig;
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::plonk::circuit_data::CircuitConfig;
use serde::{Deserialize, Serialize};

/// Which parameters a proof was made with. A production verifier refuses a test proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// At least 100 bits by the Johnson rule in every layer.
    Production,
    /// Few queries and no grinding: fast, and worth nothing against an attacker.
    Test,
}

/// FRI parameters of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FriLevel {
    /// log2 of the inverse code rate.
    pub rate_bits: usize,
    /// Number of query positions.
    pub queries: usize,
    /// Proof-of-work bits ground before the queries are drawn.
    pub pow_bits: u32,
    /// log2 of the number of hashes in a Merkle cap.
    pub cap_height: usize,
}

impl FriLevel {
    /// Bits by the Johnson-bound rule, `pow + queries * rate_bits / 2`.
    pub const fn johnson_bits(self) -> usize {
        self.pow_bits as usize + self.queries * self.rate_bits / 2
    }

    /// As plonky2's configuration, folding by 16 until the final polynomial has at most 64
    /// coefficients: with 32, a proof of 2^14 rows would need one more folding step and could not
    /// be verified in 2^13 rows.
    pub fn fri_config(self) -> FriConfig {
        FriConfig {
            rate_bits: self.rate_bits,
            cap_height: self.cap_height,
            proof_of_work_bits: self.pow_bits,
            reduction_strategy: FriReductionStrategy::ConstantArityBits(4, 6),
            num_query_rounds: self.queries,
        }
    }
}

impl Profile {
    /// Layers over Goldilocks Poseidon: base circuits, recursion, and the Keccak argument.
    pub const fn recursion(self) -> FriLevel {
        match self {
            Profile::Production => FriLevel { rate_bits: 3, queries: 56, pow_bits: 16, cap_height: 4 },
            Profile::Test => FriLevel { rate_bits: 3, queries: 2, pow_bits: 1, cap_height: 4 },
        }
    }

    /// The final layer, hashed with Poseidon2 over BN254.
    pub const fn final_layer(self) -> FriLevel {
        match self {
            Profile::Production => FriLevel { rate_bits: 5, queries: 34, pow_bits: 16, cap_height: 4 },
            Profile::Test => FriLevel { rate_bits: 3, queries: 2, pow_bits: 1, cap_height: 4 },
        }
    }

    /// Circuit configuration of base and recursion circuits.
    pub fn recursion_config(self) -> CircuitConfig {
        CircuitConfig {
            security_bits: self.recursion().johnson_bits(),
            // Challenges of the permutation argument and of constraint batching come from the base
            // field; three of them put both terms above what FRI reaches.
            num_challenges: 3,
            zero_knowledge: false,
            fri_config: self.recursion().fri_config(),
            ..CircuitConfig::standard_recursion_config()
        }
    }

    /// Circuit configuration of the final layer: fewer routed wires than elsewhere, because every
    /// column costs constraints in each query of the wrap and the rows are there.
    pub fn final_layer_config(self) -> CircuitConfig {
        CircuitConfig {
            num_routed_wires: 64,
            security_bits: self.final_layer().johnson_bits(),
            // A third challenge would cost the R1CS verifier some 5 %; at 2^13 rows two suffice.
            num_challenges: 2,
            fri_config: self.final_layer().fri_config(),
            ..self.recursion_config()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_layers_reach_a_hundred_bits() {
        assert!(Profile::Production.recursion().johnson_bits() >= 100);
        assert!(Profile::Production.final_layer().johnson_bits() >= 100);
    }
}
