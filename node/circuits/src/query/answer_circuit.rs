//! Kind 4: the answer to a request (`docs/circuits/answer.md`).

use alloy_primitives::{B256, U256};
use gavel_types::statement::{Claim, Kind, Output, Statement, Status};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::PartialWitness;

use super::Constraint;
use super::error::QueryError;
use super::interval::interval_of;
use super::merge_circuit::{Partial, check_states, halves};
use super::native::{Answer, Request, words_digest};
use super::program::{Function, MAX_OUTPUTS, params_digest};
use super::state::{COUNT_BITS, States};
use super::targets::{ParamsTarget, ProgramTarget, StatesTarget, set_limbs};
use crate::circuit::{self, Circuit, Proof};
use crate::preprocess::Finish;
use crate::recursion::{CircuitSet, SlotTarget, register_statement, shape, verify_slot};
use crate::security::Profile;
use crate::sha256::digest_of_words;
use crate::statement::{WordTarget, WordsTarget, word_from_hash};
use crate::table::u256_limbs;
use crate::uint::{self, U256Target, reversed};
use crate::{Builder, F};

/// The circuit of kind 4.
pub struct AnswerCircuit {
    pub circuit: Circuit,
    pub(super) slot: SlotTarget,
    pub(super) set_root: HashOutTarget,
    pub(super) answer: AnswerTarget,
}

/// What an answer reads besides its child.
#[derive(Clone, Debug)]
pub struct AnswerTarget {
    pub program: ProgramTarget,
    pub params: ParamsTarget,
    pub states: StatesTarget,
    pub divisions: [DivisionTarget; MAX_OUTPUTS],
    /// One-hot: Ok, Empty, Overflow.
    pub status: [BoolTarget; 3],
}

/// `value = quotient * count + remainder` as witness, limbs least significant first.
#[derive(Clone, Debug)]
pub struct DivisionTarget {
    pub quotient: U256Target,
    pub remainder: Target,
    /// Carries out of each limb.
    pub carries: [Target; 8],
}

impl AnswerCircuit {
    /// Builds the circuit and finishes it under the name `answer`.
    ///
    /// # Errors
    /// What `finish` fails with.
    pub fn build(profile: Profile, finish: &dyn Finish) -> Result<Self, QueryError> {
        let mut b = Builder::new(profile.recursion_config());
        let set_root = b.add_virtual_hash();
        let slot = verify_slot(&mut b, shape::common(profile), &[Kind::Query, Kind::Merge], set_root);
        let answer = add_answer(&mut b, set_root, slot.words(), None);
        Ok(AnswerCircuit { circuit: finish.finish("answer", b)?, slot, set_root, answer })
    }

    /// Proves the answer from one proof over the whole range.
    ///
    /// # Errors
    /// Those of [`answer_statement`]; [`QueryError::Circuit`].
    pub fn prove(
        &self,
        request: &Request<'_>,
        part: Partial<'_>,
        set: &CircuitSet,
    ) -> Result<(Proof, Statement, Answer), QueryError> {
        let (statement, answer) = answer_statement(request, &part.proof.statement, part.states)?;
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set.root())?;
        self.slot.set_witness(&mut pw, part.proof, set)?;
        self.answer.set(&mut pw, request, part.states)?;
        Ok((circuit::prove(&self.circuit, pw)?, statement, answer))
    }
}

/// What an answer from a partial result states.
///
/// # Errors
/// Those of [`Request::validate`]; [`QueryError::States`]; [`QueryError::Claim`] when the partial
/// result is of another request; [`QueryError::Coverage`].
pub fn answer_statement(
    request: &Request<'_>,
    part: &Statement,
    states: &States,
) -> Result<(Statement, Answer), QueryError> {
    request.validate()?;
    check_states(part, states)?;
    let same = |what, expected: String, got: String| match expected == got {
        true => Ok(()),
        false => Err(QueryError::Claim { what, expected, got }),
    };
    let claim = &part.claim;
    let query = request.program.digest_word()?;
    let params = word_from_hash(params_digest(request.params));
    same("table", request.program.table_id.to_string(), claim.table_id.to_string())?;
    same("query", query.to_string(), claim.query_digest.to_string())?;
    same("parameters", params.to_string(), claim.params_digest.to_string())?;
    same("first block", request.from.to_string(), claim.from_block.to_string())?;
    same("last block", request.to.to_string(), claim.to_block.to_string())?;
    let (first, last) = interval_of(&part.output.roots[0]);
    if first > request.from || last != request.to {
        return Err(QueryError::Coverage { first, last, from: request.from, to: request.to });
    }
    let answer = request.answer(states);
    let claim =
        Claim { kind: Kind::Answer, params_digest: words_digest(request.params), inputs: B256::ZERO, ..claim.clone() };
    let output = Output {
        status: answer.status,
        row_count: answer.row_count,
        roots: [B256::ZERO; 3],
        result_digest: answer.digest(),
    };
    Ok((Statement { claim, output }, answer))
}

