//! Lots, jobs and awards as the contracts that take them name them: structs of the same fields.

use alloy::primitives::Bytes;
use gavel_types::{
    job::JobTerms,
    lot::LotTerms,
    message::{DeliveryReceipt, Signed},
};

use super::gavel::{AuctionBook, Slasher};

macro_rules! market_structs_of {
    ($($contract:ident),*) => {$(
        impl From<&LotTerms> for $contract::LotTerms {
            fn from(lot: &LotTerms) -> Self {
                Self {
                    supernet: lot.supernet,
                    gatewayEpoch: lot.gatewayEpoch,
                    tick: lot.tick,
                    lot: lot.lot,
                    class: lot.class,
                    units: lot.units,
                    ceilingWeiPerUnit: lot.ceilingWeiPerUnit,
                    acceptBlocks: lot.acceptBlocks,
                    provingBlocks: lot.provingBlocks,
                    jobsRoot: lot.jobsRoot,
                    circuitSetRoot: lot.circuitSetRoot,
                }
            }
        }

        /// The award that a receipt is for.
        impl From<&DeliveryReceipt> for $contract::AwardKey {
            fn from(receipt: &DeliveryReceipt) -> Self {
                Self {
                    supernet: receipt.supernet,
                    gatewayEpoch: receipt.gatewayEpoch,
                    tick: receipt.tick,
                    jobId: receipt.jobId,
                    attempt: receipt.attempt,
                    operator: receipt.operator,
                }
            }
        }
    )*};
}

market_structs_of!(AuctionBook, Slasher);

impl From<&JobTerms> for Slasher::JobTerms {
    fn from(job: &JobTerms) -> Self {
        Self {
            jobId: job.job.0,
            payer: job.payer.0,
            kind: job.kind as u8,
            units: job.units.0,
            claimDigest: job.claim_digest,
        }
    }
}

macro_rules! calls_with_receipt {
    ($($contract:ident::$call:ident),*) => {$(
        impl From<&Signed<DeliveryReceipt>> for $contract::$call {
            fn from(receipt: &Signed<DeliveryReceipt>) -> Self {
                Self {
                    key: (&receipt.message).into(),
                    statementDigest: receipt.message.statementDigest,
                    signature: Bytes::copy_from_slice(receipt.signature.as_ref()),
                }
            }
        }
    )*};
}

calls_with_receipt!(AuctionBook::claimWithReceiptCall, Slasher::answerCall);
