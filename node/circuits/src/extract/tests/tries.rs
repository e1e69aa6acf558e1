//! Synthetic paths of every form, against alloy-trie.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::Nibbles;
use alloy_trie::proof::verify_proof;

use crate::extract::synthetic::{ChainForm, End, Level, Noise, PathForm, path};
use crate::extract::{Chunk, ExtractError, Keys, PathId};
use crate::table::Extraction;
use crate::trie::{KEY_NIBBLES, Node, NodeKind, Reference};

pub fn table(slots: usize) -> Extraction {
    // hashed, these begin with four different nibbles
    let keys = [8u64, 9, 10, 12].map(U256::from);
    Extraction::new(31337, Address::repeat_byte(0x5a), keys[..slots].to_vec()).unwrap()
}

/// Forms that mainnet has and test data of ordinary contracts does not.
pub fn forms() -> Vec<PathForm> {
    let form = |levels: &[Level], end| PathForm { levels: levels.to_vec(), end };
    use Level::{Branch, Extension, InlineBranch};
    vec![
        PathForm::deep(0),
        PathForm::deep(1),
        PathForm::deep(9),
        form(&[Branch(1), Extension(1), Branch(3)], End::Present),
        form(&[Extension(2), Branch(2)], End::Present),
        form(&[Extension(40), InlineBranch(2)], End::Present),
        form(&[Extension(58), InlineBranch(3), InlineBranch(1), InlineBranch(1)], End::Present),
        form(&[Branch(15), Extension(61), InlineBranch(15)], End::Present),
        form(&[Extension(59), InlineBranch(1), Extension(2), InlineBranch(1)], End::Present),
        form(&[Branch(4); 64], End::Present),
        form(&[], End::EmptyTrie),
        form(&[Branch(15), Branch(3)], End::EmptyChild),
        form(&[Branch(2); 63], End::EmptyChild),
        form(&[Extension(60), InlineBranch(2)], End::EmptyChild),
        form(&[], End::OtherLeaf),
        form(&[Branch(15), Branch(1)], End::OtherLeaf),
        form(&[Extension(50), InlineBranch(1)], End::OtherLeaf),
        form(&[], End::OtherExtension(3)),
        form(&[Branch(5)], End::OtherExtension(1)),
        form(&[Branch(5), Branch(7)], End::OtherExtension(30)),
    ]
}

#[test]
fn paths_agree_with_alloy() {
    let mut noise = Noise::new(1);
    for form in forms() {
        let key = noise.word();
        let value = vec![1 + noise.below(127) as u8];
        let (root, nodes) = path(&form, &key, &value, &mut noise);
        let nodes: Vec<Bytes> = nodes.into_iter().map(Bytes::from).collect();
        let expected = (form.end == End::Present).then_some(value);
        verify_proof(root, Nibbles::unpack(key), expected, &nodes).unwrap_or_else(|e| panic!("{form:?}: {e}"));
    }
}

#[test]
fn every_form_reads_its_value() {
    for (seed, form) in forms().into_iter().enumerate() {
        let present = form.end == End::Present;
        let chain = ChainForm {
            seed: seed as u64,
            fields: [15, 16, 17, 20, 21][seed % 5],
            first: 1 + seed as u64 * 100,
            blocks: 2,
            account: PathForm::deep(seed % 4),
            slots: vec![form.clone()],
        };
        let (blocks, values) = chain.build(&table(1));
        let chunk = Chunk::build(&table(1), &blocks).unwrap_or_else(|e| panic!("{form:?}: {e}"));
        assert!(chunk.rows.iter().zip(&values).all(|(row, values)| row.values == *values), "{form:?}");
        assert_eq!(present, chunk.rows[0].values[0] != U256::ZERO);
        assert_eq!((chunk.first(), chunk.last()), (chain.first, chain.first + 1));
    }
}

#[test]
fn accounts_may_be_missing() {
    for form in forms().into_iter().filter(|form| form.end != End::Present) {
        let chain =
            ChainForm { seed: 3, fields: 21, first: 5, blocks: 1, account: form, slots: vec![PathForm::deep(1); 4] };
        let (blocks, _) = chain.build(&table(4));
        let chunk = Chunk::build(&table(4), &blocks).unwrap();
        assert_eq!(chunk.rows[0].values, vec![U256::ZERO; 4]);
    }
}

