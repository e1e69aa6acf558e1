//! Lots, bids and the roots that a tick's close signs (protocol §1, §3).

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::{SolValue, sol};
use serde::{Deserialize, Serialize};

use crate::id::{Commitment, LotDigest, OperatorId, TickKey};
use crate::job::JobTerms;
use crate::merkle;
use crate::unit::{Class, WeiPerUnit, WorkUnits};

sol! {
    /// The preimage of `lotDigest`, as the contracts declare it.
    #[derive(Debug, PartialEq, Eq)]
    struct LotTerms {
        uint32 supernet;
        uint64 gatewayEpoch;
        uint64 tick;
        uint32 lot;
        uint8 class;
        uint64 units;
        uint256 ceilingWeiPerUnit;
        uint64 acceptBlocks;
        uint64 provingBlocks;
        bytes32 jobsRoot;
        bytes32 circuitSetRoot;
    }
}

/// Jobs of one class that are bid for together at one price per unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    pub key: TickKey,
    /// Number inside the tick; awards are made in ascending order.
    pub number: u32,
    pub class: Class,
    pub ceiling: WeiPerUnit,
    /// Blocks from the anchored award within which an operator accepts.
    pub accept_blocks: u64,
    /// Blocks from acceptance within which the proof is delivered.
    pub proving_blocks: u64,
    pub circuit_set: B256,
    pub jobs: Vec<JobTerms>,
}

/// Why jobs do not make a lot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LotError {
    #[error("lot {lot} of tick {key} has no job")]
    Empty { key: TickKey, lot: u32 },
    #[error("lot {lot} of tick {key}: the sum of work units exceeds 64 bits")]
    TooLarge { key: TickKey, lot: u32 },
    #[error("lot {lot} of tick {key} is {expected}, but job {position} is {got}")]
    MixedClass { key: TickKey, lot: u32, position: usize, expected: Class, got: Class },
}

impl Lot {
    /// Sum of the jobs' units.
    ///
    /// # Errors
    /// [`LotError`] when the lot is empty, mixes classes or its units leave 64 bits.
    pub fn units(&self) -> Result<WorkUnits, LotError> {
        let (key, lot) = (self.key, self.number);
        if self.jobs.is_empty() {
            return Err(LotError::Empty { key, lot });
        }
        if let Some(position) = self.jobs.iter().position(|job| job.kind.class() != self.class) {
            let got = self.jobs[position].kind.class();
            return Err(LotError::MixedClass { key, lot, position, expected: self.class, got });
        }
        WorkUnits::sum(self.jobs.iter().map(|job| job.units)).ok_or(LotError::TooLarge { key, lot })
    }

    /// Merkle root over the jobs in their order.
    pub fn jobs_root(&self) -> B256 {
        merkle::root(&self.jobs.iter().map(JobTerms::leaf).collect::<Vec<_>>())
    }

    /// Terms as the contracts hash them.
    ///
    /// # Errors
    /// As [`Lot::units`].
    pub fn terms(&self) -> Result<LotTerms, LotError> {
        Ok(LotTerms {
            supernet: self.key.supernet.0,
            gatewayEpoch: self.key.epoch.0,
            tick: self.key.tick.0,
            lot: self.number,
            class: self.class as u8,
            units: self.units()?.0,
            ceilingWeiPerUnit: self.ceiling.0,
            acceptBlocks: self.accept_blocks,
            provingBlocks: self.proving_blocks,
            jobsRoot: self.jobs_root(),
            circuitSetRoot: self.circuit_set,
        })
    }

    /// `keccak256(abi.encode(terms))`.
    ///
    /// # Errors
    /// As [`Lot::units`].
    pub fn digest(&self) -> Result<LotDigest, LotError> {
        self.terms().map(|terms| LotDigest(keccak256(terms.abi_encode())))
    }
}

/// `C = keccak256(abi.encode(lotDigest, operator, price, salt))`.
pub fn commitment(lot: LotDigest, operator: OperatorId, price: WeiPerUnit, salt: B256) -> Commitment {
    Commitment(keccak256((lot.0, operator.0, price.0, salt).abi_encode()))
}

