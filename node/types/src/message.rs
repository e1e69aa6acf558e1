//! Signed messages of the market (protocol §3, §4), EIP-712 with `verifyingContract` =
//! SupernetRegistry. Field order and names are those of the contracts.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct, sol};
use serde::{Deserialize, Serialize};

use crate::id::{Attempt, AwardId, GatewayEpoch, JobId, OperatorId, SupernetId, Tick, TickKey};
use crate::signature::{SignatureBytes, SignatureError, Signer, recover};

sol! {
    /// An operator bids for a lot without showing its price.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct BidCommitment {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        address operator;
        bytes32 commitment;
    }

    /// The gateway has stored a commitment.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct CommitReceipt {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        address operator;
        bytes32 commitment;
    }

    /// The gateway fixes the bids and the capacities of a tick, before any opening.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct TickClose {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 bidsRoot;
        uint32 count;
        bytes32 capacityRoot;
    }

    /// The gateway has stored an opening.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct OpeningReceipt {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        address operator;
        bytes32 commitment;
        uint256 priceWeiPerUnit;
    }

    /// The gateway gives one job of a lot to its winner.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Award {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        bytes32 jobId;
        uint32 attempt;
        address operator;
        uint256 priceWeiPerUnit;
    }

    /// The operator has checked the inputs; the proving clock starts at `acceptBlock`.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Accept {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        bytes32 jobId;
        uint32 attempt;
        address operator;
        bytes32 inputDigest;
        uint64 acceptBlock;
    }

    /// The gateway has verified and stored a proof. Carries no time: it answers any miss report.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct DeliveryReceipt {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        bytes32 lotDigest;
        bytes32 jobId;
        uint32 attempt;
        address operator;
        bytes32 statementDigest;
    }

    /// An operator opens a session: its answer to a fresh challenge.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct SessionHello {
        uint32 supernet;
        uint64 gatewayEpoch;
        address operator;
        bytes32 challenge;
        uint8 classes;
        bytes32 circuitSetRoot;
    }
}

/// Name in the EIP-712 domain.
pub const DOMAIN_NAME: &str = "Gavel";
/// Version in the EIP-712 domain.
pub const DOMAIN_VERSION: &str = "1";

/// The domain of every message on a chain; `registry` is SupernetRegistry.
pub fn domain(chain_id: u64, registry: Address) -> Eip712Domain {
    Eip712Domain::new(
        Some(DOMAIN_NAME.into()),
        Some(DOMAIN_VERSION.into()),
        Some(U256::from(chain_id)),
        Some(registry),
        None,
    )
}

/// A message of a supernet and gateway epoch.
pub trait MarketMessage: SolStruct {
    fn supernet(&self) -> SupernetId;
    fn epoch(&self) -> GatewayEpoch;
    /// The hash that is signed.
    fn signing_hash(&self, domain: &Eip712Domain) -> B256 {
        self.eip712_signing_hash(domain)
    }
}

/// A message of one tick.
pub trait TickMessage: MarketMessage {
    fn tick(&self) -> Tick;
    fn key(&self) -> TickKey {
        TickKey { supernet: self.supernet(), epoch: self.epoch(), tick: self.tick() }
    }
}

/// A message about one award.
pub trait AwardMessage: TickMessage {
    fn job(&self) -> JobId;
    fn attempt(&self) -> Attempt;
    fn operator(&self) -> OperatorId;
    fn award_id(&self) -> AwardId {
        AwardId::derive(self.key(), self.job(), self.attempt(), self.operator())
    }
}

macro_rules! market_messages {
    ($($name:ident),*) => {$(
        impl MarketMessage for $name {
            fn supernet(&self) -> SupernetId {
                SupernetId(self.supernet)
            }
            fn epoch(&self) -> GatewayEpoch {
                GatewayEpoch(self.gatewayEpoch)
            }
        }
    )*};
}

macro_rules! tick_messages {
    ($($name:ident),*) => {
        market_messages!($($name),*);
        $(impl TickMessage for $name {
            fn tick(&self) -> Tick {
                Tick(self.tick)
            }
        })*
    };
}

macro_rules! award_messages {
    ($($name:ident),*) => {$(
        impl AwardMessage for $name {
            fn job(&self) -> JobId {
                JobId(self.jobId)
            }
            fn attempt(&self) -> Attempt {
                Attempt(self.attempt)
            }
            fn operator(&self) -> OperatorId {
                OperatorId(self.operator)
            }
        }
    )*};
}

tick_messages!(BidCommitment, CommitReceipt, TickClose, OpeningReceipt, Award, Accept, DeliveryReceipt);
award_messages!(Award, Accept, DeliveryReceipt);
market_messages!(SessionHello);

/// A message with the signature of whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<M> {
    pub message: M,
    pub signature: SignatureBytes,
}

impl<M: MarketMessage> Signed<M> {
    /// Signs a message. Whoever sends it has stored it durably before (protocol §3).
    pub fn new(message: M, domain: &Eip712Domain, signer: &Signer) -> Self {
        let signature = signer.sign(message.signing_hash(domain));
        Self { message, signature }
    }

    /// Checks that `expected` signed the message in this domain.
    ///
    /// # Errors
    /// [`SignatureError`]: malformed, high s, or signed by another key.
    pub fn verify(&self, domain: &Eip712Domain, expected: Address) -> Result<(), SignatureError> {
        let got = recover(self.message.signing_hash(domain), &self.signature)?;
        if got == expected { Ok(()) } else { Err(SignatureError::WrongSigner { expected, got }) }
    }
}
