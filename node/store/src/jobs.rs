//! Jobs, what they need and what they state.

use alloy_primitives::B256;
use gavel_domain::job::{Job, JobFailure, JobState};
use gavel_types::id::{Attempt, AwardId, JobId, LotDigest, OperatorId, RequestId, Tick};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::statement::{Claim, Kind, Output, Status};
use gavel_types::unit::WorkUnits;
use sqlx::sqlite::SqliteRow;

use crate::Versioned;
use crate::column::{Columns, int};
use crate::error::StoreError;
use crate::store::{Transaction, one_row};

/// A job with its place in the request's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    pub job: Job,
    /// Index in the plan; with the request it gives the job id.
    pub position: u32,
    pub claim: Claim,
    /// Block at which the input was first there: the ceiling rises from then on.
    pub ready_block: Option<u64>,
    /// SHA-256 of the stored input, once it is built.
    pub input_digest: Option<B256>,
    /// SHA-256 of the stored proof, once it is verified.
    pub proof_digest: Option<B256>,
}

/// What a proved job states beyond its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutput {
    pub output: Output,
    /// Result words of an answer; empty otherwise.
    pub results: Vec<B256>,
}

const FAILURES: [(JobFailure, &str); 3] = [
    (JobFailure::NoBidUnderCeiling, "no bid under ceiling"),
    (JobFailure::AttemptLimit, "attempt limit"),
    (JobFailure::RequestEnded, "request ended"),
];

/// The columns of a state.
#[derive(Default)]
struct StateColumns {
    state: &'static str,
    tick: Option<i64>,
    lot: Option<LotDigest>,
    award: Option<AwardId>,
    statement: Option<B256>,
    failure: Option<&'static str>,
}

impl StateColumns {
    fn new(state: JobState) -> Result<Self, StoreError> {
        let with_award = |state, award| Self { state, award: Some(award), ..Self::default() };
        Ok(match state {
            JobState::Queued => Self { state: "queued", ..Self::default() },
            JobState::Auctioning { tick, lot } => {
                Self { state: "auctioning", tick: Some(int("tick", tick.0)?), lot: Some(lot), ..Self::default() }
            }
            JobState::Assigned { award } => with_award("assigned", award),
            JobState::Proving { award } => with_award("proving", award),
            JobState::Verifying { award } => with_award("verifying", award),
            JobState::Proved { award, statement } => Self { statement: Some(statement), ..with_award("proved", award) },
            JobState::Failed { reason } => Self {
                state: "failed",
                failure: FAILURES.iter().find(|(failure, _)| *failure == reason).map(|(_, name)| *name),
                ..Self::default()
            },
        })
    }
}

fn read_state(columns: &Columns<'_>) -> Result<JobState, StoreError> {
    let award = || columns.word("award_id").map(AwardId);
    Ok(match columns.text("state")?.as_str() {
        "queued" => JobState::Queued,
        "auctioning" => {
            JobState::Auctioning { tick: Tick(columns.uint("tick")?), lot: LotDigest(columns.word("lot_digest")?) }
        }
        "assigned" => JobState::Assigned { award: award()? },
        "proving" => JobState::Proving { award: award()? },
        "verifying" => JobState::Verifying { award: award()? },
        "proved" => JobState::Proved { award: award()?, statement: columns.word("statement_digest")? },
        "failed" => {
            let name = columns.text("failure")?;
            match FAILURES.iter().find(|(_, known)| *known == name) {
                Some((reason, _)) => JobState::Failed { reason: *reason },
                None => return columns.unknown("failure", &name, "job failure"),
            }
        }
        other => return columns.unknown("state", other, "job state"),
    })
}

pub(crate) fn read_job(row: &SqliteRow) -> Result<Versioned<JobRow>, StoreError> {
    let columns = Columns(row);
    let claim = Claim {
        kind: columns.small("claim_kind", "statement kind", |kind: u32| Kind::try_from(kind).ok())?,
        circuit_set: columns.word("circuit_set")?,
        chain_id: columns.uint("chain_id")?,
        table_id: columns.word("table_id")?,
        query_digest: columns.word("query_digest")?,
        params_digest: columns.word("params_digest")?,
        from_block: columns.uint("from_block")?,
        to_block: columns.uint("to_block")?,
        anchor_hash: columns.word("anchor_hash")?,
        inputs: columns.word("inputs")?,
    };
    let job = Job {
        terms: JobTerms {
            job: JobId(columns.word("job_id")?),
            payer: RequestId(columns.word("request_id")?),
            kind: columns.small("kind", "job kind", |kind: u8| JobKind::try_from(kind).ok())?,
            units: WorkUnits(columns.uint("units")?),
            claim_digest: claim.digest(),
        },
        attempt: Attempt(columns.narrow("attempt")?),
        waiting_since: columns.uint("waiting_since")?,
        attempt_limit: columns.narrow("attempt_limit")?,
        state: read_state(&columns)?,
    };
    let value = JobRow {
        job,
        position: columns.narrow("position")?,
        claim,
        ready_block: columns.uint_or_null("ready_block")?,
        input_digest: columns.word_or_null("input_digest")?,
        proof_digest: columns.word_or_null("proof_digest")?,
    };
    Ok(Versioned { value, version: columns.signed("version")? })
}

