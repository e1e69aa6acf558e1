use alloy_primitives::U256;
use plonky2::iop::witness::PartialWitness;

use super::fixture::{Case, any_case, case_of_missing_slot, overflowing_case, pair_case, rng, set_root};
use super::{Child, force, forced, rejected};
use crate::circuit::{self, Circuit};
use crate::query::query_circuit::{QueryShape, add_query, query_statement};
use crate::query::scan::ScanTarget;
use crate::query::{Constraint, QueryError};
use crate::recursion::PublicInputs;
use crate::security::Profile;
use crate::statement::{WordsTarget, statement_digest};
use crate::table::{MAX_SLOTS, Row};
use crate::{Builder, CircuitError, F};
use gavel_types::statement::Statement;
use plonky2::hash::hash_types::HashOutTarget;

/// A query circuit over the words of an extraction that nobody verified.
pub struct Bare {
    pub circuit: Circuit,
    extract: Child,
    pub scan: ScanTarget,
    set_root: HashOutTarget,
}

impl Bare {
    pub fn build(rows: usize, without: Option<Constraint>) -> Self {
        let mut b = Builder::new(Profile::Test.recursion_config());
        let set_root = b.add_virtual_hash();
        let extract = Child::new(&mut b);
        let scan = add_query(&mut b, QueryShape { rows }, set_root, &extract.words, without);
        Bare { circuit: circuit::build(b), extract, scan, set_root }
    }

    pub fn witness(&self, case: &Case, extract: &Statement) -> PartialWitness<F> {
        let mut pw = PartialWitness::new();
        circuit::set_hash(&mut pw, self.set_root, set_root()).unwrap();
        self.extract.set(&mut pw, extract);
        self.scan.set(&mut pw, &case.request(), &case.rows).unwrap();
        pw
    }

    pub fn forced(&self, pw: PartialWitness<F>) -> Result<PublicInputs, CircuitError> {
        forced(&self.circuit, pw)
    }
}

fn agrees(bare: &Bare, case: &Case) {
    let extract = case.extraction(set_root());
    let (statement, states) = query_statement(&case.request(), &extract, &case.rows).unwrap();
    assert_eq!(states, case.states());
    let proof = circuit::prove(&bare.circuit, bare.witness(case, &extract)).unwrap();
    circuit::verify(&bare.circuit.verifier_only, &bare.circuit.common, &proof).unwrap();
    let inputs = PublicInputs::try_from(proof.public_inputs.as_slice()).unwrap();
    assert_eq!(inputs.words_digest, statement_digest(&statement));
}

/// Rows 0, 3 and 4 take part; row 5 lies outside the range.
fn pair() -> Case {
    let mut case = pair_case(&[(20, 1), (9, 8), (30, 5), (40, 7), (15, 9), (33, 6)]);
    case.to -= 1;
    case
}

#[test]
fn random_programs_mean_in_the_circuit_what_they_mean_natively() {
    let bare = Bare::build(8, None);
    let mut rng = rng(1);
    for round in 0..10 {
        let case = any_case(&mut rng, 1 + round % 8);
        agrees(&bare, &case);
    }
    agrees(&bare, &pair());
    agrees(&bare, &overflowing_case());
}

#[test]
fn rows_of_circuit_per_row_of_table() {
    let gates = |profile: Profile, rows| {
        let mut b = Builder::new(profile.recursion_config());
        let set_root = b.add_virtual_hash();
        let extract = WordsTarget::new_virtual(&mut b);
        add_query(&mut b, QueryShape { rows }, set_root, &extract, None);
        b.num_gates()
    };
    let (one, many) = (gates(Profile::Production, 1), gates(Profile::Production, 65));
    println!("{one} rows for one, {} for each further", (many - one) as f64 / 64.0);
    assert!(many - one <= 64 * 125, "{} rows for 64", many - one);
}

type Tamper = fn(&ScanTarget, &mut PartialWitness<F>);

/// Witness values changed after the honest ones were set.
const FORGERIES: [(&str, Tamper); 8] = [
    ("predicate skipped: row 1 has c0 = 9, not above 10", |scan, pw| force(pw, scan.rows[1].keeps.target, 1)),
    ("second predicate skipped: row 2 has c1 = 5", |scan, pw| force(pw, scan.rows[2].keeps.target, 1)),
    ("filter range forged: row 5 is after the last block", |scan, pw| force(pw, scan.rows[5].keeps.target, 1)),
    ("accepted row left out", |scan, pw| force(pw, scan.rows[4].keeps.target, 0)),
    ("sum off by one", |scan, pw| force(pw, scan.states.outputs[0].value[0], 20 + 40 + 15 + 1)),
    ("count off by one", |scan, pw| force(pw, scan.states.matched, 4)),
    ("minimum above a value", |scan, pw| force(pw, scan.minima[2][0], 2)),
    ("minimum not attained", |scan, pw| force(pw, scan.minima[2][0], 0)),
];

#[test]
fn forged_aggregates_are_rejected() {
    let bare = Bare::build(8, None);
    let case = pair();
    let extract = case.extraction(set_root());
    bare.forced(bare.witness(&case, &extract)).unwrap();
    for (what, tamper) in FORGERIES {
        let mut pw = bare.witness(&case, &extract);
        tamper(&bare.scan, &mut pw);
        rejected(bare.forced(pw), what);
    }
    let case = overflowing_case();
    let mut pw = bare.witness(&case, &case.extraction(set_root()));
    force(&mut pw, bare.scan.states.outputs[5].overflow.target, 0);
    rejected(bare.forced(pw), "overflow flag dropped");
}

