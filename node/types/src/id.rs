//! Identifiers as types of their own, so that a tick is never passed for an epoch.

use std::fmt;

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};

macro_rules! identifier {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

identifier! {
    /// A supernet; also the number of its EigenLayer operator set.
    SupernetId(u32);
    /// Raised on-chain when a gateway starts from a restored backup.
    GatewayEpoch(u64);
    /// One auction round. Used once per supernet and epoch, monotonic.
    Tick(u64);
    /// How often a job has been awarded before, from zero.
    Attempt(u32);
    /// An operator, by its cold owner address.
    OperatorId(Address);
    /// What a dapp asked for on-chain.
    RequestId(B256);
    /// One proof to be made.
    JobId(B256);
    /// One award of a job: key of reservation, claim and report.
    AwardId(B256);
    /// Hash of a lot's terms ([`crate::lot::Lot::digest`]).
    LotDigest(B256);
    /// Hash of a bid's price and salt ([`crate::lot::commitment`]).
    Commitment(B256);
}

/// Where a signed message belongs: every one carries these three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TickKey {
    pub supernet: SupernetId,
    pub epoch: GatewayEpoch,
    pub tick: Tick,
}

impl fmt::Display for TickKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.supernet, self.epoch, self.tick)
    }
}

impl JobId {
    /// `keccak256(abi.encode(bytes32 requestId, uint32 index))`.
    pub fn derive(request: RequestId, index: u32) -> Self {
        Self(keccak256((request.0, index).abi_encode()))
    }
}

impl AwardId {
    /// `keccak256(abi.encode(supernet, gatewayEpoch, tick, jobId, attempt, operator))` (protocol §1).
    pub fn derive(key: TickKey, job: JobId, attempt: Attempt, operator: OperatorId) -> Self {
        let fields = (key.supernet.0, key.epoch.0, key.tick.0, job.0, attempt.0, operator.0);
        Self(keccak256(fields.abi_encode()))
    }
}
