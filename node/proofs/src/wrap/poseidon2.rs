//! Poseidon2 over the scalar field of BN254 (ePrint 2023/323): x^5, 4 + 4 full rounds.
//!
//! Round constants and the internal diagonal come from the Grain LFSR of the designers' parameter
//! script, so no table is committed; known-answer tests pin the result to published vectors.
//! Gavel uses width 2 for Merkle nodes and width 16 for leaves and the transcript: per Goldilocks
//! element absorbed, width 16 costs a third of what width 3 costs in R1CS.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, Zero};

use super::grain::Grain;

/// Full rounds at each end.
pub const HALF_FULL_ROUNDS: usize = 4;

/// One instance of the permutation, of width `T`.
#[derive(Debug)]
pub struct Poseidon2<const T: usize> {
    /// Round constants of the full rounds: first the four leading ones, then the four trailing ones.
    pub full: [[Fr; T]; 2 * HALF_FULL_ROUNDS],
    /// Round constants of the partial rounds, added to element 0 only.
    pub partial: Vec<Fr>,
    /// Diagonal of the internal matrix minus one: `out_i = diagonal_i * in_i + sum(in)`.
    pub diagonal: [Fr; T],
}

/// Width 2: two-to-one compression of Merkle nodes.
pub static NODE: LazyLock<Poseidon2<2>> = LazyLock::new(|| Poseidon2::generate(56, 0));
/// Width 16: sponge over leaves, and the transcript.
pub static SPONGE: LazyLock<Poseidon2<16>> = LazyLock::new(|| Poseidon2::generate(57, SPONGE_REJECTED));
/// Candidate diagonals that the parameter script rejects at width 16 (a power of the matrix has a
/// reducible minimal polynomial) before it takes one.
const SPONGE_REJECTED: usize = 6;

impl<const T: usize> Poseidon2<T> {
    /// Generates the constants as the published script does: Grain seeded with the shape, full and
    /// partial round constants in order of use, then candidates for the diagonal.
    fn generate(partial_rounds: usize, rejected_diagonals: usize) -> Self {
        let mut grain = Grain::new(T, 2 * HALF_FULL_ROUNDS, partial_rounds);
        let mut full = [[Fr::ZERO; T]; 2 * HALF_FULL_ROUNDS];
        full[..HALF_FULL_ROUNDS].iter_mut().flatten().for_each(|c| *c = grain.field_element());
        let partial = (0..partial_rounds).map(|_| grain.field_element()).collect();
        full[HALF_FULL_ROUNDS..].iter_mut().flatten().for_each(|c| *c = grain.field_element());
        let diagonal = match T {
            // Small widths have a fixed matrix with ones off the diagonal and 2, .., 2, 3 on it.
            2 | 3 => std::array::from_fn(|i| if i == T - 1 { Fr::from(2u64) } else { Fr::ONE }),
            _ => {
                for _ in 0..rejected_diagonals * T {
                    grain.reduced_element();
                }
                std::array::from_fn(|_| grain.reduced_element() - Fr::ONE)
            }
        };
        Self { full, partial, diagonal }
    }

    /// Applies the permutation.
    pub fn permute(&self, state: &mut [Fr; T]) {
        external(state);
        self.full[..HALF_FULL_ROUNDS].iter().for_each(|constants| full_round(state, constants));
        for constant in &self.partial {
            state[0] = sbox(state[0] + constant);
            let sum: Fr = state.iter().sum();
            for (element, factor) in state.iter_mut().zip(&self.diagonal) {
                // Widths 2 and 3 have factors 1 and 2; a branch is cheaper than a product.
                if T > 3 {
                    *element *= factor;
                } else if factor != &Fr::ONE {
                    element.double_in_place();
                }
                *element += sum;
            }
        }
        self.full[HALF_FULL_ROUNDS..].iter().for_each(|constants| full_round(state, constants));
    }
}

fn full_round<const T: usize>(state: &mut [Fr; T], constants: &[Fr; T]) {
    for (element, constant) in state.iter_mut().zip(constants) {
        *element = sbox(*element + constant);
    }
    external(state);
}

fn sbox(x: Fr) -> Fr {
    x.square().square() * x
}

