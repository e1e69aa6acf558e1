//! A small extract circuit whose Keccak argument is replaced by public inputs: the test is the
//! verifier of the list of messages, and every message it accepts is hashed truly.

use alloy_primitives::{B256, keccak256};
use plonky2::field::types::PrimeField64;
use plonky2::hash::hash_types::HashOut;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use super::machine::challenges;
use crate::circuit::{self, Circuit, Proof};
use crate::error::CircuitError;
use crate::extract::circuit::{fill_threads, new_trace};
use crate::extract::machine::{Rule, Trace};
use crate::extract::role::Role;
use crate::extract::wiring::ContentTarget;
use crate::extract::{Chunk, Usage};
use crate::keccak::consumer::BusTarget;
use crate::keccak::extension::Ext;
use crate::keccak::stream::{Stream, fingerprint};
use crate::security::Profile;
use crate::table::{ColumnLayout, TableSpec};
use crate::{Builder, F, tamper};

pub const STEPS: usize = 150;
pub const ROWS: usize = 4;

pub struct Bench {
    pub circuit: Circuit,
    pub content: ContentTarget,
    bus: BusTarget,
}

impl Bench {
    /// Without a rule if one is given.
    pub fn build(without: Option<Rule>) -> Self {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let capacity = Usage { permutations: 0, steps: STEPS, rows: ROWS };
        let content = ContentTarget::new(&mut b, &capacity, without);
        let commitment = content.commitment(&mut b);
        let bus = BusTarget {
            alpha: b.add_virtual_extension_target(),
            beta: b.add_virtual_extension_target(),
            sum: b.add_virtual_extension_target(),
        };
        content.bind(&mut b, &bus);
        content.state(&mut b);
        [bus.alpha, bus.beta, bus.sum].into_iter().for_each(|target| b.register_public_inputs(&target.0));
        b.register_public_inputs(&commitment.elements);
        Bench { circuit: circuit::build(b), content, bus }
    }

    /// The fold of the chunk's messages with their true hashes.
    pub fn sum(chunk: &Chunk) -> Ext {
        let challenges = challenges();
        let alpha = challenges.alpha;
        let mut stream = Stream::new(challenges);
        for message in &chunk.messages {
            let digest = fingerprint(alpha, keccak256(message).as_slice());
            stream.absorb(message.len(), fingerprint(alpha, message), digest);
        }
        stream.value()
    }

    /// Inputs for a chunk and its trace.
    pub fn inputs(&self, chunk: &Chunk, trace: &Trace) -> PartialWitness<F> {
        self.inputs_with(chunk, Self::sum(chunk), trace)
    }

    fn inputs_with(&self, chunk: &Chunk, sum: Ext, trace: &Trace) -> PartialWitness<F> {
        let mut pw = PartialWitness::new();
        self.content.set_witness(&mut pw, chunk, trace, &spec(chunk), HashOut::ZERO).unwrap();
        let challenges = challenges();
        pw.set_extension_target(self.bus.alpha, challenges.alpha).unwrap();
        pw.set_extension_target(self.bus.beta, challenges.beta).unwrap();
        pw.set_extension_target(self.bus.sum, sum).unwrap();
        pw
    }

    /// Proves by force what a trace says of a chunk, and verifies.
    pub fn attempt(&self, chunk: &Chunk, trace: &Trace) -> Result<(), CircuitError> {
        self.verify(chunk, &tamper::prove_forced(&self.circuit, self.inputs(chunk, trace))?)
    }

    /// As [`Bench::attempt`], when the list of messages is that of another chunk.
    pub fn attempt_messages(&self, chunk: &Chunk, hashed: &Chunk, trace: &Trace) -> Result<(), CircuitError> {
        let inputs = self.inputs_with(chunk, Self::sum(hashed), trace);
        self.verify(hashed, &tamper::prove_forced(&self.circuit, inputs)?)
    }

