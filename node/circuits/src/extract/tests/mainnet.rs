//! Every header and proof of the mainnet data goes through the native parser.

use alloy_primitives::{U256, keccak256};
use gavel_testdata::needs_chain_data;

use super::chain_data::ChainData;
use crate::extract::{BlockWitness, Chunk, ExtractError, PathId, block_usage};
use crate::header::Header;
use crate::table::{Extraction, MAX_SLOTS};

/// A table of some slots of one proof, with the block's witness and the slots' values.
pub fn tables(data: &ChainData) -> Vec<(Extraction, BlockWitness, Vec<U256>)> {
    let mut tables = vec![];
    for proof in &data.proofs {
        let mut slots: Vec<_> = proof.slots.iter().collect();
        slots.sort_by_key(|slot| slot.0);
        for group in slots.chunks(MAX_SLOTS) {
            let extraction = Extraction::new(1, proof.address, group.iter().map(|slot| slot.0).collect()).unwrap();
            let witness = BlockWitness {
                header_rlp: data.headers[&proof.number].0.clone(),
                account_proof: proof.account.clone(),
                storage_proofs: group.iter().map(|slot| slot.2.clone()).collect(),
            };
            tables.push((extraction, witness, group.iter().map(|slot| slot.1).collect()));
        }
    }
    tables
}

#[needs_chain_data]
#[test]
fn every_header_parses() {
    let data = ChainData::open();
    assert_eq!(data.headers.len(), 1_024 + 71 + 14 + 20 + 11 + 4 + 9);
    for (number, (bytes, hash, object)) in &data.headers {
        assert_eq!(keccak256(bytes), *hash, "block {number}");
        let header = Header::parse(bytes).unwrap();
        assert_eq!(header.number, *number);
        assert_eq!(header.state_root.to_string(), object["stateRoot"].as_str().unwrap());
        assert_eq!(header.parent.to_string(), object["parentHash"].as_str().unwrap());
        assert_eq!(format!("{:#x}", header.timestamp), object["timestamp"].as_str().unwrap());
    }
}

#[needs_chain_data]
#[test]
fn every_path_reads_its_value() {
    let data = ChainData::open();
    let tables = tables(&data);
    assert!(tables.len() > 90);
    let mut permutations = vec![];
    for (extraction, witness, values) in tables {
        let chunk = Chunk::build(&extraction, std::slice::from_ref(&witness)).unwrap();
        assert_eq!(chunk.rows[0].values, values);
        permutations.push(block_usage(&extraction, &witness).unwrap());
    }
    let most = |key: fn(&crate::extract::Usage) -> usize| permutations.iter().map(key).max().unwrap();
    eprintln!("largest block: {} permutations, {} steps", most(|u| u.permutations), most(|u| u.steps));
}

#[needs_chain_data]
#[test]
fn a_proof_of_another_slot_is_named() {
    let data = ChainData::open();
    let (extraction, witness, _) = tables(&data).swap_remove(0);
    let mut swapped = witness.clone();
    swapped.storage_proofs.swap(0, 1);
    let error = Chunk::build(&extraction, &[swapped]).unwrap_err();
    assert!(matches!(error, ExtractError::OtherKey { path: PathId::Slot(0), .. }), "{error}");
    let mut short = witness.clone();
    short.account_proof.pop();
    let error = Chunk::build(&extraction, &[short]).unwrap_err();
    assert!(matches!(error, ExtractError::MissingNode { path: PathId::Account, .. }), "{error}");
    let mut altered = witness.clone();
    *altered.storage_proofs[0].last_mut().unwrap().last_mut().unwrap() ^= 1;
    let error = Chunk::build(&extraction, &[altered]).unwrap_err();
    assert!(matches!(error, ExtractError::NodeHash { path: PathId::Slot(0), .. }), "{error}");
    let mut long = witness;
    let node = long.account_proof[0].clone();
    long.account_proof.push(node);
    let error = Chunk::build(&extraction, &[long]).unwrap_err();
    assert!(matches!(error, ExtractError::ExtraNodes { path: PathId::Account, extra: 1, .. }), "{error}");
}
