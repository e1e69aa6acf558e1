//! Program, parameters and states as witness, each bound by its digest.

use alloy_primitives::U256;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::PartialWitness;

use super::error::QueryError;
use super::program::{MAX_OUTPUTS, MAX_PARAMS, MAX_PREDICATES, MAX_REGISTERS, Program, TAG_PARAMS, TAG_QUERY};
use super::state::{OutputState, States, TAG_STATES};
use crate::circuit::{self, hash_in_circuit};
use crate::table::{LimbTargets, u256_limbs};
use crate::uint::{self, U256Target, reversed};
use crate::{Builder, F};

/// Sources of a right operand, in the order of their codes.
pub const SOURCES: usize = 5;
/// Functions with code 0 for "no output".
pub const FUNCTIONS: usize = 6;

/// A predicate, decoded: flags are boolean, `sources` is one-hot.
#[derive(Clone, Debug)]
pub struct PredicateTarget {
    /// Accepted orders: less, equal, greater.
    pub accepts: [BoolTarget; 3],
    pub left: Target,
    /// Literal, parameter, register, from, to.
    pub sources: [BoolTarget; SOURCES],
    pub index: Target,
    /// Most significant limb first, below 2^32.
    pub literal: LimbTargets,
}

/// A result, decoded: `functions` is one-hot, code 0 meaning no output.
#[derive(Clone, Debug)]
pub struct OutputTarget {
    pub functions: [BoolTarget; FUNCTIONS],
    pub register: Target,
}

/// A program as witness.
#[derive(Clone, Debug)]
pub struct ProgramTarget {
    pub table_id: HashOutTarget,
    pub names: LimbTargets,
    pub params: Target,
    pub output_count: Target,
    /// Column ids.
    pub registers: [Target; MAX_REGISTERS],
    pub predicates: [PredicateTarget; MAX_PREDICATES],
    pub outputs: [OutputTarget; MAX_OUTPUTS],
}

/// `N` booleans of which exactly one is set.
fn one_hot<const N: usize>(b: &mut Builder) -> [BoolTarget; N] {
    let flags = std::array::from_fn(|_| b.add_virtual_bool_target_safe());
    let sum = b.add_many(flags.iter().map(|flag: &BoolTarget| flag.target));
    let one = b.one();
    b.connect(sum, one);
    flags
}

/// Σ weight(i) · flag_i.
fn weighted(b: &mut Builder, flags: &[BoolTarget], weight: impl Fn(usize) -> u64) -> Target {
    let zero = b.zero();
    flags
        .iter()
        .enumerate()
        .fold(zero, |acc, (i, flag)| b.mul_const_add(F::from_canonical_u64(weight(i)), flag.target, acc))
}

impl ProgramTarget {
    /// Decoded and range-checked; only [`ProgramTarget::digest`] binds it to anything.
    pub fn new(b: &mut Builder) -> Self {
        let predicates = std::array::from_fn(|_| {
            let literal: LimbTargets = b.add_virtual_target_arr();
            literal.iter().for_each(|limb| uint::range_check_u32(b, *limb));
            PredicateTarget {
                accepts: std::array::from_fn(|_| b.add_virtual_bool_target_safe()),
                left: b.add_virtual_target(),
                sources: one_hot(b),
                index: b.add_virtual_target(),
                literal,
            }
        });
        let outputs = std::array::from_fn(|_| OutputTarget { functions: one_hot(b), register: b.add_virtual_target() });
        ProgramTarget {
            table_id: b.add_virtual_hash(),
            names: b.add_virtual_target_arr(),
            params: b.add_virtual_target(),
            output_count: b.add_virtual_target(),
            registers: b.add_virtual_target_arr(),
            predicates,
            outputs,
        }
    }

    /// In-circuit [`Program::digest`].
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        let mut input = vec![b.constant(F::from_canonical_u64(TAG_QUERY))];
        input.extend(self.table_id.elements);
        input.extend(self.names);
        input.extend([self.params, self.output_count]);
        input.extend(self.registers);
        for predicate in &self.predicates {
            input.push(weighted(b, &predicate.accepts, |bit| 1 << bit));
            input.push(predicate.left);
            input.push(weighted(b, &predicate.sources, |source| source as u64));
            input.push(predicate.index);
            input.extend(predicate.literal);
        }
        for output in &self.outputs {
            input.push(weighted(b, &output.functions, |code| code as u64));
            input.push(output.register);
        }
        hash_in_circuit(b, input)
    }

    /// Sets a validated program.
    ///
    /// # Errors
    /// [`QueryError::Table`] when its table id is not a canonical digest.
    pub fn set(&self, pw: &mut PartialWitness<F>, program: &Program) -> Result<(), QueryError> {
        let elements = program.elements()?;
        let (head, rest) = elements[1..].split_at(4 + 8 + 2 + MAX_REGISTERS);
        let (predicates, outputs) = rest.split_at(12 * MAX_PREDICATES);
        let head_targets = self.table_id.elements.iter().chain(&self.names).chain([&self.params, &self.output_count]);
        for (target, value) in head_targets.chain(&self.registers).zip(head) {
            circuit::set(pw, *target, *value)?;
        }
        let is = |element: F, code: usize| element == F::from_canonical_usize(code);
        for (target, elements) in self.predicates.iter().zip(predicates.chunks_exact(12)) {
            let comparison = (0..8).find(|code| is(elements[0], *code)).unwrap_or_default();
            for (bit, flag) in target.accepts.iter().enumerate() {
                circuit::set_bool(pw, *flag, comparison >> bit & 1 == 1)?;
            }
            circuit::set(pw, target.left, elements[1])?;
            for (code, flag) in target.sources.iter().enumerate() {
                circuit::set_bool(pw, *flag, is(elements[2], code))?;
            }
            circuit::set(pw, target.index, elements[3])?;
            set_limbs(pw, &target.literal, &elements[4..])?;
        }
        for (target, elements) in self.outputs.iter().zip(outputs.chunks_exact(2)) {
            for (code, flag) in target.functions.iter().enumerate() {
                circuit::set_bool(pw, *flag, is(elements[0], code))?;
            }
            circuit::set(pw, target.register, elements[1])?;
        }
        Ok(())
    }
}

