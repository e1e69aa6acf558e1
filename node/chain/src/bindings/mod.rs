//! Contract bindings: the EigenLayer core, ERC-20 tokens and Gavel's own contracts.

// The contracts' functions have the arguments that they have.
#![allow(clippy::too_many_arguments)]

pub mod eigenlayer;
pub mod gavel;
pub mod token;

mod market;
mod request;

use alloy::{primitives::Bytes, sol_types::SolInterface};

/// Name and arguments of a custom error of the contracts here, for people.
pub fn describe_error(data: &Bytes) -> Option<String> {
    macro_rules! first_of {
        ($($errors:path),* $(,)?) => {
            None$(.or_else(|| <$errors>::abi_decode(data).ok().map(|error| format!("{error:?}"))))*
        };
    }
    let text: Option<String> = first_of!(
        gavel::QueryRequests::QueryRequestsErrors,
        gavel::SupernetRegistry::SupernetRegistryErrors,
        gavel::OperatorRegistrar::OperatorRegistrarErrors,
        gavel::StakeCapacity::StakeCapacityErrors,
        gavel::AuctionBook::AuctionBookErrors,
        gavel::FeeEscrow::FeeEscrowErrors,
        gavel::VerifierRouter::VerifierRouterErrors,
        gavel::Slasher::SlasherErrors,
        gavel::AvsAccount::AvsAccountErrors,
        eigenlayer::AllocationManager::AllocationManagerErrors,
    );
    // `RangeEmpty(RangeEmpty { fromBlock: 9, toBlock: 5 })` → `RangeEmpty { fromBlock: 9, toBlock: 5 }`
    let text = text?;
    Some(match text.split_once('(') {
        Some((_, inner)) => inner.strip_suffix(')').unwrap_or(inner).to_owned(),
        None => text,
    })
}
