//! Debts as calls of the contracts.

use alloy::sol_types::SolCall;
use alloy_primitives::{Address, Bytes, U256};
use gavel_chain::bindings::gavel::{AuctionBook, QueryRequests, Slasher, StakeCapacity};
use gavel_chain::deployment::Gavel;
use gavel_types::id::{AwardId, TickKey};
use gavel_types::lot::LotTerms;
use gavel_types::message::TickClose;

use super::{AnchoredAward, MissEvidence, Owed};

/// Recipient, calldata and wei of the transaction that pays a debt.
pub fn call(contracts: &Gavel, supernet: u32, owed: &Owed) -> (Address, Vec<u8>, U256) {
    let free = |to, data: Vec<u8>| (to, data, U256::ZERO);
    match owed {
        Owed::AnchorTick { key, close, lots, awards, delivered } => {
            free(contracts.auction_book, anchor(*key, close, lots, awards, delivered))
        }
        Owed::Settle { id, request, origin, output, results, proof } => {
            let call = QueryRequests::settleCall {
                requestId: id.0,
                request: request.clone().into(),
                requester: origin.requester,
                nonce: U256::from(origin.nonce),
                answer: QueryRequests::Answer {
                    status: output.status as u8,
                    rowCount: output.row_count,
                    result: results.clone(),
                },
                proof: Bytes::from(proof.clone()),
            };
            free(contracts.query_requests, call.abi_encode())
        }
        Owed::Fail { id, reason } => {
            let call = QueryRequests::failCall { requestId: id.0, reason: *reason };
            free(contracts.query_requests, call.abi_encode())
        }
        Owed::ReportMiss { evidence, deposit, .. } => {
            let call = Slasher::reportMissCall { evidence: write_evidence(evidence) };
            (contracts.slasher, call.abi_encode(), *deposit)
        }
        Owed::AnswerReport { receipt, .. } => free(contracts.slasher, Slasher::answerCall::from(receipt).abi_encode()),
        Owed::ExecuteSlash { award } => {
            free(contracts.slasher, Slasher::executeSlashCall { awardId: award.0 }.abi_encode())
        }
        Owed::LapseReport { award } => free(contracts.slasher, Slasher::lapseCall { awardId: award.0 }.abi_encode()),
        Owed::Claim { award } => free(contracts.auction_book, AuctionBook::claimCall { awardId: award.0 }.abi_encode()),
        Owed::ClaimWithReceipt { receipt, .. } => {
            free(contracts.auction_book, AuctionBook::claimWithReceiptCall::from(receipt).abi_encode())
        }
        Owed::SyncCapacity { operator, .. } => {
            let call = StakeCapacity::syncCapacityCall { supernet, operator: operator.0 };
            free(contracts.stake_capacity, call.abi_encode())
        }
    }
}

fn anchor(
    key: TickKey,
    close: &TickClose,
    lots: &[LotTerms],
    awards: &[AnchoredAward],
    delivered: &[AwardId],
) -> Vec<u8> {
    let award = |award: &AnchoredAward| AuctionBook::AwardEntry {
        lot: award.lot,
        payer: award.payer.0,
        jobIndex: award.job_index,
        attempt: award.attempt,
        operator: award.operator.0,
        units: award.units.0,
        priceWeiPerUnit: award.price.0,
    };
    AuctionBook::anchorTickCall {
        supernet: key.supernet.0,
        tick: key.tick.0,
        bidsRoot: close.bidsRoot,
        count: close.count,
        capacityRoot: close.capacityRoot,
        lots: lots.iter().map(AuctionBook::LotTerms::from).collect(),
        awards: awards.iter().map(award).collect(),
        delivered: delivered.iter().map(|award| award.0).collect(),
    }
    .abi_encode()
}

fn write_evidence(evidence: &MissEvidence) -> Slasher::MissEvidence {
    let TickKey { supernet, epoch, tick } = evidence.key;
    Slasher::MissEvidence {
        key: Slasher::AwardKey {
            supernet: supernet.0,
            gatewayEpoch: epoch.0,
            tick: tick.0,
            jobId: evidence.job.job.0,
            attempt: evidence.attempt,
            operator: evidence.operator.0,
        },
        lot: (&evidence.lot).into(),
        job: (&evidence.job).into(),
        jobProof: evidence.job_proof.clone(),
        priceWeiPerUnit: evidence.price.0,
        salt: evidence.salt,
        bidSignature: Bytes::copy_from_slice(evidence.bid_signature.as_ref()),
        bidProof: evidence.bid_proof.clone(),
        inputDigest: evidence.input_digest,
        acceptBlock: evidence.accept_block,
        acceptSignature: Bytes::copy_from_slice(evidence.accept_signature.as_ref()),
    }
}