impl Transaction {
    /// Adds a job that needs others; those are added before it.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it is there already or a need is not.
    pub async fn insert_job(&mut self, row: &JobRow, needs: &[JobId]) -> Result<(), StoreError> {
        let (job, terms, claim) = (&row.job, &row.job.terms, &row.claim);
        let state = StateColumns::new(job.state)?;
        sqlx::query(
            "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
        )
        .bind(terms.job.0.as_slice())
        .bind(terms.payer.0.as_slice())
        .bind(row.position)
        .bind(terms.kind as u8)
        .bind(int("units", terms.units.0)?)
        .bind(claim.kind as u8)
        .bind(claim.circuit_set.as_slice())
        .bind(int("chain_id", claim.chain_id)?)
        .bind(claim.table_id.as_slice())
        .bind(claim.query_digest.as_slice())
        .bind(claim.params_digest.as_slice())
        .bind(int("from_block", claim.from_block)?)
        .bind(int("to_block", claim.to_block)?)
        .bind(claim.anchor_hash.as_slice())
        .bind(claim.inputs.as_slice())
        .bind(int("waiting_since", job.waiting_since)?)
        .bind(job.attempt.0)
        .bind(job.attempt_limit)
        .bind(state.state)
        .bind(state.tick)
        .bind(state.lot.as_ref().map(|lot| lot.0.as_slice()))
        .bind(state.award.as_ref().map(|award| award.0.as_slice()))
        .bind(state.statement.as_ref().map(|word| word.as_slice()))
        .bind(state.failure)
        .bind(row.ready_block.map(|block| int("ready_block", block)).transpose()?)
        .bind(row.input_digest.as_ref().map(|word| word.as_slice()))
        .bind(row.proof_digest.as_ref().map(|word| word.as_slice()))
        .execute(self.connection())
        .await?;
        for (position, need) in needs.iter().enumerate() {
            sqlx::query("INSERT INTO job_dependencies VALUES (?, ?, ?)")
                .bind(terms.job.0.as_slice())
                .bind(position as i64)
                .bind(need.0.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the row has another version.
    pub async fn update_job(&mut self, job: &Job, version: i64) -> Result<(), StoreError> {
        let state = StateColumns::new(job.state)?;
        let done = sqlx::query(
            "UPDATE jobs SET attempt = ?, waiting_since = ?, state = ?, tick = ?, lot_digest = ?, award_id = ?, statement_digest = ?, \
             failure = ?, version = version + 1 WHERE job_id = ? AND version = ?",
        )
        .bind(job.attempt.0)
        .bind(int("waiting_since", job.waiting_since)?)
        .bind(state.state)
        .bind(state.tick)
        .bind(state.lot.as_ref().map(|lot| lot.0.as_slice()))
        .bind(state.award.as_ref().map(|award| award.0.as_slice()))
        .bind(state.statement.as_ref().map(|word| word.as_slice()))
        .bind(state.failure)
        .bind(job.terms.job.0.as_slice())
        .bind(version)
        .execute(self.connection())
        .await?;
        one_row(&done, "job", job.terms.job, version)
    }

    /// # Errors
    /// [`StoreError::Missing`] when there is no such job.
    pub async fn job(&mut self, id: JobId) -> Result<Versioned<JobRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE job_id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map_or_else(|| Err(StoreError::Missing { table: "job", key: id.to_string() }), read_job)
    }

    /// Jobs of a request in plan order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn jobs_of(&mut self, request: RequestId) -> Result<Vec<Versioned<JobRow>>, StoreError> {
        let rows = sqlx::query("SELECT * FROM jobs WHERE request_id = ? ORDER BY position")
            .bind(request.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(read_job).collect()
    }

    /// Queued jobs of working requests whose needs are all proved, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ready_jobs(&mut self) -> Result<Vec<Versioned<JobRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT jobs.* FROM jobs JOIN requests USING (request_id) \
             WHERE jobs.state = 'queued' AND requests.state IN ('planned', 'running') AND NOT EXISTS ( \
                 SELECT 1 FROM job_dependencies JOIN jobs AS needed ON needed.job_id = needs_job_id \
                 WHERE job_dependencies.job_id = jobs.job_id AND needed.state <> 'proved') \
             ORDER BY jobs.waiting_since, jobs.request_id, jobs.position",
        )
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(read_job).collect()
    }

