//! A request's money comes back unless it is settled; bad requests are refused by name.

use alloy::primitives::{Address, B256, U256};
use gavel_chain::bindings::gavel::{AuctionBook, QueryRequests};
use gavel_testkit::{
    TestkitError,
    miss::{PRICE, UNITS},
};

use crate::fixture::Market;

const OPEN: u8 = 1;
const FAILED: u8 = 3;
const CANCELLED: u8 = 4;
const REFUNDED: u8 = 5;
const NO_BIDS: u8 = 1;

fn fee() -> U256 {
    U256::from(20_000_000_000_000_000u64)
}

#[tokio::test]
async fn a_request_without_work_can_be_cancelled() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let requests = market.devnet.deployment().gavel.query_requests;
    let id = market.ask(&market.request(fee(), 100).await?).await?;
    assert_eq!(market.state(id).await?, OPEN);
    let cancel = QueryRequests::cancelCall { requestId: id };
    let stranger = market.stranger()?.send(requests, &cancel).await.unwrap_err();
    assert!(stranger.to_string().contains("NotRequester"), "{stranger}");
    market.requester.send(requests, &cancel).await?;
    assert_eq!((market.state(id).await?, market.refunded().await?), (CANCELLED, fee()));
    let again = market.requester.send(requests, &cancel).await.unwrap_err();
    assert!(again.to_string().contains("NotOpen"), "{again}");
    Ok(())
}

#[tokio::test]
async fn a_stranger_refunds_a_request_past_its_deadline() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let requests = market.devnet.deployment().gavel.query_requests;
    let id = market.ask(&market.request(fee(), 30).await?).await?;
    let refund = QueryRequests::refundCall { requestId: id };
    let stranger = market.stranger()?;
    let early = stranger.send(requests, &refund).await.unwrap_err();
    assert!(early.to_string().contains("DeadlineNotPassed"), "{early}");
    market.devnet.anvil.mine(31).await?;
    stranger.send(requests, &refund).await?;
    assert_eq!((market.state(id).await?, market.refunded().await?), (REFUNDED, fee()));
    Ok(())
}

#[tokio::test]
async fn the_gateway_gives_up_and_everything_goes_back() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let requests = market.devnet.deployment().gavel.query_requests;
    let id = market.ask(&market.request(fee(), 100).await?).await?;
    let fail = QueryRequests::failCall { requestId: id, reason: NO_BIDS };
    let stranger = market.stranger()?.send(requests, &fail).await.unwrap_err();
    assert!(stranger.to_string().contains("NotGateway"), "{stranger}");
    market.gateway()?.send(requests, &fail).await?;
    assert_eq!((market.state(id).await?, market.refunded().await?), (FAILED, fee()));
    Ok(())
}

/// A delivered proof is always paid, a failed request always refunded in full: the bond pays.
#[tokio::test]
async fn a_delivery_for_a_failed_request_is_paid_from_the_bond() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let gavel = market.devnet.deployment().gavel.clone();
    let id = market.ask(&market.request(fee(), 100).await?).await?;
    let award = market.award(id, 1).await?;
    let cancel = QueryRequests::cancelCall { requestId: id };
    let busy = market.requester.send(gavel.query_requests, &cancel).await.unwrap_err();
    assert!(busy.to_string().contains("WorkCommitted"), "{busy}");
    let status = market.devnet.status(market.operator.owner.address).await?;
    assert_eq!(status.capacity.reserved, UNITS);

    let fail = QueryRequests::failCall { requestId: id, reason: NO_BIDS };
    market.gateway()?.send(gavel.query_requests, &fail).await?;
    assert_eq!(market.refunded().await?, fee());
    let owner = market.operator.owner.address;
    let before = market.devnet.client().balance(owner).await?;
    let claim = AuctionBook::claimWithReceiptCall::from(&award.receipt());
    market.stranger()?.send(gavel.auction_book, &claim).await?;
    let after = market.devnet.client().balance(owner).await?;
    assert_eq!(after - before, U256::from(PRICE * UNITS));
    let again = market.stranger()?.send(gavel.auction_book, &claim).await.unwrap_err();
    assert!(again.to_string().contains("AwardNotOpen"), "{again}");
    assert_eq!(market.devnet.status(owner).await?.capacity.reserved, 0);
    Ok(())
}

#[tokio::test]
async fn requests_that_could_never_be_answered_are_refused_by_name() -> Result<(), TestkitError> {
    let market = Market::start().await?;
    let good = market.request(fee(), 200).await?;
    let head = market.devnet.client().head().await?;
    let changed = |change: fn(&mut QueryRequests::Request, u64)| {
        let mut request = good.clone();
        change(&mut request, head);
        request
    };
    for (error, request) in [
        ("RangeEmpty", changed(|request, _| request.fromBlock = request.toBlock + 1)),
        ("BlockInFuture", changed(|request, head| (request.fromBlock, request.toBlock) = (head + 50, head + 50))),
        ("RangeTooLong", changed(|request, _| request.fromBlock = request.toBlock - 32)),
        ("TableUnknown", changed(|request, _| request.tableTextHash = B256::ZERO)),
        ("QueryUnknown", changed(|request, _| request.queryDigest = B256::ZERO)),
        ("VerifierNotListed", changed(|request, _| request.verifierId = B256::ZERO)),
        ("FeeTokenUnsupported", changed(|request, _| request.feeToken = Address::repeat_byte(1))),
        ("FeeTooLow", changed(|request, _| request.maxFee = U256::from(1))),
        ("DeadlineTooClose", changed(|request, head| request.deadline = head + 1)),
        (
            "CallbackGasTooHigh",
            changed(|request, _| {
                request.callback = Address::repeat_byte(1);
                request.callbackGas = 30_000_000;
            }),
        ),
        ("RefundToZero", changed(|request, _| request.refundTo = Address::ZERO)),
        ("SupernetUnknown", changed(|request, _| request.supernet = 9)),
    ] {
        let refusal = market.refusal(&request).await;
        assert!(refusal.contains(error), "expected {error}, got {refusal}");
    }
    market.ask(&good).await?;
    Ok(())
}
