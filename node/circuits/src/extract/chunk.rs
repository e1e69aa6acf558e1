//! From headers and proofs of consecutive blocks to the steps of the machine, natively.

use alloy_primitives::{B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use super::error::{ExtractError, PathId};
use super::path::{self, Leaf};
use super::role::Role;
use super::shape::{ExtractShape, Usage};
use super::step::{Choices, Step, WINDOW};
use crate::header::Header;
use crate::keccak::blocks;
use crate::table::{Extraction, MAX_SLOTS, Row};

/// Everything that proves one block's row: the header, the account's path, one path a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockWitness {
    pub header_rlp: Vec<u8>,
    /// Nodes of the contract's path in the state trie, root first.
    pub account_proof: Vec<Vec<u8>>,
    /// Nodes of each slot's path in the order of the table; empty for an empty trie or a missing account.
    pub storage_proofs: Vec<Vec<Vec<u8>>>,
}

/// Keys and their hashes: the address, then [`MAX_SLOTS`] slot keys, zero where unused.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The five messages that every chunk hashes first.
    pub messages: Vec<Vec<u8>>,
    /// Hash of the address.
    pub account: B256,
    /// Hashes of the slot keys.
    pub slots: [B256; MAX_SLOTS],
}

impl Keys {
    /// The keys of a table.
    pub fn new(extraction: &Extraction) -> Self {
        let slot = |j: usize| extraction.slots().get(j).copied().unwrap_or_default().to_be_bytes::<32>();
        let slots: [[u8; 32]; MAX_SLOTS] = std::array::from_fn(slot);
        let mut messages = vec![extraction.contract().to_vec()];
        messages.extend(slots.iter().map(|key| key.to_vec()));
        Keys { messages, account: keccak256(extraction.contract()), slots: slots.map(keccak256) }
    }

    /// Hashes of the five messages.
    pub fn digests(&self) -> [B256; 1 + MAX_SLOTS] {
        std::array::from_fn(|index| if index == 0 { self.account } else { self.slots[index - 1] })
    }

    /// What the key hashes take of every chunk.
    pub const USAGE: Usage = Usage { permutations: 1 + MAX_SLOTS, steps: 0, rows: 0 };
}

/// Steps, messages and row of one block.
#[derive(Clone, Debug)]
pub struct Block {
    pub steps: Vec<Step>,
    /// Hashed messages, in the order in which the steps read them.
    pub messages: Vec<Vec<u8>>,
    pub row: Row,
    pub hash: B256,
    pub parent: B256,
}

impl Block {
    /// Checks a block's witness against the table and turns it into steps.
    ///
    /// `position` is the block's place in the chunk, for errors.
    ///
    /// # Errors
    /// [`ExtractError`] names block, path and node, with what was expected and what stands there.
    pub fn build(keys: &Keys, slots: usize, position: usize, block: &BlockWitness) -> Result<Self, ExtractError> {
        let header = Header::parse(&block.header_rlp).map_err(|source| ExtractError::Header { position, source })?;
        let number = header.number;
        if block.storage_proofs.len() != slots {
            return Err(ExtractError::SlotCount { number, expected: slots, got: block.storage_proofs.len() });
        }
        let mut writer = path::Writer::new(number);
        header_steps(&header, &mut writer.steps);
        writer.messages.push(block.header_rlp.clone());
        let account = writer.walk(PathId::Account, &keys.account, Some(header.state_root), &block.account_proof)?;
        let root = match account {
            Leaf::Absent => None,
            Leaf::Account { storage_root } => Some(storage_root),
            Leaf::Storage(_) => unreachable!("the account path ends in an account"),
        };
        let mut values = vec![];
        for (j, nodes) in block.storage_proofs.iter().enumerate() {
            let leaf = writer.walk(PathId::Slot(j), &keys.slots[j], root, nodes)?;
            values.push(if let Leaf::Storage(value) = leaf { value } else { U256::ZERO });
            let choices = Choices { last: j + 1 == slots, ..Choices::default() };
            writer.steps.push(Step::new(Role::Row, &[], choices));
        }
        Ok(Block {
            steps: writer.steps,
            messages: writer.messages,
            row: Row { number, timestamp: header.timestamp, values },
            hash: keccak256(&block.header_rlp),
            parent: header.parent,
        })
    }

    /// What the block takes of a shape.
    pub fn usage(&self) -> Usage {
        Usage {
            permutations: self.messages.iter().map(|message| blocks(message.len())).sum(),
            steps: self.steps.len(),
            rows: self.row.values.len(),
        }
    }
}

/// A checked chunk: consecutive blocks of one table.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub extraction: Extraction,
    pub keys: Keys,
    pub steps: Vec<Step>,
    /// Hashed messages in order, those of the keys first.
    pub messages: Vec<Vec<u8>>,
    pub rows: Vec<Row>,
    /// Hash of every block.
    pub hashes: Vec<B256>,
    /// Parent hash of the first block.
    pub hash_before: B256,
    /// Hash of the last block.
    pub last_hash: B256,
    pub usage: Usage,
}

