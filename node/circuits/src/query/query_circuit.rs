//! Kind 2: a query over the rows of one extraction (`docs/circuits/query.md`).

use alloy_primitives::B256;
use gavel_types::statement::{Claim, Kind, Output, Statement, Status};
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::iop::witness::PartialWitness;

use super::Constraint;
use super::error::QueryError;
use super::interval::{interval_target, interval_word, ok_word};
use super::native::Request;
use super::program::params_digest;
use super::scan::{MAX_ROWS, ScanTarget};
use super::state::States;
use crate::Builder;
use crate::circuit::{self, Circuit, Proof};
use crate::preprocess::Finish;
use crate::recursion::{self, CircuitSet, ShrunkProof, SlotTarget, register_statement, verify_slot};
use crate::security::Profile;
use crate::statement::{WordTarget, WordsTarget, word_from_hash};
use crate::table::{Row, row_chain_digest};

/// How many rows (blocks) a query circuit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueryShape {
    pub rows: usize,
}

impl QueryShape {
    /// For tests: fits beside a verified extraction of the test profile in few rows.
    pub const TINY: QueryShape = QueryShape { rows: 8 };
    /// The most rows that fit in 2^14 beside a verified extraction of the production profile.
    pub const STANDARD: QueryShape = QueryShape { rows: 64 };
    /// For long chunks: 2^16 rows of circuit.
    pub const WIDE: QueryShape = QueryShape { rows: 400 };
}

/// What a query is proven from.
#[derive(Clone, Copy, Debug)]
pub struct QueryInput<'a> {
    pub request: Request<'a>,
    /// Proof of kind [`Kind::Extract`] for the request's table.
    pub extract: &'a ShrunkProof,
    /// The rows that it extracted, in order.
    pub rows: &'a [Row],
}

/// The circuit of kind 2.
pub struct QueryCircuit {
    pub circuit: Circuit,
    shape: QueryShape,
    pub(super) slot: SlotTarget,
    pub(super) set_root: HashOutTarget,
    pub(super) scan: ScanTarget,
}

impl QueryCircuit {
    /// Builds the circuit and finishes it under the name `query<rows>`.
    ///
    /// # Errors
    /// [`QueryError::Shape`]; what `finish` fails with.
    pub fn build(profile: Profile, shape: QueryShape, finish: &dyn Finish) -> Result<Self, QueryError> {
        if !(1..=MAX_ROWS).contains(&shape.rows) {
            return Err(QueryError::Shape { rows: shape.rows, most: MAX_ROWS });
        }
        let mut b = Builder::new(profile.recursion_config());
        let set_root = b.add_virtual_hash();
        let slot = verify_slot(&mut b, recursion::shape::common(profile), &[Kind::Extract], set_root);
        let scan = add_query(&mut b, shape, set_root, slot.words(), None);
        let circuit = finish.finish(&format!("query{}", shape.rows), b)?;
        Ok(QueryCircuit { circuit, shape, slot, set_root, scan })
    }

    pub fn shape(&self) -> QueryShape {
        self.shape
    }

    /// Proves a query; returns the proof, what it states, and the states behind word 13.
    ///
    /// # Errors
    /// Those of [`query_statement`]; [`QueryError::Capacity`]; [`QueryError::Circuit`].
    pub fn prove(&self, input: &QueryInput<'_>, set: &CircuitSet) -> Result<(Proof, Statement, States), QueryError> {
        let (statement, states) = query_statement(&input.request, &input.extract.statement, input.rows)?;
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set.root())?;
        self.slot.set_witness(&mut pw, input.extract, set)?;
        self.scan.set(&mut pw, &input.request, input.rows)?;
        Ok((circuit::prove(&self.circuit, pw)?, statement, states))
    }
}

/// What a query over an extraction states, with the states behind word 13.
///
/// # Errors
/// [`QueryError::Claim`] when the extraction is of another table, [`QueryError::Rows`] when the
/// rows are not the extracted ones, those of [`Request::scan`].
pub fn query_statement(
    request: &Request<'_>,
    extract: &Statement,
    rows: &[Row],
) -> Result<(Statement, States), QueryError> {
    let table_id = word_from_hash(request.table.table_id());
    if extract.claim.table_id != table_id {
        let (expected, got) = (table_id.to_string(), extract.claim.table_id.to_string());
        return Err(QueryError::Claim { what: "table", expected, got });
    }
    let chain = word_from_hash(row_chain_digest(request.table.extraction(), rows)?);
    if extract.output.row_count != rows.len() as u64 || extract.output.roots[0] != chain {
        let (expected, digest) = (extract.output.row_count, extract.output.roots[0]);
        return Err(QueryError::Rows { expected, digest, got: rows.len() });
    }
    let states = request.scan(rows)?;
    let claim = Claim {
        kind: Kind::Query,
        query_digest: request.program.digest_word()?,
        params_digest: word_from_hash(params_digest(request.params)),
        from_block: request.from,
        to_block: request.to,
        ..extract.claim.clone()
    };
    let interval = interval_word(extract.claim.from_block, extract.claim.to_block);
    let roots = [interval, word_from_hash(states.digest()), B256::ZERO];
    let output = Output { status: Status::Ok, row_count: extract.output.row_count, roots, result_digest: B256::ZERO };
    Ok((Statement { claim, output }, states))
}

/// The query itself, over the words of an extraction: scans rows, ties them to the extraction and
/// registers the statement.
pub(super) fn add_query(
    b: &mut Builder,
    shape: QueryShape,
    set_root: HashOutTarget,
    extract: &WordsTarget,
    without: Option<Constraint>,
) -> ScanTarget {
    let scan = ScanTarget::new(b, shape.rows, without);

    let table_id = WordTarget::from_hash(b, scan.table_id);
    table_id.connect(b, &extract[3]);
    let [low, high] = scan.extraction.chain_id;
    WordTarget::from_u64_limbs(b, high, low).connect(b, &extract[2]);
    if without != Some(Constraint::RowChain) {
        let chain = extract[12].to_hash(b);
        b.connect_hashes(chain, scan.chain);
    }
    if without != Some(Constraint::RowCount) {
        let rows = extract[11].to_u64(b);
        b.connect(rows, scan.row_count);
    }
    let (query, params, states) = (scan.program.digest(b), scan.params.digest(b), scan.states.digest(b));

    let mut words = WordsTarget::zero(b);
    for word in [2, 3, 8, 9, 11] {
        words[word] = extract[word];
    }
    words[4] = WordTarget::from_hash(b, query);
    words[5] = WordTarget::from_hash(b, params);
    words[6] = WordTarget::from_u64_limbs(b, scan.from[1], scan.from[0]);
    words[7] = WordTarget::from_u64_limbs(b, scan.to[1], scan.to[0]);
    words[10] = ok_word(b);
    words[12] = interval_target(b, &extract[6], &extract[7]);
    words[13] = WordTarget::from_hash(b, states);
    register_statement(b, Kind::Query, set_root, &mut words);
    scan
}
