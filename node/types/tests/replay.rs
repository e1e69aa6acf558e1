//! A signed message is worth nothing in another tick, lot, supernet, epoch, chain or registry.

use alloy_primitives::{Address, B256, U256};
use gavel_types::message::{BidCommitment, Signed, domain};
use gavel_types::signature::{SignatureError, Signer};

fn bid() -> BidCommitment {
    BidCommitment {
        supernet: 1,
        gatewayEpoch: 1,
        tick: 5,
        lotDigest: B256::repeat_byte(1),
        operator: Address::repeat_byte(2),
        commitment: B256::from(U256::from(3)),
    }
}

#[test]
fn a_signature_holds_for_one_message_only() {
    let registry = Address::repeat_byte(9);
    let signer = Signer::from_secret(B256::repeat_byte(7)).unwrap();
    let here = domain(31337, registry);
    let signed = Signed::new(bid(), &here, &signer);
    assert_eq!(signed.verify(&here, signer.address()), Ok(()));

    let replays = [
        BidCommitment { tick: 6, ..bid() },
        BidCommitment { lotDigest: B256::repeat_byte(8), ..bid() },
        BidCommitment { supernet: 2, ..bid() },
        BidCommitment { gatewayEpoch: 2, ..bid() },
        BidCommitment { operator: Address::repeat_byte(3), ..bid() },
        BidCommitment { commitment: B256::ZERO, ..bid() },
    ];
    for message in replays {
        let replayed = Signed { message, signature: signed.signature };
        assert!(matches!(
            replayed.verify(&here, signer.address()),
            Err(SignatureError::WrongSigner { .. } | SignatureError::Unrecoverable)
        ));
    }
    for elsewhere in [domain(1, registry), domain(31337, Address::repeat_byte(8))] {
        assert!(signed.verify(&elsewhere, signer.address()).is_err());
    }
}
