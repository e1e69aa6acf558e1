//! FRI queries.

use ark_bn254::Fr;
use gavel_circuits::F;
use plonky2::field::types::{Field, PrimeField64};
use plonky2::util::log2_strict;

use super::extension::Ext;
use super::goldilocks::Lazy;
use super::linear::Lc;
use super::merkle;
use super::system::{Rule, System};
use super::tables::{Bits, Group};

/// Columns that share one level of powers of alpha; see [`Combination`].
const SPAN: usize = 16;
/// Points of a fold summed before a reduction.
const FOLD_SPAN: usize = 8;

/// What the queries have in common.
#[derive(Debug)]
pub struct Instance {
    /// log2 of the size of the first domain.
    pub domain_bits: usize,
    /// log2 of the arity of each fold.
    pub arities: Vec<usize>,
    /// Caps of the committed tables: constants and sigmas, wires, Z and partial products, quotients.
    pub caps: Vec<Vec<Lc>>,
    /// Caps of the folded words.
    pub fold_caps: Vec<Vec<Lc>>,
    /// Challenge of each fold.
    pub betas: Vec<Ext>,
    /// Coefficients of the last polynomial.
    pub final_polynomial: Vec<Ext>,
    /// The opened point, and its image under the generator of the trace domain.
    pub points: [Ext; 2],
    /// Powers of alpha.
    pub alpha: Powers,
    /// Values opened at the two points, folded with powers of alpha.
    pub opened: [Ext; 2],
    /// Columns opened at the second point: the first ones of table 2.
    pub next_columns: usize,
}

/// What one query reveals, every element a variable below 2^64.
#[derive(Debug)]
pub struct Query {
    /// Rows of the four tables, with siblings.
    pub rows: Vec<(Vec<Lazy>, Vec<Lc>)>,
    /// Values of each fold in the order of its leaf, with siblings.
    pub folds: Vec<(Vec<Ext>, Vec<Lc>)>,
}

/// Powers of alpha in two levels, so that few need a reduction: exponents below [`SPAN`], and its
/// multiples.
#[derive(Debug)]
pub struct Powers {
    low: Vec<Ext>,
    high: Vec<Ext>,
}

impl Powers {
    /// Powers for `count` columns.
    pub fn new(system: &mut System, alpha: &Ext, count: usize) -> Self {
        let low = alpha.powers(system, SPAN);
        let step = low[SPAN - 1].product(system, alpha);
        Self { high: step.powers(system, count.div_ceil(SPAN)), low }
    }

    /// `sum(alpha^i * column_i)`, unreduced.
    pub fn fold(&self, system: &mut System, columns: &[Ext]) -> Ext {
        let mut sum = Ext::zero();
        for (columns, high) in columns.chunks(SPAN).zip(&self.high) {
            let mut inner = Ext::zero();
            for (column, low) in columns.iter().zip(&self.low) {
                inner = inner.plus(&low.times(system, column, 8));
            }
            sum = sum.plus(&inner.times(system, high, 8));
        }
        sum
    }
}

/// Constrains one query at the position that `index` spells, least significant bit first.
pub fn verify_query(system: &mut System, instance: &Instance, index: &[Lc], query: &Query) {
    system.section("rows: hashing");
    for ((row, siblings), cap) in query.rows.iter().zip(&instance.caps) {
        let leaf: Vec<Lc> = row.iter().map(|element| element.lc().clone()).collect();
        merkle::verify(system, &leaf, index, siblings, cap);
    }
    system.section("rows: combination");
    let positions = Positions::new(system, instance, index);
    let mut current = combine(system, instance, &positions, query);
    let mut scale = F::ONE;
    let mut consumed = 0;
    for (step, (values, siblings)) in query.folds.iter().enumerate() {
        let arity_bits = instance.arities[step];
        let (within, coset) = index[consumed..].split_at(arity_bits);
        let leaf: Vec<Lc> = values.iter().flat_map(|value| value.0.each_ref().map(|x| x.lc().clone())).collect();
        system.section("folds: hashing");
        merkle::verify(system, &leaf, coset, siblings, &instance.fold_caps[step]);
        system.section("folds: arithmetic");
        // The folded word must continue the one before it.
        let next = select(system, values, within);
        next.scaled(scale).minus(&current).enforce_zero(system);
        let point = positions.inverse_times(system, step, &instance.betas[step]);
        current = interpolate(system, values, &point);
        scale = F::from_canonical_usize(values.len());
        consumed += arity_bits;
    }
    system.section("last polynomial");
    let last = positions.evaluate(system, &instance.final_polynomial);
    if system.enforces(Rule::FinalPolynomial) {
        last.scaled(scale).minus(&current).enforce_zero(system);
    }
}

/// `alpha^k (sum_i alpha^i p_i(x) - opened) / (x - zeta)` over all columns plus the same over the k
/// columns opened at the second point: the value of the first FRI word, unreduced.
fn combine(system: &mut System, instance: &Instance, positions: &Positions, query: &Query) -> Ext {
    let columns: Vec<Ext> = query.rows.iter().flat_map(|(row, _)| row.iter().cloned().map(Ext::base)).collect();
    let next: Vec<Ext> = query.rows[2].0[..instance.next_columns].iter().cloned().map(Ext::base).collect();
    let x = Ext::base(positions.first(system));
    let mut sum = Ext::zero();
    for (columns, (point, opened)) in [columns, next].iter().zip(instance.points.iter().zip(&instance.opened)) {
        let numerator = instance.alpha.fold(system, columns).minus(opened);
        let quotient = numerator.divided_by(system, &x.minus(point));
        sum = match sum.0[0].lc().as_constant() {
            Some(_) => quotient,
            None => sum.times(system, &instance.alpha.low[columns.len()], 2).plus(&quotient),
        };
    }
    sum
}

