//! `gavel request`: ask on-chain and follow the request to its callback.

mod asked;
mod follow;
mod refusal;
mod view;

use std::path::PathBuf;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, keccak256},
    providers::Provider,
    sol_types::{SolCall, SolEvent},
};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gavel_chain::{
    ChainClient, Wallet,
    bindings::gavel::{PairObserver, QueryRequests},
    deployment::Deployment,
    reads::Reader,
    supernet::Wei,
};
use gavel_testkit::devnet::Accounts;
use gavel_workloads::coprocessor::{Query, Table};

use self::{
    follow::follow,
    refusal::explained,
    view::{OPEN, SETTLED, STATES, human, view},
};
use crate::{
    command::{Network, devnet, key, query::Question},
    output::Output,
};

/// Ask, or look after a request that was made.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RequestCommand {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    ask: Option<Ask>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take a request back while no work is committed to it
    Cancel {
        /// Request id
        id: B256,
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Show where a request and its money stand
    Status {
        /// Request id
        id: B256,
    },
    /// Wait until a request has ended; it may be one that another command made
    Follow {
        /// Request id
        id: B256,
    },
    /// Get the fee of a request back whose deadline has passed; anyone may
    Refund {
        /// Request id
        id: B256,
        #[command(flatten)]
        account: AccountArgs,
    },
    /// Print the stored result of a settled request
    Result {
        /// Request id
        id: B256,
    },
}

/// Whose key signs.
#[derive(Clone, Debug, Args)]
struct AccountArgs {
    /// File with the paying account's key [default: the development network's requester]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Ask {
    /// Table file: contract, columns, slots (docs/sql.md)
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// The query
    #[arg(long, value_name = "TEXT")]
    sql: String,
    /// First block
    #[arg(long, value_name = "BLOCK")]
    from_block: u64,
    /// Last block
    #[arg(long, value_name = "BLOCK")]
    to_block: u64,
    /// A parameter, $1 first; can be repeated
    #[arg(long = "param", value_name = "VALUE")]
    params: Vec<String>,
    /// Most that you pay; what is not spent goes back
    #[arg(long, value_name = "ETH")]
    max_fee: String,
    /// Blocks from now until you get your money back
    #[arg(long, default_value_t = 600, value_name = "BLOCKS")]
    deadline: u64,
    /// Contract to ask through, which gets the result; see contracts/src/examples/PairObserver.sol
    /// [default: the development network's example, if any]
    #[arg(long, value_name = "ADDRESS")]
    consumer: Option<Address>,
    /// Ask directly, without a callback
    #[arg(long, conflicts_with = "consumer")]
    no_callback: bool,
    /// Gas of the callback
    #[arg(long, default_value_t = 250_000, value_name = "GAS")]
    callback_gas: u64,
    /// Gets what is not spent [default: the paying account]
    #[arg(long, value_name = "ADDRESS")]
    refund_to: Option<Address>,
    /// Do not wait; `gavel request follow ID` waits later
    #[arg(long)]
    no_follow: bool,
    /// File with the paying account's key [default: the development network's requester]
    // Not shared with `cancel`: clap sees an optional group only by its own arguments.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl RequestCommand {
    /// Runs the command.
    pub async fn run(self, network: &Network, output: &Output) -> anyhow::Result<()> {
        let (client, deployment) = network.connect().await?;
        let reader = Reader::new(client, deployment);
        match (self.action, self.ask) {
            (Some(Action::Status { id }), _) => output.result(&view(&reader, id).await?, human),
            (Some(Action::Result { id }), _) => {
                let view = view(&reader, id).await?;
                if view.result.is_none() {
                    bail!("request {id} has no result: it is {}", view.state);
                }
                output.result(&view, human)
            }
            (Some(Action::Follow { id }), _) => until_ended(&reader, id, output).await,
            (Some(Action::Cancel { id, account }), _) => {
                end(&reader, id, &account, QueryRequests::cancelCall { requestId: id }, output).await
            }
            (Some(Action::Refund { id, account }), _) => {
                end(&reader, id, &account, QueryRequests::refundCall { requestId: id }, output).await
            }
            (None, Some(ask)) => ask.run(&reader, output).await,
            (None, None) => bail!("give a table and a query, or one of cancel, follow, refund, status and result"),
        }
    }
}

/// Waits for the end of a request and prints it; any end but an answer is an error.
async fn until_ended(reader: &Reader, id: B256, output: &Output) -> anyhow::Result<()> {
    let progress = output.progress(format!("following request {id}"));
    let view = follow(reader, id, &progress).await?;
    drop(progress);
    output.result(&view, human)?;
    if view.state != STATES[SETTLED] {
        bail!("the request was not answered: it is {}", view.state);
    }
    Ok(())
}

/// Ends an open request by a transaction.
async fn end(
    reader: &Reader,
    id: B256,
    account: &AccountArgs,
    call: impl SolCall,
    output: &Output,
) -> anyhow::Result<()> {
    let state = view(reader, id).await?.state;
    if state != STATES[OPEN] {
        bail!("only an open request can be ended; request {id} is {state}");
    }
    let wallet = account.wallet(reader.client())?;
    let progress = output.progress(format!("ending request {id}"));
    wallet.send(reader.deployment().gavel.query_requests, &call).await.map_err(explained)?;
    drop(progress);
    output.result(&view(reader, id).await?, human)
}

