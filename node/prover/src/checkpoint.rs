//! What the prover has signed and must not forget: one file per bid and per award.
//!
//! A file is written beside its place, synced and renamed, so it is there whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use gavel_types::id::{AwardId, LotDigest};
use gavel_types::lot::Lot;
use gavel_types::message::{Accept, Award, DeliveryReceipt, Signed};
use gavel_types::signature::SignatureBytes;
use gavel_types::unit::WeiPerUnit;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::ProverError;

/// A commitment, with what opens it and what came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidRecord {
    pub lot: Lot,
    pub price: WeiPerUnit,
    pub salt: B256,
    pub signature: SignatureBytes,
    /// The gateway's receipts: evidence if it forgets.
    pub commit_receipt: Option<SignatureBytes>,
    pub opening_receipt: Option<SignatureBytes>,
    /// Whether price and salt were sent.
    pub opened: bool,
}

/// An award with everything that was signed around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwardRecord {
    pub award: Signed<Award>,
    pub lot: Lot,
    pub anchored_block: Option<u64>,
    pub accept: Option<Signed<Accept>>,
    /// The proof is in the folder.
    pub proved: bool,
    pub results: Vec<B256>,
    pub receipt: Option<Signed<DeliveryReceipt>>,
    /// The gateway said that there is nothing left to do.
    #[serde(default)]
    pub ended: bool,
}

/// The folder of one operator.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    folder: PathBuf,
}

/// Parts of the folder.
#[derive(Clone, Copy, Debug)]
enum Part {
    Bids,
    Awards,
    Inputs,
    Proofs,
}

impl Part {
    const ALL: [Part; 4] = [Part::Bids, Part::Awards, Part::Inputs, Part::Proofs];

    const fn name(self) -> &'static str {
        match self {
            Part::Bids => "bids",
            Part::Awards => "awards",
            Part::Inputs => "inputs",
            Part::Proofs => "proofs",
        }
    }
}

impl Checkpoint {
    /// # Errors
    /// [`ProverError::File`] when the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, ProverError> {
        for part in Part::ALL {
            let path = folder.join(part.name());
            fs::create_dir_all(&path).map_err(|source| ProverError::File { path, source })?;
        }
        Ok(Self { folder: folder.into() })
    }

    /// # Errors
    /// [`ProverError::File`]; then nothing may be sent.
    pub fn put_bid(&self, lot: LotDigest, record: &BidRecord) -> Result<(), ProverError> {
        self.write_json(Part::Bids, lot.0, record)
    }

    /// # Errors
    /// [`ProverError`].
    pub fn bid(&self, lot: LotDigest) -> Result<Option<BidRecord>, ProverError> {
        self.read_json(Part::Bids, lot.0)
    }

    /// # Errors
    /// [`ProverError::File`]; then nothing may be sent.
    pub fn put_award(&self, award: AwardId, record: &AwardRecord) -> Result<(), ProverError> {
        self.write_json(Part::Awards, award.0, record)
    }

    /// Every award that has neither a receipt nor another end.
    ///
    /// # Errors
    /// [`ProverError`].
    pub fn open_awards(&self) -> Result<Vec<(AwardId, AwardRecord)>, ProverError> {
        self.awards_where(|record| record.receipt.is_none() && !record.ended)
    }

    /// Every award with its delivery receipt.
    ///
    /// # Errors
    /// [`ProverError`].
    pub fn delivered_awards(&self) -> Result<Vec<(AwardId, AwardRecord)>, ProverError> {
        self.awards_where(|record| record.receipt.is_some())
    }

    fn awards_where(&self, holds: impl Fn(&AwardRecord) -> bool) -> Result<Vec<(AwardId, AwardRecord)>, ProverError> {
        let mut found = Vec::new();
        for name in self.names(Part::Awards)? {
            if let Some(record) = self.read_json::<AwardRecord>(Part::Awards, name)?
                && holds(&record)
            {
                found.push((AwardId(name), record));
            }
        }
        Ok(found)
    }

    /// # Errors
    /// [`ProverError`].
    pub fn award(&self, award: AwardId) -> Result<Option<AwardRecord>, ProverError> {
        self.read_json(Part::Awards, award.0)
    }

    /// # Errors
    /// [`ProverError::File`].
    pub fn put_input(&self, award: AwardId, input: &[u8]) -> Result<(), ProverError> {
        self.write(Part::Inputs, award.0, input)
    }

    /// # Errors
    /// [`ProverError::File`].
    pub fn input(&self, award: AwardId) -> Result<Option<Vec<u8>>, ProverError> {
        self.read(Part::Inputs, award.0)
    }

    /// # Errors
    /// [`ProverError::File`].
    pub fn put_proof(&self, award: AwardId, proof: &[u8]) -> Result<(), ProverError> {
        self.write(Part::Proofs, award.0, proof)
    }

    /// # Errors
    /// [`ProverError::File`].
    pub fn proof(&self, award: AwardId) -> Result<Option<Vec<u8>>, ProverError> {
        self.read(Part::Proofs, award.0)
    }

    /// Drops the inputs and the proof of an award that has ended; the signed record stays.
    ///
    /// # Errors
    /// [`ProverError::File`].
    pub fn close_award(&self, award: AwardId) -> Result<(), ProverError> {
        for part in [Part::Inputs, Part::Proofs] {
            let path = self.path(part, award.0);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => return Err(ProverError::File { path, source }),
                _ => {}
            }
        }
        Ok(())
    }

    /// Forgets an award that was never accepted.
    ///
    /// # Errors
    /// [`ProverError::File`].
    pub fn drop_award(&self, award: AwardId) -> Result<(), ProverError> {
        self.close_award(award)?;
        let path = self.path(Part::Awards, award.0);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(ProverError::File { path, source }),
            _ => Ok(()),
        }
    }

    fn path(&self, part: Part, name: B256) -> PathBuf {
        self.folder.join(part.name()).join(alloy_primitives::hex::encode(name))
    }

    fn names(&self, part: Part) -> Result<Vec<B256>, ProverError> {
        let folder = self.folder.join(part.name());
        let failed = |source| ProverError::File { path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            // Anything else is a file that was being written when the process died.
            names.extend(entry.map_err(failed)?.file_name().to_string_lossy().parse::<B256>().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn write_json(&self, part: Part, name: B256, record: &impl Serialize) -> Result<(), ProverError> {
        let failed =
            |error: serde_json::Error| ProverError::Content { path: self.path(part, name), reason: error.to_string() };
        self.write(part, name, &serde_json::to_vec_pretty(record).map_err(failed)?)
    }

    fn read_json<T: DeserializeOwned>(&self, part: Part, name: B256) -> Result<Option<T>, ProverError> {
        let failed =
            |error: serde_json::Error| ProverError::Content { path: self.path(part, name), reason: error.to_string() };
        self.read(part, name)?.map(|bytes| serde_json::from_slice(&bytes).map_err(failed)).transpose()
    }

    fn write(&self, part: Part, name: B256, content: &[u8]) -> Result<(), ProverError> {
        let path = self.path(part, name);
        let beside = path.with_extension("new");
        let written = File::create(&beside)
            .and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&beside, &path))
            // The rename itself is on disk once the folder is.
            .and_then(|()| File::open(self.folder.join(part.name()))?.sync_all());
        written.map_err(|source| ProverError::File { path, source })
    }

    fn read(&self, part: Part, name: B256) -> Result<Option<Vec<u8>>, ProverError> {
        let path = self.path(part, name);
        match fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ProverError::File { path, source }),
        }
    }
}
