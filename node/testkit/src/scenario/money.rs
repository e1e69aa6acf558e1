//! Where a request's money went, read from the escrow and from balances.

use alloy::{
    eips::BlockId,
    primitives::{B256, U256},
};
use gavel_chain::reads::Reader;

use super::{ledger::Ledger, report::Report};
use crate::error::TestkitError;

/// States of `IQueryRequests.RequestState`.
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

/// Checks a settled request's money: every paid award at its price, nothing left in the account.
pub async fn settled_account(
    report: &mut Report,
    reader: &Reader,
    ledger: &Ledger,
    request: B256,
) -> Result<(), TestkitError> {
    let owed: U256 = ledger
        .awards(request)
        .iter()
        .filter(|award| ledger.end_of(award.awardId) == "paid")
        .map(|award| award.price)
        .sum();
    let paid = ledger.paid(request);
    report.check("each delivered job is paid at its bid", owed == paid && !paid.is_zero(), format!("{paid} wei"));
    let account = reader.account(request, BlockId::latest()).await?;
    let left = account.uncommitted + account.committed + account.delivered + account.reserve + account.baseFee;
    report.check("escrow holds nothing more for the request", left == 0, format!("{left} wei"));
    Ok(())
}