    /// Needs inside a request's plan, as pairs of positions: of a job, and of one that it needs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn needs_of(&mut self, request: RequestId) -> Result<Vec<(usize, usize)>, StoreError> {
        let rows = sqlx::query(
            "SELECT jobs.position AS of_job, needed.position AS need FROM job_dependencies \
             JOIN jobs USING (job_id) JOIN jobs AS needed ON needed.job_id = needs_job_id \
             WHERE jobs.request_id = ? ORDER BY of_job, need",
        )
        .bind(request.0.as_slice())
        .fetch_all(self.connection())
        .await?;
        let pair = |row: &SqliteRow| {
            let columns = Columns(row);
            Ok((columns.uint("of_job")? as usize, columns.uint("need")? as usize))
        };
        rows.iter().map(pair).collect()
    }

    /// What a job needs, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn needs(&mut self, id: JobId) -> Result<Vec<Versioned<JobRow>>, StoreError> {
        let rows = sqlx::query(
            "SELECT jobs.* FROM job_dependencies JOIN jobs ON jobs.job_id = needs_job_id \
             WHERE job_dependencies.job_id = ? ORDER BY job_dependencies.position",
        )
        .bind(id.0.as_slice())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(read_job).collect()
    }

    /// Notes the stored input of a job, and the block at which it was first there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_input(&mut self, id: JobId, digest: B256, block: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET input_digest = ?, ready_block = coalesce(ready_block, ?) WHERE job_id = ?")
            .bind(digest.as_slice())
            .bind(int("ready_block", block)?)
            .bind(id.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Stores what a verified proof states.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_output(&mut self, id: JobId, proof: B256, output: &JobOutput) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET proof_digest = ? WHERE job_id = ?")
            .bind(proof.as_slice())
            .bind(id.0.as_slice())
            .execute(self.connection())
            .await?;
        let [root_0, root_1, root_2] = &output.output.roots;
        sqlx::query("INSERT OR REPLACE INTO job_outputs VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(id.0.as_slice())
            .bind(output.output.status as u8)
            .bind(int("row_count", output.output.row_count)?)
            .bind(root_0.as_slice())
            .bind(root_1.as_slice())
            .bind(root_2.as_slice())
            .bind(output.output.result_digest.as_slice())
            .execute(self.connection())
            .await?;
        for (position, word) in output.results.iter().enumerate() {
            sqlx::query("INSERT OR REPLACE INTO job_results VALUES (?, ?, ?)")
                .bind(id.0.as_slice())
                .bind(position as i64)
                .bind(word.as_slice())
                .execute(self.connection())
                .await?;
        }
        Ok(())
    }

    /// # Errors
    /// [`StoreError::Missing`] when the job is not proved.
    pub async fn output(&mut self, id: JobId) -> Result<JobOutput, StoreError> {
        let row = sqlx::query("SELECT * FROM job_outputs WHERE job_id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(self.connection())
            .await?;
        let row = row.ok_or_else(|| StoreError::Missing { table: "job output", key: id.to_string() })?;
        let columns = Columns(&row);
        let output = Output {
            status: columns
                .small("status", "status", |status: u64| Status::try_from(alloy_primitives::U256::from(status)).ok())?,
            row_count: columns.uint("row_count")?,
            roots: [columns.word("root_0")?, columns.word("root_1")?, columns.word("root_2")?],
            result_digest: columns.word("result_digest")?,
        };
        let results = sqlx::query("SELECT word FROM job_results WHERE job_id = ? ORDER BY position")
            .bind(id.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        let results = results.iter().map(|row| Columns(row).word("word")).collect::<Result<_, _>>()?;
        Ok(JobOutput { output, results })
    }

    /// # Errors
    /// [`StoreError::Database`].
    pub async fn exclude(&mut self, job: JobId, operator: OperatorId) -> Result<(), StoreError> {
        sqlx::query("INSERT OR IGNORE INTO job_exclusions VALUES (?, ?)")
            .bind(job.0.as_slice())
            .bind(operator.0.as_slice())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Jobs that an operator failed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn barred(&mut self, operator: OperatorId) -> Result<Vec<JobId>, StoreError> {
        let rows = sqlx::query("SELECT job_id FROM job_exclusions WHERE operator = ?")
            .bind(operator.0.as_slice())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| Columns(row).word("job_id").map(JobId)).collect()
    }
}
