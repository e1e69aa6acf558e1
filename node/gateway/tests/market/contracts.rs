//! What the contracts do with a transaction.

use alloy_primitives::U256;
use gavel_domain::request::{RequestEvent, RequestFailure};
use gavel_gateway::chain::{AwardOnChain, ChainFact, Owed};
use gavel_types::id::{AwardId, JobId, OperatorId, RequestId};

use crate::chain::{ANSWER_BLOCKS, EXECUTION_BLOCKS, State, StoredAward};

impl State {
    pub fn execute(&mut self, owed: &Owed) -> Result<(), String> {
        match owed {
            Owed::AnchorTick { key, close, lots, awards, delivered } => {
                if self.ticks.last_key_value().is_some_and(|(last, _)| *last >= key.tick.0) {
                    return Err(format!("TickNotAfter {}", key.tick));
                }
                self.ticks.insert(key.tick.0, close.bidsRoot);
                self.next_fact.push(ChainFact::TickAnchored { key: *key });
                for id in delivered {
                    if let Some(award) = self.awards.get_mut(id)
                        && award.state == AwardOnChain::Reserved
                    {
                        award.state = AwardOnChain::Delivered;
                    }
                }
                for award in awards {
                    let job = JobId::derive(award.payer, award.job_index);
                    let attempt = gavel_types::id::Attempt(award.attempt);
                    let id = AwardId::derive(*key, job, attempt, award.operator);
                    assert!(!self.awards.contains_key(&id), "an award is anchored once");
                    let lot = &lots[award.lot as usize];
                    assert!(award.price.0 <= lot.ceilingWeiPerUnit);
                    let price = award.price.times(award.units).unwrap();
                    let reserved: u64 = self.reserved(award.operator);
                    let capacity = self.capacity.get(&award.operator).copied().unwrap_or_default();
                    let free = self.uncommitted.get(&award.payer).copied().unwrap_or_default();
                    let skip = if self.skip_next > 0 {
                        self.skip_next -= 1;
                        Some("asked to")
                    } else if self.ended.contains_key(&award.payer) {
                        Some("RequestNotOpen")
                    } else if reserved + award.units.0 > capacity {
                        Some("CapacityExceeded")
                    } else if price > free {
                        Some("FeeExceeded")
                    } else {
                        None
                    };
                    if let Some(reason) = skip {
                        self.next_fact.push(ChainFact::AwardSkipped { award: id, reason: reason.into() });
                        continue;
                    }
                    self.uncommitted.insert(award.payer, free - price);
                    let stored = StoredAward {
                        payer: award.payer,
                        operator: award.operator,
                        units: award.units,
                        price,
                        block: self.head + 1,
                        state: AwardOnChain::Reserved,
                    };
                    self.awards.insert(id, stored);
                    self.next_fact.push(ChainFact::Awarded { award: id });
                }
                Ok(())
            }
            Owed::Settle { id, results, output, proof, .. } => {
                assert_eq!(gavel_types::statement::sha256_words(results), output.result_digest);
                assert!(proof.starts_with(b"evm"));
                self.results.insert(*id, results.clone());
                self.end(*id, RequestEvent::SettledOnChain)
            }
            Owed::Fail { id, reason } => {
                let reason = RequestFailure::ALL.into_iter().find(|known| *known as u8 == *reason).unwrap();
                self.end(*id, RequestEvent::FailedOnChain(reason))
            }
            Owed::ReportMiss { award, evidence, .. } => {
                let stored = self.awards.get(award).ok_or("AwardNotReportable")?;
                let last = evidence.accept_block + evidence.lot.provingBlocks;
                if stored.state != AwardOnChain::Reserved || self.head < last {
                    return Err("AwardNotReportable".into());
                }
                let answer_until = self.head + ANSWER_BLOCKS;
                self.reports.insert(*award, answer_until);
                self.next_fact.push(ChainFact::MissReported { award: *award, answer_until });
                Ok(())
            }
            Owed::AnswerReport { award, .. } => {
                self.reports.remove(award).ok_or("ReportNotOpen")?;
                self.answered.push(*award);
                self.next_fact.push(ChainFact::ReportClosed { award: *award });
                Ok(())
            }
            Owed::ExecuteSlash { award } => {
                let until = *self.reports.get(award).ok_or("ReportNotOpen")?;
                assert!(self.head > until, "slashed inside the answer window");
                if self.head > until + EXECUTION_BLOCKS {
                    return Err("ExecutionWindowClosed".into());
                }
                self.reports.remove(award);
                let stored = self.awards.get_mut(award).unwrap();
                stored.state = AwardOnChain::Over;
                self.slashed.push(stored.operator);
                self.next_fact.push(ChainFact::ReportClosed { award: *award });
                Ok(())
            }
            Owed::LapseReport { award } => {
                let until = *self.reports.get(award).ok_or("ReportNotOpen")?;
                if self.head <= until + EXECUTION_BLOCKS {
                    return Err("ExecutionWindowOpen".into());
                }
                self.reports.remove(award);
                self.lapsed.push(*award);
                self.next_fact.push(ChainFact::ReportClosed { award: *award });
                Ok(())
            }
            Owed::Claim { award } | Owed::ClaimWithReceipt { award, .. } => {
                let stored = self.awards.get_mut(award).ok_or("AwardNotDelivered")?;
                if stored.state == AwardOnChain::Paid {
                    return Err("AwardNotOpen".into());
                }
                stored.state = AwardOnChain::Paid;
                assert!(self.paid.insert(*award, stored.price).is_none(), "paid twice");
                self.next_fact.push(ChainFact::Claimed { award: *award });
                Ok(())
            }
            Owed::SyncCapacity { operator, .. } => {
                let head = self.head;
                let operator = self.operators.get_mut(operator).ok_or("unknown")?;
                operator.synced_at = head;
                operator.fresh = true;
                Ok(())
            }
        }
    }

    pub fn reserved(&self, operator: OperatorId) -> u64 {
        let held = |award: &&StoredAward| award.operator == operator && award.state == AwardOnChain::Reserved;
        self.awards.values().filter(held).map(|award| award.units.0).sum()
    }

    /// What the bond still owes for awards of requests that are not settled.
    pub fn committed(&self) -> U256 {
        let owed = |award: &&StoredAward| {
            matches!(award.state, AwardOnChain::Reserved | AwardOnChain::Delivered)
                && self.ended.get(&award.payer) != Some(&RequestEvent::SettledOnChain)
        };
        self.awards.values().filter(owed).map(|award| award.price).sum()
    }

    pub fn end(&mut self, id: RequestId, event: RequestEvent) -> Result<(), String> {
        if self.ended.contains_key(&id) {
            return Err("NotOpen".into());
        }
        self.ended.insert(id, event);
        self.next_fact.push(ChainFact::RequestEnded { id, event });
        Ok(())
    }
}
