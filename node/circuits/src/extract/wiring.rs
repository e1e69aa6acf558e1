//! Everything of the extract circuit but the Keccak argument: what is read, committed and stated.

use gavel_types::statement::{Kind, Status};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::bytes::{ByteTable, BytesTarget};
use super::chunk::Chunk;
use super::keys::{KeysTarget, key_packs};
use super::machine::{MachineTarget, Rule, Trace, control, thread, wiring::Shared};
use super::rows::RowsTarget;
use super::shape::Usage;
use crate::circuit::{hash, hash_in_circuit};
use crate::keccak::consumer::{BusTarget, StreamTarget, fingerprint};
use crate::recursion::register_statement;
use crate::statement::{WordTarget, WordsTarget, limbs};
use crate::table::{ExtractionTarget, TableSpec, table_id_target};
use crate::{Builder, D, F};

/// Bits of the limbs of a block number above the lowest 32.
const NUMBER_BITS: usize = 56;

/// Challenges and products of them in a circuit.
#[derive(Clone, Copy, Debug)]
pub struct PowersTarget {
    pub alpha: ExtensionTarget<D>,
    pub beta: ExtensionTarget<D>,
    pub flag: ExtensionTarget<D>,
    pub tail: ExtensionTarget<D>,
    pub cube: ExtensionTarget<D>,
    pub block: ExtensionTarget<D>,
}

impl PowersTarget {
    /// As [`thread::Powers::new`].
    fn new(b: &mut Builder, bus: &BusTarget) -> Self {
        let (alpha, beta) = (bus.alpha, bus.beta);
        let byte = b.constant(F::from_canonical_u64(255));
        let flags = fingerprint(b, alpha, &[byte; 8]);
        let flag = b.mul_extension(beta, flags);
        let eighth = b.exp_power_of_2_extension(alpha, 3);
        let high = b.exp_power_of_2_extension(eighth, 4);
        let block = b.mul_extension(high, eighth);
        let ended = b.mul_extension(beta, flag);
        let padding = b.mul_const_extension(F::from_canonical_u64(128), block);
        let tail = b.add_extension(padding, ended);
        let cube = b.cube_extension(beta);
        PowersTarget { alpha, beta, flag, tail, cube, block }
    }

    fn columns(&self) -> [ExtensionTarget<D>; 6] {
        [self.alpha, self.beta, self.flag, self.tail, self.cube, self.block]
    }
}

/// The content of the circuit.
#[derive(Clone, Debug)]
pub struct ContentTarget {
    table: ExtractionTarget,
    columns: HashOutTarget,
    set_root: HashOutTarget,
    keys: KeysTarget,
    pub machine: MachineTarget,
    pub rows: RowsTarget,
    /// Number of the first block.
    first: Target,
    hash_before: BytesTarget,
    last_hash: BytesTarget,
    /// For tests: a rule that does not hold in this circuit.
    without: Option<Rule>,
}

impl ContentTarget {
    /// Adds everything that does not depend on challenges, for chunks up to `capacity`.
    pub fn new(b: &mut Builder, capacity: &Usage, without: Option<Rule>) -> Self {
        let bytes = ByteTable::new(b);
        let table = ExtractionTarget::opened(b);
        ContentTarget {
            keys: KeysTarget::new(b, &bytes, &table),
            machine: MachineTarget::new(b, capacity.steps, bytes.0, without),
            rows: RowsTarget::new(b, &bytes, capacity.rows),
            hash_before: BytesTarget::new(b, &bytes, 32),
            last_hash: BytesTarget::new(b, &bytes, 32),
            first: b.add_virtual_target(),
            columns: b.add_virtual_hash(),
            set_root: b.add_virtual_hash(),
            table,
            without,
        }
    }

    /// Hash of everything that is folded at the challenges; they must be drawn after it.
    pub fn commitment(&self, b: &mut Builder) -> HashOutTarget {
        let mut input = self.machine.packs();
        input.extend(self.keys.packs(b));
        input.extend(self.table.digest(b).elements);
        input.extend(self.rows.chain.elements);
        input.push(self.first);
        input.extend(self.hash_before.limbs(b));
        input.extend(self.last_hash.limbs(b));
        hash_in_circuit(b, input)
    }

