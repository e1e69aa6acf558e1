//! A missed job is slashed through EigenLayer; a false report costs the reporter.

use std::time::Duration;

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
};
use gavel_chain::bindings::{
    eigenlayer::{DelegationManager, StrategyManager},
    gavel::{QueryRequests, Slasher},
};
use gavel_prover::{
    ProverError, ReportAnswers,
    checkpoint::{AwardRecord, Checkpoint},
    claims::{Payment, claim_delivered},
};
use gavel_testkit::{
    TestkitError,
    miss::{AwardedJob, PRICE, UNITS},
};
use gavel_types::{
    id::{AwardId, OperatorId},
    message::{DeliveryReceipt, Signed},
};

use crate::fixture::Market;

/// `ReportState.Dismissed` of the contracts.
const DISMISSED: u8 = 2;

fn fee() -> U256 {
    U256::from(20_000_000_000_000_000u64)
}

fn deposit(market: &Market) -> U256 {
    market.devnet.supernet.stake.report_deposit.u256()
}

/// What the operator's restaker could withdraw.
async fn withdrawable(market: &Market) -> U256 {
    let deployment = market.devnet.deployment();
    let delegation =
        DelegationManager::new(deployment.eigenlayer.delegation_manager, market.devnet.client().provider());
    let restaker = market.operator.restaker.address;
    let shares = delegation.getWithdrawableShares(restaker, vec![deployment.restake.strategy]).call().await.unwrap();
    shares.withdrawableShares[0]
}

#[tokio::test]
async fn a_missed_job_costs_the_operator_and_its_restaker() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let gavel = market.devnet.deployment().gavel.clone();
    let id = market.ask(&market.request(fee(), 200).await?).await?;
    let award = market.award(id, 1).await?;
    let accepted = market.devnet.client().head().await?;
    let before = withdrawable(&market).await;
    let reporter = market.stranger()?;
    let report = Slasher::reportMissCall { evidence: award.evidence(accepted) };

    let early = reporter.send_value(gavel.slasher, &report, deposit(&market)).await.unwrap_err();
    assert!(early.to_string().contains("ProvingWindowOpen"), "{early}");
    market.devnet.anvil.mine(3).await?;
    let poor = reporter.send_value(gavel.slasher, &report, U256::from(1)).await.unwrap_err();
    assert!(poor.to_string().contains("DepositTooLow"), "{poor}");
    reporter.send_value(gavel.slasher, &report, deposit(&market)).await?;
    let execute = Slasher::executeSlashCall { awardId: award.id };
    let open = reporter.send(gavel.slasher, &execute).await.unwrap_err();
    assert!(open.to_string().contains("AnswerWindowOpen"), "{open}");
    market.devnet.anvil.mine(3).await?;
    reporter.send(gavel.slasher, &execute).await?;

    // 60 units at half a token each, of 1,000: three percent, rounded up by less than a unit of magnitude.
    let harm = U256::from(UNITS) * market.devnet.supernet.stake.slash_per_unit.u256();
    let lost = before - withdrawable(&market).await;
    assert!(lost >= harm && lost - harm <= U256::from(10_000), "{lost} for {harm}");
    let status = market.devnet.status(market.operator.owner.address).await?;
    assert!(status.max_magnitude <= 970_000_000_000_000_000, "{status:?}");
    // Until the next sync nobody relies on the stake that is left.
    assert_eq!((status.capacity.free, status.capacity.fresh), (0, false));

    let twice = reporter.send(gavel.slasher, &execute).await.unwrap_err();
    assert!(twice.to_string().contains("ReportNotOpen"), "{twice}");
    let deployment = market.devnet.deployment();
    let manager = deployment.eigenlayer.strategy_manager;
    let burnable = StrategyManager::new(manager, market.devnet.client().provider())
        .getBurnableShares(deployment.restake.strategy)
        .call()
        .await
        .unwrap();
    assert!(burnable >= harm, "what was slashed waits to be burnt: {burnable}");
    Ok(())
}

