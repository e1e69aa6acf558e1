//! From a request to its jobs (`docs/circuits/merge.md`, "Shape of the tree").
//!
//! Chunk boundaries are multiples of a length, so that requests share extractions; the chunk that holds the last block ends with it, and the first chunk may start
//! before the first block, whose surplus rows the query circuit leaves out. A chunk that does not
//! fit in a circuit is halved at the multiple of half the length, and so on down to one block.
//!
//! Neighbours are merged in pairs, level by level; an odd one at the end of a level goes up as it
//! is. `n` chunks take `n - 1` merges on `ceil(log2 n)` levels.

use alloy_primitives::{B256, U256};
use gavel_circuits::extract::{ExtractError, ExtractShape, Usage, fits};
use gavel_circuits::query::{Request, params_digest, words_digest};
use gavel_circuits::statement::word_from_hash;
use gavel_types::job::JobKind;
use gavel_types::statement::{Claim, Kind};

use super::error::PlanError;
use super::query::Query;
use super::table::Table;
use crate::plan::{Block, Job, Plan, UnitTable};

/// The most chunks of one request.
pub const MAX_CHUNKS: usize = 1 << 12;

/// How requests are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planner {
    /// Size of the extraction circuit.
    pub extract: ExtractShape,
    /// Rows of the query circuit: no chunk is longer.
    pub query_rows: usize,
    /// Blocks of a chunk; its multiples after `first_boundary` are the boundaries.
    pub chunk_length: u64,
    /// At most the first block of a request. Zero where requests share extractions; the first block
    /// itself where they do not, so that no block before it is read and proven.
    pub first_boundary: u64,
}

/// One request over a compiled query.
#[derive(Clone, Copy, Debug)]
pub struct RangeRequest<'a> {
    pub table: &'a Table,
    pub query: &'a Query,
    pub params: &'a [U256],
    /// First and last block of the range.
    pub from: u64,
    pub to: u64,
    /// Root of the circuit set that the proofs are made under.
    pub circuit_set: B256,
    /// Every block from [`Planner::first_block`] to `to`, in order.
    pub blocks: &'a [Block],
}

impl Planner {
    /// The longest power of two of blocks like `usage` that fits in the circuits; `None` when not
    /// even one does. A measure for choosing a table's chunk length.
    pub fn longest_chunk(extract: &ExtractShape, query_rows: usize, usage: Usage) -> Option<u64> {
        let fit = |length: &usize| *length <= query_rows && fits(extract, &vec![usage; *length]).is_ok();
        (0..usize::BITS - 1).map(|bits| 1usize << bits).take_while(fit).last().map(|length| length as u64)
    }

    /// First block that a request needs: the boundary at or below `from`.
    pub fn first_block(&self, from: u64) -> u64 {
        self.boundary(from, self.chunk_length.max(1))
    }

    /// The last multiple of `length` after the first boundary that is not above `block`.
    fn boundary(&self, block: u64, length: u64) -> u64 {
        block - block.saturating_sub(self.first_boundary) % length
    }

    /// Jobs in an order in which every dependency comes first: extractions, queries, merges, the
    /// answer, the wrap.
    ///
    /// # Errors
    /// [`PlanError`]; in particular [`PlanError::BlockTooLarge`] when one block alone does not fit.
    pub fn plan(&self, request: &RangeRequest<'_>, units: &UnitTable) -> Result<Plan, PlanError> {
        let first = self.check(request)?;
        let mut chunks = vec![];
        let mut start = first;
        while start <= request.to {
            let end = (start + self.chunk_length - 1).min(request.to);
            self.cut(request, start, end, self.chunk_length, &mut chunks)?;
            start = end + 1;
        }
        match chunks.len() {
            got if got > MAX_CHUNKS => Err(PlanError::TooManyChunks { got, most: MAX_CHUNKS }),
            _ => Ok(Draft { request, units, first, jobs: vec![] }.plan(&chunks)?),
        }
    }

