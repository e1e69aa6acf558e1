//! Everything that proving needs beyond code, built once and kept in one folder.

pub mod recipe;
mod set_file;
pub mod store;

pub use store::{ParameterStore, Progress};

use alloy_primitives::B256;
use gavel_circuits::CircuitError;
use gavel_circuits::circuit::Circuit;
use gavel_circuits::extract::ExtractCircuit;
use gavel_circuits::preprocess::Finish;
use gavel_circuits::query::{AnswerCircuit, MergeCircuit, QueryCircuit};
use gavel_circuits::recursion::{CircuitSet, SetEntry, Shrink, shape};
use gavel_circuits::security::Profile;
use gavel_circuits::statement::word_from_hash;
use gavel_circuits::statement_layer::StatementLayer;
use gavel_types::unit::Classes;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::ProofError;
use crate::wrap::{FinalLayer, VerifyingKey, WrapError, WrapKey, fingerprint};
use recipe::Part;

/// Names of objects that are no circuits.
const SET: &str = "circuit-set";
const FINAL_LAYER: &str = "final-layer";
const WRAP_KEY: &str = "wrap-key";
const WRAP_VERIFIER: &str = "wrap-verifier";

/// A base circuit with its chain to the common shape.
pub struct Made<T> {
    pub base: T,
    pub shrink: Shrink,
    /// Place in the circuit set.
    pub index: usize,
}

/// The three layers of a wrap.
pub struct Wrap {
    pub statement: StatementLayer,
    pub last: FinalLayer,
    pub key: WrapKey,
}

/// What verifiers need of a wrap key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapVerifier {
    pub key: VerifyingKey,
    /// SHA-256 of the constraint matrices and the setup's seed.
    pub fingerprint: B256,
}

/// Parameters in memory.
pub struct Parameters {
    pub profile: Profile,
    pub set: CircuitSet,
    pub extract: Vec<Made<ExtractCircuit>>,
    pub query: Vec<Made<QueryCircuit>>,
    pub merge: Option<Made<MergeCircuit>>,
    pub answer: Option<Made<AnswerCircuit>>,
    pub wrap: Option<Wrap>,
    /// Absent until somebody has built the wrap key.
    pub wrap_verifier: Option<WrapVerifier>,
}

impl Parameters {
    /// Builds what the store lacks: all circuits of the profile, and the wrap key too with `wrap`.
    /// Parameters of an older version are built again. Only one process builds at a time.
    ///
    /// # Errors
    /// [`ProofError::Io`], [`ProofError::Damaged`], [`ProofError::Circuit`], [`ProofError::Wrap`].
    pub fn build(store: &ParameterStore, wrap: bool) -> Result<(), ProofError> {
        let _building = store.exclusive()?;
        match Parameters::build_once(store, wrap) {
            Err(error) if is_stale(&error) => {
                store.announce(&format!("{error}; building parameters again"));
                store.clear()?;
                Parameters::build_once(store, wrap)
            }
            outcome => outcome,
        }
    }

    fn build_once(store: &ParameterStore, wrap: bool) -> Result<(), ProofError> {
        let profile = store.profile();
        let mut entries = Vec::new();
        for part in recipe::parts(profile)? {
            // One at a time, so that the peak is that of the largest.
            let mut one = Loaded::default();
            one.add(profile, part, entries.len(), store)?;
            entries.push(one.entry()?);
        }
        store.put(SET, &set_file::to_bytes(&entries))?;
        if wrap {
            Wrap::open(store)?;
        }
        Ok(())
    }

    /// Loads what jobs of `classes` need, building first what is missing. With no classes this is
    /// all that a verifier needs.
    ///
    /// # Errors
    /// As [`Parameters::build`].
    pub fn open(store: &ParameterStore, classes: Classes) -> Result<Self, ProofError> {
        let wrap = recipe::wraps(classes);
        if !store.contains(SET) || (wrap && !store.contains(WRAP_KEY)) {
            Parameters::build(store, wrap)?;
        }
        match Parameters::load(store, classes) {
            Err(error) if is_stale(&error) => {
                Parameters::build(store, wrap)?;
                Parameters::load(store, classes)
            }
            outcome => outcome,
        }
    }

    fn load(store: &ParameterStore, classes: Classes) -> Result<Self, ProofError> {
        let profile = store.profile();
        let bytes = store.get(SET)?.unwrap_or_default();
        let entries = set_file::from_bytes(&bytes).ok_or_else(|| store.damaged(SET.into()))?;
        let parts = recipe::parts(profile)?.into_iter().enumerate().filter(|(_, part)| part.serves(classes)).collect();
        let wrap = || if recipe::wraps(classes) { Wrap::open(store).map(Some) } else { Ok(None) };
        let (loaded, wrap) = rayon::join(|| Loaded::all(profile, parts, store), wrap);
        let (loaded, wrap) = (loaded?, wrap?);
        let listed = |(index, entry): &(usize, SetEntry)| entries.get(*index) == Some(entry);
        if let Some((index, _)) = loaded.entries.iter().find(|found| !listed(found)) {
            return Err(CircuitError::Stale { name: format!("{SET}, place {index}") }.into());
        }
        let wrap_verifier = match store.get(WRAP_VERIFIER)? {
            None => None,
            Some(bytes) => Some(store.decode(WRAP_VERIFIER, &bytes)?),
        };
        let Loaded { extract, query, merge, answer, .. } = loaded;
        Ok(Parameters { profile, set: CircuitSet::new(entries)?, extract, query, merge, answer, wrap, wrap_verifier })
    }

