//! The constraint system: assignment and, when asked for, the matrices.

use std::collections::HashMap;
use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable};
use sha2::{Digest as _, Sha256};

use super::linear::Lc;

/// Soundness rules that a test can lift one at a time, to show that the matching tamper then passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Opened limbs are below 2^64.
    OpenedRange,
    /// Absorbed and exposed elements are below p.
    Canonical,
    /// The digits of a squeezed scalar are those of its least representative.
    SqueezeUnique,
    /// The Merkle root is the selected element of the cap.
    Cap,
    /// The last fold equals the final polynomial.
    FinalPolynomial,
    /// The proof-of-work response starts with zero bits.
    ProofOfWork,
    /// The exposed words are 32 bits wide.
    PublicWords,
    /// A quotient of a reduction is range-checked.
    QuotientRange,
}

/// Sparse matrix, row by row: (variable, index of the coefficient in the pool).
#[derive(Debug, Default)]
struct Matrix {
    ends: Vec<u32>,
    entries: Vec<(u32, u32)>,
}

impl Matrix {
    fn row(&self, i: usize) -> &[(u32, u32)] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.entries[start..self.ends[i] as usize]
    }
}

/// A rank-1 constraint system under construction, always with an assignment.
#[derive(Debug)]
pub struct System {
    /// One, then public inputs, then witnesses.
    assignment: Vec<Fr>,
    publics: usize,
    /// Values of the left and right sides, by constraint.
    products: [Vec<Fr>; 2],
    violated: Option<usize>,
    matrices: Option<[Matrix; 3]>,
    pool: Vec<Fr>,
    pool_index: HashMap<Fr, u32>,
    relaxed: Option<Rule>,
    /// Constraints by section, in order of first use, and the number of the current one.
    sections: Vec<(&'static str, usize)>,
    section: usize,
}

impl System {
    /// An empty system; `record` keeps the matrices, which proving does not need.
    pub fn new(record: bool) -> Self {
        Self {
            assignment: vec![Fr::ONE],
            publics: 0,
            products: [Vec::new(), Vec::new()],
            violated: None,
            matrices: record.then(Default::default),
            pool: Vec::new(),
            pool_index: HashMap::new(),
            relaxed: None,
            sections: vec![("public inputs", 0)],
            section: 0,
        }
    }

    /// A system without one of its rules.
    #[cfg(test)]
    pub fn relaxed(rule: Rule) -> Self {
        Self { relaxed: Some(rule), ..Self::new(false) }
    }

    /// Whether a rule is in force; it always is outside tests.
    pub fn enforces(&self, rule: Rule) -> bool {
        self.relaxed != Some(rule)
    }

    /// A new public input; all of them come before the first witness.
    pub fn public(&mut self, value: Fr) -> Lc {
        assert_eq!(self.assignment.len(), self.publics + 1, "public inputs come first");
        self.publics += 1;
        self.variable(value)
    }

    /// A new witness.
    pub fn witness(&mut self, value: Fr) -> Lc {
        self.variable(value)
    }

    fn variable(&mut self, value: Fr) -> Lc {
        let index = self.assignment.len() as u32;
        self.assignment.push(value);
        let terms = if self.matrices.is_some() { vec![(index, Fr::ONE)] } else { Vec::new() };
        Lc { terms, value, constant: false }
    }

    /// Adds `a * b = c`.
    pub fn enforce(&mut self, a: &Lc, b: &Lc, c: &Lc) {
        if self.violated.is_none() && a.value * b.value != c.value {
            self.violated = Some(self.products[0].len());
        }
        self.sections[self.section].1 += 1;
        self.products[0].push(a.value);
        self.products[1].push(b.value);
        let Some(matrices) = &mut self.matrices else { return };
        for (matrix, lc) in matrices.iter_mut().zip([a, b, c]) {
            for &(variable, coefficient) in &lc.terms {
                let index = *self.pool_index.entry(coefficient).or_insert_with(|| {
                    self.pool.push(coefficient);
                    self.pool.len() as u32 - 1
                });
                matrix.entries.push((variable, index));
            }
            matrix.ends.push(matrix.entries.len() as u32);
        }
    }