    fn check(&self, request: &RangeRequest<'_>) -> Result<u64, PlanError> {
        let RangeRequest { from, to, blocks, .. } = *request;
        if from > to {
            return Err(PlanError::Reversed { from, to });
        }
        let most = self.query_rows as u64;
        if !(1..=most).contains(&self.chunk_length) {
            return Err(PlanError::ChunkLength { got: self.chunk_length, most });
        }
        let first = self.first_block(from);
        if blocks.len() as u64 != to - first + 1 {
            return Err(PlanError::Blocks { first, last: to, got: blocks.len() });
        }
        for (i, pair) in blocks.windows(2).enumerate() {
            if pair[1].parent != pair[0].hash {
                let number = first + i as u64 + 1;
                return Err(PlanError::Linked { number, previous: number - 1, parent: pair[1].parent });
            }
        }
        Ok(first)
    }

    /// Adds the chunks of `start..=end`, which lies between neighbouring multiples of `length`.
    fn cut(
        &self,
        request: &RangeRequest<'_>,
        start: u64,
        end: u64,
        length: u64,
        chunks: &mut Vec<(u64, u64)>,
    ) -> Result<(), PlanError> {
        let offset = (start - self.first_block(request.from)) as usize;
        let usage: Vec<Usage> =
            request.blocks[offset..][..(end - start + 1) as usize].iter().map(|block| block.usage).collect();
        match fits(&self.extract, &usage) {
            Ok(_) => chunks.push((start, end)),
            Err(ExtractError::TooLarge { need, limit, .. }) if start == end => {
                return Err(PlanError::BlockTooLarge { block: start, need, limit });
            }
            Err(_) => {
                let half = length.div_ceil(2);
                let middle = self.boundary(start, half).saturating_add(half - 1);
                if middle >= end {
                    // The second half is beyond the range.
                    return self.cut(request, start, end, half, chunks);
                }
                self.cut(request, start, middle, half, chunks)?;
                self.cut(request, middle + 1, end, half, chunks)?;
            }
        }
        Ok(())
    }
}

/// A plan under construction.
struct Draft<'a> {
    request: &'a RangeRequest<'a>,
    units: &'a UnitTable,
    first: u64,
    jobs: Vec<Job>,
}

impl Draft<'_> {
    fn plan(mut self, chunks: &[(u64, u64)]) -> Result<Plan, PlanError> {
        let RangeRequest { table, query, params, from, to, .. } = *self.request;
        Request { table: table.spec(), program: query.program(), params, from, to }.validate()?;
        let extracts: Vec<u32> = chunks.iter().map(|chunk| self.add(JobKind::Extract, *chunk, vec![])).collect();
        let mut level: Vec<u32> = chunks
            .iter()
            .zip(extracts)
            .map(|(chunk, extract)| self.add(JobKind::Query, *chunk, vec![extract]))
            .collect();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match *pair {
                    [left, right] => {
                        let span = (self.jobs[left as usize].first, self.jobs[right as usize].last);
                        self.add(JobKind::Merge, span, vec![left, right])
                    }
                    _ => pair[0],
                })
                .collect();
        }
        let span = (chunks[0].0, to);
        let answer = self.add(JobKind::Answer, span, level);
        self.add(JobKind::Wrap, span, vec![answer]);
        Ok(Plan { jobs: self.jobs })
    }

    fn add(&mut self, kind: JobKind, (first, last): (u64, u64), deps: Vec<u32>) -> u32 {
        let index = self.jobs.len() as u32;
        let claim = self.claim(kind.statement_kind(), first, last);
        self.jobs.push(Job { index, kind, units: self.units.of(kind), deps, first, last, claim });
        index
    }

    /// Words 0 to 9 of a proof of `kind` over blocks `first..=last`.
    fn claim(&self, kind: Kind, first: u64, last: u64) -> Claim {
        let RangeRequest { table, query, params, from, to, circuit_set, blocks, .. } = *self.request;
        let block = |number: u64| blocks[(number - self.first) as usize];
        let mut claim = Claim {
            kind,
            circuit_set,
            chain_id: table.spec().extraction().chain_id(),
            table_id: table.id(),
            query_digest: query.digest(),
            params_digest: word_from_hash(params_digest(params)),
            from_block: from,
            to_block: to,
            anchor_hash: block(last).hash,
            inputs: block(first).parent,
        };
        match kind {
            Kind::Extract => {
                (claim.query_digest, claim.params_digest) = (B256::ZERO, B256::ZERO);
                (claim.from_block, claim.to_block) = (first, last);
            }
            Kind::Query | Kind::Merge => {}
            Kind::Answer => (claim.params_digest, claim.inputs) = (words_digest(params), B256::ZERO),
        }
        claim
    }
}
