//! TLS material: PEM files, or a self-signed certificate for development.

use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use crate::error::RpcError;

/// A certificate and its key, as PEM text.
#[derive(Clone)]
pub struct ServerIdentity {
    pub certificate: String,
    key: String,
}

impl ServerIdentity {
    /// # Errors
    /// [`RpcError::File`] when a file cannot be read.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, RpcError> {
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    /// A self-signed certificate for the given host names, for development.
    ///
    /// # Errors
    /// [`RpcError::Certificate`] when a name is not a host name.
    pub fn development(names: &[&str]) -> Result<Self, RpcError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names)?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    /// Writes both to a folder as `gateway.pem` and `gateway.key` (readable by the owner only), and
    /// reads them back when they are there already.
    ///
    /// # Errors
    /// [`RpcError::File`], [`RpcError::Certificate`].
    pub fn development_in(folder: &Path, names: &[&str]) -> Result<Self, RpcError> {
        let (certificate, key) = (folder.join("gateway.pem"), folder.join("gateway.key"));
        if certificate.exists() && key.exists() {
            return Self::read(&certificate, &key);
        }
        let made = Self::development(names)?;
        std::fs::create_dir_all(folder).map_err(|source| RpcError::File { path: folder.into(), source })?;
        write_private(&key, &made.key)?;
        std::fs::write(&certificate, &made.certificate)
            .map_err(|source| RpcError::File { path: certificate, source })?;
        Ok(made)
    }

    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(Identity::from_pem(&self.certificate, &self.key))
    }
}

/// Trust in one authority, as PEM text, for a gateway of a given name.
#[derive(Clone, Debug)]
pub struct Trust {
    pub authority: String,
    pub server_name: String,
}

impl Trust {
    /// # Errors
    /// [`RpcError::File`] when the file cannot be read.
    pub fn read(authority: &Path, server_name: &str) -> Result<Self, RpcError> {
        Ok(Self { authority: read(authority)?, server_name: server_name.into() })
    }

    pub(crate) fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .domain_name(self.server_name.clone())
    }
}

fn read(path: &Path) -> Result<String, RpcError> {
    std::fs::read_to_string(path).map_err(|source| RpcError::File { path: PathBuf::from(path), source })
}

fn write_private(path: &Path, text: &str) -> Result<(), RpcError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| RpcError::File { path: path.into(), source })
}
