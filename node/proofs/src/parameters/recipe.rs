//! Which circuits make up the circuit set of a profile, in their order.

use gavel_circuits::extract::ExtractShape;
use gavel_circuits::keccak::KeccakError;
use gavel_circuits::query::QueryShape;
use gavel_circuits::security::Profile;
use gavel_types::job::JobKind;
use gavel_types::unit::{Class, Classes};

use crate::error::ProofError;

/// A circuit of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Extract(ExtractShape),
    Query(QueryShape),
    Merge,
    Answer,
}

impl Part {
    /// Kind of the jobs that it proves.
    pub fn job(&self) -> JobKind {
        match self {
            Part::Extract(_) => JobKind::Extract,
            Part::Query(_) => JobKind::Query,
            Part::Merge => JobKind::Merge,
            Part::Answer => JobKind::Answer,
        }
    }

    /// Name of its circuits in the store.
    pub fn name(&self) -> String {
        match self {
            Part::Extract(shape) => format!("extract{}", shape.keccak().permutations()),
            Part::Query(shape) => format!("query{}", shape.rows),
            Part::Merge => "merge".into(),
            Part::Answer => "answer".into(),
        }
    }

    /// Whether a prover of `classes` needs it.
    pub fn serves(&self, classes: Classes) -> bool {
        classes.contains(self.job().class())
    }
}

/// The circuit set of a profile; within a kind from small to large. A circuit added at the end
/// changes the set root and nothing else.
///
/// # Errors
/// [`ProofError::TooLarge`] when a shape is not supported.
pub fn parts(profile: Profile) -> Result<Vec<Part>, ProofError> {
    let extract = |shape: fn(Profile) -> Result<ExtractShape, KeccakError>| {
        let unsupported =
            |error: KeccakError| ProofError::TooLarge { kind: JobKind::Extract, reason: error.to_string() };
        shape(profile).map(Part::Extract).map_err(unsupported)
    };
    let small = extract(ExtractShape::small)?;
    Ok(match profile {
        Profile::Production => {
            vec![small, extract(ExtractShape::large)?, Part::Query(QueryShape::STANDARD), Part::Merge, Part::Answer]
        }
        Profile::Test => vec![small, Part::Query(QueryShape::TINY), Part::Merge, Part::Answer],
    })
}

/// Whether a prover of `classes` wraps.
pub fn wraps(classes: Classes) -> bool {
    classes.contains(Class::Large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_security_covers_every_size_of_the_keccak_argument() {
        for profile in [Profile::Production, Profile::Test] {
            for part in parts(profile).unwrap() {
                let Part::Extract(shape) = part else { continue };
                let log = shape.keccak().log_permutations();
                assert!(ExtractShape::LOG_PERMUTATIONS.contains(&log), "2^{log} permutations");
            }
        }
    }
}