    /// As [`Bench::attempt_messages`], for a trace with bytes that no table holds: the prover's
    /// own look-up of them is skipped, as an attacker's would be.
    pub fn force_lookups(&mut self, chunk: &Chunk, hashed: &Chunk, trace: &Trace) -> Result<(), CircuitError> {
        let honest = self::trace(chunk);
        let inputs = self.inputs_with(chunk, Self::sum(hashed), &honest);
        let tampered = self.inputs_with(chunk, Self::sum(hashed), trace);
        let in_table = |value: F| value.to_canonical_u64() < 256;
        let outside: Vec<Target> = tampered
            .target_values
            .iter()
            .filter(|(target, value)| self.content.machine.is_byte(**target) && !in_table(**value))
            .map(|(target, _)| *target)
            .collect();
        assert!(!outside.is_empty());
        let lookups = &mut self.circuit.prover_only.lut_to_lookups[0];
        let other = lookups.iter().map(|(input, _)| *input).find(|input| !outside.contains(input)).unwrap();
        lookups.iter_mut().filter(|(input, _)| outside.contains(input)).for_each(|(input, _)| *input = other);
        let mut witness = tamper::forced_witness(&self.circuit, inputs)?;
        for (target, value) in tampered.target_values {
            circuit::overwrite(&mut witness, target, value);
        }
        self.verify(hashed, &circuit::prove_witness(&self.circuit, witness)?)
    }

    /// Verifies the proof and that its list of messages is the chunk's.
    pub fn verify(&self, chunk: &Chunk, proof: &Proof) -> Result<(), CircuitError> {
        let challenges = challenges();
        let expected: Vec<F> = [challenges.alpha, challenges.beta, Self::sum(chunk)].iter().flat_map(|e| e.0).collect();
        if proof.public_inputs[9..15] != expected {
            return Err(CircuitError::Verify("another list of messages".to_string()));
        }
        circuit::verify(&self.circuit.verifier_only, &self.circuit.common, proof)
    }
}

/// Any columns over the chunk's extraction.
pub fn spec(chunk: &Chunk) -> TableSpec {
    let column = ColumnLayout { slot: 0, offset: 0, width: 32, type_code: 1 };
    TableSpec::new(chunk.extraction.clone(), vec![column], B256::repeat_byte(3)).unwrap()
}

/// The honest trace at the fixed challenges.
pub fn trace(chunk: &Chunk) -> Trace {
    let mut trace = new_trace(chunk, STEPS);
    fill_threads(&mut trace, chunk, challenges());
    trace
}

/// Recomputes every hash of a chunk whose steps were changed, from the leaves up and from block to
/// block, so that all messages are hashed truly. Embedded nodes are not touched.
pub fn relink(chunk: &mut Chunk) {
    struct Message {
        steps: Vec<usize>,
        /// The step whose bytes after the first name the message.
        named_by: Option<usize>,
        hashed: bool,
    }
    let steps = &mut chunk.steps;
    chunk.messages.truncate(chunk.keys.messages.len());
    chunk.hashes.clear();
    let starts: Vec<usize> = (0..steps.len()).filter(|i| steps[*i].role == Role::HeaderList).collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(steps.len());
        let mut messages: Vec<Message> = vec![];
        let (mut next, mut storage) = (None, None);
        for i in *start..end {
            let step = steps[i];
            match step.role {
                Role::HeaderList => messages.push(Message { steps: vec![i], named_by: None, hashed: true }),
                Role::NodeList => {
                    let hashed = next.is_none_or(|at: usize| !steps[at].choices.inline);
                    messages.push(Message { steps: vec![i], named_by: next, hashed });
                }
                Role::KeyRest => {}
                Role::Row => next = storage,
                _ => messages.last_mut().unwrap().steps.push(i),
            }
            match step.role {
                Role::HeaderState | Role::ExtensionChild => next = Some(i),
                Role::Child if step.choices.selected => next = Some(i),
                Role::AccountStorage => storage = Some(i),
                Role::AccountCode => next = storage,
                _ => {}
            }
        }
        if let Some(before) = chunk.hashes.last() {
            let at = start + 1;
            steps[at] = steps[at].with_bytes(&[&[0xa0], before.as_slice()].concat());
        }
        let mut encoded = vec![];
        for message in messages.iter().rev() {
            let bytes: Vec<u8> = message.steps.iter().flat_map(|i| steps[*i].bytes().to_vec()).collect();
            if !message.hashed {
                continue;
            }
            let hash: B256 = keccak256(&bytes);
            if let Some(at) = message.named_by {
                let mut window = steps[at].bytes().to_vec();
                let room = window.len() - 1;
                window[1..].copy_from_slice(&hash[32 - room..]);
                steps[at] = steps[at].with_bytes(&window);
            } else {
                chunk.hashes.push(hash);
            }
            encoded.push(bytes);
        }
        encoded.reverse();
        chunk.messages.extend(encoded);
    }
    chunk.last_hash = chunk.hashes[chunk.hashes.len() - 1];
}
