//! How many bits the parameters of [`crate::security`] are worth (`docs/circuits/security.md`).
//!
//! Everything is a bound on the interactive protocol's error as `-log2`, computed from one theorem:
//! correlated agreement of Reed–Solomon codes up to the Johnson radius, Theorem 1.5 of Ben-Sasson,
//! Carmon, Haböck, Kopparty and Saraf, *On Proximity Gaps for Reed–Solomon Codes* (ePrint 2025/2055).
//! [`Gap::Quadratic`] is the older Theorem 8.3 of *Proximity Gaps for Reed–Solomon Codes* (ePrint
//! 2020/654) in its place, for comparison.

use crate::security::{FriLevel, Profile};

/// log2 of the field that permutation and batching challenges are drawn from.
const BASE_BITS: f64 = 64.0;
/// log2 of the field that all other challenges are drawn from.
const EXTENSION_BITS: f64 = 128.0;
/// Routed wires of recursion circuits, an upper bound for the final layer.
const ROUTED_WIRES: f64 = 80.0;
/// Largest degree of a constraint, and number of chunks of a quotient.
const QUOTIENT_DEGREE: f64 = 8.0;
/// Constraints combined by one challenge: at most 123 of a gate, 10 partial products for each of
/// up to three permutation arguments and their first rows, with room for lookups.
const BATCHED_CONSTRAINTS: f64 = 256.0;
/// Looked-up values in a row of a lookup gate.
const LOOKUPS_PER_ROW: f64 = 40.0;
/// log2 of the roots of the identities that the extract circuit checks at its own challenges
/// (`docs/circuits/extract.md`).
const CONSUMER_FOLDS_BITS: f64 = 30.0;
/// Folding arity of FRI.
const ARITY_BITS: usize = 4;
/// Constants, wiring, wires, products and quotients of a plonk layer with lookups, both openings.
const PLONK_POLYNOMIALS: f64 = 350.0;
/// Multiplicities tried; the theorem needs at least 3.
const MULTIPLICITIES: std::ops::RangeInclusive<u32> = 3..=200;

/// Bound on the exceptional points of a line of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// ePrint 2025/2055, Theorem 1.5: linear in the length of the code.
    Linear,
    /// ePrint 2020/654, Theorem 8.3: quadratic in the length of the code.
    Quadratic,
}

/// One polynomial-commitment opening in the stack.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    pub name: &'static str,
    pub fri: FriLevel,
    /// log2 of the rows.
    pub degree_bits: usize,
    /// Polynomials that FRI opens together, an upper bound.
    pub polynomials: f64,
    pub argument: Argument,
}

/// What is proven over the opened polynomials.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// Plonk with so many challenges for permutation and for batching.
    Plonk { challenges: usize },
    /// The Keccak argument over 2^`log_permutations` (`docs/circuits/keccak.md`, §7).
    Keccak { log_permutations: usize },
}

/// An error term of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    pub name: &'static str,
    pub bits: f64,
}

/// Every layer of a proof under a profile, at its largest size.
pub fn layers(profile: Profile) -> Vec<Layer> {
    let plonk = |name, degree_bits| Layer {
        name,
        fri: profile.recursion(),
        degree_bits,
        polynomials: PLONK_POLYNOMIALS,
        argument: Argument::Plonk { challenges: profile.recursion_config().num_challenges },
    };
    let keccak = |name, log_permutations| Layer {
        name,
        fri: profile.recursion(),
        // Eight bytes of a lane a row.
        degree_bits: log_permutations + 3,
        polynomials: 44.0,
        argument: Argument::Keccak { log_permutations },
    };
    vec![
        keccak("Keccak, 1,024 permutations", 10),
        plonk("base circuit, 2^16 rows", 16),
        plonk("base circuit, 2^14 rows", 14),
        plonk("shrunk proof, 2^13 rows", 13),
        Layer {
            name: "final layer, 2^13 rows",
            fri: profile.final_layer(),
            degree_bits: 13,
            polynomials: PLONK_POLYNOMIALS,
            argument: Argument::Plonk { challenges: profile.final_layer_config().num_challenges },
        },
    ]
}

/// The bits of a profile: the least term of any layer.
pub fn bits(profile: Profile, gap: Gap) -> f64 {
    layers(profile).iter().map(|layer| layer.bits(gap)).fold(f64::INFINITY, f64::min)
}

