//! A request as contracts, consumers and the market name it: structs of the same fields.

use gavel_types::request::Request;

use super::gavel::{PairObserver, QueryRequests};

macro_rules! same_fields {
    ($from:ty => $to:ty) => {
        impl From<$from> for $to {
            fn from(request: $from) -> Self {
                Self {
                    supernet: request.supernet,
                    verifierId: request.verifierId,
                    feeToken: request.feeToken,
                    tableId: request.tableId,
                    tableTextHash: request.tableTextHash,
                    queryDigest: request.queryDigest,
                    queryTextHash: request.queryTextHash,
                    params: request.params,
                    fromBlock: request.fromBlock,
                    toBlock: request.toBlock,
                    maxFee: request.maxFee,
                    deadline: request.deadline,
                    callback: request.callback,
                    callbackGas: request.callbackGas,
                    refundTo: request.refundTo,
                }
            }
        }
    };
}

same_fields!(QueryRequests::Request => Request);
same_fields!(Request => QueryRequests::Request);
same_fields!(QueryRequests::Request => PairObserver::Request);
