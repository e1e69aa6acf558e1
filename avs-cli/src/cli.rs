//! The command line's grammar. Each command has a file in `command/`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::command::{daemon, demo, devnet, operator, parameters, prove, query, record, request, verify};

/// Gavel: provers with stake at risk answer questions about chain history, with proofs.
#[derive(Debug, Parser)]
#[command(name = "gavel", version, max_term_width = 100)]
pub struct Cli {
    /// Print one JSON object instead of text; errors too
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,

    /// File that says where the contracts are [default: that of the development network]
    #[arg(long, global = true, env = "GAVEL_DEPLOYMENT", value_name = "FILE", help_heading = "Everywhere")]
    pub deployment: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A development network on this machine: anvil, EigenLayer, Gavel, a market with trades
    #[command(subcommand)]
    Devnet(devnet::Devnet),

    /// Join a supernet as an operator, and see how you stand
    #[command(subcommand)]
    Operator(operator::Operator),

    /// Check a question before you pay for it
    #[command(subcommand)]
    Query(query::QueryCommand),

    /// Ask a question on-chain and follow it to its answer
    Request(request::RequestCommand),

    /// Prove an answer on this machine, without a network of provers
    Prove(prove::Prove),

    /// Check a proof file and say what it shows
    Verify(verify::Verify),

    /// Run the gateway of a supernet
    #[command(subcommand)]
    Gateway(daemon::Gateway),

    /// Run a prover
    #[command(subcommand)]
    Prover(daemon::ProverCommand),

    /// Circuits and keys
    #[command(subcommand)]
    Params(parameters::Params),

    /// Save verified headers, proofs and receipts of a chain in a folder, for work without network
    Record(record::Record),

    /// Run everything once on a network of its own, with faults on the way, and check it
    Demo(demo::Demo),
}
