//! Open sessions, and what the chain says of their operators.

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;

use alloy_primitives::Address;
use gavel_rpc::message::ToProver;
use gavel_rpc::session::{Admission, Outgoing, SessionId};
use gavel_types::id::OperatorId;
use gavel_types::unit::Classes;

use crate::chain::OperatorOnChain;

/// What the chain said last; read by the listener, written by the engine.
#[derive(Debug, Default)]
pub struct ChainView {
    inner: RwLock<Snapshot>,
}

#[derive(Debug, Default)]
struct Snapshot {
    head: u64,
    operators: BTreeMap<OperatorId, OperatorOnChain>,
}

impl ChainView {
    fn read<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> T {
        // A poisoned lock only means that a reader panicked; the data is whole.
        read(&self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    pub fn set_head(&self, head: u64) {
        self.write(|snapshot| snapshot.head = head);
    }

    pub fn set_operators(&self, operators: Vec<OperatorOnChain>) {
        self.write(|snapshot| {
            snapshot.operators = operators.into_iter().map(|operator| (operator.operator, operator)).collect();
        });
    }

    pub fn operator(&self, operator: OperatorId) -> Option<OperatorOnChain> {
        self.read(|snapshot| snapshot.operators.get(&operator).filter(|operator| operator.registered).cloned())
    }

    pub fn operators(&self) -> Vec<OperatorOnChain> {
        self.read(|snapshot| snapshot.operators.values().cloned().collect())
    }
}

impl Admission for ChainView {
    fn bid_key(&self, operator: OperatorId) -> Option<Address> {
        self.operator(operator).map(|operator| operator.bid_key).filter(|key| !key.is_zero())
    }

    fn head(&self) -> u64 {
        self.read(|snapshot| snapshot.head)
    }
}

/// One connected prover.
#[derive(Debug)]
pub struct Peer {
    pub session: SessionId,
    pub classes: Classes,
    pub outgoing: Outgoing,
}

/// Connected provers, one session each, and when each was heard last.
#[derive(Debug, Default)]
pub struct Peers {
    open: HashMap<OperatorId, Peer>,
    heard: HashMap<OperatorId, u64>,
}

impl Peers {
    pub fn opened(&mut self, operator: OperatorId, peer: Peer, now: u64) {
        self.open.insert(operator, peer);
        self.heard.insert(operator, now);
    }

    /// Forgets a session unless a later one has replaced it.
    pub fn closed(&mut self, operator: OperatorId, session: SessionId) {
        if self.open.get(&operator).is_some_and(|peer| peer.session == session) {
            self.open.remove(&operator);
        }
    }

    /// Whether a message is from the operator's current session.
    pub fn hear(&mut self, operator: OperatorId, session: SessionId, now: u64) -> bool {
        let current = self.open.get(&operator).is_some_and(|peer| peer.session == session);
        if current {
            self.heard.insert(operator, now);
        }
        current
    }

    /// Milliseconds for which an operator has been silent; since `started` when it was never heard.
    pub fn silence(&self, operator: OperatorId, started: u64, now: u64) -> u64 {
        now.saturating_sub(self.heard.get(&operator).copied().unwrap_or(started))
    }

    pub fn send(&mut self, operator: OperatorId, message: ToProver) {
        if let Some(peer) = self.open.get(&operator)
            && !peer.outgoing.send(message)
        {
            tracing::info!(%operator, "prover does not read; its session is dropped");
            self.open.remove(&operator);
        }
    }

    pub fn operators(&self) -> Vec<OperatorId> {
        self.open.keys().copied().collect()
    }

    pub fn classes(&self, operator: OperatorId) -> Option<Classes> {
        self.open.get(&operator).map(|peer| peer.classes)
    }
}
