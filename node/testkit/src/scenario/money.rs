//! Where a request's money went, read from the escrow, its events and balances.

use alloy::{
    eips::BlockId,
    primitives::{B256, U256, utils::parse_ether},
};
use gavel_chain::{reads::Reader, supernet::Supernet};

use super::{auctions::LotAuction, ledger::Ledger, report::Report, run::MAX_FEE};
use crate::error::TestkitError;

/// States of `IQueryRequests.RequestState`.
pub const OPEN: u8 = 1;
pub const SETTLED: u8 = 2;
pub const FAILED: u8 = 3;
pub const CANCELLED: u8 = 4;
pub const REFUNDED: u8 = 5;

/// Checks that a request ended in a state.
pub async fn ended_as(
    report: &mut Report,
    reader: &Reader,
    name: &str,
    request: B256,
    expected: u8,
) -> Result<(), TestkitError> {
    let record = reader.request(request, BlockId::latest()).await?;
    report.check(name, record.state == expected, format!("state {} of {request}", record.state));
    Ok(())
}

/// Checks that every job of the request was paid once, at the price of its award.
pub fn paid(report: &mut Report, ledger: &Ledger, auctions: &[LotAuction], request: B256) {
    let awards = ledger.awards(request);
    let paid: Vec<_> = awards.iter().filter(|award| ledger.end_of(award.awardId) == "paid").collect();
    let owed: U256 = paid.iter().map(|award| award.price).sum();
    let sent = ledger.paid(request);
    report.check("each delivered job is paid at its bid", owed == sent && !sent.is_zero(), format!("{sent} wei"));
    let mut jobs: Vec<B256> = auctions.iter().flat_map(|auction| &auction.jobs).map(|job| job.job_id).collect();
    jobs.sort();
    jobs.dedup();
    let once = jobs.iter().filter(|job| paid.iter().filter(|award| award.jobId == **job).count() == 1).count();
    report.check("every job was paid once", once == jobs.len(), format!("{once} of {} jobs", jobs.len()));
    let mut operators: Vec<_> = paid.iter().map(|award| award.operator).collect();
    operators.sort();
    operators.dedup();
    report.check("work reached at least two operators", operators.len() >= 2, format!("{} operators", operators.len()));
}

/// Checks that `refundTo` has what payments, shares and the settler's gas left of the fee, to the wei.
pub fn returned(report: &mut Report, ledger: &Ledger, supernet: &Supernet, request: B256, refunded: U256) {
    let prices = &supernet.prices;
    let share = |bps: u16| prices.base_fee.u256() * U256::from(bps) / U256::from(10_000);
    let shares = share(prices.gateway_share_bps) + share(prices.protocol_share_bps);
    let fee: U256 = parse_ether(MAX_FEE).unwrap_or_default();
    let spent = ledger.paid(request) + shares + ledger.reimbursed(request);
    let expected = fee.saturating_sub(spent);
    report.check(
        "the unspent fee is back at refundTo, to the wei",
        refunded == expected && !refunded.is_zero(),
        format!("{refunded} wei of {fee}, expected {expected}"),
    );
}

/// Checks that neither the escrow nor the bond holds anything for the request.
pub async fn nothing_held(report: &mut Report, reader: &Reader, request: B256) -> Result<(), TestkitError> {
    let account = reader.account(request, BlockId::latest()).await?;
    let left = account.uncommitted + account.committed + account.delivered + account.reserve + account.baseFee;
    report.check("escrow holds nothing more for the request", left == 0, format!("{left} wei"));
    let bond = reader.bond(BlockId::latest()).await?;
    report.check("the gateway's bond is free again", bond.committed == 0, format!("{} wei committed", bond.committed));
    Ok(())
}
