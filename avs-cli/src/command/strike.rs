//! `gavel operator strike`: an award that the operator never bid for.

use alloy::primitives::B256;
use clap::Args;
use gavel_chain::{Wallet, bindings::gavel::AuctionBook};
use serde::Serialize;

use super::{Network, operator::Owner};
use crate::output::Output;

#[derive(Debug, Args)]
pub struct Strike {
    #[command(flatten)]
    owner: Owner,
    /// Id of the award
    #[arg(value_name = "AWARD")]
    award: B256,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Struck {
    award: B256,
    transaction: B256,
}

impl Strike {
    pub async fn run(self, network: &Network, output: &Output) -> anyhow::Result<()> {
        let secret = self.owner.secret()?;
        let (client, deployment) = network.connect().await?;
        let wallet = Wallet::new(client, secret)?;
        let call = AuctionBook::strikeCall { awardId: self.award };
        let receipt = wallet.send(deployment.gavel.auction_book, &call).await?;
        let struck = Struck { award: self.award, transaction: receipt.transaction_hash };
        output.result(&struck, |struck| format!("struck {} in {}", struck.award, struck.transaction))
    }
}
