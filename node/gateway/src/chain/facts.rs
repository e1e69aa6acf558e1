//! Contract events as facts of one supernet.

use gavel_chain::bindings::gavel::{
    AuctionBook::AuctionBookEvents, OperatorRegistrar::OperatorRegistrarEvents, QueryRequests::QueryRequestsEvents,
    Slasher::SlasherEvents, SupernetRegistry::SupernetRegistryEvents,
};
use gavel_chain::watcher::GavelEvent;
use gavel_domain::request::{RequestEvent, RequestFailure};
use gavel_types::id::{AwardId, GatewayEpoch, OperatorId, RequestId, SupernetId, Tick, TickKey};
use gavel_types::request::RequestOrigin;

use super::ChainFact;

/// Whose events are facts.
pub struct Scope {
    pub supernet: u32,
    pub chain_id: u64,
    pub query_requests: alloy_primitives::Address,
}

impl Scope {
    /// What an event tells this supernet's gateway; `None` when nothing.
    pub fn fact(&self, event: GavelEvent, log_index: u64) -> Option<ChainFact> {
        match event {
            GavelEvent::QueryRequests(event) => self.request(event, log_index),
            GavelEvent::AuctionBook(event) => self.award(event),
            GavelEvent::OperatorRegistrar(OperatorRegistrarEvents::OperatorRegistered(event))
                if event.supernet == self.supernet =>
            {
                Some(ChainFact::Operator { operator: OperatorId(event.operator) })
            }
            GavelEvent::Slasher(event) => report(event),
            GavelEvent::SupernetRegistry(SupernetRegistryEvents::GatewayEpochStarted(event))
                if event.supernet == self.supernet =>
            {
                Some(ChainFact::EpochStarted { epoch: GatewayEpoch(event.epoch), key: event.key })
            }
            _ => None,
        }
    }

    fn request(&self, event: QueryRequestsEvents, log_index: u64) -> Option<ChainFact> {
        let ended = |id, event| Some(ChainFact::RequestEnded { id: RequestId(id), event });
        match event {
            QueryRequestsEvents::TableRegistered(event) => {
                Some(ChainFact::Text { digest: event.tableId, text_hash: event.textHash, text: event.text })
            }
            QueryRequestsEvents::QueryRegistered(event) => {
                Some(ChainFact::Text { digest: event.queryDigest, text_hash: event.textHash, text: event.text })
            }
            QueryRequestsEvents::QueryRequested(event) if event.supernet == self.supernet => {
                let origin = RequestOrigin {
                    chain_id: self.chain_id,
                    contract: self.query_requests,
                    requester: event.requester,
                    nonce: event.nonce.saturating_to(),
                    anchor_hash: event.anchorHash,
                };
                let request = event.request.into();
                Some(ChainFact::Requested { id: RequestId(event.requestId), request, origin, log_index })
            }
            QueryRequestsEvents::RequestSettled(event) => ended(event.requestId, RequestEvent::SettledOnChain),
            QueryRequestsEvents::RequestFailed(event) => {
                let reason: u8 = event.reason;
                let failure = RequestFailure::ALL.into_iter().find(|failure| *failure as u8 == reason);
                ended(event.requestId, RequestEvent::FailedOnChain(failure.unwrap_or(RequestFailure::Other)))
            }
            QueryRequestsEvents::RequestCancelled(event) => ended(event.requestId, RequestEvent::CancelledOnChain),
            QueryRequestsEvents::RequestRefunded(event) => ended(event.requestId, RequestEvent::RefundedOnChain),
            _ => None,
        }
    }

    fn award(&self, event: AuctionBookEvents) -> Option<ChainFact> {
        match event {
            AuctionBookEvents::TickAnchored(event) if event.supernet == self.supernet => {
                let key = TickKey {
                    supernet: SupernetId(event.supernet),
                    epoch: GatewayEpoch(event.gatewayEpoch),
                    tick: Tick(event.tick),
                };
                Some(ChainFact::TickAnchored { key })
            }
            AuctionBookEvents::Awarded(event) => Some(ChainFact::Awarded { award: AwardId(event.awardId) }),
            AuctionBookEvents::AwardSkipped(event) => {
                let reason = format!("skipped: {}", skip_reason(event.reason));
                Some(ChainFact::AwardSkipped { award: AwardId(event.awardId), reason })
            }
            AuctionBookEvents::Claimed(event) => Some(ChainFact::Claimed { award: AwardId(event.awardId) }),
            _ => None,
        }
    }
}

fn report(event: SlasherEvents) -> Option<ChainFact> {
    let closed = |award| Some(ChainFact::ReportClosed { award: AwardId(award) });
    match event {
        SlasherEvents::MissReported(event) => {
            Some(ChainFact::MissReported { award: AwardId(event.awardId), answer_until: event.answerUntil })
        }
        SlasherEvents::ReportDismissed(event) => closed(event.awardId),
        SlasherEvents::Slashed(event) => closed(event.awardId),
        SlasherEvents::ReportLapsed(event) => closed(event.awardId),
        _ => None,
    }
}

/// A `SkipReason` of the contracts (`types/Market.sol`) in words.
fn skip_reason(code: u8) -> &'static str {
    const REASONS: [&str; 19] = [
        "no reason",
        "unknown lot",
        "lot of another tick",
        "unknown class",
        "ceiling above the supernet's maximum",
        "price above the ceiling",
        "no units",
        "price too large",
        "window too long",
        "awarded already",
        "operator not registered",
        "operator is leaving",
        "class not served by the operator",
        "capacity not synced lately",
        "capacity exceeded",
        "request not open",
        "fee exceeded",
        "bond exceeded",
        "supernet paused",
    ];
    REASONS.get(usize::from(code)).copied().unwrap_or("a reason that this gateway does not know")
}
