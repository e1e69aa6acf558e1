//! Between generated messages and checked ones.

use alloy_primitives::{Address, B256, U256};
use gavel_domain::auction::Opening;
use gavel_types::id::{
    AwardId, Commitment, GatewayEpoch, JobId, LotDigest, OperatorId, RequestId, SupernetId, Tick, TickKey,
};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::Lot;
use gavel_types::message::{
    Accept, Award, BidCommitment, CommitReceipt, DeliveryReceipt, OpeningReceipt, Signed, TickClose,
};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};

use crate::error::WireError;
use crate::message::{Announcement, FromProver, PublishedClose, RefusalCode, ToProver};
use crate::proto::{self, gateway_message, prover_message};

fn fixed<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Length { field, expected: N, got: bytes.len() })
}

pub fn word(field: &'static str, bytes: &[u8]) -> Result<B256, WireError> {
    fixed(field, bytes).map(B256::new)
}

pub fn address(field: &'static str, bytes: &[u8]) -> Result<Address, WireError> {
    fixed(field, bytes).map(Address::new)
}

fn number(field: &'static str, bytes: &[u8]) -> Result<U256, WireError> {
    word(field, bytes).map(|word| U256::from_be_bytes(word.0))
}

fn byte(field: &'static str, value: u32) -> Result<u8, WireError> {
    u8::try_from(value).map_err(|_| WireError::Range { field, got: value.into(), most: u8::MAX.into() })
}

pub fn classes(bits: u32) -> Result<Classes, WireError> {
    Ok(Classes::from_bits(byte("classes", bits)?)?)
}

fn bytes(value: impl AsRef<[u8]>) -> Vec<u8> {
    value.as_ref().to_vec()
}

fn number_bytes(value: U256) -> Vec<u8> {
    value.to_be_bytes::<32>().to_vec()
}

fn key(value: Option<proto::TickKey>) -> Result<TickKey, WireError> {
    let key = value.ok_or(WireError::Missing { field: "key" })?;
    Ok(TickKey { supernet: SupernetId(key.supernet), epoch: GatewayEpoch(key.gateway_epoch), tick: Tick(key.tick) })
}

fn key_of(supernet: u32, gateway_epoch: u64, tick: u64) -> Option<proto::TickKey> {
    Some(proto::TickKey { supernet, gateway_epoch, tick })
}

fn signed<M>(message: M, signature: &[u8]) -> Result<Signed<M>, WireError> {
    Ok(Signed { message, signature: SignatureBytes::try_from(signature)? })
}

impl From<&Lot> for proto::Lot {
    fn from(lot: &Lot) -> Self {
        let job = |job: &JobTerms| proto::Job {
            job_id: bytes(job.job.0),
            payer: bytes(job.payer.0),
            kind: job.kind as u32,
            units: job.units.0,
            claim_digest: bytes(job.claim_digest),
        };
        proto::Lot {
            number: lot.number,
            class: lot.class as u32,
            ceiling_wei_per_unit: number_bytes(lot.ceiling.0),
            accept_blocks: lot.accept_blocks,
            proving_blocks: lot.proving_blocks,
            circuit_set_root: bytes(lot.circuit_set),
            jobs: lot.jobs.iter().map(job).collect(),
        }
    }
}

fn lot(key: TickKey, lot: &proto::Lot) -> Result<Lot, WireError> {
    let job = |job: &proto::Job| -> Result<JobTerms, WireError> {
        Ok(JobTerms {
            job: JobId(word("job_id", &job.job_id)?),
            payer: RequestId(word("payer", &job.payer)?),
            kind: JobKind::try_from(byte("kind", job.kind)?)?,
            units: WorkUnits(job.units),
            claim_digest: word("claim_digest", &job.claim_digest)?,
        })
    };
    Ok(Lot {
        key,
        number: lot.number,
        class: Class::try_from(byte("class", lot.class)?)?,
        ceiling: WeiPerUnit(number("ceiling_wei_per_unit", &lot.ceiling_wei_per_unit)?),
        accept_blocks: lot.accept_blocks,
        proving_blocks: lot.proving_blocks,
        circuit_set: word("circuit_set_root", &lot.circuit_set_root)?,
        jobs: lot.jobs.iter().map(job).collect::<Result<_, _>>()?,
    })
}