/// Parameters as witness.
#[derive(Clone, Debug)]
pub struct ParamsTarget {
    pub count: Target,
    /// `active[i]` says that parameter `i` exists; a prefix of ones.
    pub active: [BoolTarget; MAX_PARAMS],
    /// Most significant limb first, below 2^32; zero where not active.
    pub words: [LimbTargets; MAX_PARAMS],
}

impl ParamsTarget {
    pub fn new(b: &mut Builder) -> Self {
        let active: [BoolTarget; MAX_PARAMS] = prefix(b);
        let count = b.add_many(active.map(|flag| flag.target));
        let words: [LimbTargets; MAX_PARAMS] = std::array::from_fn(|_| b.add_virtual_target_arr());
        for (word, flag) in words.iter().zip(active) {
            for limb in word {
                uint::range_check_u32(b, *limb);
                let kept = b.mul(flag.target, *limb);
                b.connect(kept, *limb);
            }
        }
        ParamsTarget { count, active, words }
    }

    /// In-circuit [`super::program::params_digest`].
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        let mut input = vec![b.constant(F::from_canonical_u64(TAG_PARAMS)), self.count];
        input.extend(self.words.as_flattened());
        hash_in_circuit(b, input)
    }

    /// Sets up to eight parameters.
    ///
    /// # Errors
    /// [`QueryError::Circuit`] when a target was set before.
    pub fn set(&self, pw: &mut PartialWitness<F>, params: &[U256]) -> Result<(), QueryError> {
        for (i, (word, flag)) in self.words.iter().zip(self.active).enumerate() {
            circuit::set_bool(pw, flag, i < params.len())?;
            set_limbs(pw, word, &u256_limbs(params.get(i).copied().unwrap_or_default()))?;
        }
        Ok(())
    }
}

/// `N` booleans, ones first.
pub fn prefix<const N: usize>(b: &mut Builder) -> [BoolTarget; N] {
    let flags: [BoolTarget; N] = std::array::from_fn(|_| b.add_virtual_bool_target_safe());
    assert_descending(b, &flags);
    flags
}

/// Constrains booleans to have no one after a zero.
pub fn assert_descending(b: &mut Builder, flags: &[BoolTarget]) {
    for pair in flags.windows(2) {
        let both = b.and(pair[0], pair[1]);
        b.connect(both.target, pair[1].target);
    }
}

/// State of one output.
#[derive(Clone, Debug)]
pub struct OutputStateTarget {
    /// Code of the growth: 0, 1 or 2.
    pub growth: Target,
    pub overflow: BoolTarget,
    pub value: U256Target,
}

/// States as targets.
#[derive(Clone, Debug)]
pub struct StatesTarget {
    pub matched: Target,
    pub in_range: Target,
    pub outputs: [OutputStateTarget; MAX_OUTPUTS],
}

impl StatesTarget {
    /// A witness to open a digest that a verified proof carries; nothing else constrains it.
    pub fn opened(b: &mut Builder) -> Self {
        StatesTarget {
            matched: b.add_virtual_target(),
            in_range: b.add_virtual_target(),
            outputs: std::array::from_fn(|_| OutputStateTarget {
                growth: b.add_virtual_target(),
                overflow: b.add_virtual_bool_target_unsafe(),
                value: b.add_virtual_target_arr(),
            }),
        }
    }

    /// In-circuit [`States::digest`].
    pub fn digest(&self, b: &mut Builder) -> HashOutTarget {
        let mut input = vec![b.constant(F::from_canonical_u64(TAG_STATES)), self.matched, self.in_range];
        for state in &self.outputs {
            input.extend([state.growth, state.overflow.target]);
            input.extend(reversed(&state.value));
        }
        hash_in_circuit(b, input)
    }

    /// Sets opened states.
    ///
    /// # Errors
    /// [`QueryError::Circuit`] when a target was set before.
    pub fn set(&self, pw: &mut PartialWitness<F>, states: &States) -> Result<(), QueryError> {
        circuit::set(pw, self.matched, F::from_canonical_u32(states.matched))?;
        circuit::set(pw, self.in_range, F::from_canonical_u32(states.in_range))?;
        for (target, state) in self.outputs.iter().zip(&states.outputs) {
            let OutputState { growth, overflow, value } = *state;
            circuit::set(pw, target.growth, F::from_canonical_u8(growth as u8))?;
            circuit::set_bool(pw, target.overflow, overflow)?;
            set_limbs(pw, &reversed(&target.value), &u256_limbs(value))?;
        }
        Ok(())
    }
}

/// Sets limbs in the order given.
pub fn set_limbs(pw: &mut PartialWitness<F>, targets: &[Target], values: &[F]) -> Result<(), QueryError> {
    targets.iter().zip(values).try_for_each(|(target, value)| Ok(circuit::set(pw, *target, *value)?))
}
