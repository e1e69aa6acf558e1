//! The committed production proof, and the key that it was made with. The contract test
//! `CommittedProof.t.sol` reads the same file.

use alloy_primitives::{B256, Bytes, U256};
use gavel_circuits::security::Profile;
use gavel_circuits::statement_layer::StatementLayer;
use gavel_proofs::wrap::{FinalLayer, Groth16Proof, VerifyingKey, fingerprint};
use gavel_types::statement::{STATEMENT_WORDS, Statement};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Golden {
    key: Key,
    words: [B256; STATEMENT_WORDS],
    statement_digest: B256,
    proof: Bytes,
}

#[derive(Deserialize)]
struct Key {
    alpha: [U256; 2],
    beta: [U256; 4],
    gamma: [U256; 4],
    delta: [U256; 4],
    ic: [[U256; 2]; 3],
    hash: B256,
    fingerprint: B256,
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/test/golden/wrap.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_committed_proof_verifies() {
    let Golden { key, words, statement_digest, proof } = golden();
    let Key { alpha, beta, gamma, delta, ic, hash, .. } = key;
    let key = VerifyingKey { alpha, beta, gamma, delta, ic };
    assert_eq!(key.hash(), hash);
    assert_eq!(Statement::try_from(&words).unwrap().digest(), statement_digest);
    let evm = Groth16Proof::from_bytes(&proof).unwrap();
    assert!(evm.verify(&key, statement_digest).unwrap());
    assert!(!evm.verify(&key, B256::ZERO).unwrap());
    let mut swapped = evm.to_evm();
    swapped.swap(0, 6);
    swapped.swap(1, 7);
    assert!(!Groth16Proof::from_evm(swapped).verify(&key, statement_digest).unwrap());
}

/// Builds the two layers below the key from scratch, 30 CPU seconds, and compares what the setup
/// derives the key from; the setup itself would take 160 more.
#[test]
fn the_production_key_has_not_moved() {
    let profile = Profile::Production;
    let statement = StatementLayer::build(profile).unwrap();
    let last = FinalLayer::build(profile, statement.common(), statement.key()).unwrap();
    let found = fingerprint(&last).unwrap();
    let advice = "the final key changed: write the committed proof again (contracts/README.md), every deployment needs a new verifier";
    assert_eq!(found, golden().key.fingerprint, "{advice}");
}
