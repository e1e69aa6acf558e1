//! The three rows of a step as plonky2 gates. They have no generators: the trace fills every wire.

use std::cell::RefCell;
use std::sync::OnceLock;

use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::packed::PackedField;
use plonky2::field::types::Field;
use plonky2::gates::gate::Gate;
use plonky2::gates::packed_util::PackedEvaluableBase;
use plonky2::gates::util::StridedConstraintConsumer;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::generator::WitnessGeneratorRef;
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::plonk::vars::{
    EvaluationTargets, EvaluationVars, EvaluationVarsBase, EvaluationVarsBaseBatch, EvaluationVarsBasePacked,
};
use plonky2::util::serialization::{Buffer, IoError, IoResult, Read, Write};

use super::rule::Rule;
use super::value::{Constraints, Plain, Value, Wired};
use super::{control, thread, window};
use crate::{Builder, D, F};

/// Which row of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Bytes and what folds of them.
    Window,
    /// Grammar.
    Control,
    /// Fingerprints, keys and streams.
    Thread,
}

impl Row {
    /// All rows, in the order of a step.
    pub const ALL: [Row; 3] = [Row::Window, Row::Control, Row::Thread];

    /// Wires of the row.
    pub const fn wires(self) -> usize {
        match self {
            Row::Window => window::WIRES,
            Row::Control => control::WIRES,
            Row::Thread => thread::WIRES,
        }
    }

    const fn degree(self) -> usize {
        match self {
            Row::Window => window::DEGREE,
            Row::Control => control::DEGREE,
            Row::Thread => thread::DEGREE,
        }
    }

    fn collect<V: Value>(self, wires: &[V], without: Option<Rule>) -> Vec<V> {
        let mut out = Constraints::new(without);
        self.write(wires, &mut out);
        out.list
    }

    /// The rules of the constraints that these wires do not satisfy.
    pub fn violations(self, wires: &[F]) -> Vec<Rule> {
        let wires: Vec<Plain<F>> = wires.iter().copied().map(Plain).collect();
        let mut out = Constraints::new(None);
        self.write(&wires, &mut out);
        let broken = out.list.iter().zip(&out.rules).filter(|(value, _)| value.0 != F::ZERO);
        broken.map(|(_, rule)| *rule).collect()
    }

    fn write<V: Value>(self, wires: &[V], out: &mut Constraints<V>) {
        match self {
            Row::Window => window::constraints(wires, out),
            Row::Control => control::constraints(wires, out),
            Row::Thread => thread::constraints(wires, out),
        }
    }

    fn count(self) -> usize {
        static COUNTS: OnceLock<[usize; 3]> = OnceLock::new();
        let count = |row: Row| row.collect(&vec![Plain(F::ZERO); row.wires()], None).len();
        COUNTS.get_or_init(|| Row::ALL.map(count))[self as usize]
    }
}

/// One row of a step.
#[derive(Clone, Copy, Debug)]
pub struct RowGate {
    row: Row,
    /// For tests: a rule that does not hold in this circuit.
    without: Option<Rule>,
}

impl RowGate {
    /// The row with all its rules.
    pub const fn new(row: Row) -> Self {
        RowGate { row, without: None }
    }

    /// The row without one rule.
    pub(super) const fn without(row: Row, rule: Option<Rule>) -> Self {
        RowGate { row, without: rule }
    }

    fn constraints<V: Value>(&self, wires: &[V]) -> Vec<V> {
        self.row.collect(&wires[..self.row.wires()], self.without)
    }

    fn plain<T>(&self, wires: impl Iterator<Item = T>) -> impl Iterator<Item = T>
    where
        Plain<T>: Value,
    {
        let wires: Vec<Plain<T>> = wires.map(Plain).collect();
        self.constraints(&wires).into_iter().map(|value| value.0)
    }
}

impl Default for RowGate {
    fn default() -> Self {
        RowGate::new(Row::Window)
    }
}

impl Gate<F, D> for RowGate {
    fn id(&self) -> String {
        format!("{self:?}")
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &CommonCircuitData<F, D>) -> IoResult<()> {
        dst.write_u8(self.row as u8)
    }

    fn deserialize(src: &mut Buffer, _common: &CommonCircuitData<F, D>) -> IoResult<Self> {
        let index = usize::from(src.read_u8()?);
        Row::ALL.get(index).map(|row| RowGate::new(*row)).ok_or(IoError)
    }

    fn eval_unfiltered(&self, vars: EvaluationVars<F, D>) -> Vec<QuadraticExtension<F>> {
        self.plain(vars.local_wires.iter().copied()).collect()
    }

