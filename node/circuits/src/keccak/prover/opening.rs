//! Layer "opening": the one claim left on the committed polynomials, by a univariate identity and
//! plonky2's low-degree test.

use super::lookup::OpeningClaim;
use crate::keccak::KeccakError;
use crate::keccak::extension::{Ext, eq_table, small};
use crate::keccak::shape::{COLUMNS, KeccakShape};
use crate::keccak::transcript::{Cap, Transcript};
use crate::{C, D, F};
use plonky2::field::polynomial::PolynomialCoeffs;
use plonky2::field::types::Field;
use plonky2::fri::oracle::PolynomialBatch;
use plonky2::fri::proof::FriProof;
use plonky2::fri::structure::{FriBatchInfo, FriInstanceInfo, FriOracleInfo, FriPolynomialInfo};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::util::timing::TimingTree;
use rayon::prelude::*;

/// A committed batch of polynomials.
pub type Batch = PolynomialBatch<F, C, D>;

/// What the prover sends.
pub struct Opening {
    pub quotient_cap: Cap,
    pub at_point: Vec<Ext>,
    pub at_inverse: Vec<Ext>,
    pub fri: FriProof<F, PoseidonHash, D>,
}

/// Commits polynomials given by coefficients.
pub fn commit(shape: &KeccakShape, polynomials: Vec<Vec<F>>) -> Batch {
    let level = shape.profile().recursion();
    let polynomials = polynomials.into_iter().map(PolynomialCoeffs::new).collect();
    Batch::from_coeffs(polynomials, level.rate_bits, false, level.cap_height, &mut TimingTree::default(), None)
}

/// Everything is opened at the point and at its inverse.
pub fn instance(point: Ext, inverse: Ext) -> FriInstanceInfo<F, D> {
    let polynomials =
        || [FriPolynomialInfo::from_range(0, 0..COLUMNS), FriPolynomialInfo::from_range(1, 0..2)].concat();
    FriInstanceInfo {
        oracles: [COLUMNS, 2].map(|num_polys| FriOracleInfo { num_polys, blinding: false }).to_vec(),
        batches: [point, inverse].map(|point| FriBatchInfo { point, polynomials: polynomials() }).to_vec(),
    }
}

/// Proves `claim` on the polynomials of `lanes`.
pub fn prove(
    transcript: &mut Transcript,
    shape: &KeccakShape,
    lanes: &Batch,
    claim: &OpeningClaim,
) -> Result<Opening, KeccakError> {
    let symmetric = symmetric_part(lanes, claim);
    let coordinates = (0..D).map(|k| symmetric.iter().map(|value| value.0[k]).collect()).collect();
    let quotient = commit(shape, coordinates);
    transcript.absorb_cap(&quotient.merkle_tree.cap);
    let point = transcript.challenge();
    let inverse = point.try_inverse().ok_or(KeccakError::DegenerateChallenge)?;
    let evaluate = |x: Ext| -> Vec<Ext> {
        let powers: Vec<Ext> = x.powers().take(1 << shape.log_rows()).collect();
        let all: Vec<_> = lanes.polynomials.iter().chain(&quotient.polynomials).collect();
        all.into_par_iter()
            .map(|polynomial| {
                let terms = polynomial.coeffs.iter().zip(&powers);
                terms.fold(Ext::ZERO, |sum, (&c, &power)| {
                    sum + <Ext as plonky2::field::extension::FieldExtension<D>>::scalar_mul(&power, c)
                })
            })
            .collect()
    };
    let (at_point, at_inverse) = (evaluate(point), evaluate(inverse));
    transcript.absorb(&at_point);
    transcript.absorb(&at_inverse);
    let fri = Batch::prove_openings(
        &instance(point, inverse),
        &[lanes, &quotient],
        &mut transcript.challenger,
        &shape.fri_params(),
        None,
        None,
        &mut TimingTree::default(),
    );
    Ok(Opening { quotient_cap: quotient.merkle_tree.cap, at_point, at_inverse, fri })
}

/// Coefficients of Y with `f(X) w(1/X) + f(1/X) w(X) = 2v + X·Y(X) + Y(1/X)/X`: Y_{d-1} sums f_{t+d} w_t + f_t w_{t+d}.
fn symmetric_part(lanes: &Batch, claim: &OpeningClaim) -> Vec<Ext> {
    let rows = 1 << claim.row.len();
    let mut combined = vec![Ext::ZERO; rows];
    combined.par_iter_mut().enumerate().for_each(|(t, value)| {
        for (polynomial, &weight) in lanes.polynomials.iter().zip(&claim.columns) {
            *value += weight * Ext::from(polynomial.coeffs[t]);
        }
    });
    let mut weights = eq_table(&claim.row);
    weights.reverse();
    // coefficient rows - 1 + d of the product is Σ f_{t+d} w_t
    let product = &PolynomialCoeffs::new(combined) * &PolynomialCoeffs::new(weights);
    let at = |k: Option<usize>| k.and_then(|k| product.coeffs.get(k)).copied().unwrap_or(small(0));
    (1..=rows).map(|d| at(Some(rows - 1 + d)) + at((rows - 1).checked_sub(d))).collect()
}