    /// A variable with the value of `lc`, to keep later combinations short.
    pub fn materialize(&mut self, lc: &Lc) -> Lc {
        let variable = self.witness(lc.value);
        self.enforce(lc, &Lc::constant(Fr::ONE), &variable);
        variable
    }

    /// `a * b`: a witness and its constraint, unless one of them is a constant.
    pub fn product(&mut self, a: &Lc, b: &Lc) -> Lc {
        if let Some(factor) = b.as_constant() {
            return a.scaled(factor);
        }
        if let Some(factor) = a.as_constant() {
            return b.scaled(factor);
        }
        let product = self.witness(a.value * b.value);
        self.enforce(a, b, &product);
        product
    }

    /// Constrains a combination to zero.
    pub fn enforce_zero(&mut self, lc: &Lc) {
        self.enforce(lc, &Lc::constant(Fr::ONE), &Lc::zero());
    }

    /// Constrains a combination to 0 or 1.
    pub fn enforce_boolean(&mut self, lc: &Lc) {
        self.enforce(lc, lc, lc);
    }

    /// Little-endian bits of `lc`, which is thereby below `2^count`: `count` constraints, because
    /// the highest bit is not a variable but what the others leave.
    pub fn bits(&mut self, lc: &Lc, count: usize) -> Vec<Lc> {
        assert!(0 < count && count < Fr::MODULUS_BIT_SIZE as usize, "{count} bits");
        let value = lc.value.into_bigint();
        let first = self.assignment.len() as u32;
        let mut bits: Vec<Lc> = (0..count - 1).map(|i| self.witness(Fr::from(value.get_bit(i)))).collect();
        let terms = match self.matrices {
            Some(_) => (first..).zip(POWERS[..count - 1].iter().copied()).collect(),
            None => Vec::new(),
        };
        let low = Lc { terms, value: low_bits(value, count - 1), constant: false };
        bits.push(lc.minus(&low).scaled(INVERSE_POWERS[count - 1]));
        bits.iter().for_each(|bit| self.enforce_boolean(bit));
        bits
    }

    /// Constrains `lc` to be below `2^count`, if `rule` is in force; with no bits, to be zero.
    pub fn range(&mut self, lc: &Lc, count: usize, rule: Rule) {
        if !self.enforces(rule) {
            return;
        }
        match count {
            0 => self.enforce_zero(lc),
            _ => drop(self.bits(lc, count)),
        }
    }

    /// Whether every constraint holds.
    pub fn is_satisfied(&self) -> bool {
        self.violated.is_none()
    }

    /// Number of the first constraint that does not hold.
    pub fn first_violated(&self) -> Option<usize> {
        self.violated
    }

    /// Counts the constraints from here on under `name`.
    pub fn section(&mut self, name: &'static str) {
        self.section = self.sections.iter().position(|(other, _)| *other == name).unwrap_or_else(|| {
            self.sections.push((name, 0));
            self.sections.len() - 1
        });
    }