    fn eval_unfiltered_base_one(&self, vars: EvaluationVarsBase<F>, mut consumer: StridedConstraintConsumer<F>) {
        consumer.many(self.plain(vars.local_wires.iter().copied()));
    }

    fn eval_unfiltered_base_batch(&self, vars: EvaluationVarsBaseBatch<F>) -> Vec<F> {
        self.eval_unfiltered_base_batch_packed(vars)
    }

    fn eval_unfiltered_circuit(&self, b: &mut Builder, vars: EvaluationTargets<D>) -> Vec<ExtensionTarget<D>> {
        let builder = RefCell::new(b);
        let wires: Vec<Wired> =
            vars.local_wires.iter().map(|target| Wired { builder: &builder, target: *target }).collect();
        self.constraints(&wires).into_iter().map(|value| value.target).collect()
    }

    fn generators(&self, _row: usize, _constants: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
        vec![]
    }

    fn num_wires(&self) -> usize {
        self.row.wires()
    }

    fn num_constants(&self) -> usize {
        0
    }

    fn degree(&self) -> usize {
        self.row.degree()
    }

    fn num_constraints(&self) -> usize {
        self.row.count()
    }
}

impl PackedEvaluableBase<F, D> for RowGate {
    fn eval_unfiltered_base_packed<P: PackedField<Scalar = F>>(
        &self,
        vars: EvaluationVarsBasePacked<P>,
        mut consumer: StridedConstraintConsumer<P>,
    ) {
        consumer.many(self.plain(vars.local_wires.iter().copied()));
    }
}

#[cfg(test)]
mod tests {
    use plonky2::field::types::Sample;
    use plonky2::hash::hash_types::HashOut;
    use plonky2::iop::witness::{PartialWitness, WitnessWrite};

    use super::*;
    use crate::circuit;
    use crate::security::Profile;

    fn point(row: Row) -> Vec<QuadraticExtension<F>> {
        QuadraticExtension::rand_vec(row.wires())
    }

    fn values(row: Row, wires: &[QuadraticExtension<F>]) -> Vec<QuadraticExtension<F>> {
        let public_inputs_hash = &HashOut::ZERO;
        RowGate::new(row).eval_unfiltered(EvaluationVars {
            local_constants: &[],
            local_wires: wires,
            public_inputs_hash,
        })
    }

    /// Along a line, the difference of order degree + 1 vanishes, and that of order degree does not.
    #[test]
    fn degrees_are_as_declared() {
        for row in Row::ALL {
            let (start, step) = (point(row), point(row));
            let at = |t: u64| {
                let t = QuadraticExtension::from(F::from_canonical_u64(t));
                let wires: Vec<_> = start.iter().zip(&step).map(|(a, b)| *a + *b * t).collect();
                values(row, &wires)
            };
            let mut table: Vec<Vec<_>> = (0..row.degree() as u64 + 2).map(at).collect();
            for order in 0..=row.degree() {
                let nonzero = table[0].iter().any(|value| *value != QuadraticExtension::ZERO);
                assert!(nonzero, "{row:?} has a degree below {order}");
                let next = |pair: &[Vec<_>]| pair[1].iter().zip(&pair[0]).map(|(x, y)| *x - *y).collect();
                table = table.windows(2).map(next).collect();
            }
            assert!(table[0].iter().all(|value| *value == QuadraticExtension::ZERO), "{row:?}");
        }
    }

    #[test]
    fn the_circuit_evaluates_alike() {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let mut pw = PartialWitness::new();
        for row in Row::ALL {
            let wires = point(row);
            let targets = b.add_virtual_extension_targets(row.wires());
            let public_inputs_hash = &b.add_virtual_hash();
            let vars = EvaluationTargets { local_constants: &[], local_wires: &targets, public_inputs_hash };
            let got = RowGate::new(row).eval_unfiltered_circuit(&mut b, vars);
            let expected = values(row, &wires);
            assert_eq!((got.len(), got.len()), (expected.len(), row.count()));
            for (target, value) in targets.iter().zip(&wires).chain(got.iter().zip(&expected)) {
                pw.set_extension_target(*target, *value).unwrap();
            }
        }
        let circuit = circuit::build(b);
        circuit::prove(&circuit, pw).unwrap();
    }

    #[test]
    fn rows_fit_the_configuration() {
        let config = Profile::Production.recursion_config();
        assert!(Row::ALL.iter().all(|row| row.wires() <= config.num_wires));
        assert!(window::ADVANCE + 2 <= config.num_routed_wires);
        assert!(control::flag(crate::extract::role::Role::Row) < config.num_routed_wires);
        assert!(thread::CONTROL + thread::SIGNAL_COUNT <= config.num_routed_wires);
    }
}
