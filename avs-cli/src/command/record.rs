//! `gavel record`: verified chain data in a folder.

use std::path::PathBuf;

use alloy::primitives::{Address, B256, U256};
use anyhow::{Context, bail};
use clap::Args;
use gavel_chain::{
    ChainClient, EndpointOptions,
    record::{self, Recording},
};
use serde::Serialize;

use crate::output::Output;

#[derive(Debug, Args)]
pub struct Record {
    /// Endpoint that serves eth_getBlockByNumber and eth_getProof; further ones stand in for it
    #[arg(long, required = true, value_name = "URL")]
    rpc_url: Vec<String>,
    /// First block
    #[arg(long, value_name = "BLOCK")]
    from_block: u64,
    /// Last block
    #[arg(long, value_name = "BLOCK")]
    to_block: u64,
    /// Contract and slots to prove at every block, such as 0x…c9dc:0x8,0xc; can be repeated
    #[arg(long = "prove", value_name = "ADDRESS:SLOT,…", value_parser = contract)]
    contracts: Vec<(Address, Vec<B256>)>,
    /// Also save all receipts
    #[arg(long)]
    receipts: bool,
    /// Folder to write
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    chain_id: u64,
    blocks: u64,
    proofs: u64,
    folder: PathBuf,
}

impl Record {
    /// Runs the command.
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        if self.to_block < self.from_block {
            bail!("block range {} to {} is reversed", self.from_block, self.to_block);
        }
        let client = ChainClient::connect(&self.rpc_url, EndpointOptions::default(), None).await?;
        let blocks = self.to_block - self.from_block + 1;
        let proofs = blocks * self.contracts.len() as u64;
        let recording =
            Recording { from: self.from_block, to: self.to_block, contracts: self.contracts, receipts: self.receipts };
        let progress = output.progress(format!("recording {blocks} blocks"));
        let first = self.from_block;
        record::record(&client, &recording, &self.out, |done| {
            progress.update(format!("recorded {} of {blocks} blocks", done - first + 1));
        })
        .await?;
        drop(progress);
        let recorded = Recorded { chain_id: client.chain_id(), blocks, proofs, folder: self.out };
        output.result(&recorded, |recorded| {
            format!(
                "recorded {} blocks and {} proofs of chain {} in {}; read them with GAVEL_CHAIN_DATA={}",
                recorded.blocks,
                recorded.proofs,
                recorded.chain_id,
                recorded.folder.display(),
                recorded.folder.display()
            )
        })
    }
}

/// `0x…c9dc:0x8,0xc`
fn contract(text: &str) -> anyhow::Result<(Address, Vec<B256>)> {
    let (address, slots) = text.split_once(':').context("give the contract as ADDRESS:SLOT,SLOT")?;
    let slots: Result<Vec<B256>, _> = slots
        .split(',')
        .map(|slot| slot.parse::<U256>().map(B256::from).with_context(|| format!("{slot:?} is not a slot")))
        .collect();
    Ok((address.parse().with_context(|| format!("{address:?} is not an address"))?, slots?))
}