    /// Constraints by section.
    pub fn sections(&self) -> &[(&'static str, usize)] {
        &self.sections
    }

    /// Number of constraints.
    pub fn constraints(&self) -> usize {
        self.products[0].len()
    }

    /// Number of variables, the constant and public inputs included.
    pub fn variables(&self) -> usize {
        self.assignment.len()
    }

    /// Number of instance variables: the constant and the public inputs.
    pub fn instances(&self) -> usize {
        self.publics + 1
    }

    /// Non-zero entries of the three matrices.
    pub fn entries(&self) -> usize {
        self.matrices.iter().flatten().map(|matrix| matrix.entries.len()).sum()
    }

    /// The assignment (one, public inputs, witnesses), and the values of the left and right sides.
    pub fn into_assignment(self) -> (Vec<Fr>, [Vec<Fr>; 2]) {
        (self.assignment, self.products)
    }

    /// Witnesses that can change by one alone without violating a constraint; none if the matrices
    /// were not kept.
    #[cfg(test)]
    pub fn free_witnesses(&self) -> Option<Vec<usize>> {
        let matrices = self.matrices.as_ref()?;
        let mut pinned = vec![false; self.assignment.len()];
        for row in 0..self.constraints() {
            let mut changes: HashMap<u32, [Fr; 3]> = HashMap::new();
            for (side, matrix) in matrices.iter().enumerate() {
                for (variable, coefficient) in matrix.row(row) {
                    changes.entry(*variable).or_default()[side] = self.pool[*coefficient as usize];
                }
            }
            let (a, b) = (self.products[0][row], self.products[1][row]);
            for (variable, [da, db, dc]) in changes {
                // (a + da)(b + db) = ab + dc would keep the constraint.
                pinned[variable as usize] |= a * db + b * da + da * db != dc;
            }
        }
        Some((self.instances()..self.assignment.len()).filter(|i| !pinned[*i]).collect())
    }

    /// SHA-256 over the shape and every coefficient of the matrices; none if they were not kept.
    pub fn digest(&self) -> Option<[u8; 32]> {
        let matrices = self.matrices.as_ref()?;
        let mut hasher = Sha256::new();
        for size in [self.variables(), self.instances(), self.constraints()] {
            hasher.update((size as u64).to_be_bytes());
        }
        for matrix in matrices {
            for i in 0..matrix.ends.len() {
                let row = matrix.row(i);
                hasher.update((row.len() as u32).to_be_bytes());
                for (variable, coefficient) in row {
                    hasher.update(variable.to_be_bytes());
                    hasher.update(self.pool[*coefficient as usize].into_bigint().to_bytes_be());
                }
            }
        }
        Some(hasher.finalize().into())
    }
}

/// Powers of two, and their inverses.
pub static POWERS: LazyLock<Vec<Fr>> =
    LazyLock::new(|| std::iter::successors(Some(Fr::ONE), |power| Some(power.double())).take(254).collect());
static INVERSE_POWERS: LazyLock<Vec<Fr>> =
    LazyLock::new(|| POWERS.iter().map(|power| power.inverse().expect("a power of two")).collect());

/// The `count` low bits of an integer.
fn low_bits(mut value: BigInt<4>, count: usize) -> Fr {
    for (i, limb) in value.0.iter_mut().enumerate() {
        let kept = count.saturating_sub(64 * i);
        if kept < 64 {
            *limb &= (1 << kept) - 1;
        }
    }
    Fr::from_bigint(value).expect("not above the value it was taken from")
}

impl ConstraintSynthesizer<Fr> for &System {
    /// Copies the recorded system into an arkworks one.
    ///
    /// # Errors
    /// `AssignmentMissing` if the matrices were not recorded.
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let matrices = self.matrices.as_ref().ok_or(SynthesisError::AssignmentMissing)?;
        for (i, value) in self.assignment.iter().enumerate().skip(1) {
            let _ = if i <= self.publics {
                cs.new_input_variable(|| Ok(*value))?
            } else {
                cs.new_witness_variable(|| Ok(*value))?
            };
        }
        let combination = |row: &[(u32, u32)]| {
            let term = |&(variable, coefficient): &(u32, u32)| {
                let variable = variable as usize;
                let variable = match variable {
                    0 => Variable::One,
                    i if i <= self.publics => Variable::instance(i),
                    i => Variable::witness(i - self.publics - 1),
                };
                (self.pool[coefficient as usize], variable)
            };
            LinearCombination(row.iter().map(term).collect())
        };
        let [a, b, c] = matrices;
        for i in 0..self.constraints() {
            cs.enforce_r1cs_constraint(|| combination(a.row(i)), || combination(b.row(i)), || combination(c.row(i)))?;
        }
        Ok(())
    }
}
