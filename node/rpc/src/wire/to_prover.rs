//! What the gateway says.

use gavel_types::id::{AwardId, Commitment, OperatorId};
use gavel_types::message::{Award, CommitReceipt, DeliveryReceipt, OpeningReceipt, TickClose};
use gavel_types::unit::WorkUnits;

use super::{address, bytes, key, key_of, lot, number, number_bytes, signed, word};
use crate::error::WireError;
use crate::message::{Announcement, PublishedClose, ToProver};
use crate::proto::{self, gateway_message};

impl From<ToProver> for proto::GatewayMessage {
    fn from(message: ToProver) -> Self {
        use gateway_message::Body;
        let body = match message {
            ToProver::Announce(m) => Body::Announce(proto::Announce {
                key: key_of(m.key.supernet.0, m.key.epoch.0, m.key.tick.0),
                lots: m.lots.iter().map(proto::Lot::from).collect(),
                commit_millis: m.commit_millis,
            }),
            ToProver::CommitReceipt(signed) => Body::CommitReceipt(write_bid!(signed => CommitReceipt {})),
            ToProver::Close(PublishedClose { close, commitments, capacities, open_millis }) => {
                let (m, signature) = (close.message, close.signature);
                let capacity = |(operator, free): (OperatorId, WorkUnits)| proto::Capacity {
                    operator: bytes(operator.0),
                    free_units: free.0,
                };
                Body::Close(proto::Close {
                    key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                    bids_root: bytes(m.bidsRoot),
                    count: m.count,
                    capacity_root: bytes(m.capacityRoot),
                    signature: bytes(signature),
                    commitments: commitments.into_iter().map(|commitment| bytes(commitment.0)).collect(),
                    capacities: capacities.into_iter().map(capacity).collect(),
                    open_millis,
                })
            }
            ToProver::OpeningReceipt(signed) => Body::OpeningReceipt(write_bid!(signed => OpeningReceipt {
                price_wei_per_unit: number_bytes(signed.message.priceWeiPerUnit)
            })),
            ToProver::Award(signed) => Body::Award(write_award!(signed => Award {
                price_wei_per_unit: number_bytes(signed.message.priceWeiPerUnit)
            })),
            ToProver::Input { award, data } => Body::Input(proto::Input { award_id: bytes(award.0), data }),
            ToProver::Anchored { award, block, head } => {
                Body::Anchored(proto::Anchored { award_id: bytes(award.0), block, head_block: head })
            }
            ToProver::DeliveryReceipt(signed) => Body::DeliveryReceipt(write_award!(signed => DeliveryReceipt {
                statement_digest: bytes(signed.message.statementDigest)
            })),
            ToProver::Ended { award, reason } => Body::Ended(proto::Ended { award_id: bytes(award.0), reason }),
            ToProver::Refusal { code, subject, reason } => Body::Refusal(proto::Refusal {
                code: proto::RefusalCode::from(code) as i32,
                subject: bytes(subject),
                reason,
            }),
            ToProver::Head { block } => Body::Head(proto::Head { block }),
        };
        proto::GatewayMessage { body: Some(body) }
    }
}

impl TryFrom<proto::GatewayMessage> for ToProver {
    type Error = WireError;

    fn try_from(message: proto::GatewayMessage) -> Result<Self, WireError> {
        use gateway_message::Body;
        Ok(match message.body.ok_or(WireError::Missing { field: "body" })? {
            Body::Challenge(_) => return Err(WireError::Unexpected { got: "challenge" }),
            Body::Welcome(_) => return Err(WireError::Unexpected { got: "welcome" }),
            Body::Announce(m) => {
                let key = key(m.key)?;
                let lots = m.lots.iter().map(|terms| lot(key, terms)).collect::<Result<_, _>>()?;
                ToProver::Announce(Announcement { key, lots, commit_millis: m.commit_millis })
            }
            Body::CommitReceipt(m) => ToProver::CommitReceipt(read_bid!(m => CommitReceipt {})),
            Body::Close(m) => ToProver::Close(close(m)?),
            Body::OpeningReceipt(m) => ToProver::OpeningReceipt(read_bid!(m => OpeningReceipt {
                priceWeiPerUnit: number("price_wei_per_unit", &m.price_wei_per_unit)?
            })),
            Body::Award(m) => ToProver::Award(read_award!(m => Award {
                priceWeiPerUnit: number("price_wei_per_unit", &m.price_wei_per_unit)?
            })),
            Body::Input(m) => ToProver::Input { award: AwardId(word("award_id", &m.award_id)?), data: m.data },
            Body::Anchored(m) => ToProver::Anchored {
                award: AwardId(word("award_id", &m.award_id)?),
                block: m.block,
                head: m.head_block,
            },
            Body::DeliveryReceipt(m) => ToProver::DeliveryReceipt(read_award!(m => DeliveryReceipt {
                statementDigest: word("statement_digest", &m.statement_digest)?
            })),
            Body::Ended(m) => ToProver::Ended { award: AwardId(word("award_id", &m.award_id)?), reason: m.reason },
            Body::Refusal(m) => {
                ToProver::Refusal { code: m.code().into(), subject: word("subject", &m.subject)?, reason: m.reason }
            }
            Body::Head(m) => ToProver::Head { block: m.block },
        })
    }
}

fn close(m: proto::Close) -> Result<PublishedClose, WireError> {
    let key = key(m.key)?;
    let message = TickClose {
        supernet: key.supernet.0,
        gatewayEpoch: key.epoch.0,
        tick: key.tick.0,
        bidsRoot: word("bids_root", &m.bids_root)?,
        count: m.count,
        capacityRoot: word("capacity_root", &m.capacity_root)?,
    };
    let capacity = |capacity: &proto::Capacity| -> Result<(OperatorId, WorkUnits), WireError> {
        Ok((OperatorId(address("capacities", &capacity.operator)?), WorkUnits(capacity.free_units)))
    };
    Ok(PublishedClose {
        close: signed(message, &m.signature)?,
        commitments: m
            .commitments
            .iter()
            .map(|commitment| word("commitments", commitment).map(Commitment))
            .collect::<Result<_, _>>()?,
        capacities: m.capacities.iter().map(capacity).collect::<Result<_, _>>()?,
        open_millis: m.open_millis,
    })
}
