//! Whole proofs with the Keccak argument inside, at a small shape.

use alloy_primitives::B256;
use gavel_testdata::needs_chain_data;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOut;

use super::chain_data::ChainData;
use super::tries::table;
use super::{bench, forgeries, mainnet};
use crate::error::CircuitError;
use crate::extract::synthetic::{ChainForm, End, Level, PathForm};
use crate::extract::{BlockWitness, ExtractCircuit, ExtractError, ExtractProofError, ExtractShape, block_usage, fits};
use crate::security::Profile;
use crate::statement::{statement_digest, word_from_hash};
use crate::table::{ColumnLayout, Extraction, TableSpec};
use crate::{F, circuit, tamper};

fn spec(extraction: &Extraction) -> TableSpec {
    let column = ColumnLayout { slot: 0, offset: 0, width: 32, type_code: 1 };
    TableSpec::new(extraction.clone(), vec![column], B256::repeat_byte(3)).unwrap()
}

fn devnet(blocks: usize) -> (Extraction, Vec<BlockWitness>) {
    let slots = vec![
        PathForm::deep(1),
        PathForm { levels: vec![Level::Extension(57), Level::InlineBranch(2)], end: End::Present },
    ];
    let form = ChainForm { seed: 21, fields: 21, first: 30, blocks, account: PathForm::deep(1), slots };
    let table = table(2);
    let (blocks, _) = form.build(&table);
    (table, blocks)
}

/// A shape that a chunk of few blocks fits.
fn small_shape() -> ExtractShape {
    ExtractShape::new(6, 340, 8, Profile::Test).unwrap()
}

fn set_root() -> HashOut<F> {
    HashOut { elements: [1, 2, 3, u64::from(u32::MAX) << 32].map(F::from_canonical_u64) }
}

fn is_proven(extract: &ExtractCircuit, table: &Extraction, blocks: &[BlockWitness]) {
    let proven = extract.prove(&spec(table), blocks, set_root()).unwrap();
    let base = extract.circuit();
    circuit::verify(&base.verifier_only, &base.common, &proven.proof).unwrap();
    assert_eq!(proven.proof.public_inputs[0], F::ONE);
    assert_eq!(proven.proof.public_inputs[1..5], set_root().elements);
    assert_eq!(proven.proof.public_inputs[5..9], statement_digest(&proven.statement).elements);
    assert_eq!(proven.statement.claim.circuit_set, word_from_hash(set_root()));
    assert_eq!(proven.statement.output.row_count, blocks.len() as u64);
}

#[needs_chain_data]
#[test]
fn a_small_chunk_of_mainnet_is_proven() {
    let shape = small_shape();
    let data = ChainData::open();
    let fitting = mainnet::tables(&data).into_iter().find_map(|(table, mut witness, _)| {
        let slot = table.slots()[0];
        let one = Extraction::new(1, table.contract(), vec![slot]).unwrap();
        witness.storage_proofs.truncate(1);
        let usage = block_usage(&one, &witness).unwrap();
        fits(&shape, &[usage]).is_ok().then_some((one, witness))
    });
    let (table, witness) = fitting.unwrap();
    is_proven(&ExtractCircuit::build(shape), &table, &[witness]);
}

#[test]
fn small_chunks_are_proven() {
    let extract = ExtractCircuit::build(small_shape());
    eprintln!("2^{} rows", extract.circuit().common.degree_bits());
    let (table, blocks) = devnet(3);
    is_proven(&extract, &table, &blocks);
    // a leaf that nothing names, hashed truly: the stream of messages is not the argument's
    let forged = forgeries::forged_node();
    let inputs = extract.inputs(&bench::spec(&forged), &forged, set_root()).unwrap();
    let proof = tamper::prove_forced(extract.circuit(), inputs).unwrap();
    let base = extract.circuit();
    let outcome = circuit::verify(&base.verifier_only, &base.common, &proof);
    assert!(matches!(outcome, Err(CircuitError::Verify(_))), "{outcome:?}");

    let (table, blocks) = devnet(9);
    let error = extract.prove(&spec(&table), &blocks, set_root()).unwrap_err();
    assert!(matches!(error, ExtractProofError::Input(ExtractError::TooLarge { blocks: 9, .. })), "{error}");
}

#[test]
fn production_shapes_have_their_size() {
    for (shape, degree_bits) in [
        (ExtractShape::small(Profile::Production).unwrap(), 14),
        (ExtractShape::large(Profile::Production).unwrap(), 15),
    ] {
        let (b, ..) = ExtractCircuit::wire(&shape);
        let (gates, capacity) = (b.num_gates(), shape.capacity());
        let lookups = (34 * capacity.steps + 32 * (capacity.rows + 12)) / 40;
        eprintln!("{capacity}: {gates} rows and {lookups} of lookups");
        assert_eq!(circuit::shape_of(b).degree_bits(), degree_bits);
    }
}