impl From<FromProver> for proto::ProverMessage {
    fn from(message: FromProver) -> Self {
        use prover_message::Body;
        let body = match message {
            FromProver::Commit(Signed { message: m, signature }) => Body::Commit(proto::Commit {
                key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                lot_digest: bytes(m.lotDigest),
                operator: bytes(m.operator),
                commitment: bytes(m.commitment),
                signature: bytes(signature),
            }),
            FromProver::Open(m) => Body::Open(proto::Open {
                key: key_of(m.key.supernet.0, m.key.epoch.0, m.key.tick.0),
                lot_digest: bytes(m.lot.0),
                operator: bytes(m.operator.0),
                price_wei_per_unit: number_bytes(m.price.0),
                salt: bytes(m.salt),
            }),
            FromProver::Accept(Signed { message: m, signature }) => Body::Accept(proto::Accept {
                key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                lot_digest: bytes(m.lotDigest),
                job_id: bytes(m.jobId),
                attempt: m.attempt,
                operator: bytes(m.operator),
                input_digest: bytes(m.inputDigest),
                accept_block: m.acceptBlock,
                signature: bytes(signature),
            }),
            FromProver::Decline { award, reason } => Body::Decline(proto::Decline { award_id: bytes(award.0), reason }),
            FromProver::Deliver { award, proof, results } => Body::Deliver(proto::Deliver {
                award_id: bytes(award.0),
                proof,
                results: results.into_iter().map(bytes).collect(),
            }),
            FromProver::Heartbeat { working_on } => Body::Heartbeat(proto::Heartbeat {
                working_on: working_on.iter().map(|award| bytes(award.0)).collect(),
            }),
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
            Body::Commit(m) => {
                let key = key(m.key)?;
                let message = BidCommitment {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    operator: address("operator", &m.operator)?,
                    commitment: word("commitment", &m.commitment)?,
                };
                FromProver::Commit(signed(message, &m.signature)?)
            }
            Body::Open(m) => FromProver::Open(Opening {
                key: key(m.key)?,
                lot: LotDigest(word("lot_digest", &m.lot_digest)?),
                operator: OperatorId(address("operator", &m.operator)?),
                price: WeiPerUnit(number("price_wei_per_unit", &m.price_wei_per_unit)?),
                salt: word("salt", &m.salt)?,
            }),
            Body::Accept(m) => {
                let key = key(m.key)?;
                let message = Accept {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    jobId: word("job_id", &m.job_id)?,
                    attempt: m.attempt,
                    operator: address("operator", &m.operator)?,
                    inputDigest: word("input_digest", &m.input_digest)?,
                    acceptBlock: m.accept_block,
                };
                FromProver::Accept(signed(message, &m.signature)?)
            }
            Body::Decline(m) => {
                FromProver::Decline { award: AwardId(word("award_id", &m.award_id)?), reason: m.reason }
            }
            Body::Deliver(m) => FromProver::Deliver {
                award: AwardId(word("award_id", &m.award_id)?),
                proof: m.proof,
                results: m.results.iter().map(|result| word("results", result)).collect::<Result<_, _>>()?,
            },
            Body::Heartbeat(m) => {
                let award = |id: &Vec<u8>| word("working_on", id).map(AwardId);
                FromProver::Heartbeat { working_on: m.working_on.iter().map(award).collect::<Result<_, _>>()? }
            }
        })
    }
}