impl AnswerTarget {
    fn new(b: &mut Builder) -> Self {
        AnswerTarget {
            program: ProgramTarget::new(b),
            params: ParamsTarget::new(b),
            states: StatesTarget::opened(b),
            divisions: std::array::from_fn(|_| DivisionTarget::new(b)),
            status: std::array::from_fn(|_| b.add_virtual_bool_target_safe()),
        }
    }

    /// Sets everything from a validated request and the states over its range.
    ///
    /// # Errors
    /// [`QueryError::Circuit`].
    pub fn set(&self, pw: &mut PartialWitness<F>, request: &Request<'_>, states: &States) -> Result<(), QueryError> {
        self.program.set(pw, request.program)?;
        self.params.set(pw, request.params)?;
        self.states.set(pw, states)?;
        for (division, state) in self.divisions.iter().zip(&states.outputs) {
            division.set(pw, state.value, states.matched)?;
        }
        let status = request.answer(states).status;
        for (flag, of) in self.status.iter().zip([Status::Ok, Status::Empty, Status::Overflow]) {
            circuit::set_bool(pw, *flag, status == of)?;
        }
        Ok(())
    }
}

impl DivisionTarget {
    fn new(b: &mut Builder) -> Self {
        let division = DivisionTarget {
            quotient: b.add_virtual_target_arr(),
            remainder: b.add_virtual_target(),
            carries: b.add_virtual_target_arr(),
        };
        division.quotient.iter().for_each(|limb| uint::range_check_u32(b, *limb));
        uint::range_check_u32(b, division.remainder);
        // Carries are below the divisor, hence below 2^COUNT_BITS.
        division.carries.iter().for_each(|carry| uint::range_check(b, *carry, COUNT_BITS));
        division
    }

    fn set(&self, pw: &mut PartialWitness<F>, value: U256, count: u32) -> Result<(), QueryError> {
        let count = u64::from(count.max(1));
        let (quotient, remainder) = value.div_rem(U256::from(count));
        set_limbs(pw, &reversed(&self.quotient), &u256_limbs(quotient))?;
        let remainder: u64 = remainder.to();
        circuit::set(pw, self.remainder, F::from_canonical_u64(remainder))?;
        let mut carry = remainder;
        for (k, target) in self.carries.iter().enumerate() {
            let limb: u64 = ((quotient >> (32 * k)) & U256::from(u32::MAX)).to();
            carry = (limb * count + carry) >> 32;
            circuit::set(pw, *target, F::from_canonical_u64(carry))?;
        }
        Ok(())
    }

    /// Constrains `value = quotient * divisor + remainder` and `remainder < divisor`, for limbs of
    /// `value` below 2^32 and a divisor from 1 to 2^COUNT_BITS - 1.
    ///
    /// Limb by limb, `quotient_k * divisor + carry = value_k + 2^32 * next carry`: both sides stay
    /// below 2^63, so the field does not wrap.
    fn assert(&self, b: &mut Builder, value: &U256Target, divisor: Target, without: Option<Constraint>) {
        let mut carry = self.remainder;
        for ((limb, quotient), next) in value.iter().zip(self.quotient).zip(self.carries) {
            let left = b.mul_add(quotient, divisor, carry);
            let right = b.mul_const_add(F::from_canonical_u64(1 << 32), next, *limb);
            b.connect(left, right);
            carry = next;
        }
        b.assert_zero(carry);
        if without != Some(Constraint::Remainder) {
            let below = uint::sub(b, &[self.remainder], &[divisor]).borrow;
            b.assert_one(below.target);
        }
    }
}