    /// Binds what was read to the challenges and the list of messages of `bus`.
    pub fn bind(&self, b: &mut Builder, bus: &BusTarget) {
        let powers = PowersTarget::new(b, bus);
        let mut stream = StreamTarget::new(b, bus);
        let keys = self.keys.bind(b, bus.alpha, &mut stream);
        let machine = &self.machine;
        machine.bound(b);
        machine.share(b, &Shared { powers: powers.columns(), account_key: keys.account }, self.table.slot_count);
        b.connect_extension(machine.first_thread(thread::state::STREAM), stream.value());
        if self.without != Some(Rule::Stream) {
            b.connect_extension(machine.last_thread(thread::state::STREAM), bus.sum);
        }
        for (state, hash) in [
            (machine.first_thread(thread::state::HEADER), &self.hash_before),
            (machine.last_thread(thread::state::HEADER), &self.last_hash),
        ] {
            let fold = fingerprint(b, bus.alpha, &hash.bytes);
            b.connect_extension(state, fold);
        }
        let rows = self.rows.fold(b, &powers, &keys);
        if self.without != Some(Rule::RowStream) {
            b.connect_extension(machine.last_thread(thread::state::ROWS), rows);
        }
        let one = b.one();
        let before = b.sub(self.first, one);
        b.connect(machine.first_control(control::state::NUMBER), before);
    }

    /// Registers the nine public inputs of a base circuit.
    pub fn state(&self, b: &mut Builder) {
        let mut words = WordsTarget::zero(b);
        let [low, high] = self.table.chain_id;
        [low, high].into_iter().for_each(|limb| b.range_check(limb, 32));
        words[2] = WordTarget::from_u64_limbs(b, high, low);
        let extraction = self.table.digest(b);
        let table = table_id_target(b, extraction, self.columns);
        words[3] = WordTarget::from_hash(b, table);
        let last = self.machine.last_control(control::state::NUMBER);
        for (word, number) in [(6, self.first), (7, last)] {
            let (low, high) = b.split_low_high(number, 32, NUMBER_BITS);
            words[word] = WordTarget::from_u64_limbs(b, high, low);
        }
        words[8] = self.last_hash.word(b);
        words[9] = self.hash_before.word(b);
        let ok = b.constant(F::from_canonical_u8(Status::Ok as u8));
        words[10] = WordTarget::from_u32(b, ok);
        let blocks = b.sub(last, self.first);
        let one = b.one();
        let blocks = b.add(blocks, one);
        words[11] = WordTarget::from_u32(b, blocks);
        words[12] = WordTarget::from_hash(b, self.rows.chain);
        register_statement(b, Kind::Extract, self.set_root, &mut words);
    }

    /// Sets everything. The trace carries the wires that depend on the challenges.
    ///
    /// # Errors
    /// When a target gets two different values: the trace does not satisfy the wiring.
    pub fn set_witness(
        &self,
        pw: &mut PartialWitness<F>,
        chunk: &Chunk,
        trace: &Trace,
        spec: &TableSpec,
        set_root: HashOut<F>,
    ) -> anyhow::Result<()> {
        self.table.set_witness(pw, &chunk.extraction)?;
        pw.set_hash_target(self.columns, spec.columns_digest())?;
        pw.set_hash_target(self.set_root, set_root)?;
        self.keys.set(pw, &chunk.keys)?;
        self.rows.set(pw, &chunk.rows)?;
        pw.set_target(self.first, F::from_canonical_u64(chunk.first()))?;
        self.hash_before.set(pw, chunk.hash_before.as_slice())?;
        self.last_hash.set(pw, chunk.last_hash.as_slice())?;
        self.machine.set_witness(pw, trace)
    }
}

/// [`ContentTarget::commitment`] natively.
///
/// # Errors
/// When the chunk's rows are not those of its table.
pub fn commitment(chunk: &Chunk, trace: &Trace) -> Result<HashOut<F>, crate::table::TableError> {
    let mut input = trace.packs();
    input.extend(key_packs(&chunk.keys));
    input.extend(chunk.extraction.digest().elements);
    input.extend(super::rows::chain(&chunk.extraction, &chunk.rows)?.elements);
    input.push(F::from_canonical_u64(chunk.first()));
    for word in [&chunk.hash_before, &chunk.last_hash] {
        input.extend(limbs(word).map(F::from_canonical_u32));
    }
    Ok(hash(&input))
}