#[tokio::test]
async fn a_false_report_slashes_nobody_and_pays_the_operator() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let gavel = market.devnet.deployment().gavel.clone();
    let id = market.ask(&market.request(fee(), 200).await?).await?;
    let award = market.award(id, 1).await?;
    let accepted = market.devnet.client().head().await?;
    market.devnet.anvil.mine(3).await?;
    let reporter = market.stranger()?;
    let report = Slasher::reportMissCall { evidence: award.evidence(accepted) };
    reporter.send_value(gavel.slasher, &report, deposit(&market)).await?;

    let owner: Address = market.operator.owner.address;
    let (before, stake) = (market.devnet.client().balance(owner).await?, withdrawable(&market).await);
    let answer = Slasher::answerCall::from(&award.receipt());
    // Anybody may answer for the operator.
    market.gateway()?.send(gavel.slasher, &answer).await?;
    assert_eq!(market.devnet.client().balance(owner).await? - before, deposit(&market));
    market.devnet.anvil.mine(3).await?;
    let slash = reporter.send(gavel.slasher, &Slasher::executeSlashCall { awardId: award.id }).await.unwrap_err();
    assert!(slash.to_string().contains("ReportNotOpen"), "{slash}");
    assert_eq!(withdrawable(&market).await, stake);
    Ok(())
}

/// What the prover keeps of a job that it delivered, or not.
fn record(award: &AwardedJob, receipt: Option<Signed<DeliveryReceipt>>) -> AwardRecord {
    AwardRecord {
        award: award.award(),
        lot: award.lot.clone(),
        anchored_block: None,
        accept: None,
        proved: true,
        results: Vec::new(),
        receipt,
        ended: false,
    }
}

#[tokio::test]
async fn a_prover_answers_false_reports_by_itself() -> Result<(), Box<dyn std::error::Error>> {
    let market = Market::start().await?;
    let gavel = market.devnet.deployment().gavel.clone();
    let id = market.ask(&market.request(fee(), 200).await?).await?;
    let (spoilt, award) = (market.award(id, 1).await?, market.award(id, 2).await?);
    let folder = tempfile::tempdir()?;
    let checkpoint = Checkpoint::open(folder.path())?;
    checkpoint.put_award(AwardId(award.id), &record(&award, None))?;
    let owner = market.operator.owner.address;
    let (secret, pause) = (market.operator.bid.secret, Duration::from_secs(1));
    let mut answers = ReportAnswers::new(market.reader.clone(), secret, OperatorId(owner), checkpoint.clone(), pause)?;
    market.devnet.anvil.mine(4).await?;
    assert_eq!(answers.answer_open_reports().await?, [], "nothing is reported");
    for award in [&spoilt, &award] {
        let block = market.reader.award(award.id, BlockId::latest()).await?.awardBlock;
        let report = Slasher::reportMissCall { evidence: award.evidence(block) };
        market.stranger()?.send_value(gavel.slasher, &report, deposit(&market)).await?;
    }
    assert_eq!(answers.answer_open_reports().await?, [], "there is no receipt");

    // A receipt that the contract refuses keeps no other from being sent.
    let wrong = Signed { signature: award.receipt().signature, ..spoilt.receipt() };
    checkpoint.put_award(AwardId(spoilt.id), &record(&spoilt, Some(wrong)))?;
    checkpoint.put_award(AwardId(award.id), &record(&award, Some(award.receipt())))?;
    let before = market.devnet.client().balance(owner).await?;
    let mut answered = answers.answer_open_reports().await?;
    // One block confirms it.
    market.devnet.anvil.mine(1).await?;
    answered.extend(answers.answer_open_reports().await?);
    assert_eq!(answered, [AwardId(award.id)]);
    assert_eq!(market.devnet.client().balance(owner).await? - before, deposit(&market), "the bid key pays for gas");
    assert_eq!(market.reader.report(award.id, BlockId::latest()).await?.state, DISMISSED);
    assert_eq!(answers.answer_open_reports().await?, [], "it is answered once");
    Ok(())
}