/// The answer itself, over the words of a partial result.
pub(super) fn add_answer(
    b: &mut Builder,
    set_root: HashOutTarget,
    part: &WordsTarget,
    without: Option<Constraint>,
) -> AnswerTarget {
    let answer = AnswerTarget::new(b);
    let (query, params, states) = (answer.program.digest(b), answer.params.digest(b), answer.states.digest(b));
    for (word, digest) in [(3, answer.program.table_id), (4, query), (5, params), (13, states)] {
        let stated = part[word].to_hash(b);
        b.connect_hashes(digest, stated);
    }
    b.connect(answer.program.params, answer.params.count);
    cover(b, part, without);

    let results = results(b, &answer, without);
    let params_digest = digest_of_words(b, &answer.params.words, answer.params.count);
    let result_digest = digest_of_words(b, &results.words, answer.program.output_count);

    let mut words = WordsTarget::zero(b);
    for word in [2, 3, 4, 6, 7, 8] {
        words[word] = part[word];
    }
    words[5] = WordTarget(params_digest);
    words[10] = WordTarget::from_u32(b, results.status);
    words[11] = WordTarget::from_u32(b, answer.states.in_range);
    words[15] = WordTarget(result_digest);
    register_statement(b, Kind::Answer, set_root, &mut words);
    answer
}

/// first <= from <= to = last, for the interval of the partial result.
fn cover(b: &mut Builder, part: &WordsTarget, without: Option<Constraint>) {
    let ([first_high, first_low], [last_high, last_low]) = halves(&part[12]);
    let [(from_high, from_low), (to_high, to_low)] = [6, 7].map(|word| part[word].u64_limbs(b));
    if without != Some(Constraint::LastBlock) {
        b.connect(last_high, to_high);
        b.connect(last_low, to_low);
    }
    let [first, from, to] = [[first_low, first_high], [from_low, from_high], [to_low, to_high]];
    for (low, high) in [(first, from), (from, to)] {
        let reversed = uint::sub(b, &high, &low).borrow;
        b.assert_zero(reversed.target);
    }
}

struct Results {
    /// Code of the status.
    status: Target,
    /// Most significant limb first; zero unless the status is Ok, and beyond the results.
    words: [[Target; 8]; MAX_OUTPUTS],
}

/// In-circuit [`Request::answer`].
fn results(b: &mut Builder, answer: &AnswerTarget, without: Option<Constraint>) -> Results {
    let AnswerTarget { program, states, divisions, status, .. } = answer;
    let zero = b.zero();
    let one = b.one();
    let all_ones = b.constant(F::from_canonical_u32(u32::MAX));
    let none = b.is_equal(states.matched, zero);
    let divisor = b.add(states.matched, none.target);

    let is = |j: usize, function: Function| program.outputs[j].functions[function as usize].target;
    let overflows = b.add_many(states.outputs.iter().map(|state| state.overflow.target));
    let fits = b.is_equal(overflows, zero);
    let needing: Vec<Target> =
        (0..MAX_OUTPUTS).flat_map(|j| [Function::Avg, Function::Min, Function::Max].map(|f| is(j, f))).collect();
    let needing = b.add_many(needing);
    let needs_none = b.is_equal(needing, zero);
    let needs = b.not(needs_none);
    let empty = b.and(none, needs);
    let empty = b.and(empty, fits);
    let overflow = b.not(fits);
    let ok = b.sub(fits.target, empty.target);
    let codes = [(ok, Status::Ok), (empty.target, Status::Empty), (overflow.target, Status::Overflow)];
    let mut code = zero;
    for ((derived, of), flag) in codes.into_iter().zip(status) {
        if without != Some(Constraint::Status) {
            b.connect(derived, flag.target);
        }
        code = b.mul_const_add(F::from_canonical_u8(of as u8), flag.target, code);
    }
    let ok = status[0].target;

    // Functions with code 0 come after all results: their number is the count of the others.
    let mut used = zero;
    for j in 0..MAX_OUTPUTS {
        let present = b.sub(one, program.outputs[j].functions[0].target);
        used = b.add(used, present);
    }
    b.connect(used, program.output_count);

    let words = std::array::from_fn(|j| {
        let state = &states.outputs[j];
        divisions[j].assert(b, &state.value, divisor, without);
        let direct = b.add(is(j, Function::Sum), is(j, Function::Min));
        let limbs: U256Target = std::array::from_fn(|k| {
            let complement = b.sub(all_ones, state.value[k]);
            let mut limb = b.mul(direct, state.value[k]);
            limb = b.mul_add(is(j, Function::Avg), divisions[j].quotient[k], limb);
            limb = b.mul_add(is(j, Function::Max), complement, limb);
            if k == 0 {
                limb = b.mul_add(is(j, Function::Count), states.matched, limb);
            }
            b.mul(ok, limb)
        });
        reversed(&limbs)
    });
    Results { status: code, words }
}
