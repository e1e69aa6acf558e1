//! What shows that an accepted job was missed, from what was stored when it was signed.

use alloy_primitives::{Address, U256};
use gavel_chain::deployment::Deployment;
use gavel_chain::supernet::Supernet;
use gavel_domain::award::{Award, AwardState};
use gavel_store::{AwardSignatures, StoreError, Transaction};
use gavel_types::id::AwardId;
use gavel_types::job::JobTerms;
use gavel_types::lot::{bid_leaf, bid_leaves};
use gavel_types::merkle;

use crate::chain::{MissEvidence, Owed, call, job_index};
use crate::config::GatewayConfig;
use crate::error::GatewayError;
use crate::history;

/// The evidence against the operator of an accepted or missed award.
pub(crate) async fn of_miss(
    tx: &mut Transaction,
    award: &Award,
    signatures: &AwardSignatures,
) -> Result<MissEvidence, GatewayError> {
    let missing = |table| StoreError::Missing { table, key: award.id.to_string() };
    let (AwardState::Accepted { accept_block, input_digest, .. } | AwardState::Missed { accept_block, input_digest }) =
        award.state
    else {
        return Err(missing("acceptance of an award that is still owed").into());
    };
    let lot = tx.lot(award.lot).await?;
    let bid = tx.bid(award.lot, award.operator).await?.ok_or_else(|| missing("bid of award"))?;
    let (price, salt) = bid.bid.opened.ok_or_else(|| missing("opening of award"))?;
    let stored = tx.tick(award.key).await?;
    let leaves = bid_leaves(stored.bids.values().map(|bid| bid.commitment));
    let leaf = bid_leaf(bid.bid.commitment);
    let at = leaves.iter().position(|other| *other == leaf).ok_or_else(|| missing("commitment of award"))?;
    let jobs: Vec<_> = lot.lot.jobs.iter().map(JobTerms::leaf).collect();
    let index = job_index(&lot.lot.jobs, award.job).ok_or_else(|| missing("job of award"))?;
    Ok(MissEvidence {
        key: award.key,
        job: lot.lot.jobs[index],
        attempt: award.attempt.0,
        operator: award.operator,
        lot: lot.lot.terms()?,
        job_proof: merkle::proof(&jobs, index).unwrap_or_default(),
        price,
        salt,
        bid_signature: bid.signature,
        bid_proof: merkle::proof(&leaves, at).unwrap_or_default(),
        input_digest,
        accept_block,
        accept_signature: signatures.accept.ok_or_else(|| missing("acceptance of award"))?,
    })
}

/// Recipient, calldata and deposit in wei of the transaction with which anybody reports an accepted award as missed.
/// Read from the gateway's database while it runs or not.
///
/// # Errors
/// [`GatewayError::Store`] when the award is unknown or not owed, [`GatewayError::File`] and [`GatewayError::Content`]
/// of the files that the configuration names.
pub async fn report(config: &GatewayConfig, id: AwardId) -> Result<(Address, Vec<u8>, U256), GatewayError> {
    let deployment = Deployment::read(&config.deployment_file)?;
    let deposit = Supernet::read(&config.supernet_file)?.stake.report_deposit.u256();
    let mut tx = history::open(&config.data_dir).await?.read().await?;
    let row = tx.award(id).await?.ok_or_else(|| StoreError::Missing { table: "award", key: id.to_string() })?.value;
    let evidence = Box::new(of_miss(&mut tx, &row.award, &row.signatures).await?);
    Ok(call(&deployment.gavel, deployment.supernet, &Owed::ReportMiss { award: id, evidence, deposit }))
}