/// Leaf of `bidsRoot` for one commitment.
pub fn bid_leaf(commitment: Commitment) -> B256 {
    keccak256(keccak256(commitment.0.abi_encode()))
}

/// Root over all commitments of a tick, sorted by commitment; zero when there is none.
pub fn bids_root(commitments: impl IntoIterator<Item = Commitment>) -> B256 {
    merkle::root(&bid_leaves(commitments))
}

/// Leaves of [`bids_root`] in tree order.
pub fn bid_leaves(commitments: impl IntoIterator<Item = Commitment>) -> Vec<B256> {
    let mut sorted: Vec<Commitment> = commitments.into_iter().collect();
    sorted.sort_unstable();
    sorted.into_iter().map(bid_leaf).collect()
}

/// Leaf of `capacityRoot`: an operator and the units it may still be awarded.
pub fn capacity_leaf(operator: OperatorId, free: WorkUnits) -> B256 {
    keccak256(keccak256((operator.0, free.0).abi_encode()))
}

/// Root over the free-capacity vector, sorted by operator address.
pub fn capacity_root(vector: impl IntoIterator<Item = (OperatorId, WorkUnits)>) -> B256 {
    let mut sorted: Vec<_> = vector.into_iter().collect();
    sorted.sort_unstable();
    merkle::root(&sorted.into_iter().map(|(operator, free)| capacity_leaf(operator, free)).collect::<Vec<_>>())
}

/// Hash of all opened salts of a tick, concatenated in the order of their commitments' leaves.
pub fn salts_hash(opened: impl IntoIterator<Item = (Commitment, B256)>) -> B256 {
    let mut sorted: Vec<_> = opened.into_iter().collect();
    sorted.sort_unstable();
    keccak256(sorted.into_iter().flat_map(|(_, salt)| salt.0).collect::<Vec<u8>>())
}

/// Among equal prices the lowest of these wins: unknown to everyone until all salts are open.
pub fn tie_break(commitment: Commitment, salts_hash: B256) -> B256 {
    keccak256((commitment.0, salts_hash).abi_encode())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GatewayEpoch, JobId, RequestId, SupernetId, Tick};
    use crate::job::JobKind;

    fn lot(kinds: &[JobKind], units: u64) -> Lot {
        Lot {
            key: TickKey { supernet: SupernetId(1), epoch: GatewayEpoch(1), tick: Tick(7) },
            number: 0,
            class: Class::Small,
            ceiling: WeiPerUnit::default(),
            accept_blocks: 5,
            proving_blocks: 40,
            circuit_set: B256::ZERO,
            jobs: kinds
                .iter()
                .map(|kind| JobTerms {
                    job: JobId(B256::ZERO),
                    payer: RequestId(B256::ZERO),
                    kind: *kind,
                    units: WorkUnits(units),
                    claim_digest: B256::ZERO,
                })
                .collect(),
        }
    }

    #[test]
    fn a_lot_is_one_class_and_not_empty() {
        assert!(matches!(lot(&[], 1).units(), Err(LotError::Empty { .. })));
        assert!(matches!(
            lot(&[JobKind::Query, JobKind::Extract], 1).digest(),
            Err(LotError::MixedClass { position: 1, got: Class::Medium, .. })
        ));
        assert!(matches!(lot(&[JobKind::Query; 2], u64::MAX).units(), Err(LotError::TooLarge { .. })));
        assert_eq!(lot(&[JobKind::Query; 2], 4).units(), Ok(WorkUnits(8)));
    }

    #[test]
    fn roots_do_not_depend_on_arrival() {
        let c = [Commitment(B256::repeat_byte(9)), Commitment(B256::repeat_byte(3))];
        assert_eq!(bids_root(c), bids_root([c[1], c[0]]));
        assert_eq!(bids_root([]), B256::ZERO);
    }
}
