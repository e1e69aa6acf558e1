//! Inputs and proofs by the SHA-256 of their content.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::B256;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, PutPayload};
use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// A content-addressed store of byte strings.
#[derive(Clone, Debug)]
pub struct Objects {
    inner: Arc<dyn ObjectStore>,
    /// Of files: `object_store` leaves it to the operating system when they reach the disk.
    folder: PathBuf,
}

impl Objects {
    /// Objects as files under a folder, which is created when it is missing.
    ///
    /// # Errors
    /// [`StoreError::ObjectFolder`] when the folder cannot be used.
    pub fn in_folder(folder: &Path) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::ObjectFolder { path: folder.display().to_string(), reason };
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let inner = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(error.to_string()))?;
        Ok(Self { inner: Arc::new(inner), folder: folder.into() })
    }

    /// Digest under which content is stored.
    pub fn digest(content: &[u8]) -> B256 {
        B256::from(<[u8; 32]>::from(Sha256::digest(content)))
    }

    /// Stores content; a second time changes nothing. When this returns, the content is on the disk and may be
    /// named by a row; what a power failure leaves of it before is overwritten by the next attempt.
    ///
    /// # Errors
    /// [`StoreError::Object`], [`StoreError::ObjectFolder`] when it cannot be synced.
    pub async fn put(&self, content: Vec<u8>) -> Result<B256, StoreError> {
        let digest = Self::digest(&content);
        let failed = |source| StoreError::Object { digest, source };
        let path = path(digest);
        self.inner.put(&path, PutPayload::from(content)).await.map_err(failed)?;
        let (folder, file) = (self.folder.clone(), self.folder.join(path.as_ref()));
        let synced = tokio::task::spawn_blocking(move || sync(&folder, &file)).await;
        let reason = match synced {
            Ok(Ok(())) => return Ok(digest),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(StoreError::ObjectFolder { path: self.folder.display().to_string(), reason })
    }

    /// Reads and checks content.
    ///
    /// # Errors
    /// [`StoreError::Object`] when it is not there, [`StoreError::Damaged`] when it is not what was stored.
    pub async fn get(&self, digest: B256) -> Result<Vec<u8>, StoreError> {
        let failed = |source| StoreError::Object { digest, source };
        let content = self.inner.get(&path(digest)).await.map_err(failed)?.bytes().await.map_err(failed)?;
        match Self::digest(&content) {
            got if got == digest => Ok(content.to_vec()),
            got => Err(StoreError::Damaged { digest, got }),
        }
    }
}

/// The content, then its name, then the name of the folder that may be new.
fn sync(folder: &Path, file: &Path) -> std::io::Result<()> {
    File::open(file)?.sync_all()?;
    for named in file.ancestors().skip(1) {
        File::open(named)?.sync_all()?;
        if named == folder {
            break;
        }
    }
    Ok(())
}

fn path(digest: B256) -> object_store::path::Path {
    let name = format!("{digest:x}");
    let name = name.trim_start_matches("0x");
    object_store::path::Path::from(format!("{}/{}", &name[..2], &name[2..]))
}
