//! `gavel prover claim`: the payment of delivered jobs, should the gateway not claim it.

use std::path::PathBuf;

use clap::Args;
use gavel_chain::{EndpointOptions, Wallet, deployment::Deployment, reads::Reader};
use gavel_prover::{
    ProverConfig,
    checkpoint::Checkpoint,
    claims::{DeliveredAward, Payment, claim_delivered},
};

use super::key;
use crate::output::Output;

#[derive(Debug, Args)]
pub struct Claim {
    /// Configuration file of the prover
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Claim {
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let config = ProverConfig::read(&self.config)?;
        key::check_private(&config.bid_key_file)?;
        let deployment = Deployment::read(&config.deployment_file)?;
        let client = deployment.connect(EndpointOptions::default()).await?;
        let wallet = Wallet::new(client.clone(), config.bid_key()?.0)?;
        let checkpoint = Checkpoint::open(&config.checkpoint_dir)?;
        let claims = claim_delivered(&Reader::new(client, deployment), &wallet, &checkpoint).await?;
        output.result(&claims, |claims| match claims.is_empty() {
            true => "nothing was delivered yet".into(),
            false => claims.iter().map(line).collect::<Vec<_>>().join("\n"),
        })
    }
}

fn line(award: &DeliveredAward) -> String {
    let state = match &award.payment {
        Payment::Claimed => "claimed",
        Payment::RequestOpen => "its request is open",
        Payment::Paid => "paid before",
        Payment::Late => "nobody showed the delivery within the claim window",
        Payment::Void => "slashed, struck, or never anchored",
        Payment::Refused(reason) => reason,
    };
    format!("{} {} wei: {state}", award.award, award.price_wei)
}
