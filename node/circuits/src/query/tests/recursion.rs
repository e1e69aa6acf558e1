//! Two extractions to one answer through real recursion, at the test profile.

use gavel_types::statement::Kind;

use super::fixture::{extraction, pair_case};
use crate::circuit::{self, Circuit, Proof};
use crate::preprocess::FromScratch;
use crate::query::{AnswerCircuit, MergeCircuit, Partial, QueryCircuit, QueryError, QueryInput, QueryShape};
use crate::recursion::trivial::Trivial;
use crate::recursion::{CircuitSet, Shrink, ShrunkProof, shape};
use crate::security::Profile;
use crate::{Builder, CircuitError};
use gavel_types::statement::Statement;

fn shrink(kind: Kind, circuit: &Circuit) -> Shrink {
    Shrink::build(Profile::Test, kind, &circuit.common, &circuit.verifier_only).unwrap()
}

fn shrunk(shrink: &Shrink, set: &CircuitSet, base: &Proof, statement: Statement) -> ShrunkProof {
    let circuit = set.entries().iter().position(|entry| entry.key == *shrink.key()).unwrap();
    let proof = ShrunkProof { proof: shrink.prove(base).unwrap(), circuit, statement };
    proof.verify(shape::common(Profile::Test), set).unwrap();
    proof
}

#[test]
fn two_chunks_become_one_answer() {
    let extract = Trivial::build(Profile::Test, Kind::Extract, 0);
    let query = QueryCircuit::build(Profile::Test, QueryShape::TINY, &FromScratch).unwrap();
    let merge = MergeCircuit::build(Profile::Test, &FromScratch).unwrap();
    let answer = AnswerCircuit::build(Profile::Test, &FromScratch).unwrap();
    let query_shrink = shrink(Kind::Query, &query.circuit);
    let merge_shrink = shrink(Kind::Merge, &merge.circuit);
    let answer_shrink = shrink(Kind::Answer, &answer.circuit);
    let entries = [&extract.shrink, &query_shrink, &merge_shrink, &answer_shrink].map(Shrink::entry);
    let set = CircuitSet::new(entries.to_vec()).unwrap();

    let case = pair_case(&[(20, 1), (9, 8), (30, 6), (40, 7), (15, 9)]);
    let parts: Vec<_> = case
        .chunks(3)
        .iter()
        .map(|chunk| {
            let statement = extraction(&chunk.table, &chunk.rows, set.root());
            let base = extract.prove_base(&statement, &set);
            let extract = shrunk(&extract.shrink, &set, &base, statement);
            let input = QueryInput { request: chunk.request(), extract: &extract, rows: &chunk.rows };
            let (base, statement, states) = query.prove(&input, &set).unwrap();
            (shrunk(&query_shrink, &set, &base, statement), states)
        })
        .collect();
    let [left, right] = [0, 1].map(|i| Partial { proof: &parts[i].0, states: &parts[i].1 });
    let (base, statement, states) = merge.prove(left, right, &set).unwrap();
    let joined = shrunk(&merge_shrink, &set, &base, statement);
    let part = Partial { proof: &joined, states: &states };
    let (base, statement, result) = answer.prove(&case.request(), part, &set).unwrap();
    shrunk(&answer_shrink, &set, &base, statement.clone());
    assert_eq!(result, case.answer());
    assert_eq!(statement.output.result_digest, result.digest());

    // A slot refuses what it does not admit.
    let error = answer.prove(&case.request(), left, &set).unwrap_err();
    assert!(matches!(error, QueryError::Coverage { .. }), "{error}");
    let statement = extraction(&case.table, &case.rows[..3], set.root());
    let base = extract.prove_base(&statement, &set);
    let mut disguised = shrunk(&extract.shrink, &set, &base, statement);
    disguised.statement = parts[0].0.statement.clone();
    disguised.statement.claim.kind = Kind::Extract;
    let part = Partial { proof: &disguised, states: &parts[0].1 };
    let error = merge.prove(part, right, &set).unwrap_err();
    assert!(matches!(error, QueryError::Circuit(CircuitError::Kind { .. })), "{error}");
}

#[test]
fn production_shapes_fit_their_degrees() {
    use crate::query::answer_circuit::add_answer;
    use crate::query::merge_circuit::add_merge;
    use crate::query::query_circuit::add_query;
    use crate::recursion::verify_slot;

    let profile = Profile::Production;
    // Rows of a circuit, and of the one that verifies its proof.
    let rows = |add: &dyn Fn(&mut Builder)| {
        let mut b = Builder::new(profile.recursion_config());
        add(&mut b);
        let own = b.num_gates();
        let inner = circuit::shape_of(b);
        let mut b = Builder::new(profile.recursion_config());
        let proof = circuit::add_proof(&mut b, &inner);
        let key = circuit::add_key(&mut b, &inner);
        circuit::verify_in_circuit(&mut b, &proof, &key, &inner);
        (own, b.num_gates())
    };
    let common = shape::common(profile);
    let query = |shape| {
        rows(&|b: &mut Builder| {
            let root = b.add_virtual_hash();
            let slot = verify_slot(b, common, &[Kind::Extract], root);
            add_query(b, shape, root, slot.words(), None);
        })
    };
    let merge = rows(&|b: &mut Builder| {
        let root = b.add_virtual_hash();
        let slots = [0, 1].map(|_| verify_slot(b, common, &[Kind::Query, Kind::Merge], root));
        add_merge(b, root, slots.each_ref().map(|slot| slot.words()), None);
    });
    let answer = rows(&|b: &mut Builder| {
        let root = b.add_virtual_hash();
        let slot = verify_slot(b, common, &[Kind::Query, Kind::Merge], root);
        add_answer(b, root, slot.words(), None);
    });
    let (standard, wide) = (query(QueryShape::STANDARD), query(QueryShape::WIDE));
    println!("query {standard:?}, wide {wide:?}, merge {merge:?}, answer {answer:?}");
    // Constants and the hash of public inputs take a few rows more.
    let closing = 16;
    for (own, shrinking) in [standard, merge, answer] {
        assert!(own + closing <= 1 << 14 && shrinking + closing <= 1 << 13, "{own} rows, {shrinking} to shrink");
    }
    assert!(wide.0 + closing <= 1 << 16);
}