#[tokio::test]
async fn an_operator_claims_with_its_receipts() -> Result<(), Box<dyn std::error::Error>> {
    let market = Market::start().await?;
    let id = market.ask(&market.request(fee(), 200).await?).await?;
    let awards = [market.award(id, 1).await?, market.award(id, 2).await?, market.award(id, 3).await?];
    let folder = tempfile::tempdir()?;
    let checkpoint = Checkpoint::open(folder.path())?;
    let [good, spoilt, late] = &awards;
    let owner = market.operator.owner.address;
    let wallet = market.devnet.wallet(&market.operator.bid)?;
    let put = |award: &AwardedJob, receipt| checkpoint.put_award(AwardId(award.id), &record(award, Some(receipt)));
    put(good, good.receipt())?;
    put(spoilt, Signed { signature: good.receipt().signature, ..spoilt.receipt() })?;
    let payments = async || {
        let claims = claim_delivered(&market.reader, &wallet, &checkpoint).await?;
        let of = |award: &AwardedJob| claims.iter().find(|claim| claim.award == award.id).map(|c| c.payment.clone());
        Ok::<_, ProverError>([good, spoilt, late].map(of))
    };
    assert_eq!(payments().await?, [Some(Payment::RequestOpen), Some(Payment::RequestOpen), None]);

    let fail = QueryRequests::failCall { requestId: id, reason: 1 };
    market.gateway()?.send(market.devnet.deployment().gavel.query_requests, &fail).await?;
    let before = market.devnet.client().balance(owner).await?;
    let [first, second, _] = payments().await?;
    assert_eq!(first, Some(Payment::Claimed));
    assert!(matches!(&second, Some(Payment::Refused(reason)) if reason.contains("WrongSigner")), "{second:?}");
    assert_eq!(market.devnet.client().balance(owner).await? - before, U256::from(PRICE * UNITS));
    assert_eq!(payments().await?[0], Some(Payment::Paid));

    let last = market.reader.account(id, BlockId::latest()).await?.claimUntil;
    market.devnet.anvil.mine(last + 1 - market.devnet.client().head().await?).await?;
    put(late, late.receipt())?;
    assert_eq!(payments().await?[2], Some(Payment::Late));
    Ok(())
}

#[tokio::test]
async fn evidence_that_was_changed_is_refused_by_name() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let slasher = market.devnet.deployment().gavel.slasher;
    let id = market.ask(&market.request(fee(), 200).await?).await?;
    let award = market.award(id, 1).await?;
    let accepted = market.devnet.client().head().await?;
    market.devnet.anvil.mine(4).await?;
    let changed = |change: fn(&mut Slasher::MissEvidence)| {
        let mut evidence = award.evidence(accepted);
        change(&mut evidence);
        evidence
    };
    let reporter = market.stranger()?;
    for (error, evidence) in [
        ("LotMismatch", changed(|evidence| evidence.lot.ceilingWeiPerUnit += U256::from(1))),
        ("JobMismatch", changed(|evidence| evidence.job.units += 1)),
        ("JobNotInLot", changed(|evidence| evidence.job.kind = 2)),
        ("PriceMismatch", changed(|evidence| evidence.priceWeiPerUnit -= U256::from(1))),
        ("BidNotInRoot", changed(|evidence| evidence.salt.0[0] ^= 1)),
        ("BidSignatureInvalid", changed(|evidence| evidence.bidSignature = evidence.acceptSignature.clone())),
        ("AcceptSignatureInvalid", changed(|evidence| evidence.inputDigest.0[0] ^= 1)),
        ("AcceptOutOfWindow", award.evidence(accepted + 3)),
        ("AwardNotReportable", changed(|evidence| evidence.key.tick += 1)),
    ] {
        let report = Slasher::reportMissCall { evidence };
        let refusal = reporter.send_value(slasher, &report, deposit(&market)).await.unwrap_err().to_string();
        assert!(refusal.contains(error), "expected {error}, got {refusal}");
    }
    Ok(())
}