/// Rows of the 4x4 block of the external matrix.
pub const BLOCK: [[u64; 4]; 4] = [[5, 7, 1, 3], [4, 6, 1, 1], [1, 3, 5, 7], [1, 1, 4, 6]];

/// The external matrix: circ(2, 1, ..) for widths 2 and 3, else circ(2M, M, .., M) of [`BLOCK`].
fn external<const T: usize>(state: &mut [Fr; T]) {
    if T <= 3 {
        let sum: Fr = state.iter().sum();
        state.iter_mut().for_each(|element| *element += sum);
        return;
    }
    let mut sums = [Fr::zero(); 4];
    for block in state.chunks_exact_mut(4) {
        // An addition chain for BLOCK, from the Poseidon2 paper, appendix B.
        let t0 = block[0] + block[1];
        let t1 = block[2] + block[3];
        let t2 = block[1].double() + t1;
        let t3 = block[3].double() + t0;
        let t4 = t1.double().double() + t3;
        let t5 = t0.double().double() + t2;
        block[0] = t3 + t5;
        block[1] = t5;
        block[2] = t2 + t4;
        block[3] = t4;
        sums.iter_mut().zip(block.iter()).for_each(|(sum, element)| *sum += element);
    }
    for (i, element) in state.iter_mut().enumerate() {
        *element += sums[i % 4];
    }
}

/// Two-to-one compression: permute and feed the left input forward.
pub fn compress(left: Fr, right: Fr) -> Fr {
    let mut state = [left, right];
    NODE.permute(&mut state);
    state[0] + left
}

/// Canonical limbs of a field element, least significant first.
pub fn limbs(x: Fr) -> [u64; 4] {
    x.into_bigint().0
}

/// Field element from little-endian limbs, if they are below the modulus.
pub fn from_limbs(limbs: [u64; 4]) -> Option<Fr> {
    Fr::from_bigint(BigInt(limbs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::MontFp;

    #[test]
    fn width_2_matches_the_published_vector() {
        let mut state = [Fr::from(0u64), Fr::from(1u64)];
        NODE.permute(&mut state);
        let expected: [Fr; 2] = [
            MontFp!("0x1d01e56f49579cec72319e145f06f6177f6c5253206e78c2689781452a31878b"),
            MontFp!("0x0d189ec589c41b8cffa88cfc523618a055abe8192c70f75aa72fc514560f6c61"),
        ];
        assert_eq!(state, expected);
    }

    #[test]
    fn width_3_matches_the_published_vector() {
        let mut state: [Fr; 3] = std::array::from_fn(|i| Fr::from(i as u64));
        Poseidon2::<3>::generate(56, 0).permute(&mut state);
        let expected: [Fr; 3] = [
            MontFp!("0x0bb61d24daca55eebcb1929a82650f328134334da98ea4f847f760054f4a3033"),
            MontFp!("0x303b6f7c86d043bfcbcc80214f26a30277a15d3f74ca654992defe7ff8d03570"),
            MontFp!("0x1ed25194542b12eef8617361c3ba7c52e660b145994427cc86296242cf766ec8"),
        ];
        assert_eq!(state, expected);
    }

    #[test]
    fn width_16_matches_the_published_vector() {
        let mut state: [Fr; 16] = std::array::from_fn(|i| Fr::from(i as u64));
        SPONGE.permute(&mut state);
        let first: Fr = MontFp!("0x0fc2e6b758f493969e1d860f9a44ee3bdffdf796f382aa4ffb16fa4e9bcc333f");
        let last: Fr = MontFp!("0x0e2ceb1f8fde5f80be1f41bd239fabdc2f6133a6a98920a55c42891c3a925152");
        assert_eq!((state[0], state[15]), (first, last));
    }

    #[test]
    fn compression_matches_the_published_vector() {
        let expected = MontFp!("2832391002711650597078084662530627544976903336819888740235684339967297026936");
        let left = MontFp!("20457494674368011577698787033167541464070895955057742021881406527394550967066");
        let right = MontFp!("21444671219328533920402987889514525745813105369108346788316711824094480574542");
        assert_eq!(compress(left, right), expected);
    }
}
