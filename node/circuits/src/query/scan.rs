//! The universal evaluator: a program over witnessed rows (`docs/circuits/query.md`, "Scan").

use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::target::{BoolTarget, Target};

use super::Constraint;
use super::program::{Function, MAX_OUTPUTS, MAX_PREDICATES, MAX_REGISTERS};
use super::registers::Window;
use super::state::Growth;
use super::targets::{
    OutputStateTarget, OutputTarget, ParamsTarget, PredicateTarget, ProgramTarget, StatesTarget, assert_descending,
};
use crate::statement::join;
use crate::table::{
    BLOCK_INTEGER_BITS, ColumnsTarget, ExtractionTarget, LimbTargets, MAX_SLOTS, chain_block, table_id_target,
};
use crate::uint::{self, U256Target, reversed};
use crate::{Builder, F};

/// Rows that one scan may have: sums of this many limbs must fit in 48 bits.
pub const MAX_ROWS: usize = 1 << 16;
const SUM_BITS: usize = 48;

/// One row as witness.
#[derive(Clone, Debug)]
pub struct RowTarget {
    /// Rows that exist come first.
    pub active: BoolTarget,
    /// Low 32 and high 24 bits.
    pub number: [Target; 2],
    /// Low 32 and high 24 bits.
    pub timestamp: [Target; 2],
    /// Most significant limb first.
    pub values: [LimbTargets; MAX_SLOTS],
    /// For each output, one row is marked that attains the minimum.
    pub attains: [BoolTarget; MAX_OUTPUTS],
    /// Whether the row takes part.
    pub keeps: BoolTarget,
}

/// Everything that a scan reads, and what it finds.
#[derive(Clone, Debug)]
pub struct ScanTarget {
    pub extraction: ExtractionTarget,
    pub columns: ColumnsTarget,
    pub program: ProgramTarget,
    pub params: ParamsTarget,
    /// Low and high 32 bits of the request's first and last block, range-checked.
    pub from: [Target; 2],
    pub to: [Target; 2],
    pub rows: Vec<RowTarget>,
    /// Minima of the outputs, of complements for MAX.
    pub minima: [U256Target; MAX_OUTPUTS],
    pub table_id: HashOutTarget,
    /// Row-chain digest of the active rows.
    pub chain: HashOutTarget,
    pub row_count: Target,
    pub states: StatesTarget,
}

/// Right sides that do not depend on the row, with the selection for those that do.
struct Comparand {
    /// Zero when the right side is a register.
    constant: U256Target,
    is_register: BoolTarget,
    register: Target,
}

/// Coefficients that turn a value into what an output minimises.
struct Order {
    sign: Target,
    /// Added to the signed limb; one less than all ones per limb, see [`Scan::minimise`].
    offset: Target,
}

struct Scan<'a> {
    b: &'a mut Builder,
    without: Option<Constraint>,
    all_ones: Target,
}

impl ScanTarget {
    /// A scan of up to `capacity` rows, about 115 rows of circuit each and 400 besides.
    pub(super) fn new(b: &mut Builder, capacity: usize, without: Option<Constraint>) -> Self {
        debug_assert!((1..=MAX_ROWS).contains(&capacity));
        let extraction = ExtractionTarget::opened(b);
        let columns = ColumnsTarget::new(b);
        if without != Some(Constraint::ColumnSlot) {
            columns.assert_slots_active(b, &extraction.active);
        }
        let program = ProgramTarget::new(b);
        let params = ParamsTarget::new(b);
        b.connect(program.params, params.count);
        let [from, to] = std::array::from_fn(|_| {
            let limbs: [Target; 2] = b.add_virtual_target_arr();
            limbs.iter().for_each(|limb| uint::range_check_u32(b, *limb));
            limbs
        });
        let (extraction_digest, columns_digest) = (extraction.digest(b), columns.digest(b));
        let table_id = table_id_target(b, extraction_digest, columns_digest);
        b.connect_hashes(table_id, program.table_id);

        let minima: [U256Target; MAX_OUTPUTS] = std::array::from_fn(|_| {
            let minimum: U256Target = b.add_virtual_target_arr();
            minimum.iter().for_each(|limb| uint::range_check_u32(b, *limb));
            minimum
        });
        let rows: Vec<RowTarget> = (0..capacity)
            .map(|_| RowTarget {
                active: b.add_virtual_bool_target_safe(),
                number: block_integer(b),
                timestamp: block_integer(b),
                values: std::array::from_fn(|_| b.add_virtual_target_arr()),
                attains: std::array::from_fn(|_| b.add_virtual_bool_target_safe()),
                keeps: BoolTarget::new_unsafe(b.add_virtual_target()),
            })
            .collect();
        assert_descending(b, &rows.iter().map(|row| row.active).collect::<Vec<_>>());
        let row_count = b.add_many(rows.iter().map(|row| row.active.target));

        let zero = b.zero();
        let states = StatesTarget {
            matched: zero,
            in_range: zero,
            outputs: std::array::from_fn(|_| OutputStateTarget {
                growth: zero,
                overflow: b._false(),
                value: [zero; 8],
            }),
        };
        let chain = HashOutTarget { elements: [zero; 4] };
        let mut scan = ScanTarget {
            extraction,
            columns,
            program,
            params,
            from,
            to,
            rows,
            minima,
            table_id,
            chain,
            row_count,
            states,
        };
        let all_ones = b.constant(F::from_canonical_u32(u32::MAX));
        Scan { b, without, all_ones }.run(&mut scan);
        scan
    }
}

