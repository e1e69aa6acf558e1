//! The machine's rows natively: every form and all of the mainnet data satisfy every rule.

use gavel_testdata::needs_chain_data;
use plonky2::field::extension::quadratic::QuadraticExtension;
use plonky2::field::types::Field;

use super::chain_data::ChainData;
use super::mainnet;
use super::tries::{forms, random_form, table};
use crate::F;
use crate::extract::Chunk;
use crate::extract::circuit::{fill_threads, new_trace};
use crate::extract::machine::{control, thread};
use crate::extract::synthetic::{ChainForm, End, Noise, PathForm};
use crate::keccak::extension::{Ext, small};
use crate::keccak::stream::{Challenges, Stream, fingerprint};

pub fn challenges() -> Challenges {
    let alpha: Ext = QuadraticExtension([0x1234_5678_9abc_def1, 0x0fed_cba9].map(F::from_canonical_u64));
    Challenges { alpha, beta: alpha * alpha + small(17) }
}

/// Fills a trace for a chunk at fixed challenges and checks all rules and ends.
fn check(chunk: &Chunk) {
    let challenges = challenges();
    let alpha = challenges.alpha;
    let mut trace = new_trace(chunk, chunk.steps.len() + 2);
    fill_threads(&mut trace, chunk, challenges);
    if let Some((step, row, rule)) = trace.first_violation() {
        panic!("step {step} {:?}: {row:?} breaks {rule:?}", chunk.steps.get(step));
    }
    let mut stream = Stream::new(challenges);
    for message in &chunk.messages {
        let digest = fingerprint(alpha, alloy_primitives::keccak256(message).as_slice());
        stream.absorb(message.len(), fingerprint(alpha, message), digest);
    }
    assert_eq!(trace.last_control(control::state::ROLE), F::ZERO);
    assert_eq!(trace.last_control(control::state::NUMBER), F::from_canonical_u64(chunk.last()));
    assert_eq!(trace.last_thread(thread::state::STREAM), stream.value());
    assert_eq!(trace.last_thread(thread::state::HEADER), fingerprint(alpha, chunk.last_hash.as_slice()));
    // the honest steps name the roles that the machine derives
    for (step, w) in chunk.steps.iter().zip(&trace.controls) {
        assert_eq!(w[control::IN + control::state::ROLE], F::from_canonical_u8(step.role as u8));
    }
}

#[test]
fn every_form_satisfies_the_rules() {
    for (seed, form) in forms().into_iter().enumerate() {
        let account = if form.end == End::Present { PathForm::deep(2) } else { form.clone() };
        for account in [account, PathForm::deep(seed % 3)] {
            let (fields, first) = ([15, 16, 17, 20, 21][seed % 5], [0, 1, 127, 128, 70_000][seed % 5]);
            let chain = ChainForm { seed: seed as u64, fields, first, blocks: 3, account, slots: vec![form.clone()] };
            check(&Chunk::build(&table(1), &chain.build(&table(1)).0).unwrap());
        }
    }
}

#[test]
fn random_paths_satisfy_the_rules() {
    let mut noise = Noise::new(78);
    for seed in 0..60 {
        let account = if noise.below(3) == 0 { random_form(&mut noise) } else { PathForm::deep(noise.below(9)) };
        let fields = [15, 16, 17, 20, 21][noise.below(5)];
        let slots = vec![random_form(&mut noise)];
        let first = noise.below(1 << 20) as u64;
        let (blocks, _) = ChainForm { seed, fields, first, blocks: 2, account, slots }.build(&table(1));
        check(&Chunk::build(&table(1), &blocks).unwrap());
    }
}

#[needs_chain_data]
#[test]
fn mainnet_satisfies_the_rules() {
    let data = ChainData::open();
    for (extraction, witness, _) in mainnet::tables(&data) {
        check(&Chunk::build(&extraction, &[witness]).unwrap());
    }
}
