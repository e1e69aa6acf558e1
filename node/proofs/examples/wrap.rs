//! Runs the wrap once around a stand-in for the statement layer's shrunk circuit, prints what each
//! step costs, and writes key, digest and proof for the contract tests.
//!
//! `cargo run --release -p gavel-proofs --example wrap -- production contracts/test/golden/wrap.json`

use std::error::Error;
use std::time::Instant;

use alloy_primitives::{B256, U256};
use gavel_circuits::circuit::{self, Circuit, Common};
use gavel_circuits::preprocess::FromScratch;
use gavel_circuits::recursion::shape as common_shape;
use gavel_circuits::security::Profile;
use gavel_circuits::{Builder, D, F};
use gavel_proofs::wrap::final_layer::{DIGEST_WORDS, shape};
use gavel_proofs::wrap::hash::{Digest, FinalConfig};
use gavel_proofs::wrap::r1cs::{system::System, verifier::synthesize};
use gavel_proofs::wrap::{FinalLayer, VerifyingKey, WrapKey};
use plonky2::field::types::Field;
use plonky2::hash::merkle_tree::MerkleCap;
use plonky2::iop::witness::PartialWitness;
use plonky2::plonk::circuit_data::VerifierOnlyCircuitData;
use serde_json::json;

/// Seconds of user and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, in ticks of 10 ms; the name in field 2 may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Highest resident memory so far, in MiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn timed<T>(name: &str, f: impl FnOnce() -> T) -> T {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let value = f();
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{name:<24} {cpu:>7.1} CPU s {wall:>7.1} s, peak {} MiB", peak_memory());
    value
}

/// A verifier key of zeros.
fn blank_key(common: &Common) -> VerifierOnlyCircuitData<FinalConfig, D> {
    let zero = Digest(Default::default());
    let cap = MerkleCap(vec![zero; common.config.fri_config.num_cap_elements()]);
    VerifierOnlyCircuitData { constants_sigmas_cap: cap, circuit_digest: zero }
}

/// Prints the hash that a test pins: of the matrices around a blank key, so that it moves with the
/// constraints and not with the circuits.
fn print_matrices(profile: Profile, inner: &Circuit, layer: &FinalLayer) -> Result<(), Box<dyn Error>> {
    let (common, rows) = shape(profile, &inner.common)?;
    let mut system = System::new(true);
    synthesize(&mut system, &common, &blank_key(&common), &layer.blank_proof())?;
    let digest = B256::from(system.digest().ok_or("not recorded")?);
    println!("{rows} rows, {} constraints, matrices {digest}", system.constraints());
    Ok(())
}

fn words(value: &[U256]) -> Vec<String> {
    value.iter().map(|word| format!("{word:#066x}")).collect()
}

fn golden(key: &VerifyingKey, digest: B256, proof: &[U256; 8]) -> serde_json::Value {
    json!({
        "alpha": words(&key.alpha),
        "beta": words(&key.beta),
        "gamma": words(&key.gamma),
        "delta": words(&key.delta),
        "ic": words(key.ic.as_flattened()),
        "keyHash": key.hash(),
        "digest": digest,
        "proof": words(proof),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let profile = match arguments.next().as_deref() {
        Some("production") => Profile::Production,
        Some("test") => Profile::Test,
        _ => return Err("usage: wrap production|test [FILE]".into()),
    };
    let inner = timed("inner circuit", || {
        let mut builder = Builder::new(profile.recursion_config());
        let limbs = builder.add_virtual_targets(DIGEST_WORDS);
        builder.register_public_inputs(&limbs);
        common_shape::build(profile, "stand-in", builder, &FromScratch).map(|circuit| (circuit, limbs))
    });
    let (inner, limbs) = inner?;
    let layer = timed("final layer, build", || FinalLayer::build(profile, &inner.common, &inner.verifier_only))?;
    let stored = layer.stored();
    let layer =
        timed("final layer, restore", || FinalLayer::restore(profile, &inner.common, &inner.verifier_only, &stored))?;
    timed("constraints, synthesis", || print_matrices(profile, &inner, &layer))?;
    let key = timed("key, setup", || WrapKey::setup(&layer))?;
    let path = std::env::temp_dir().join(format!("gavel-wrap-{}", std::process::id()));
    timed("key, save", || key.save(&path))?;
    let fingerprint = key.fingerprint();
    drop(key);
    let key = timed("key, load", || WrapKey::load(&path, fingerprint))?;
    println!("fingerprint {fingerprint}, {} bytes", std::fs::metadata(&path)?.len());
    std::fs::remove_file(&path)?;

    let digest = B256::from(U256::from_be_bytes([0x5a; 32]));
    let mut witness = PartialWitness::new();
    for (target, word) in limbs.iter().zip(digest.chunks_exact(4)) {
        let word = word.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        circuit::set(&mut witness, *target, F::from_canonical_u64(word))?;
    }
    let inner_proof = timed("inner proof", || circuit::prove(&inner, witness))?;
    let final_proof = timed("final layer, prove", || layer.prove(&inner_proof))?;
    let proof = timed("groth16, prove", || key.prove(&layer, &final_proof))?;
    assert!(proof.verify(&key.verifying_key(), digest)?);
    if let Some(path) = arguments.next() {
        let golden = golden(&key.verifying_key(), digest, &proof.to_evm());
        std::fs::write(path, serde_json::to_string_pretty(&golden)? + "\n")?;
    }
    Ok(())
}
