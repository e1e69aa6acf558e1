//! A network with a requester and one operator, and the market's messages about one job.

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolEvent,
};
use gavel_chain::{Wallet, bindings::gavel::QueryRequests, reads::Reader};
use gavel_testkit::{
    TestkitError,
    devnet::{Devnet, DevnetOptions, OperatorAccounts},
    gavel::setup_without_circuits,
    miss::AwardedJob,
    uniswap::tokens,
};

pub const TABLE: &str = "a table";
pub const QUERY: &str = "a query";
pub struct Market {
    pub devnet: Devnet,
    pub reader: Reader,
    pub requester: Wallet,
    pub operator: OperatorAccounts,
}

impl Market {
    /// Short windows, so that deadlines can be mined through.
    pub async fn start() -> Result<Self, TestkitError> {
        let mut options = DevnetOptions::new(setup_without_circuits())?.with_short_delays();
        options.traded_blocks = 0;
        let devnet = Devnet::start(options, |_| {}).await?;
        let requester = devnet.wallet(&devnet.description.accounts.requester)?;
        let operator = devnet.add_operator(1, tokens(1_000)).await?;
        let requests = devnet.deployment().gavel.query_requests;
        let (id, text) = (keccak256("table id"), TABLE.to_owned());
        requester.send(requests, &QueryRequests::registerTableCall { tableId: id, text }).await?;
        let (digest, text) = (keccak256("query digest"), QUERY.to_owned());
        requester.send(requests, &QueryRequests::registerQueryCall { queryDigest: digest, text }).await?;
        let reader = Reader::new(devnet.client().clone(), devnet.deployment().clone());
        Ok(Self { devnet, reader, requester, operator })
    }

    /// A request over the newest ten blocks that may cost `fee`, due in `blocks`.
    pub async fn request(&self, fee: U256, blocks: u64) -> Result<QueryRequests::Request, TestkitError> {
        let head = self.devnet.client().head().await?;
        Ok(QueryRequests::Request {
            supernet: self.devnet.supernet.id,
            verifierId: self.devnet.deployment().verifier_id,
            feeToken: Address::ZERO,
            tableId: keccak256("table id"),
            tableTextHash: keccak256(TABLE),
            queryDigest: keccak256("query digest"),
            queryTextHash: keccak256(QUERY),
            params: vec![B256::from(U256::from(7))],
            fromBlock: head - 10,
            toBlock: head - 1,
            maxFee: fee,
            deadline: head + blocks,
            callback: Address::ZERO,
            callbackGas: 0,
            refundTo: self.refund_to(),
        })
    }

    /// An account that gets refunds and pays no gas.
    pub fn refund_to(&self) -> Address {
        gavel_testkit::keys::address("refunds")
    }

    pub async fn refunded(&self) -> Result<U256, TestkitError> {
        Ok(self.devnet.client().balance(self.refund_to()).await?)
    }

    /// Sends a request with its fee; returns its id.
    pub async fn ask(&self, request: &QueryRequests::Request) -> Result<B256, TestkitError> {
        let call = QueryRequests::requestQueryCall { request: request.clone() };
        let requests = self.devnet.deployment().gavel.query_requests;
        let receipt = self.requester.send_value(requests, &call, request.maxFee).await?;
        let logs = receipt.inner.logs().iter();
        let event = logs.filter_map(|log| QueryRequests::QueryRequested::decode_log(&log.inner).ok()).next();
        Ok(event.expect("QueryRequested").requestId)
    }

    /// Why a request is not taken.
    pub async fn refusal(&self, request: &QueryRequests::Request) -> String {
        self.ask(request).await.unwrap_err().to_string()
    }

    pub async fn state(&self, id: B256) -> Result<u8, TestkitError> {
        Ok(self.reader.request(id, BlockId::latest()).await?.state)
    }

    pub fn gateway(&self) -> Result<Wallet, TestkitError> {
        self.devnet.wallet(&self.devnet.description.accounts.gateway_key)
    }

    pub fn stranger(&self) -> Result<Wallet, TestkitError> {
        self.devnet.wallet(&self.devnet.description.accounts.stranger)
    }
}

impl Market {
    /// One job of a request, awarded to the operator in a tick of its own.
    pub async fn award(&self, request: B256, tick: u64) -> Result<AwardedJob, TestkitError> {
        AwardedJob::anchor(&self.devnet, &self.operator, request, tick).await
    }
}
