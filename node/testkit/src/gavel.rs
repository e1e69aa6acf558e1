//! Gavel's contracts on a development chain, from forge's artifacts (`contracts/README.md`, Deployment).

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256, address, uint},
    providers::Provider,
    sol_types::SolValue,
};
use gavel_chain::{
    ChainError, Wallet,
    bindings::gavel::{AvsAccount, FeeEscrow, SupernetRegistry, VerifierRouter},
    deployment::{Deployment, EigenLayer, Gavel, Restake},
    supernet::Supernet,
    verifier::VerifierSetup,
};

use crate::{artifact, error::TestkitError};

/// Keys and shares of a supernet that the configuration file leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Parties {
    pub gateway_owner: Address,
    pub gateway_key: Address,
    pub treasury: Address,
    pub guardian: Address,
}

/// Deploys everything, opens the supernet and deposits the gateway's bond. `owner` governs.
///
/// # Errors
/// Missing artifacts (run `forge build`), a failed transaction, or an address that was predicted wrongly.
pub async fn deploy(
    owner: &Wallet,
    core: &EigenLayer,
    restake: Restake,
    supernet: &Supernet,
    parties: Parties,
    setup: &VerifierSetup,
) -> Result<Deployment, TestkitError> {
    let client = owner.client();
    let me = owner.address();
    let first_block = client.head().await? + 1;
    let nonce = client.provider().get_transaction_count(me).block_id(BlockId::latest()).await;
    let nonce = nonce.map_err(|e| ChainError::from_transport("eth_getTransactionCount", e))?;
    // Contracts that name each other: the address of the n-th is known before it is deployed.
    let at = |index: u64| me.create(nonce + index);
    let gavel = Gavel {
        supernet_registry: at(0),
        avs_account: at(1),
        verifier_router: at(2),
        operator_registrar: at(3),
        stake_capacity: at(4),
        fee_escrow: at(5),
        query_requests: at(6),
        auction_book: at(7),
        slasher: at(8),
    };
    let (allocation, delegation) = (core.allocation_manager, core.delegation_manager);
    let devnet = &supernet.devnet;
    let registry = gavel.supernet_registry;
    let contracts: [(&'static str, Address, Vec<u8>); 9] = [
        ("SupernetRegistry", registry, (me, allocation, delegation, devnet.notice).abi_encode_params()),
        (
            "AvsAccount",
            gavel.avs_account,
            (me, registry, allocation, core.permission_controller, core.rewards_coordinator).abi_encode_params(),
        ),
        ("VerifierRouter", gavel.verifier_router, (me, parties.guardian).abi_encode_params()),
        (
            "OperatorRegistrar",
            gavel.operator_registrar,
            (registry, gavel.stake_capacity, gavel.avs_account, allocation, devnet.rotation_delay).abi_encode_params(),
        ),
        (
            "StakeCapacity",
            gavel.stake_capacity,
            (registry, gavel.operator_registrar, gavel.avs_account, allocation, delegation, gavel.auction_book)
                .abi_encode_params(),
        ),
        ("FeeEscrow", gavel.fee_escrow, (registry, gavel.query_requests, gavel.auction_book).abi_encode_params()),
        (
            "QueryRequests",
            gavel.query_requests,
            (registry, gavel.fee_escrow, gavel.verifier_router).abi_encode_params(),
        ),
        (
            "AuctionBook",
            gavel.auction_book,
            (registry, gavel.operator_registrar, gavel.stake_capacity, gavel.fee_escrow, gavel.avs_account)
                .abi_encode_params(),
        ),
        (
            "Slasher",
            gavel.slasher,
            (
                registry,
                gavel.auction_book,
                gavel.operator_registrar,
                gavel.stake_capacity,
                allocation,
                gavel.avs_account,
            )
                .abi_encode_params(),
        ),
    ];
    for (name, predicted, arguments) in contracts {
        let got = deploy_one(owner, name, arguments).await?;
        if got != predicted {
            let (expected, got) = (predicted.to_string(), got.to_string());
            return Err(TestkitError::Check { check: "predicted address", expected, got });
        }
    }

    let kind = CHANGE_REGISTRAR;
    let uri = "https://gavel.invalid/avs.json".to_owned();
    owner.send(gavel.avs_account, &AvsAccount::setMetadataURICall { uri }).await?;
    let registrar = AvsAccount::executeCall { kind, supernet: 0, target: gavel.operator_registrar };
    owner.send(gavel.avs_account, &registrar).await?;
    let kind = CHANGE_SLASHER;
    owner.send(gavel.avs_account, &AvsAccount::executeCall { kind, supernet: 0, target: gavel.slasher }).await?;

    let verifier_id = add_verifier(owner, &gavel, setup).await?;
    let config = supernet.config(parties.treasury, &[(restake.strategy, WEIGHT_ONE)], vec![verifier_id]);
    let open = SupernetRegistry::openSupernetCall {
        supernet: supernet.id,
        config_: config,
        gatewayOwner: parties.gateway_owner,
        gatewayKey_: parties.gateway_key,
    };
    owner.send(registry, &open).await?;
    let set = AvsAccount::createSetCall { supernet: supernet.id, strategies: vec![restake.strategy] };
    owner.send(gavel.avs_account, &set).await?;
    let bond = FeeEscrow::depositBondCall { supernet: supernet.id };
    owner.send_value(gavel.fee_escrow, &bond, devnet.bond.u256()).await?;

    Ok(Deployment {
        rpc_urls: client.urls().to_vec(),
        chain_id: client.chain_id(),
        first_block,
        supernet: supernet.id,
        eigenlayer: core.clone(),
        gavel,
        restake,
        verifier_id,
        circuit_set: setup.circuit_set,
    })
}

/// `IAvsAccount.ChangeKind`: an ABI carries an enum's number only.
const CHANGE_REGISTRAR: u8 = 0;
const CHANGE_SLASHER: u8 = 1;
/// One share counts one wei of stake.
const WEIGHT_ONE: u128 = 1_000_000_000_000_000_000;

/// Deploys a verifier for the key and adds it to the router; returns its id.
pub async fn add_verifier(owner: &Wallet, gavel: &Gavel, setup: &VerifierSetup) -> Result<B256, TestkitError> {
    // The key is a static tuple, so it stands in line, without an offset.
    let key = (setup.alpha, setup.beta, setup.gamma, setup.delta, setup.ic);
    let verifier = deploy_one(owner, "Groth16Verifier", (key, setup.development).abi_encode_params()).await?;
    let key_hash = alloy::primitives::keccak256(key.abi_encode());
    let circuit_set = setup.circuit_set;
    let call = VerifierRouter::addVerifierCall { verifier, keyHash: key_hash, circuitSetRoot: circuit_set };
    owner.send(gavel.verifier_router, &call).await?;
    Ok(alloy::primitives::keccak256((verifier, key_hash, circuit_set).abi_encode()))
}

/// Deploys the example dapp.
pub async fn deploy_observer(owner: &Wallet, gavel: &Gavel) -> Result<Address, TestkitError> {
    deploy_one(owner, "PairObserver", gavel.query_requests.abi_encode()).await
}

async fn deploy_one(owner: &Wallet, name: &'static str, arguments: Vec<u8>) -> Result<Address, TestkitError> {
    let mut code = artifact::gavel(name)?;
    code.extend(arguments);
    let deployed = owner.deploy(name, code).await;
    Ok(deployed.map_err(|source| TestkitError::Step { step: name, source })?.0)
}

/// A key of the curve's generators, for tests that deploy everything and settle nothing. What it
/// accepts means nothing.
pub fn setup_without_circuits() -> VerifierSetup {
    let g1 = [U256::from(1), U256::from(2)];
    // Generator of G2, imaginary parts first (EIP-197).
    let g2 = uint!([
        0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2_U256,
        0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed_U256,
        0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b_U256,
        0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa_U256,
    ]);
    VerifierSetup {
        alpha: g1,
        beta: g2,
        gamma: g2,
        delta: g2,
        ic: [g1; 3],
        circuit_set: B256::repeat_byte(1),
        development: true,
    }
}

/// The address to which the core of release v1.3.0 burns slashed shares.
pub const BURN_ADDRESS: Address = address!("00000000000000000000000000000000000E16E4");
