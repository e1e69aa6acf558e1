//! Who bid what for the request, as the gateway's database has it (`gavel gateway auctions`).

use alloy::primitives::{Address, B256, U256};
use gavel_chain::bindings::gavel::AuctionBook;
use serde::Deserialize;

use super::report::{AuctionLine, BidLine, Report};

/// One lot's auction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LotAuction {
    pub tick: u64,
    pub lot_digest: B256,
    pub class: String,
    pub jobs: Vec<AuctionedJob>,
    pub bids: Vec<LotBid>,
    pub winner: Option<Address>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuctionedJob {
    pub job_id: B256,
    pub kind: String,
}

/// A bid; the price is known when it was opened.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LotBid {
    pub operator: Address,
    pub wei_per_unit: Option<U256>,
}

impl LotAuction {
    /// What an operator asked for a unit.
    fn price_of(&self, operator: Address) -> Option<U256> {
        self.bids.iter().find(|bid| bid.operator == operator)?.wei_per_unit
    }

    fn lowest(&self) -> Option<U256> {
        self.bids.iter().filter_map(|bid| bid.wei_per_unit).min()
    }
}

/// Checks the awards on-chain against the bids: the winner's own price, and the lowest.
pub fn check(report: &mut Report, auctions: &[LotAuction], awards: &[AuctionBook::Awarded]) {
    let at_bid = |award: &&AuctionBook::Awarded| {
        let auction = auctions.iter().find(|auction| auction.lot_digest == award.lotDigest);
        let price = auction.and_then(|auction| auction.price_of(award.operator));
        price.is_some_and(|price| price * U256::from(award.units) == award.price)
    };
    let held = awards.iter().filter(at_bid).count();
    report.check(
        "every award is at its operator's sealed bid",
        held == awards.len() && held > 0,
        format!("{held} of {}", awards.len()),
    );
    let contested: Vec<&LotAuction> =
        auctions.iter().filter(|auction| auction.winner.is_some() && auction.bids.len() > 1).collect();
    let lowest =
        contested.iter().filter(|auction| auction.price_of(auction.winner.unwrap_or_default()) == auction.lowest());
    let lowest = lowest.count();
    report.check(
        "the lowest bid won each auction with several bids",
        lowest == contested.len() && lowest > 0,
        format!("{lowest} of {}", contested.len()),
    );
    let mut extracts: Vec<B256> = auctions
        .iter()
        .flat_map(|auction| &auction.jobs)
        .filter(|job| job.kind == "extract")
        .map(|job| job.job_id)
        .collect();
    extracts.sort();
    extracts.dedup();
    report.check("the range took at least two chunks", extracts.len() >= 2, format!("{} chunks", extracts.len()));
}

/// Lines for the report.
pub fn lines(auctions: &[LotAuction], name: impl Fn(Address) -> String) -> Vec<AuctionLine> {
    let line = |auction: &LotAuction| AuctionLine {
        tick: auction.tick,
        class: auction.class.clone(),
        jobs: auction.jobs.iter().map(|job| job.kind.clone()).collect(),
        bids: auction
            .bids
            .iter()
            .map(|bid| BidLine {
                operator: name(bid.operator),
                wei_per_unit: bid.wei_per_unit.map(|wei| wei.to_string()),
                won: auction.winner == Some(bid.operator),
            })
            .collect(),
    };
    auctions.iter().map(line).collect()
}

/// The kind of job that an award is for.
pub fn kind_of(auctions: &[LotAuction], job: B256) -> &str {
    let mut jobs = auctions.iter().flat_map(|auction| &auction.jobs);
    jobs.find(|known| known.job_id == job).map_or("", |known| known.kind.as_str())
}