/// Low 32 and high 24 bits of a block number or timestamp, range-checked: the split of the field
/// element in the row chain is unique below 2^56.
fn block_integer(b: &mut Builder) -> [Target; 2] {
    let [low, high] = b.add_virtual_target_arr();
    uint::range_check_u32(b, low);
    uint::range_check(b, high, BLOCK_INTEGER_BITS - 32);
    [low, high]
}

impl Scan<'_> {
    fn run(&mut self, scan: &mut ScanTarget) {
        let windows: [Window; MAX_REGISTERS] =
            std::array::from_fn(|i| Window::new(self.b, &scan.columns, scan.program.registers[i]));
        let comparands: Vec<Comparand> = (0..MAX_PREDICATES).map(|i| self.comparand(scan, i)).collect();
        let orders: Vec<Order> = scan.program.outputs.iter().map(|output| self.order(output)).collect();
        let zero = self.b.zero();
        let mut sums = [[zero; 8]; MAX_OUTPUTS];
        let mut attained = [zero; MAX_OUTPUTS];
        for row in &scan.rows {
            let sources = self.sources(row);
            scan.chain = self.absorb(scan, row);
            let registers: Vec<U256Target> = windows.iter().map(|window| window.read(self.b, &sources)).collect();
            let in_range = self.in_range(scan, row, &sources[MAX_SLOTS]);
            let mut keeps = in_range;
            for (predicate, comparand) in scan.program.predicates.iter().zip(&comparands) {
                let holds = self.holds(&registers, predicate, comparand);
                keeps = self.b.and(keeps, holds);
            }
            self.b.connect(keeps.target, row.keeps.target);
            scan.states.in_range = self.b.add(scan.states.in_range, in_range.target);
            scan.states.matched = self.b.add(scan.states.matched, keeps.target);
            for (j, output) in scan.program.outputs.iter().enumerate() {
                let value = self.register(&registers, output.register);
                for (sum, limb) in sums[j].iter_mut().zip(value) {
                    *sum = self.b.mul_add(keeps.target, limb, *sum);
                }
                self.minimise(&value, &orders[j], keeps, &scan.minima[j], row.attains[j]);
                attained[j] = self.b.add(attained[j], row.attains[j].target);
            }
        }
        let one = self.b.one();
        for j in 0..MAX_OUTPUTS {
            if self.without != Some(Constraint::MinimumAttained) {
                self.b.connect(attained[j], one);
            }
            let (sum, overflow) = self.carry(&sums[j]);
            scan.states.outputs[j] = self.output_state(&scan.program.outputs[j], sum, overflow, &scan.minima[j]);
        }
    }

    /// Slots least significant limb first, and the pseudo-slot of number and timestamp.
    fn sources(&mut self, row: &RowTarget) -> [U256Target; MAX_SLOTS + 1] {
        let mut sources = [uint::zero(self.b); MAX_SLOTS + 1];
        for (source, value) in sources.iter_mut().zip(&row.values) {
            *source = reversed(value);
        }
        for (i, integer) in [row.number, row.timestamp].into_iter().enumerate() {
            sources[MAX_SLOTS][2 * i..][..2].copy_from_slice(&integer);
        }
        sources
    }

    /// The row chain after a row; an inactive row leaves it.
    fn absorb(&mut self, scan: &ScanTarget, row: &RowTarget) -> HashOutTarget {
        let active = scan.extraction.active.map(|slot| self.b.and(slot, row.active));
        let [number, timestamp] = [row.number, row.timestamp].map(|[low, high]| join(self.b, high, low));
        chain_block(self.b, scan.chain, &active, number, timestamp, &row.values)
    }

    /// Active and from <= number <= to.
    fn in_range(&mut self, scan: &ScanTarget, row: &RowTarget, block: &U256Target) -> BoolTarget {
        let number = [block[0], block[1]];
        let before = uint::sub(self.b, &number, &scan.from).borrow;
        let after = uint::sub(self.b, &scan.to, &number).borrow;
        let mut inside = row.active;
        for outside in [before, after] {
            let not = self.b.not(outside);
            inside = self.b.and(inside, not);
        }
        inside
    }

    /// Selects a register by a program's index.
    fn register(&mut self, registers: &[U256Target], index: Target) -> U256Target {
        std::array::from_fn(|k| {
            let list = registers.iter().map(|register| register[k]).collect();
            self.b.random_access(index, list)
        })
    }

    /// The right side of predicate `i` as far as it is the same for every row.
    fn comparand(&mut self, scan: &ScanTarget, i: usize) -> Comparand {
        let predicate = &scan.program.predicates[i];
        let [literal, parameter, register, from, to] = predicate.sources;
        let b = &mut *self.b;
        let parameter_index = b.mul(parameter.target, predicate.index);
        let literal_limbs = reversed(&predicate.literal);
        let constant = std::array::from_fn(|k| {
            let list = scan.params.words.iter().map(|word| word[7 - k]).collect();
            let param_limb = b.random_access(parameter_index, list);
            let sum = b.mul(literal.target, literal_limbs[k]);
            let mut sum = b.mul_add(parameter.target, param_limb, sum);
            if k < 2 {
                sum = b.mul_add(from.target, scan.from[k], sum);
                sum = b.mul_add(to.target, scan.to[k], sum);
            }
            sum
        });
        Comparand { constant, is_register: register, register: b.mul(register.target, predicate.index) }
    }

    /// Whether a row fulfils a predicate.
    fn holds(&mut self, registers: &[U256Target], predicate: &PredicateTarget, comparand: &Comparand) -> BoolTarget {
        let left = self.register(registers, predicate.left);
        let other = self.register(registers, comparand.register);
        let b = &mut *self.b;
        let right: U256Target =
            std::array::from_fn(|k| b.mul_add(comparand.is_register.target, other[k], comparand.constant[k]));
        let difference = uint::sub(b, &left, &right);
        let less = difference.borrow.target;
        let equal = uint::all_zero(b, &difference.limbs).target;
        // greater + less (accepts_less - accepts_greater) + equal (accepts_equal - accepts_greater)
        let [accepts_less, accepts_equal, accepts_greater] = predicate.accepts.map(|flag| flag.target);
        let by_less = b.sub(accepts_less, accepts_greater);
        let by_equal = b.sub(accepts_equal, accepts_greater);
        let holds = b.mul_add(less, by_less, accepts_greater);
        BoolTarget::new_unsafe(b.mul_add(equal, by_equal, holds))
    }

    fn order(&mut self, output: &OutputTarget) -> Order {
        let is_max = output.functions[Function::Max as usize].target;
        let one = self.b.one();
        // MIN: v - ones; MAX: (ones - v) - ones.
        let sign = self.b.mul_const_add(-F::TWO, is_max, one);
        let not_max = self.b.sub(one, is_max);
        let offset = self.b.mul_const(-F::from_canonical_u32(u32::MAX), not_max);
        Order { sign, offset }
    }

    /// Constrains `minimum` not to exceed what the row contributes, and to equal it where
    /// `attains`. A row that takes part contributes its value, or the complement for MAX; any
    /// other contributes all ones.
    fn minimise(
        &mut self,
        value: &U256Target,
        order: &Order,
        keeps: BoolTarget,
        minimum: &U256Target,
        attains: BoolTarget,
    ) {
        let b = &mut *self.b;
        let contribution: U256Target = std::array::from_fn(|k| {
            let signed = b.mul_add(order.sign, value[k], order.offset);
            b.mul_add(keeps.target, signed, self.all_ones)
        });
        let difference = uint::sub(b, &contribution, minimum);
        b.assert_zero(difference.borrow.target);
        let excess = b.add_many(difference.limbs);
        let excess = b.mul(attains.target, excess);
        b.assert_zero(excess);
    }

    /// Carries sums of limbs: the sum modulo 2^256 and whether anything is left above.
    fn carry(&mut self, sums: &U256Target) -> (U256Target, BoolTarget) {
        let b = &mut *self.b;
        let mut carry = b.zero();
        let limbs = sums.map(|sum| {
            let total = b.add(sum, carry);
            let (low, high) = b.split_low_high(total, 32, SUM_BITS);
            carry = high;
            low
        });
        let zero = b.zero();
        let none = b.is_equal(carry, zero);
        (limbs, b.not(none))
    }

    fn output_state(
        &mut self,
        output: &OutputTarget,
        sum: U256Target,
        overflow: BoolTarget,
        minimum: &U256Target,
    ) -> OutputStateTarget {
        let b = &mut *self.b;
        let any = |b: &mut Builder, functions: [Function; 2]| {
            let [x, y] = functions.map(|function| output.functions[function as usize].target);
            b.add(x, y)
        };
        let is_sum = any(b, [Function::Sum, Function::Avg]);
        let is_min = any(b, [Function::Min, Function::Max]);
        let growth = b.mul_const_add(F::from_canonical_u8(Growth::Min as u8), is_min, is_sum);
        let value = std::array::from_fn(|k| {
            let part = b.mul(is_sum, sum[k]);
            b.mul_add(is_min, minimum[k], part)
        });
        let overflow = match self.without {
            Some(Constraint::OverflowFlag) => BoolTarget::new_unsafe(b.add_virtual_target()),
            _ => b.and(BoolTarget::new_unsafe(is_sum), overflow),
        };
        OutputStateTarget { growth, overflow, value }
    }
}
