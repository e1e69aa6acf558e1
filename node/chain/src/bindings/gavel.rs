//! Gavel's contracts, from the ABIs that `scripts/abi` exports.
//!
//! Each contract is a module of its own with the structs of its functions, so that one change of an
//! interface changes one module.

use alloy::sol;

sol!(
    #[sol(rpc, all_derives)]
    SupernetRegistry,
    "abi/SupernetRegistry.json"
);
sol!(
    #[sol(rpc, all_derives)]
    AvsAccount,
    "abi/AvsAccount.json"
);
sol!(
    #[sol(rpc, all_derives)]
    OperatorRegistrar,
    "abi/OperatorRegistrar.json"
);
sol!(
    #[sol(rpc, all_derives)]
    StakeCapacity,
    "abi/StakeCapacity.json"
);
sol!(
    #[sol(rpc, all_derives)]
    AuctionBook,
    "abi/AuctionBook.json"
);
sol!(
    #[sol(rpc, all_derives)]
    FeeEscrow,
    "abi/FeeEscrow.json"
);
sol!(
    #[sol(rpc, all_derives)]
    QueryRequests,
    "abi/QueryRequests.json"
);
sol!(
    #[sol(rpc, all_derives)]
    VerifierRouter,
    "abi/VerifierRouter.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Slasher,
    "abi/Slasher.json"
);

// The example dapp; any consumer with the same `ask` can be called through it.
sol!(
    #[sol(rpc, all_derives)]
    PairObserver,
    "abi/PairObserver.json"
);
