//! ECDSA signatures as the contracts accept them: 65 bytes `r ‖ s ‖ v`, v 27 or 28, low s.

use std::fmt;

use alloy_primitives::{Address, B256, Signature, U256};
use k256::ecdsa::SigningKey;
use serde::{Deserialize, Serialize};

/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 65;

/// A signature as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignatureBytes(pub [u8; SIGNATURE_LEN]);

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("a signature has {SIGNATURE_LEN} bytes, got {got}")]
    Length { got: usize },
    #[error("signature v is {got}; expected 27 or 28")]
    RecoveryByte { got: u8 },
    #[error("signature s is in the upper half of the group order")]
    HighS,
    #[error("the signature recovers to no key")]
    Unrecoverable,
    #[error("signed by {got}; expected {expected}")]
    WrongSigner { expected: Address, got: Address },
    #[error("a secret key is 32 bytes, not zero and below the group order")]
    SecretKey,
}

impl fmt::Debug for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl AsRef<[u8]> for SignatureBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for SignatureBytes {
    type Error = SignatureError;

    fn try_from(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes.try_into().map(Self).map_err(|_| SignatureError::Length { got: bytes.len() })
    }
}

impl Serialize for SignatureBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hex::serde::serialize(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for SignatureBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: Vec<u8> = hex::serde::deserialize(deserializer)?;
        Self::try_from(bytes.as_slice()).map_err(serde::de::Error::custom)
    }
}

/// The address whose key signed `hash`.
///
/// # Errors
/// [`SignatureError`] when v, s or the recovered point is not acceptable.
pub fn recover(hash: B256, signature: &SignatureBytes) -> Result<Address, SignatureError> {
    let [r @ .., v] = &signature.0;
    let (r, s) = r.split_at(32);
    let parity = match v {
        27 => false,
        28 => true,
        got => return Err(SignatureError::RecoveryByte { got: *got }),
    };
    let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity);
    if signature.normalize_s().is_some() {
        return Err(SignatureError::HighS);
    }
    signature.recover_address_from_prehash(&hash).map_err(|_| SignatureError::Unrecoverable)
}

/// A secret key that signs hashes. Its debug form shows the address only.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    address: Address,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Signer {
    /// # Errors
    /// [`SignatureError::SecretKey`] when the bytes are no secret key.
    pub fn from_secret(secret: B256) -> Result<Self, SignatureError> {
        let key = SigningKey::from_bytes(&secret.0.into()).map_err(|_| SignatureError::SecretKey)?;
        let address = Address::from_private_key(&key);
        Ok(Self { key, address })
    }

    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a hash deterministically (RFC 6979) with low s.
    pub fn sign(&self, hash: B256) -> SignatureBytes {
        // A 32-byte prehash is always signable; k256 returns low s.
        let (signature, recovery) =
            self.key.sign_prehash_recoverable(hash.as_slice()).expect("a 32-byte prehash is signable");
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + u8::from(recovery.is_y_odd());
        SignatureBytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> Signer {
        Signer::from_secret(B256::repeat_byte(seed)).unwrap()
    }

    #[test]
    fn signs_and_recovers() {
        for seed in 1..20 {
            let (signer, hash) = (signer(seed), B256::repeat_byte(seed ^ 0x55));
            assert_eq!(recover(hash, &signer.sign(hash)), Ok(signer.address()));
        }
    }

    #[test]
    fn refuses_high_s_and_bad_v() {
        // secp256k1 group order
        let order =
            U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
        let (signer, hash) = (signer(1), B256::repeat_byte(2));
        let mut high = signer.sign(hash);
        let s = U256::from_be_slice(&high.0[32..64]);
        high.0[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
        high.0[64] = 55 - high.0[64];
        assert_eq!(recover(hash, &high), Err(SignatureError::HighS));
        let mut v = signer.sign(hash);
        v.0[64] = 0;
        assert_eq!(recover(hash, &v), Err(SignatureError::RecoveryByte { got: 0 }));
        assert_eq!(SignatureBytes::try_from(&v.0[1..]), Err(SignatureError::Length { got: 64 }));
        assert_eq!(Signer::from_secret(B256::ZERO).unwrap_err(), SignatureError::SecretKey);
    }

    #[test]
    fn debug_hides_the_key() {
        assert!(!format!("{:?}", signer(7)).contains("0707"));
    }
}
