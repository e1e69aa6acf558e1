//! What a prover says.

use gavel_domain::auction::Opening;
use gavel_types::id::{AwardId, LotDigest, OperatorId};
use gavel_types::message::{Accept, BidCommitment};
use gavel_types::unit::WeiPerUnit;

use super::{address, bytes, key, key_of, number, number_bytes, signed, word};
use crate::error::WireError;
use crate::message::FromProver;
use crate::proto::{self, prover_message};

impl From<FromProver> for proto::ProverMessage {
    fn from(message: FromProver) -> Self {
        use prover_message::Body;
        let body = match message {
            FromProver::Commit(signed) => Body::Commit(write_bid!(signed => Commit {})),
            FromProver::Open(m) => Body::Open(proto::Open {
                key: key_of(m.key.supernet.0, m.key.epoch.0, m.key.tick.0),
                lot_digest: bytes(m.lot.0),
                operator: bytes(m.operator.0),
                price_wei_per_unit: number_bytes(m.price.0),
                salt: bytes(m.salt),
            }),
            FromProver::Accept(signed) => Body::Accept(write_award!(signed => Accept {
                input_digest: bytes(signed.message.inputDigest),
                accept_block: signed.message.acceptBlock
            })),
            FromProver::Decline { award, reason } => Body::Decline(proto::Decline { award_id: bytes(award.0), reason }),
            FromProver::Deliver { award, proof, results } => Body::Deliver(proto::Deliver {
                award_id: bytes(award.0),
                proof,
                results: results.into_iter().map(bytes).collect(),
            }),
            FromProver::Heartbeat { holding } => {
                Body::Heartbeat(proto::Heartbeat { holding: holding.iter().map(|award| bytes(award.0)).collect() })
            }
        };
        proto::ProverMessage { body: Some(body) }
    }
}

impl TryFrom<proto::ProverMessage> for FromProver {
    type Error = WireError;

    fn try_from(message: proto::ProverMessage) -> Result<Self, WireError> {
        use prover_message::Body;
        Ok(match message.body.ok_or(WireError::Missing { field: "body" })? {
            Body::Hello(_) => return Err(WireError::Unexpected { got: "hello" }),
            Body::Commit(m) => FromProver::Commit(read_bid!(m => BidCommitment {})),
            Body::Open(m) => FromProver::Open(Opening {
                key: key(m.key)?,
                lot: LotDigest(word("lot_digest", &m.lot_digest)?),
                operator: OperatorId(address("operator", &m.operator)?),
                price: WeiPerUnit(number("price_wei_per_unit", &m.price_wei_per_unit)?),
                salt: word("salt", &m.salt)?,
            }),
            Body::Accept(m) => FromProver::Accept(read_award!(m => Accept {
                inputDigest: word("input_digest", &m.input_digest)?,
                acceptBlock: m.accept_block
            })),
            Body::Decline(m) => {
                FromProver::Decline { award: AwardId(word("award_id", &m.award_id)?), reason: m.reason }
            }
            Body::Deliver(m) => FromProver::Deliver {
                award: AwardId(word("award_id", &m.award_id)?),
                proof: m.proof,
                results: m.results.iter().map(|result| word("results", result)).collect::<Result<_, _>>()?,
            },
            Body::Heartbeat(m) => {
                let award = |id: &Vec<u8>| word("holding", id).map(AwardId);
                FromProver::Heartbeat { holding: m.holding.iter().map(award).collect::<Result<_, _>>()? }
            }
        })
    }
}
