//! Between generated messages and checked ones.

use alloy_primitives::{Address, B256, U256};
use gavel_types::id::{GatewayEpoch, JobId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::job::{JobKind, JobTerms};
use gavel_types::lot::Lot;
use gavel_types::message::Signed;
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::{Class, Classes, WeiPerUnit, WorkUnits};

use crate::error::WireError;
use crate::message::RefusalCode;
use crate::proto;

/// The signed message under a bid's key: supernet, epoch, tick, lot, operator and commitment, then its own fields.
macro_rules! read_bid {
    ($m:ident => $message:ident { $($field:ident: $value:expr),* }) => {{
        let key = key($m.key)?;
        let message = $message {
            supernet: key.supernet.0,
            gatewayEpoch: key.epoch.0,
            tick: key.tick.0,
            lotDigest: word("lot_digest", &$m.lot_digest)?,
            operator: address("operator", &$m.operator)?,
            commitment: word("commitment", &$m.commitment)?,
            $($field: $value,)*
        };
        signed(message, &$m.signature)?
    }};
}

/// The inverse of [`read_bid`].
macro_rules! write_bid {
    ($signed:ident => $message:ident { $($field:ident: $value:expr),* }) => {
        proto::$message {
            key: key_of($signed.message.supernet, $signed.message.gatewayEpoch, $signed.message.tick),
            lot_digest: bytes($signed.message.lotDigest),
            operator: bytes($signed.message.operator),
            commitment: bytes($signed.message.commitment),
            $($field: $value,)*
            signature: bytes($signed.signature),
        }
    };
}

/// The signed message under an award's key: supernet, epoch, tick, lot, job, attempt and operator, then its own fields.
macro_rules! read_award {
    ($m:ident => $message:ident { $($field:ident: $value:expr),* }) => {{
        let key = key($m.key)?;
        let message = $message {
            supernet: key.supernet.0,
            gatewayEpoch: key.epoch.0,
            tick: key.tick.0,
            lotDigest: word("lot_digest", &$m.lot_digest)?,
            jobId: word("job_id", &$m.job_id)?,
            attempt: $m.attempt,
            operator: address("operator", &$m.operator)?,
            $($field: $value,)*
        };
        signed(message, &$m.signature)?
    }};
}

/// The inverse of [`read_award`].
macro_rules! write_award {
    ($signed:ident => $message:ident { $($field:ident: $value:expr),* }) => {
        proto::$message {
            key: key_of($signed.message.supernet, $signed.message.gatewayEpoch, $signed.message.tick),
            lot_digest: bytes($signed.message.lotDigest),
            job_id: bytes($signed.message.jobId),
            attempt: $signed.message.attempt,
            operator: bytes($signed.message.operator),
            $($field: $value,)*
            signature: bytes($signed.signature),
        }
    };
}

mod from_prover;
mod to_prover;

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