impl AccountArgs {
    fn wallet(&self, client: &ChainClient) -> anyhow::Result<Wallet> {
        let secret = match &self.key_file {
            Some(path) => key::read(path)?,
            None if client.chain_id() == 31_337 => Accounts::default().requester.secret,
            None => bail!("name the file of the paying account's key with --key-file"),
        };
        Ok(Wallet::new(client.clone(), secret)?)
    }
}

impl Ask {
    async fn run(self, reader: &Reader, output: &Output) -> anyhow::Result<()> {
        let question = Question { table: self.table.clone(), sql: self.sql.clone() };
        let (table, query) = question.compile()?;
        let deployment = reader.deployment();
        let spec_chain = table.spec().extraction().chain_id();
        if spec_chain != deployment.chain_id {
            bail!("the table is about chain {spec_chain}, the network is chain {}", deployment.chain_id);
        }
        let wallet = AccountArgs { key_file: self.key_file.clone() }.wallet(reader.client())?;
        let consumer = match (self.no_callback, self.consumer) {
            (true, _) => None,
            (false, Some(consumer)) => Some(consumer),
            (false, None) => devnet::observer(deployment),
        };
        let request = self.request(reader, &wallet, &table, &query, consumer.is_some()).await?;
        let progress = output.progress("registering the table's and the query's text");
        register_texts(reader, &wallet, &table, &query).await?;
        progress.step("sending the request");
        let id = send(&wallet, deployment, request, consumer).await?;
        drop(progress);
        if self.no_follow {
            return output.result(&view(reader, id).await?, human);
        }
        until_ended(reader, id, output).await
    }

    async fn request(
        &self,
        reader: &Reader,
        wallet: &Wallet,
        table: &Table,
        query: &Query,
        callback: bool,
    ) -> anyhow::Result<QueryRequests::Request> {
        let params = query.read_params(&self.params).context("the parameters do not fit the query")?;
        let fee: Result<Wei, _> = format!("{} ether", self.max_fee).parse();
        let Ok(fee) = fee else { bail!("--max-fee is an amount of ether such as 0.05, not {:?}", self.max_fee) };
        if self.from_block > self.to_block {
            bail!("block range {} to {} is reversed", self.from_block, self.to_block);
        }
        let head = reader.client().head().await?;
        if self.to_block > head {
            bail!("block {} is not mined yet; the newest is {head}", self.to_block);
        }
        let deployment = reader.deployment();
        Ok(QueryRequests::Request {
            supernet: deployment.supernet,
            verifierId: deployment.verifier_id,
            feeToken: Address::ZERO,
            tableId: table.id(),
            tableTextHash: keccak256(table.canonical_text()),
            queryDigest: query.digest(),
            queryTextHash: keccak256(query.canonical_text()),
            params: params.into_iter().map(B256::from).collect(),
            fromBlock: self.from_block,
            toBlock: self.to_block,
            maxFee: fee.u256(),
            deadline: head.saturating_add(self.deadline),
            // The consumer puts its own address here.
            callback: Address::ZERO,
            callbackGas: if callback { self.callback_gas } else { 0 },
            refundTo: self.refund_to.unwrap_or(wallet.address()),
        })
    }
}

/// Registers both texts unless they are there; anyone may, and twice is no harm.
async fn register_texts(reader: &Reader, wallet: &Wallet, table: &Table, query: &Query) -> anyhow::Result<()> {
    let address = reader.deployment().gavel.query_requests;
    let contract = QueryRequests::new(address, reader.client().provider());
    let (table_text, query_text) = (table.canonical_text(), query.canonical_text().to_owned());
    let known = contract.isTableRegistered(table.id(), keccak256(&table_text)).block(BlockId::latest()).call().await?;
    if !known {
        let call = QueryRequests::registerTableCall { tableId: table.id(), text: table_text };
        wallet.send(address, &call).await.map_err(explained)?;
    }
    let known =
        contract.isQueryRegistered(query.digest(), keccak256(&query_text)).block(BlockId::latest()).call().await?;
    if !known {
        let call = QueryRequests::registerQueryCall { queryDigest: query.digest(), text: query_text };
        wallet.send(address, &call).await.map_err(explained)?;
    }
    Ok(())
}

async fn send(
    wallet: &Wallet,
    deployment: &Deployment,
    request: QueryRequests::Request,
    consumer: Option<Address>,
) -> anyhow::Result<B256> {
    let fee = request.maxFee;
    let receipt = match consumer {
        Some(consumer) => {
            check_consumer(wallet, consumer).await?;
            let call = PairObserver::askCall { request: request.into() };
            wallet.send_value(consumer, &call, fee).await.map_err(explained)?
        }
        None => {
            let call = QueryRequests::requestQueryCall { request };
            wallet.send_value(deployment.gavel.query_requests, &call, fee).await.map_err(explained)?
        }
    };
    let logs = receipt.inner.logs().iter();
    let event = logs.filter_map(|log| QueryRequests::QueryRequested::decode_log(&log.inner).ok()).next();
    Ok(event.context("the transaction made no request: is this a consumer contract?")?.requestId)
}

/// Money sent to an address without code would be lost.
async fn check_consumer(wallet: &Wallet, consumer: Address) -> anyhow::Result<()> {
    let code = wallet.client().provider().get_code_at(consumer).await.context("cannot look at the consumer")?;
    if code.is_empty() {
        bail!("{consumer} is no consumer contract: it has no code");
    }
    Ok(())
}
