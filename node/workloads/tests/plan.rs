//! Plans: boundaries, the shape of the graph, claims, refusals.

use alloy_primitives::{B256, U256};
use gavel_circuits::extract::{ExtractShape, Usage};
use gavel_circuits::query::params_digest;
use gavel_circuits::security::Profile;
use gavel_circuits::statement::word_from_hash;
use gavel_types::job::JobKind;
use gavel_types::statement::Kind;
use gavel_types::unit::{Class, WorkUnits};
use gavel_workloads::coprocessor::{Compiled, Coprocessor, CoprocessorError, PlanError, Planner, RangeRequest};
use gavel_workloads::{Block, Plan, UnitTable, Workload};

const TABLE: &str = r#"
name = "t"
chain_id = 5
contract = "0x00000000000000000000000000000000000000aa"
columns = [{ name = "x", type = "uint8", slot = 1 }]
"#;

fn units() -> UnitTable {
    let [extract, query, merge, answer, wrap] = [30, 12, 14, 13, 200].map(WorkUnits);
    UnitTable { extract, query, merge, answer, wrap }
}

fn workload(chunk_length: u64) -> Coprocessor {
    // 255 permutations, five of which hash the keys of every chunk.
    let extract = ExtractShape::new(8, 1 << 12, 64, Profile::Test).unwrap();
    Coprocessor { planner: Planner { extract, query_rows: 64, chunk_length, first_boundary: 0 } }
}

fn compiled() -> Compiled {
    workload(8).compile(TABLE, "SELECT SUM(x) FROM t WHERE x > $1").unwrap()
}

fn hash(number: u64) -> B256 {
    B256::from(U256::from(number) << 128)
}

fn block(number: u64, permutations: usize) -> Block {
    let parent = hash(number.wrapping_sub(1));
    Block { hash: hash(number), parent, usage: Usage { permutations, steps: 10, rows: 1 } }
}

fn plan_of(workload: Coprocessor, from: u64, to: u64, blocks: &[Block]) -> Result<Plan, CoprocessorError> {
    let Compiled { table, query } = compiled();
    let params = [U256::from(3)];
    let request =
        RangeRequest { table: &table, query: &query, params: &params, from, to, circuit_set: hash(1 << 60), blocks };
    workload.plan(&request, &units())
}

fn plan(length: u64, from: u64, to: u64, permutations: impl Fn(u64) -> usize) -> Result<Plan, CoprocessorError> {
    let workload = workload(length);
    let blocks: Vec<Block> =
        (workload.planner.first_block(from)..=to).map(|number| block(number, permutations(number))).collect();
    plan_of(workload, from, to, &blocks)
}

fn spans(plan: &Plan, kind: JobKind) -> Vec<(u64, u64)> {
    plan.of(kind).map(|job| (job.first, job.last)).collect()
}

#[test]
fn boundaries_are_multiples_of_the_length_and_the_last_chunk_ends_with_the_range() {
    let cut = plan(8, 21, 43, |_| 10).unwrap();
    assert_eq!(spans(&cut, JobKind::Extract), [(16, 23), (24, 31), (32, 39), (40, 43)]);
    assert_eq!(spans(&cut, JobKind::Query), spans(&cut, JobKind::Extract));
    assert_eq!(spans(&plan(8, 16, 31, |_| 10).unwrap(), JobKind::Extract), [(16, 23), (24, 31)]);
    assert_eq!(spans(&plan(8, 20, 20, |_| 10).unwrap(), JobKind::Extract), [(16, 20)]);
    // The same chunk, whatever the request: it can be proven once.
    let shared = plan(8, 24, 50, |_| 10).unwrap();
    assert_eq!(shared.of(JobKind::Extract).next().unwrap().claim, cut.of(JobKind::Extract).nth(1).unwrap().claim);
}

#[test]
fn boundaries_may_count_from_the_first_block() {
    let mut workload = workload(8);
    workload.planner.first_boundary = 21;
    // The seventh block alone fills a circuit, so its chunk is halved until it stands alone.
    let blocks: Vec<Block> = (21..=43).map(|number| block(number, if number == 27 { 250 } else { 10 })).collect();
    let plan = plan_of(workload, 21, 43, &blocks).unwrap();
    assert_eq!(spans(&plan, JobKind::Extract), [(21, 24), (25, 26), (27, 27), (28, 28), (29, 36), (37, 43)]);
}

#[test]
fn merges_pair_neighbours_and_an_odd_one_goes_up() {
    for chunks in 1..=9u64 {
        let plan = plan(8, 0, 8 * chunks - 1, |_| 10).unwrap();
        let merges: Vec<_> = plan.of(JobKind::Merge).collect();
        assert_eq!(merges.len() as u64, chunks - 1);
        for merge in &merges {
            let [left, right] = [0, 1].map(|i| &plan.jobs[merge.deps[i] as usize]);
            assert_eq!((merge.first, merge.last, left.last + 1), (left.first, right.last, right.first));
        }
        let answer = plan.of(JobKind::Answer).next().unwrap();
        let top = &plan.jobs[answer.deps[0] as usize];
        assert_eq!((top.first, top.last), (0, 8 * chunks - 1));
        let wrap = plan.jobs.last().unwrap();
        assert_eq!(
            (wrap.kind, wrap.deps.as_slice(), &wrap.claim),
            (JobKind::Wrap, [answer.index].as_slice(), &answer.claim)
        );
        let depth = depth(&plan, answer.index);
        assert_eq!(depth, 2 + chunks.next_power_of_two().trailing_zeros());
    }
    let five = plan(8, 0, 39, |_| 10).unwrap();
    assert_eq!(spans(&five, JobKind::Merge), [(0, 15), (16, 31), (0, 31), (0, 39)]);
}