    /// Word 1 of every statement: the root of the circuit set.
    pub fn set_root(&self) -> B256 {
        word_from_hash(self.set.root())
    }
}

impl Wrap {
    /// Loads the two layers below the Groth16 proof, building what is missing.
    ///
    /// # Errors
    /// As [`Parameters::build`].
    pub fn open_layers(store: &ParameterStore) -> Result<(StatementLayer, FinalLayer), ProofError> {
        let profile = store.profile();
        let statement = StatementLayer::build_with(profile, store)?;
        store.announce(FINAL_LAYER);
        let last = match store.get(FINAL_LAYER)? {
            Some(stored) => FinalLayer::restore(profile, statement.common(), statement.key(), &stored)?,
            None => {
                let last = FinalLayer::build(profile, statement.common(), statement.key())?;
                store.put(FINAL_LAYER, &last.stored())?;
                last
            }
        };
        Ok((statement, last))
    }

    /// Loads the three layers, building what is missing.
    fn open(store: &ParameterStore) -> Result<Self, ProofError> {
        let (statement, last) = Wrap::open_layers(store)?;
        store.announce(WRAP_KEY);
        let key = match (store.path(WRAP_KEY), store.get(WRAP_VERIFIER)?) {
            (Some(path), Some(verifier)) => {
                let verifier: WrapVerifier = store.decode(WRAP_VERIFIER, &verifier)?;
                WrapKey::load(&path, verifier.fingerprint)?
            }
            _ => {
                let key = WrapKey::setup(&last)?;
                store.put_file(WRAP_KEY, |path| Ok(key.save(path)?))?;
                let verifier = WrapVerifier { key: key.verifying_key(), fingerprint: key.fingerprint() };
                store.put(WRAP_VERIFIER, &store.encode(WRAP_VERIFIER, &verifier)?)?;
                key
            }
        };
        Ok(Wrap { statement, last, key })
    }

    /// Recomputes the fingerprint of the key from the constraints.
    ///
    /// # Errors
    /// [`ProofError::Wrap`].
    pub fn recompute_fingerprint(&self) -> Result<B256, ProofError> {
        Ok(fingerprint(&self.last)?)
    }
}

/// Whether what is stored belongs to other code than this.
fn is_stale(error: &ProofError) -> bool {
    matches!(error, ProofError::Circuit(CircuitError::Stale { .. }) | ProofError::Wrap(WrapError::Stored(_)))
}

/// Circuits as they come in.
#[derive(Default)]
struct Loaded {
    extract: Vec<Made<ExtractCircuit>>,
    query: Vec<Made<QueryCircuit>>,
    merge: Option<Made<MergeCircuit>>,
    answer: Option<Made<AnswerCircuit>>,
    entries: Vec<(usize, SetEntry)>,
}

impl Loaded {
    /// All parts at once: most of the work on a circuit is on one core.
    fn all(profile: Profile, parts: Vec<(usize, Part)>, store: &ParameterStore) -> Result<Self, ProofError> {
        // Computed now, as it uses all cores itself: a thread that waits for it must not be one of them.
        shape::common(profile);
        let one = |(index, part)| {
            let mut one = Loaded::default();
            one.add(profile, part, index, store).map(|()| one)
        };
        let loaded = parts.into_par_iter().map(one).collect::<Result<Vec<Loaded>, _>>()?;
        Ok(loaded.into_iter().fold(Loaded::default(), Loaded::and))
    }

    fn and(mut self, other: Loaded) -> Self {
        self.extract.extend(other.extract);
        self.query.extend(other.query);
        self.merge = self.merge.or(other.merge);
        self.answer = self.answer.or(other.answer);
        self.entries.extend(other.entries);
        self
    }

    fn add(&mut self, profile: Profile, part: Part, index: usize, finish: &dyn Finish) -> Result<(), ProofError> {
        let (kind, name) = (part.job().statement_kind(), part.name());
        let shrink = |circuit: &Circuit| {
            Shrink::build_with(profile, kind, &name, (&circuit.common, &circuit.verifier_only), finish)
        };
        let entry = match part {
            Part::Extract(shape) => {
                let base = ExtractCircuit::build_with(shape, finish)?;
                let shrink = shrink(base.circuit())?;
                let entry = shrink.entry();
                self.extract.push(Made { base, shrink, index });
                entry
            }
            Part::Query(shape) => {
                let base = QueryCircuit::build(profile, shape, finish)?;
                let shrink = shrink(&base.circuit)?;
                let entry = shrink.entry();
                self.query.push(Made { base, shrink, index });
                entry
            }
            Part::Merge => {
                let base = MergeCircuit::build(profile, finish)?;
                let shrink = shrink(&base.circuit)?;
                self.merge.insert(Made { base, shrink, index }).shrink.entry()
            }
            Part::Answer => {
                let base = AnswerCircuit::build(profile, finish)?;
                let shrink = shrink(&base.circuit)?;
                self.answer.insert(Made { base, shrink, index }).shrink.entry()
            }
        };
        self.entries.push((index, entry));
        Ok(())
    }

    fn entry(mut self) -> Result<SetEntry, ProofError> {
        let found = self.entries.pop().map(|(_, entry)| entry);
        found.ok_or_else(|| CircuitError::Store("no circuit was built".into()).into())
    }
}
