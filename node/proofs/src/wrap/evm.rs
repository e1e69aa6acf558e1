//! Proofs and keys as the verifier contract reads them.

use alloy_primitives::{B256, U256, keccak256};
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use ark_groth16::{Groth16, Proof};
use serde::{Deserialize, Serialize};

use super::WrapError;

/// A Groth16 proof: `A.x, A.y, B.x.c1, B.x.c0, B.y.c1, B.y.c0, C.x, C.y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groth16Proof([U256; 8]);

/// A verifying key in the layout of `contracts/src/types/Verifier.sol`; points of G2 have the
/// imaginary part of a coordinate first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyingKey {
    pub alpha: [U256; 2],
    pub beta: [U256; 4],
    pub gamma: [U256; 4],
    pub delta: [U256; 4],
    /// Constant, high half, low half.
    pub ic: [[U256; 2]; 3],
}

impl Groth16Proof {
    pub(super) fn new(proof: &Proof<Bn254>) -> Self {
        let ([ax, ay], [b0, b1, b2, b3], [cx, cy]) = (g1(&proof.a), g2(&proof.b), g1(&proof.c));
        Self([ax, ay, b0, b1, b2, b3, cx, cy])
    }

    /// From the words of a transaction.
    pub fn from_evm(words: [U256; 8]) -> Self {
        Self(words)
    }

    /// The words of a transaction: `abi.encode(uint256[8])` is their concatenation.
    pub fn to_evm(&self) -> [U256; 8] {
        self.0
    }

    /// Reads [`Groth16Proof::to_bytes`]; `None` unless there are exactly 256 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<32>() else { return None };
        let words: &[[u8; 32]; 8] = words.try_into().ok()?;
        Some(Self(words.map(U256::from_be_bytes)))
    }

    /// The concatenated words.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_be_bytes::<32>()).collect()
    }

    /// Whether the proof shows the statement with this digest.
    ///
    /// # Errors
    /// [`WrapError::Point`] if the proof or the key is not made of points of the curve.
    pub fn verify(&self, key: &VerifyingKey, digest: B256) -> Result<bool, WrapError> {
        let half = |bytes: &[u8]| Fr::from_be_bytes_mod_order(bytes);
        self.verify_inputs(key, [half(&digest[..16]), half(&digest[16..])])
    }

    pub(super) fn verify_inputs(&self, key: &VerifyingKey, inputs: [Fr; 2]) -> Result<bool, WrapError> {
        let [ax, ay, b0, b1, b2, b3, cx, cy] = self.0;
        let proof =
            Proof { a: read_g1([ax, ay], "A")?, b: read_g2([b0, b1, b2, b3], "B")?, c: read_g1([cx, cy], "C")? };
        let prepared = ark_groth16::prepare_verifying_key(&key.points()?);
        Ok(Groth16::<Bn254>::verify_proof(&prepared, &proof, &inputs)?)
    }
}

impl VerifyingKey {
    pub(super) fn new(key: &ark_groth16::VerifyingKey<Bn254>) -> Self {
        Self {
            alpha: g1(&key.alpha_g1),
            beta: g2(&key.beta_g2),
            gamma: g2(&key.gamma_g2),
            delta: g2(&key.delta_g2),
            ic: std::array::from_fn(|i| g1(&key.gamma_abc_g1[i])),
        }
    }

    fn points(&self) -> Result<ark_groth16::VerifyingKey<Bn254>, WrapError> {
        Ok(ark_groth16::VerifyingKey {
            alpha_g1: read_g1(self.alpha, "alpha")?,
            beta_g2: read_g2(self.beta, "beta")?,
            gamma_g2: read_g2(self.gamma, "gamma")?,
            delta_g2: read_g2(self.delta, "delta")?,
            gamma_abc_g1: self.ic.iter().map(|point| read_g1(*point, "ic")).collect::<Result<_, _>>()?,
        })
    }

    /// The twenty words, in order: constructor data of the contract.
    pub fn words(&self) -> Vec<U256> {
        let fixed = self.alpha.iter().chain(&self.beta).chain(&self.gamma).chain(&self.delta);
        fixed.chain(self.ic.iter().flatten()).copied().collect()
    }

    /// What the contract calls `keyHash`.
    pub fn hash(&self) -> B256 {
        keccak256(self.words().iter().flat_map(|word| word.to_be_bytes::<32>()).collect::<Vec<u8>>())
    }
}

fn word(x: Fq) -> U256 {
    U256::from_limbs(x.into_bigint().0)
}

fn g1(point: &G1Affine) -> [U256; 2] {
    let (x, y) = point.xy().unwrap_or_default();
    [word(x), word(y)]
}

fn g2(point: &G2Affine) -> [U256; 4] {
    let (x, y) = point.xy().unwrap_or_default();
    [word(x.c1), word(x.c0), word(y.c1), word(y.c0)]
}

fn coordinate(word: U256, name: &'static str) -> Result<Fq, WrapError> {
    Fq::from_bigint(BigInt(word.into_limbs())).ok_or(WrapError::Point { name })
}

fn read_g1([x, y]: [U256; 2], name: &'static str) -> Result<G1Affine, WrapError> {
    if x.is_zero() && y.is_zero() {
        return Ok(G1Affine::zero());
    }
    let point = G1Affine::new_unchecked(coordinate(x, name)?, coordinate(y, name)?);
    if point.is_on_curve() { Ok(point) } else { Err(WrapError::Point { name }) }
}

fn read_g2([x1, x0, y1, y0]: [U256; 4], name: &'static str) -> Result<G2Affine, WrapError> {
    if [x1, x0, y1, y0].iter().all(U256::is_zero) {
        return Ok(G2Affine::zero());
    }
    let pair = |c0, c1| Ok::<_, WrapError>(Fq2::new(coordinate(c0, name)?, coordinate(c1, name)?));
    let point = G2Affine::new_unchecked(pair(x0, x1)?, pair(y0, y1)?);
    let valid = point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
    if valid { Ok(point) } else { Err(WrapError::Point { name }) }
}
