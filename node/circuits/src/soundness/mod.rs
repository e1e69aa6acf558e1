//! How many bits the parameters of [`crate::security`] are worth (`docs/circuits/security.md`).
//!
//! Everything is a bound on the interactive protocol's error as `-log2`, computed from one theorem:
//! correlated agreement of Reed–Solomon codes up to the Johnson radius, Theorem 1.5 of Ben-Sasson,
//! Carmon, Haböck, Kopparty and Saraf, *On Proximity Gaps for Reed–Solomon Codes* (ePrint 2025/2055).
//! [`Gap::Quadratic`] is the older Theorem 8.3 of *Proximity Gaps for Reed–Solomon Codes* (ePrint
//! 2020/654) in its place, for comparison.

mod counts;

pub use counts::Counts;

use crate::extract::ExtractShape;
use crate::keccak;
use crate::security::{FriLevel, Profile};
use counts::{LOOKUPS_PER_ROW, QUOTIENT_DEGREE, ROUTED_WIRES};

/// log2 of the field that permutation and batching challenges are drawn from.
const BASE_BITS: f64 = 64.0;
/// log2 of the field that all other challenges are drawn from.
const EXTENSION_BITS: f64 = 128.0;
/// log2 of the roots of the identities that the extract circuit checks at its own challenges
/// (`docs/circuits/extract.md`).
pub(crate) const CONSUMER_FOLDS_BITS: u32 = 30;
/// Folding arity of FRI.
const ARITY_BITS: usize = 4;
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
#[derive(Clone, Debug)]
pub struct Layer {
    pub name: String,
    pub fri: FriLevel,
    /// log2 of the rows.
    pub degree_bits: usize,
    /// Polynomials that FRI combines, once for each point at which they are opened; an upper bound.
    pub polynomials: usize,
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

/// Every layer of a proof under a profile: the Keccak argument in every size that an extract circuit
/// has, the others at their largest.
pub fn layers(profile: Profile) -> Vec<Layer> {
    let plonk = |name: &str, fri, degree_bits, challenges| Layer {
        name: name.into(),
        fri,
        degree_bits,
        polynomials: Counts::bound(challenges).polynomials,
        argument: Argument::Plonk { challenges },
    };
    let (recursion, challenges) = (profile.recursion(), profile.recursion_config().num_challenges);
    let keccak = |log_permutations: usize| Layer {
        name: format!("Keccak, {} permutations", 1 << log_permutations),
        fri: recursion,
        degree_bits: log_permutations + keccak::shape::LOG_LANE_BYTES,
        polynomials: keccak::soundness::COMBINED_POLYNOMIALS,
        argument: Argument::Keccak { log_permutations },
    };
    let mut layers: Vec<Layer> = ExtractShape::LOG_PERMUTATIONS.into_iter().map(keccak).collect();
    layers.extend([
        plonk("base circuit, 2^16 rows", recursion, 16, challenges),
        plonk("base circuit, 2^14 rows", recursion, 14, challenges),
        plonk("shrunk proof, 2^13 rows", recursion, 13, challenges),
        plonk("final layer, 2^13 rows", profile.final_layer(), 13, profile.final_layer_config().num_challenges),
    ]);
    layers
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
            Argument::Plonk { challenges } => terms.extend(plonk_terms(challenges, rows, list)),
            Argument::Keccak { log_permutations } => {
                let own = keccak::soundness::terms(log_permutations);
                terms.extend(own.map(|own| term(own.name, own.bits() - list)));
                // Challenges that the consuming circuit draws itself: no list.
                terms.push(term("consumer folds", EXTENSION_BITS - f64::from(CONSUMER_FOLDS_BITS)));
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
        (self.polynomials - 1) as f64 * exceptional((length_bits as f64).exp2()) + folded
    }
}

/// Terms of plonk over 2^`rows` rows when each opened word has 2^`list` codewords near it.
fn plonk_terms(challenges: usize, rows: f64, list: f64) -> [Term; 4] {
    let repetitions = challenges as f64;
    let log2 = |count: usize| (count as f64).log2();
    let term = |name, bits: f64| Term { name, bits: bits - list };
    [
        term("permutation", repetitions * (BASE_BITS - log2(2 * ROUTED_WIRES) - rows)),
        term("lookup", repetitions * (BASE_BITS - log2(LOOKUPS_PER_ROW) - rows)),
        term("constraint batching", repetitions * (BASE_BITS - log2(Counts::bound(challenges).batched))),
        term("out of domain", EXTENSION_BITS - log2(QUOTIENT_DEGREE + 1) - rows),
    ]
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
            println!("{}: {:.1} bits", layer.name, least(&terms));
            terms.iter().for_each(|term| println!("    {} {:.1}", term.name, term.bits));
            assert!(terms.iter().all(|term| term.bits >= bits(Profile::Production, Gap::Linear)));
        }
    }

    /// Two challenges would make the permutation argument of the largest circuits the weakest term.
    #[test]
    fn the_third_challenge_is_what_lifts_the_permutation_term() {
        let permutation = |challenges| {
            let largest = layers(Profile::Production).into_iter().find(|layer| layer.degree_bits == 16).unwrap();
            let layer = Layer { argument: Argument::Plonk { challenges }, ..largest };
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