impl From<ToProver> for proto::GatewayMessage {
    fn from(message: ToProver) -> Self {
        use gateway_message::Body;
        let body = match message {
            ToProver::Announce(m) => Body::Announce(proto::Announce {
                key: key_of(m.key.supernet.0, m.key.epoch.0, m.key.tick.0),
                lots: m.lots.iter().map(proto::Lot::from).collect(),
                commit_millis: m.commit_millis,
            }),
            ToProver::CommitReceipt(Signed { message: m, signature }) => Body::CommitReceipt(proto::CommitReceipt {
                key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                lot_digest: bytes(m.lotDigest),
                operator: bytes(m.operator),
                commitment: bytes(m.commitment),
                signature: bytes(signature),
            }),
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
            ToProver::OpeningReceipt(Signed { message: m, signature }) => Body::OpeningReceipt(proto::OpeningReceipt {
                key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                lot_digest: bytes(m.lotDigest),
                operator: bytes(m.operator),
                commitment: bytes(m.commitment),
                price_wei_per_unit: number_bytes(m.priceWeiPerUnit),
                signature: bytes(signature),
            }),
            ToProver::Award(Signed { message: m, signature }) => Body::Award(proto::Award {
                key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                lot_digest: bytes(m.lotDigest),
                job_id: bytes(m.jobId),
                attempt: m.attempt,
                operator: bytes(m.operator),
                price_wei_per_unit: number_bytes(m.priceWeiPerUnit),
                signature: bytes(signature),
            }),
            ToProver::Input { award, data } => Body::Input(proto::Input { award_id: bytes(award.0), data }),
            ToProver::Anchored { award, block, head } => {
                Body::Anchored(proto::Anchored { award_id: bytes(award.0), block, head_block: head })
            }
            ToProver::DeliveryReceipt(Signed { message: m, signature }) => {
                Body::DeliveryReceipt(proto::DeliveryReceipt {
                    key: key_of(m.supernet, m.gatewayEpoch, m.tick),
                    lot_digest: bytes(m.lotDigest),
                    job_id: bytes(m.jobId),
                    attempt: m.attempt,
                    operator: bytes(m.operator),
                    statement_digest: bytes(m.statementDigest),
                    signature: bytes(signature),
                })
            }
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
            Body::CommitReceipt(m) => {
                let key = key(m.key)?;
                let message = CommitReceipt {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    operator: address("operator", &m.operator)?,
                    commitment: word("commitment", &m.commitment)?,
                };
                ToProver::CommitReceipt(signed(message, &m.signature)?)
            }
            Body::Close(m) => ToProver::Close(close(m)?),
            Body::OpeningReceipt(m) => {
                let key = key(m.key)?;
                let message = OpeningReceipt {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    operator: address("operator", &m.operator)?,
                    commitment: word("commitment", &m.commitment)?,
                    priceWeiPerUnit: number("price_wei_per_unit", &m.price_wei_per_unit)?,
                };
                ToProver::OpeningReceipt(signed(message, &m.signature)?)
            }
            Body::Award(m) => {
                let key = key(m.key)?;
                let message = Award {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    jobId: word("job_id", &m.job_id)?,
                    attempt: m.attempt,
                    operator: address("operator", &m.operator)?,
                    priceWeiPerUnit: number("price_wei_per_unit", &m.price_wei_per_unit)?,
                };
                ToProver::Award(signed(message, &m.signature)?)
            }
            Body::Input(m) => ToProver::Input { award: AwardId(word("award_id", &m.award_id)?), data: m.data },
            Body::Anchored(m) => ToProver::Anchored {
                award: AwardId(word("award_id", &m.award_id)?),
                block: m.block,
                head: m.head_block,
            },
            Body::DeliveryReceipt(m) => {
                let key = key(m.key)?;
                let message = DeliveryReceipt {
                    supernet: key.supernet.0,
                    gatewayEpoch: key.epoch.0,
                    tick: key.tick.0,
                    lotDigest: word("lot_digest", &m.lot_digest)?,
                    jobId: word("job_id", &m.job_id)?,
                    attempt: m.attempt,
                    operator: address("operator", &m.operator)?,
                    statementDigest: word("statement_digest", &m.statement_digest)?,
                };
                ToProver::DeliveryReceipt(signed(message, &m.signature)?)
            }
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

impl From<RefusalCode> for proto::RefusalCode {
    fn from(code: RefusalCode) -> Self {
        match code {
            RefusalCode::Malformed => proto::RefusalCode::Malformed,
            RefusalCode::Bid => proto::RefusalCode::Bid,
            RefusalCode::Opening => proto::RefusalCode::Opening,
            RefusalCode::Accept => proto::RefusalCode::Accept,
            RefusalCode::Proof => proto::RefusalCode::Proof,
            RefusalCode::UnknownAward => proto::RefusalCode::UnknownAward,
        }
    }
}

impl From<proto::RefusalCode> for RefusalCode {
    fn from(code: proto::RefusalCode) -> Self {
        match code {
            proto::RefusalCode::Unspecified | proto::RefusalCode::Malformed => RefusalCode::Malformed,
            proto::RefusalCode::Bid => RefusalCode::Bid,
            proto::RefusalCode::Opening => RefusalCode::Opening,
            proto::RefusalCode::Accept => RefusalCode::Accept,
            proto::RefusalCode::Proof => RefusalCode::Proof,
            proto::RefusalCode::UnknownAward => RefusalCode::UnknownAward,
        }
    }
}