fn depth(plan: &Plan, index: u32) -> u32 {
    plan.jobs[index as usize].deps.iter().map(|dep| 1 + depth(plan, *dep)).max().unwrap_or(0)
}

#[test]
fn jobs_come_after_their_dependencies_and_unlock_in_waves() {
    let plan = plan(8, 0, 23, |_| 10).unwrap();
    for (i, job) in plan.jobs.iter().enumerate() {
        assert_eq!(job.index as usize, i);
        assert!(job.deps.iter().all(|dep| *dep < job.index));
    }
    assert!(plan.ready(|_| false).all(|job| job.kind == JobKind::Extract));
    let after: Vec<_> = plan.ready(|index| index < 3).map(|job| job.kind).collect();
    assert_eq!(after, [JobKind::Query; 3]);
    assert_eq!(plan.units(), Some(WorkUnits(3 * 30 + 3 * 12 + 2 * 14 + 13 + 200)));
    let classes: Vec<_> = plan.jobs.iter().map(|job| job.class()).collect();
    assert_eq!(classes[0], Class::Medium);
    assert!(classes[3..9].iter().all(|class| *class == Class::Small));
    assert_eq!(classes[9], Class::Large);
}

#[test]
fn claims_are_known_beforehand() {
    let plan = plan(8, 3, 12, |_| 10).unwrap();
    let Compiled { table, query } = compiled();
    let job = |kind| plan.of(kind).next().unwrap();
    let extract = &job(JobKind::Extract).claim;
    assert_eq!((extract.kind, extract.from_block, extract.to_block), (Kind::Extract, 0, 7));
    assert_eq!((extract.query_digest, extract.params_digest), (B256::ZERO, B256::ZERO));
    assert_eq!((extract.anchor_hash, extract.inputs, extract.table_id), (hash(7), hash(u64::MAX), table.id()));
    let params = word_from_hash(params_digest(&[U256::from(3)]));
    for (kind, last) in [(JobKind::Query, 7), (JobKind::Merge, 12)] {
        let claim = &job(kind).claim;
        assert_eq!((claim.from_block, claim.to_block, claim.params_digest), (3, 12, params));
        assert_eq!((claim.query_digest, claim.anchor_hash, claim.inputs), (query.digest(), hash(last), hash(u64::MAX)));
    }
    let answer = &job(JobKind::Answer).claim;
    assert_eq!((answer.kind, answer.anchor_hash, answer.inputs), (Kind::Answer, hash(12), B256::ZERO));
    assert_eq!(answer.params_digest, gavel_types::statement::sha256_words(&[U256::from(3).into()]));
}

#[test]
fn chunks_that_do_not_fit_are_halved() {
    // 250 permutations are free: eight blocks of 31 fit, of 32 do not.
    assert_eq!(spans(&plan(8, 0, 7, |_| 31).unwrap(), JobKind::Extract), [(0, 7)]);
    assert_eq!(spans(&plan(8, 0, 7, |_| 32).unwrap(), JobKind::Extract), [(0, 3), (4, 7)]);
    let heavy = |number| if number == 5 { 250 } else { 20 };
    assert_eq!(spans(&plan(8, 0, 11, heavy).unwrap(), JobKind::Extract), [(0, 3), (4, 4), (5, 5), (6, 7), (8, 11)]);
    // A range that ends in the first half does not move the boundaries.
    assert_eq!(spans(&plan(8, 0, 2, |_| 100).unwrap(), JobKind::Extract), [(0, 1), (2, 2)]);
    assert_eq!(spans(&plan(12, 0, 11, |_| 100).unwrap(), JobKind::Extract).len(), 8);
    let error = plan(8, 0, 7, |number| if number == 6 { 251 } else { 1 }).unwrap_err();
    assert!(matches!(error, CoprocessorError::Plan(PlanError::BlockTooLarge { block: 6, .. })), "{error}");
}

#[test]
fn impossible_requests_are_refused() {
    let error = |result: Result<Plan, CoprocessorError>| match result.unwrap_err() {
        CoprocessorError::Plan(error) => error,
        other => panic!("{other}"),
    };
    let blocks: Vec<Block> = (0..=7).map(|number| block(number, 1)).collect();
    assert!(matches!(error(plan_of(workload(8), 7, 6, &[])), PlanError::Reversed { from: 7, to: 6 }));
    assert!(matches!(error(plan_of(workload(8), 3, 8, &blocks)), PlanError::Blocks { first: 0, last: 8, got: 8 }));
    assert!(matches!(error(plan_of(workload(65), 0, 7, &blocks)), PlanError::ChunkLength { got: 65, most: 64 }));
    assert!(matches!(error(plan_of(workload(0), 0, 7, &blocks)), PlanError::ChunkLength { got: 0, .. }));
    let mut forked = blocks.clone();
    forked[4].parent = hash(99);
    assert!(matches!(error(plan_of(workload(8), 0, 7, &forked)), PlanError::Linked { number: 4, previous: 3, .. }));
    let Compiled { table, query } = compiled();
    let circuit_set = B256::ZERO;
    let request =
        RangeRequest { table: &table, query: &query, params: &[], from: 0, to: 7, circuit_set, blocks: &blocks };
    assert!(matches!(error(workload(8).plan(&request, &units())), PlanError::Query(_)));
}

#[test]
fn the_longest_chunk_is_bounded_by_both_circuits() {
    let planner = workload(8).planner;
    let longest = |permutations| {
        let usage = Usage { permutations, steps: 10, rows: 1 };
        Planner::longest_chunk(&planner.extract, planner.query_rows, usage)
    };
    assert_eq!(longest(1), Some(64));
    assert_eq!(longest(20), Some(8));
    assert_eq!(longest(250), Some(1));
    assert_eq!(longest(251), None);
}