#[test]
fn several_slots_share_a_trie() {
    let chain = ChainForm {
        seed: 4,
        fields: 17,
        first: 0,
        blocks: 3,
        account: PathForm::deep(2),
        slots: vec![PathForm::deep(2), forms()[6].clone(), forms()[18].clone(), forms()[15].clone()],
    };
    // one branch above takes a nibble
    let mut chain = chain;
    chain.slots[1].levels[0] = Level::Extension(57);
    let (blocks, values) = chain.build(&table(4));
    let chunk = Chunk::build(&table(4), &blocks).unwrap();
    assert!(chunk.rows.iter().zip(&values).all(|(row, values)| row.values == *values));
    assert_eq!(chunk.usage.rows, 12);
}

#[test]
fn embedded_nodes_occur_in_the_forms() {
    let mut noise = Noise::new(2);
    let inline = |form: &PathForm, noise: &mut Noise| {
        let (_, nodes) = path(form, &B256::repeat_byte(0x35), &[5], noise);
        nodes.iter().any(|bytes| match Node::parse(bytes).unwrap().kind {
            NodeKind::Branch(children, _) => children.iter().any(|(_, c)| matches!(c, Reference::Inline(_))),
            NodeKind::Extension(_, child) => matches!(child, Reference::Inline(_)),
            _ => false,
        })
    };
    assert!(forms().iter().filter(|form| inline(form, &mut noise)).count() >= 4);
}

#[test]
fn a_broken_chain_is_named() {
    let form = PathForm::deep(1);
    let chain = ChainForm { seed: 9, fields: 20, first: 7, blocks: 3, account: form.clone(), slots: vec![form] };
    let (blocks, _) = chain.build(&table(1));
    let dropped = [blocks[0].clone(), blocks[2].clone()];
    assert_eq!(Chunk::build(&table(1), &dropped).unwrap_err(), ExtractError::BlockOrder { previous: 7, got: 9 });
    let (other, _) = ChainForm { seed: 10, ..chain }.build(&table(1));
    let mixed = [blocks[0].clone(), other[1].clone()];
    assert!(matches!(Chunk::build(&table(1), &mixed), Err(ExtractError::HeaderLink { number: 8, .. })));
    assert_eq!(Chunk::build(&table(1), &[]).unwrap_err(), ExtractError::NoBlocks);
    let mut short = blocks[0].clone();
    short.storage_proofs.clear();
    let expected = ExtractError::SlotCount { number: 7, expected: 1, got: 0 };
    assert_eq!(Chunk::build(&table(1), &[short]).unwrap_err(), expected);
    let mut swapped = blocks[0].clone();
    swapped.account_proof[0] = blocks[1].account_proof[0].clone();
    let error = Chunk::build(&table(1), &[swapped]).unwrap_err();
    assert!(matches!(error, ExtractError::NodeHash { path: PathId::Account, depth: 0, .. }));
    assert_eq!(Keys::new(&table(1)).messages.len(), 5);
}

/// A path of random form: branches, extensions before branches, embedded nodes where they fit,
/// every end.
pub fn random_form(noise: &mut Noise) -> PathForm {
    let mut levels = vec![];
    let mut at = 0;
    for _ in 0..noise.below(12) {
        if at >= 60 {
            break;
        }
        if at < 40 && noise.below(3) == 0 {
            let nibbles = 1 + noise.below(20);
            levels.push(Level::Extension(nibbles));
            at += nibbles;
        }
        let others = 1 + noise.below(15);
        let inline = at >= 14 && noise.below(2) == 0;
        levels.push(if inline { Level::InlineBranch(others) } else { Level::Branch(others) });
        at += 1;
    }
    let end = match noise.below(5) {
        0 if levels.is_empty() => End::EmptyTrie,
        1 if matches!(levels.last(), Some(Level::Branch(_) | Level::InlineBranch(_))) => End::EmptyChild,
        2 => End::OtherLeaf,
        3 => End::OtherExtension(1 + noise.below(KEY_NIBBLES - at - 1)),
        _ => End::Present,
    };
    PathForm { levels, end }
}

#[test]
fn random_paths_agree_with_alloy() {
    let mut noise = Noise::new(77);
    for _ in 0..300 {
        let form = random_form(&mut noise);
        let key = noise.word();
        let (root, nodes) = path(&form, &key, &[5], &mut noise);
        let nodes: Vec<Bytes> = nodes.into_iter().map(Bytes::from).collect();
        let expected = (form.end == End::Present).then_some(vec![5]);
        verify_proof(root, Nibbles::unpack(key), expected, &nodes).unwrap_or_else(|e| panic!("{form:?}: {e}"));
    }
}