impl Chunk {
    /// Checks blocks and joins them.
    ///
    /// # Errors
    /// As [`Block::build`]; also when the blocks are not consecutive or there are none.
    pub fn build(extraction: &Extraction, blocks: &[BlockWitness]) -> Result<Self, ExtractError> {
        let keys = Keys::new(extraction);
        let mut chunk = Chunk {
            extraction: extraction.clone(),
            steps: vec![],
            messages: keys.messages.clone(),
            keys,
            rows: vec![],
            hashes: vec![],
            hash_before: B256::ZERO,
            last_hash: B256::ZERO,
            usage: Keys::USAGE,
        };
        for (position, witness) in blocks.iter().enumerate() {
            let block = Block::build(&chunk.keys, extraction.slots().len(), position, witness)?;
            match chunk.rows.last() {
                None => chunk.hash_before = block.parent,
                Some(row) if row.number + 1 != block.row.number => {
                    return Err(ExtractError::BlockOrder { previous: row.number, got: block.row.number });
                }
                Some(_) if chunk.last_hash != block.parent => {
                    let (number, expected) = (block.row.number, chunk.last_hash);
                    return Err(ExtractError::HeaderLink { number, expected, got: block.parent });
                }
                Some(_) => {}
            }
            chunk.usage = chunk.usage + block.usage();
            chunk.last_hash = block.hash;
            chunk.hashes.push(block.hash);
            chunk.steps.extend(block.steps);
            chunk.messages.extend(block.messages);
            chunk.rows.push(block.row);
        }
        chunk.steps.last_mut().ok_or(ExtractError::NoBlocks)?.choices.finish = true;
        Ok(chunk)
    }

    /// Number of the first block.
    pub fn first(&self) -> u64 {
        self.rows[0].number
    }

    /// Number of the last block.
    pub fn last(&self) -> u64 {
        self.rows[self.rows.len() - 1].number
    }
}

/// What one block of a table takes of a shape; the planner adds these up until [`fits`] says no.
///
/// # Errors
/// As [`Block::build`].
pub fn block_usage(extraction: &Extraction, block: &BlockWitness) -> Result<Usage, ExtractError> {
    Ok(Block::build(&Keys::new(extraction), extraction.slots().len(), 0, block)?.usage())
}

/// What a chunk of blocks with these usages takes of `shape`.
///
/// # Errors
/// [`ExtractError::TooLarge`] when it does not fit, [`ExtractError::NoBlocks`] without blocks.
pub fn fits(shape: &ExtractShape, blocks: &[Usage]) -> Result<Usage, ExtractError> {
    let need = blocks.iter().fold(Keys::USAGE, |sum, usage| sum + *usage);
    let limit = shape.capacity();
    match blocks.len() {
        0 => Err(ExtractError::NoBlocks),
        blocks if !need.fits(&limit) => Err(ExtractError::TooLarge { blocks, limit, need }),
        _ => Ok(need),
    }
}

/// The steps that read a header.
fn header_steps(header: &Header<'_>, steps: &mut Vec<Step>) {
    let fields = &header.fields;
    steps.push(Step::plain(Role::HeaderList, &header.bytes[..header.prefix]));
    let fixed = [
        Role::HeaderParent,
        Role::HeaderUncles,
        Role::HeaderCoinbase,
        Role::HeaderState,
        Role::HeaderTransactions,
        Role::HeaderReceipts,
    ];
    steps.extend(fixed.iter().zip(fields).map(|(role, field)| Step::plain(*role, field.bytes)));
    let bloom = &fields[6];
    steps.push(Step::plain(Role::HeaderBloomPrefix, &bloom.bytes[..bloom.prefix]));
    let parts = bloom.payload().chunks(32);
    let count = parts.len();
    steps.extend(parts.enumerate().map(|(index, part)| {
        Step::new(Role::HeaderBloom, part, Choices { done: index + 1 == count, ..Choices::default() })
    }));
    let integers =
        [Role::HeaderDifficulty, Role::HeaderNumber, Role::HeaderGasLimit, Role::HeaderGasUsed, Role::HeaderTime];
    steps.extend(integers.iter().zip(&fields[7..]).map(|(role, field)| string_step(*role, field.bytes, false)));
    let parts = header.tail().chunks(WINDOW);
    let count = parts.len();
    steps.extend(parts.enumerate().map(|(index, part)| {
        Step::new(Role::HeaderTail, part, Choices { end: index + 1 == count, ..Choices::default() })
    }));
}

/// A step that reads one string item whole.
pub(super) fn string_step(role: Role, item: &[u8], end: bool) -> Step {
    Step::new(role, item, Choices { prefixed: item[0] >= 0x80, end, ..Choices::default() })
}
