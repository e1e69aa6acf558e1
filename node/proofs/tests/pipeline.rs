//! Every kind of job under the test profile, from blocks to a wrapped answer.

use std::sync::Arc;

use gavel_circuits::extract::Chunk;
use gavel_circuits::security::Profile;
use gavel_proofs::job::{AnswerInput, ExtractInput, JobInput, MergeInput, ProvedJob, QueryInput, WrapInput};
use gavel_proofs::parameters::{ParameterStore, Parameters};
use gavel_proofs::{LocalProofSystem, ProofError, ProofSystem, sample};
use gavel_types::job::JobKind;
use gavel_types::unit::{Class, Classes};

/// Proves a job after checking that its claim is known beforehand; verifies the proof.
fn run(system: &LocalProofSystem, input: JobInput) -> ProvedJob {
    let input = JobInput::from_bytes(&input.to_bytes().unwrap()).unwrap();
    let claim = system.claim(&input).unwrap();
    let proved = system.prove(&input).unwrap();
    assert_eq!(proved.statement.claim, claim);
    assert_eq!(system.verify(input.kind(), &claim, &proved.proof).unwrap(), proved.statement);
    proved
}

#[test]
fn a_question_over_two_chunks_is_answered_and_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    let store = || ParameterStore::open(folder.path(), Profile::Test, Arc::new(|_| {})).unwrap();
    let all: Classes = Class::ALL.into_iter().collect();
    let system = LocalProofSystem::new(Parameters::open(&store(), all).unwrap());

    let question = sample::question(101, 105).unwrap();
    let blocks = sample::chain(1, 100, 6, sample::DEVNET).unwrap();
    let table = question.table.clone();
    let mut parts = Vec::new();
    for blocks in blocks.chunks(3) {
        let extract = ExtractInput { table: table.clone(), blocks: blocks.to_vec() };
        let extract = run(&system, JobInput::Extract(extract)).proof;
        let query = QueryInput { question: question.clone(), extract };
        parts.push(run(&system, JobInput::Query(query)));
    }
    let merge = |left: usize, right: usize| {
        JobInput::Merge(MergeInput { left: parts[left].proof.clone(), right: parts[right].proof.clone() })
    };
    assert!(matches!(system.claim(&merge(1, 0)), Err(ProofError::Query(_))));
    let part = run(&system, merge(0, 1)).proof;
    let answer = run(&system, JobInput::Answer(AnswerInput { question: question.clone(), part: part.clone() }));

    let rows = Chunk::build(table.extraction(), &blocks).unwrap().rows;
    let request = question.request();
    let expected = request.answer(&request.scan(&rows).unwrap());
    assert_eq!(answer.results, expected.words);
    assert_eq!(answer.statement.output.row_count, 5);

    let wrapped = run(&system, JobInput::Wrap(WrapInput { proof: answer.proof.clone() }));
    assert_eq!((&wrapped.statement, &wrapped.results), (&answer.statement, &answer.results));

    // A verifier without circuits agrees, and tells what is wrong with a proof that is not the job's.
    let verifier = LocalProofSystem::new(Parameters::open(&store(), Classes::default()).unwrap());
    let claim = &answer.statement.claim;
    verifier.verify(JobKind::Answer, claim, &answer.proof).unwrap();
    verifier.verify(JobKind::Wrap, claim, &wrapped.proof).unwrap();
    let refused = |kind, proof: &[u8]| verifier.verify(kind, claim, proof).unwrap_err();
    assert!(matches!(refused(JobKind::Wrap, &answer.proof), ProofError::Kind { .. }));
    assert!(matches!(refused(JobKind::Merge, &part), ProofError::Claim { word: 0, .. }));
    assert!(matches!(refused(JobKind::Answer, &answer.proof[..answer.proof.len() - 8]), ProofError::Circuit(_)));
    assert!(matches!(refused(JobKind::Wrap, &wrapped.proof[..wrapped.proof.len() - 1]), ProofError::Format(_)));
    let mut other = answer.statement.claim.clone();
    other.to_block += 1;
    let outcome = verifier.verify(JobKind::Answer, &other, &answer.proof);
    assert!(matches!(outcome, Err(ProofError::Claim { word: 7, .. })));
    // The row count is an output: the claim fits, the proof does not.
    let mut tampered = answer.proof.clone();
    tampered[8 + 32 * 12 - 1] ^= 1;
    assert!(matches!(refused(JobKind::Answer, &tampered), ProofError::Circuit(_)));
    let mut tampered = wrapped.proof.clone();
    tampered[8 + 32 * 12 - 1] ^= 1;
    assert!(matches!(refused(JobKind::Wrap, &tampered), ProofError::Groth16));
    let mut production = answer.proof.clone();
    production[5] = 1;
    assert!(matches!(refused(JobKind::Answer, &production), ProofError::Profile { .. }));
    let mut parameters = Parameters::open(&store(), Classes::default()).unwrap();
    parameters.profile = Profile::Production;
    let strict = LocalProofSystem::new(parameters);
    for (kind, proof) in [(JobKind::Answer, &answer.proof), (JobKind::Wrap, &wrapped.proof)] {
        let (expected, got) = (Profile::Production, Profile::Test);
        let refused = strict.verify(kind, claim, proof).unwrap_err();
        assert!(
            matches!(refused, ProofError::Profile { expected: e, got: g } if (e, g) == (expected, got)),
            "{refused}"
        );
    }
    let unloaded = verifier.prove(&JobInput::Wrap(WrapInput { proof: answer.proof }));
    assert!(matches!(unloaded, Err(ProofError::NotLoaded(JobKind::Wrap))));
}
