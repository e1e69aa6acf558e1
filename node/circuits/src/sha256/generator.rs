//! Witnesses of the SHA-256 gates.

use plonky2::field::types::{Field, PrimeField64};
use plonky2::iop::generator::{GeneratedValues, SimpleGenerator};
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartitionWitness, Witness, WitnessWrite};
use plonky2::plonk::circuit_data::CommonCircuitData;
use plonky2::util::serialization::{Buffer, IoResult, Read, Write};

use super::gate::{Sha256Gate, Step};
use crate::{D, F};

/// Fills a row of [`Sha256Gate`].
#[derive(Clone, Debug)]
pub struct Sha256Generator {
    pub step: Step,
    pub row: usize,
    pub constant: F,
}

impl Default for Sha256Generator {
    fn default() -> Self {
        Sha256Generator { step: Step::Schedule, row: 0, constant: F::ZERO }
    }
}

impl SimpleGenerator<F, D> for Sha256Generator {
    fn id(&self) -> String {
        "Sha256Generator".into()
    }

    fn dependencies(&self) -> Vec<Target> {
        (0..self.step.inputs()).map(|column| Target::wire(self.row, column)).collect()
    }

    fn run_once(&self, witness: &PartitionWitness<F>, out: &mut GeneratedValues<F>) -> anyhow::Result<()> {
        let step = self.step;
        let value = |column| witness.get_target(Target::wire(self.row, column)).to_canonical_u64();
        let word = |column| value(column) as u32;
        // Inputs out of range make an invalid witness, never an overflow here.
        let sum = |terms: &[u64]| terms.iter().fold(0u64, |sum, term| sum.wrapping_add(*term));
        let (outputs, total) = match step {
            Step::Schedule => {
                let (near, far) = (word(0), word(1));
                let near = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
                let far = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
                (vec![], sum(&[near.into(), far.into(), value(2), value(3)]))
            }
            Step::Lower => {
                let (e, f, g) = (word(0), word(1), word(2));
                let sigma = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
                let chosen = (e & f) ^ (!e & g);
                let constant = self.constant.to_canonical_u64();
                let t1 = sum(&[value(3), sigma.into(), chosen.into(), constant, value(4)]);
                (vec![t1], sum(&[t1, value(5)]))
            }
            Step::Upper => {
                let (a, b, c) = (word(0), word(1), word(2));
                let sigma = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
                let majority = (a & b) ^ (a & c) ^ (b & c);
                (vec![], sum(&[value(3), sigma.into(), majority.into()]))
            }
        };
        let mut set = |column, value: F| out.set_target(Target::wire(self.row, column), value);
        for (i, output) in outputs.into_iter().chain([total & u64::from(u32::MAX)]).enumerate() {
            set(step.inputs() + i, F::from_noncanonical_u64(output))?;
        }
        for i in 0..step.split() {
            for bit in 0..32 {
                let sign = if word(i) >> bit & 1 == 1 { F::NEG_ONE } else { F::ONE };
                set(step.signs(i) + bit, sign)?;
            }
        }
        for bit in 0..step.carries() {
            set(step.carry() + bit, F::from_bool(total >> (32 + bit) & 1 == 1))?;
        }
        Ok(())
    }

    fn serialize(&self, dst: &mut Vec<u8>, common: &CommonCircuitData<F, D>) -> IoResult<()> {
        plonky2::gates::gate::Gate::<F, D>::serialize(&Sha256Gate(self.step), dst, common)?;
        dst.write_usize(self.row)?;
        dst.write_field(self.constant)
    }

    fn deserialize(src: &mut Buffer, common: &CommonCircuitData<F, D>) -> IoResult<Self> {
        let Sha256Gate(step) = plonky2::gates::gate::Gate::<F, D>::deserialize(src, common)?;
        Ok(Sha256Generator { step, row: src.read_usize()?, constant: src.read_field()? })
    }
}

/// Sets the carry of a sum of two words.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    pub sum: Target,
    pub carry: Target,
}

impl SimpleGenerator<F, D> for Carry {
    fn id(&self) -> String {
        "Sha256Carry".into()
    }

    fn dependencies(&self) -> Vec<Target> {
        vec![self.sum]
    }

    fn run_once(&self, witness: &PartitionWitness<F>, out: &mut GeneratedValues<F>) -> anyhow::Result<()> {
        let sum = witness.get_target(self.sum).to_canonical_u64();
        out.set_target(self.carry, F::from_bool(sum >> 32 & 1 == 1))
    }

    fn serialize(&self, dst: &mut Vec<u8>, _common: &CommonCircuitData<F, D>) -> IoResult<()> {
        dst.write_target(self.sum)?;
        dst.write_target(self.carry)
    }

    fn deserialize(src: &mut Buffer, _common: &CommonCircuitData<F, D>) -> IoResult<Self> {
        Ok(Carry { sum: src.read_target()?, carry: src.read_target()? })
    }
}