#[test]
fn rows_other_than_the_extracted_are_rejected() {
    let bare = Bare::build(8, None);
    let case = pair();
    let extract = case.extraction(set_root());
    let with = |change: fn(&mut Vec<Row>)| {
        let mut rows = case.rows.clone();
        change(&mut rows);
        bare.forced(bare.witness(&case.over(&rows), &extract))
    };
    rejected(with(|rows| drop(rows.remove(2))), "dropped");
    rejected(with(|rows| drop(rows.pop())), "last dropped");
    rejected(with(|rows| rows.insert(1, rows[0].clone())), "duplicated");
    rejected(with(|rows| rows.swap(0, 3)), "swapped");
    rejected(with(|rows| rows[3].values[0] += U256::ONE), "changed value");
    rejected(with(|rows| rows[3].number -= 1), "changed number");
    rejected(with(|rows| rows[3].timestamp += 1), "changed timestamp");

    let other = |change: fn(&mut Statement)| {
        let mut extract = extract.clone();
        change(&mut extract);
        bare.forced(bare.witness(&case, &extract))
    };
    rejected(other(|extract| extract.claim.chain_id += 1), "other chain");
    rejected(other(|extract| extract.claim.table_id.0[31] ^= 1), "other table");
    rejected(other(|extract| extract.output.row_count -= 1), "other row count");
    rejected(other(|extract| extract.output.roots[0].0[31] ^= 1), "other rows");

    // A program of another table over this one's rows.
    let mut pw = bare.witness(&case, &extract);
    force(&mut pw, bare.scan.program.table_id.elements[0], 1);
    rejected(bare.forced(pw), "program of another table");
    // An index of a parameter that is not there.
    let mut pw = bare.witness(&case, &extract);
    force(&mut pw, bare.scan.params.active[1].target, 1);
    rejected(bare.forced(pw), "one parameter too many");
}

#[test]
fn columns_of_slots_that_the_table_lacks_are_rejected() {
    let bare = Bare::build(8, None);
    // Slot 4 is the place of the block integers; the others could be anything.
    for slot in 2..=MAX_SLOTS as u8 {
        let (case, invented) = case_of_missing_slot(slot, 7);
        let extract = case.extraction(set_root());
        rejected(bare.forced(bare.witness(&case.over(&invented), &extract)), &format!("slot {slot} of two"));
    }
    // Not even a column that no register reads.
    let (mut case, invented) = case_of_missing_slot(2, 7);
    case.program.registers[2] = 0;
    let extract = case.extraction(set_root());
    rejected(bare.forced(bare.witness(&case.over(&invented), &extract)), "column not read");
}

#[test]
fn each_tamper_passes_without_the_constraint_against_it() {
    let case = pair();
    let extract = case.extraction(set_root());

    let bare = Bare::build(8, Some(Constraint::RowChain));
    let mut rows = case.rows.clone();
    rows[3].values[0] += U256::ONE;
    bare.forced(bare.witness(&case.over(&rows), &extract)).unwrap();

    let bare = Bare::build(8, Some(Constraint::RowCount));
    let mut short = extract.clone();
    short.output.row_count -= 1;
    bare.forced(bare.witness(&case, &short)).unwrap();

    // Two sums over one extraction.
    let bare = Bare::build(8, Some(Constraint::ColumnSlot));
    let [low, high] = [7, 8].map(|value| {
        let (case, invented) = case_of_missing_slot(2, value);
        bare.forced(bare.witness(&case.over(&invented), &case.extraction(set_root()))).unwrap()
    });
    assert_ne!(low.words_digest, high.words_digest);

    let bare = Bare::build(8, Some(Constraint::MinimumAttained));
    let mut pw = bare.witness(&case, &extract);
    force(&mut pw, bare.scan.minima[2][0], 0);
    bare.scan.rows.iter().for_each(|row| force(&mut pw, row.attains[2].target, 0));
    bare.forced(pw).unwrap();

    let bare = Bare::build(8, Some(Constraint::OverflowFlag));
    let case = overflowing_case();
    let mut pw = bare.witness(&case, &case.extraction(set_root()));
    bare.scan.states.outputs.iter().for_each(|state| force(&mut pw, state.overflow.target, 0));
    bare.forced(pw).unwrap();
}

#[test]
fn inputs_that_do_not_fit_are_refused_before_proving() {
    let case = pair();
    let extract = case.extraction(set_root());
    let mut foreign = extract.clone();
    foreign.claim.table_id.0[0] ^= 1;
    let error = query_statement(&case.request(), &foreign, &case.rows).unwrap_err();
    assert!(matches!(error, QueryError::Claim { what: "table", .. }), "{error}");
    let error = query_statement(&case.request(), &extract, &case.rows[1..]).unwrap_err();
    assert!(matches!(error, QueryError::Rows { expected: 6, got: 5, .. }), "{error}");
    let reversed = Case { from: case.to + 1, ..case.clone() };
    let error = query_statement(&reversed.request(), &extract, &case.rows).unwrap_err();
    assert!(matches!(error, QueryError::Range { .. }), "{error}");
    let surplus = Case { params: vec![U256::ZERO; 2], ..case.clone() };
    let error = query_statement(&surplus.request(), &extract, &case.rows).unwrap_err();
    assert!(matches!(error, QueryError::ParamCount { expected: 1, got: 2 }), "{error}");
    let bare = Bare::build(2, None);
    let error = bare.scan.set(&mut PartialWitness::new(), &case.request(), &case.rows).unwrap_err();
    assert!(matches!(error, QueryError::Capacity { capacity: 2, got: 6 }), "{error}");
}