/// `arity * P(beta)` for the polynomial P with the given values on a coset, from
/// `point = beta / start`: the sum of `point^k * (inverse DFT of the values)_k`, unreduced.
fn interpolate(system: &mut System, values: &[Ext], point: &Ext) -> Ext {
    let arity = values.len();
    let bits = log2_strict(arity);
    let generator = F::primitive_root_of_unity(bits);
    let transformed = |k: usize| {
        (0..arity).fold(Ext::zero(), |sum, i| {
            let factor = generator.exp_u64(((arity - i) * k % arity) as u64);
            sum.plus(&values[i.reverse_bits() >> (usize::BITS as usize - bits)].scaled(factor))
        })
    };
    let powers = point.powers(system, arity.min(FOLD_SPAN));
    let mut sum = Ext::zero();
    let step = (arity > FOLD_SPAN).then(|| powers[FOLD_SPAN - 1].product(system, point));
    // Horner's rule over spans, highest first.
    for span in (0..arity.div_ceil(FOLD_SPAN)).rev() {
        if let (Some(step), None) = (&step, sum.0[0].lc().as_constant()) {
            sum = sum.reduce(system).times(system, step, 8);
        }
        for (i, power) in powers.iter().enumerate() {
            sum = sum.plus(&power.times(system, &transformed(FOLD_SPAN * span + i), 8));
        }
    }
    sum
}

fn select(system: &mut System, values: &[Ext], bits: &[Lc]) -> Ext {
    Ext([0, 1].map(|i| {
        let items: Vec<Lc> = values.iter().map(|value| value.0[i].lc().clone()).collect();
        Lazy::bounded(merkle::select(system, &items, bits), 64)
    }))
}

/// Domain points of a query as products of table entries, one table for each group of index bits:
/// one group a fold, and the rest in two halves.
struct Positions {
    domain_bits: usize,
    groups: Vec<Group>,
    folds: usize,
    /// Exponent of the points of each word: the product of the arities before it.
    exponents: Vec<u64>,
}

impl Positions {
    fn new(system: &mut System, instance: &Instance, index: &[Lc]) -> Self {
        let mut sizes = instance.arities.clone();
        let rest = index.len() - sizes.iter().sum::<usize>();
        sizes.extend([rest / 2, rest - rest / 2]);
        let mut bits = Bits::new(index);
        let groups = sizes.into_iter().map(|size| bits.group(system, size)).collect();
        let mut exponents = vec![1];
        for arity in &instance.arities {
            exponents.push(exponents[exponents.len() - 1] << arity);
        }
        Self { domain_bits: instance.domain_bits, groups, folds: instance.arities.len(), exponents }
    }

    /// `constant` times the factor that the bits of `group` contribute to the point, to the power
    /// `exponent`. The point of index j is `shift * w^(bit-reversed j)`.
    fn factor(&self, group: usize, exponent: u64, constant: F) -> Lazy {
        let root = F::primitive_root_of_unity(self.domain_bits);
        self.groups[group].lookup(|bits| {
            let reversed = bits.iter().map(|bit| 1u64 << (self.domain_bits - 1 - bit)).sum::<u64>();
            constant * root.exp_u64(reversed).exp_u64(exponent)
        })
    }

    /// Product of the shift and the factors of the groups from `first` on, to a power.
    fn product(&self, system: &mut System, first: usize, exponent: u64) -> Lazy {
        // The shift goes into the first table, where it is free.
        let start = self.factor(first, exponent, F::coset_shift().exp_u64(exponent));
        (first + 1..self.groups.len())
            .fold(start, |product, group| product.times(system, &self.factor(group, exponent, F::ONE), 0))
    }

    /// The point of the query in the first domain.
    fn first(&self, system: &mut System) -> Lazy {
        let coset = self.product(system, 1, 1).reduce(system);
        coset.times(system, &self.factor(0, 1, F::ONE), 0)
    }

    /// `beta / start` for the start of the coset of fold `step`, reduced.
    fn inverse_times(&self, system: &mut System, step: usize, beta: &Ext) -> Ext {
        let start = self.product(system, step + 1, self.exponents[step]);
        beta.divided_by(system, &Ext::base(start))
    }

    /// A polynomial at the point of the last word: every power of that is a product of two entries.
    fn evaluate(&self, system: &mut System, coefficients: &[Ext]) -> Ext {
        let mut sum = Ext::zero();
        for (k, coefficient) in coefficients.iter().enumerate() {
            let power = self.product(system, self.folds, self.exponents[self.folds] * k as u64);
            sum = sum.plus(&coefficient.times_base(system, &power, 16));
        }
        sum
    }
}

/// The value of a field element as a scalar.
pub fn scalar(element: F) -> Fr {
    Fr::from(element.to_canonical_u64())
}
