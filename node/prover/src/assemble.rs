//! A prover from its configuration file: what `gavel prover run` calls.

use std::sync::Arc;
use std::time::Duration;

use gavel_chain::EndpointOptions;
use gavel_chain::deployment::Deployment;
use gavel_chain::reads::Reader;
use gavel_rpc::Limits;
use gavel_rpc::session::SessionTerms;
use gavel_rpc::tls::Trust;
use gavel_types::id::{OperatorId, SupernetId};
use gavel_types::message::domain;

use crate::chain::{ChainView, OnChain};
use crate::checkpoint::Checkpoint;
use crate::config::ProverConfig;
use crate::engine::{Prover, ProverIdentity};
use crate::error::ProverError;
use crate::reports::ReportAnswers;
use crate::slots::Slots;
use crate::work::JobProver;

impl Prover {
    /// Reads keys and contracts, asks the chain for the gateway, and opens checkpoint and slots.
    ///
    /// # Errors
    /// [`ProverError`] names the file, the endpoint or the supernet without a gateway.
    pub async fn assemble(config: &ProverConfig, prover: Arc<dyn JobProver>) -> Result<Self, ProverError> {
        let deployment = Deployment::read(&config.deployment_file)?;
        let client = deployment.connect(EndpointOptions::default()).await?;
        let chain = OnChain::new(client.clone(), &deployment);
        let supernet = deployment.supernet;
        let (epoch, gateway_key) = chain.gateway().await?.ok_or(ProverError::NoGateway { supernet })?;
        let gateway = &config.gateway;
        let (secret, bid_key) = config.bid_key()?;
        let identity = ProverIdentity {
            operator: OperatorId(config.operator),
            bid_key,
            gateway_url: gateway.url.clone(),
            trust: Trust::read(&gateway.authority_file, &gateway.server_name)?,
            limits: Limits::default(),
            terms: SessionTerms {
                domain: domain(deployment.chain_id, deployment.gavel.supernet_registry),
                supernet: SupernetId(supernet),
                epoch,
                circuit_set: deployment.circuit_set,
            },
            gateway_key,
            policy: config.policy.clone(),
            concurrency: config.concurrency.max(1),
            heartbeat: Duration::from_secs(config.heartbeat_seconds.max(1)),
        };
        let slots = Slots::new(&config.machine.slots_dir, config.machine.memory_gib, config.machine.jobs)?;
        let checkpoint = Checkpoint::open(&config.checkpoint_dir)?;
        let reports = ReportAnswers::new(
            Reader::new(client, deployment),
            secret,
            identity.operator,
            checkpoint.clone(),
            identity.heartbeat,
        )?;
        Ok(Self { reports: Some(reports), ..Prover::new(identity, checkpoint, slots, prover, Arc::new(chain))? })
    }
}
