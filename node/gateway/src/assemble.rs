//! A gateway from its configuration file: what `gavel gateway run` calls.

use std::sync::Arc;

use gavel_chain::deployment::Deployment;
use gavel_chain::sender::Policy;
use gavel_chain::supernet::Supernet;
use gavel_chain::{ChainClient, EndpointOptions};
use gavel_rpc::tls::ServerIdentity;
use gavel_rpc::{Limits, ServerConfig};
use gavel_store::{Objects, Store};
use gavel_types::id::SupernetId;

use crate::chain::{OnChain, OnChainOptions};
use crate::config::GatewayConfig;
use crate::engine::{Gateway, GatewayParts};
use crate::error::GatewayError;
use crate::planning::{JobVerifier, Planner};

/// File of the gateway's database in its data folder.
pub(crate) const DATABASE: &str = "gateway.sqlite";
const MAX_SESSIONS: usize = 256;
const MAX_WATCHERS: usize = 256;

/// The files that a configuration names, read.
pub struct Assembly {
    pub config: GatewayConfig,
    pub deployment: Deployment,
    pub supernet: Supernet,
    /// For the planner's [`StateSource`](gavel_chain::state::StateSource).
    pub client: ChainClient,
}

impl Assembly {
    /// Reads the files and connects to the chain.
    ///
    /// # Errors
    /// [`GatewayError`] names the file or the endpoint.
    pub async fn read(config: GatewayConfig) -> Result<Self, GatewayError> {
        let deployment = Deployment::read(&config.deployment_file)?;
        let supernet = Supernet::read(&config.supernet_file)?;
        let client = deployment.connect(EndpointOptions::default()).await?;
        Ok(Self { config, deployment, supernet, client })
    }

    /// Starts the gateway.
    ///
    /// # Errors
    /// As [`Gateway::start`]; unreadable keys or TLS files.
    pub async fn start(
        self,
        planner: Arc<dyn Planner>,
        verifier: Arc<dyn JobVerifier>,
    ) -> Result<Gateway, GatewayError> {
        let Self { config, deployment, supernet, .. } = self;
        let (secret, signer) = config.secret()?;
        let options = OnChainOptions {
            confirmations: config.confirmations,
            endpoints: EndpointOptions::default(),
            sender: Policy { confirmations: config.confirmations, ..Policy::default() },
        };
        let chain = OnChain::connect(&deployment, secret, signer.address(), options).await?;
        let names: Vec<&str> = config.tls.development_names.iter().map(String::as_str).collect();
        let identity = if names.is_empty() {
            let folder = &config.tls.folder;
            ServerIdentity::read(&folder.join("gateway.pem"), &folder.join("gateway.key"))?
        } else {
            ServerIdentity::development_in(&config.tls.folder, &names)?
        };
        let folder = &config.data_dir;
        std::fs::create_dir_all(folder).map_err(|source| GatewayError::File { path: folder.clone(), source })?;
        let rule = config.market.clone().with_supernet(&supernet);
        Gateway::start(GatewayParts {
            supernet: SupernetId(deployment.supernet),
            registry: deployment.gavel.supernet_registry,
            circuit_set: deployment.circuit_set,
            signer,
            rule,
            store: Store::open(&folder.join(DATABASE)).await?,
            objects: Objects::in_folder(&folder.join("objects"))?,
            chain: Arc::new(chain),
            planner,
            verifier,
            server: ServerConfig { listen: config.listen, identity, limits: Limits::default() },
            max_sessions: MAX_SESSIONS,
            max_watchers: MAX_WATCHERS,
        })
        .await
    }
}