impl Layer {
    /// The least term at the multiplicity that makes it largest.
    pub fn bits(&self, gap: Gap) -> f64 {
        let least = |m| self.terms(gap, m).into_iter().map(|term| term.bits).fold(f64::INFINITY, f64::min);
        MULTIPLICITIES.map(least).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Every term at the multiplicity that maximises the least of them.
    pub fn best_terms(&self, gap: Gap) -> Vec<Term> {
        let best = MULTIPLICITIES.map(|m| self.terms(gap, m)).max_by(|x, y| least(x).total_cmp(&least(y)));
        best.unwrap_or_default()
    }

    /// Every term at multiplicity `m`: words within `1 - sqrt(rho) (1 + 1 / 2m)` of the code count
    /// as polynomials, of which there are at most `(m + 1/2) / sqrt(rho)` for one word.
    pub fn terms(&self, gap: Gap, m: u32) -> Vec<Term> {
        let m = f64::from(m);
        let half_rate = self.fri.rate_bits as f64 / 2.0;
        let list = (m + 0.5).log2() + half_rate;
        let rows = self.degree_bits as f64;
        let term = |name, bits| Term { name, bits };

        let queries = self.fri.queries as f64 * (half_rate - (1.0 + 0.5 / m).log2()) + f64::from(self.fri.pow_bits);
        let mut terms = vec![
            term("queries", queries),
            term("commit phase and batching", EXTENSION_BITS - self.commit(gap, m).log2()),
        ];
        match self.argument {
            Argument::Plonk { challenges } => {
                let challenges = challenges as f64;
                let permutation = challenges * (BASE_BITS - (2.0 * ROUTED_WIRES).log2() - rows) - list;
                let batching = challenges * (BASE_BITS - BATCHED_CONSTRAINTS.log2()) - list;
                let out_of_domain = EXTENSION_BITS - (QUOTIENT_DEGREE + 1.0).log2() - rows - list;
                terms.extend([
                    term("permutation", permutation),
                    term("lookup", challenges * (BASE_BITS - LOOKUPS_PER_ROW.log2() - rows) - list),
                    term("constraint batching", batching),
                    term("out of domain", out_of_domain),
                ]);
            }
            Argument::Keccak { log_permutations } => {
                let n = log_permutations as f64;
                let rounds = 24.0 * (n * 14.0 + 6.0 * 13.0 + 62.0) + 4.0 * (n + 6.0) + 50.0 + n + 6.0;
                // 400 bytes a permutation are looked up in 2^8 entries.
                let poles = (512.0 * n.exp2() + 256.0).log2();
                let fingerprint = (136.0 * 2048.0 + 3.0f64).log2();
                let opening = (2.0 * 8.0f64).log2() + n;
                terms.extend([
                    term("sumchecks", EXTENSION_BITS - rounds.log2() - list),
                    term("lookup", EXTENSION_BITS - poles - list),
                    term("bus", EXTENSION_BITS - fingerprint - list),
                    // Challenges that the consuming circuit draws itself: no list.
                    term("consumer folds", EXTENSION_BITS - CONSUMER_FOLDS_BITS),
                    term("out of domain", EXTENSION_BITS - opening - list),
                ]);
            }
        }
        terms
    }

    /// Exceptional challenges of batching by powers (a curve: one less than the polynomials) and
    /// of every folding (arity less one), over all rounds.
    fn commit(&self, gap: Gap, m: f64) -> f64 {
        let rate = (-(self.fri.rate_bits as f64)).exp2();
        let radius = 1.0 - rate.sqrt() * (1.0 + 0.5 / m);
        let half = m + 0.5;
        let exceptional = |length: f64| match gap {
            Gap::Linear => {
                (2.0 * half.powi(5) + 3.0 * half * radius * rate) / (3.0 * rate.powf(1.5)) * length + half / rate.sqrt()
            }
            Gap::Quadratic => half.powi(7) / (3.0 * rate.powf(1.5)) * length * length,
        };
        let length_bits = self.degree_bits + self.fri.rate_bits;
        let mut folded = 0.0;
        let mut bits = self.degree_bits;
        // As `FriLevel::fri_config` folds.
        while bits > 6 {
            let length = ((length_bits - (self.degree_bits - bits)) as f64).exp2();
            folded += ((1 << ARITY_BITS) - 1) as f64
                * match gap {
                    Gap::Linear => exceptional(length),
                    Gap::Quadratic => (2.0 * m + 1.0) * (length + 1.0) / rate.sqrt(),
                };
            bits = bits.saturating_sub(ARITY_BITS);
        }
        (self.polynomials - 1.0) * exceptional((length_bits as f64).exp2()) + folded
    }
}

fn least(terms: &[Term]) -> f64 {
    terms.iter().map(|term| term.bits).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that `docs/circuits/security.md` publishes.
    #[test]
    fn the_published_number_is_the_least_term() {
        assert_eq!(bits(Profile::Production, Gap::Linear).floor(), 83.0);
        assert_eq!(bits(Profile::Production, Gap::Quadratic).floor(), 64.0);
    }

    #[test]
    fn every_term_is_at_least_the_number() {
        for layer in layers(Profile::Production) {
            let terms = layer.best_terms(Gap::Linear);
            assert!(terms.iter().all(|term| term.bits >= bits(Profile::Production, Gap::Linear)));
        }
    }

    /// Two challenges would make the permutation argument of the largest circuits the weakest term.
    #[test]
    fn the_third_challenge_is_what_lifts_the_permutation_term() {
        let permutation = |challenges| {
            let mut layer = layers(Profile::Production)[1];
            layer.argument = Argument::Plonk { challenges };
            layer.terms(Gap::Linear, 3).into_iter().find(|term| term.name == "permutation").unwrap().bits
        };
        assert!(permutation(2) < bits(Profile::Production, Gap::Linear));
        assert!(permutation(3) > 100.0);
    }

    #[test]
    fn the_test_profile_is_worth_nothing() {
        assert!(bits(Profile::Test, Gap::Linear) < 10.0);
    }
}
