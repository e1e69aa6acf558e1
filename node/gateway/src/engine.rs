//! The task that owns the gateway's state, and what reports to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use alloy_primitives::B256;
use alloy_sol_types::Eip712Domain;
use gavel_domain::auction::Auction;
use gavel_domain::transition::Now;
use gavel_rpc::message::ToProver;
use gavel_rpc::session::{SessionEvent, SessionTerms, Sessions};
use gavel_rpc::task::Tasks;
use gavel_rpc::{RpcError, ServerConfig, serve};
use gavel_store::{Lease, Objects, Store};
use gavel_types::id::{AwardId, GatewayEpoch, JobId, OperatorId, RequestId, SupernetId};
use gavel_types::message::domain;
use gavel_types::signature::Signer;
use tokio::sync::{mpsc, watch};

use crate::admission::{Candidate, Place};
use crate::chain::{ChainChange, MarketChain, OperatorOnChain, Refused, SupernetTerms};
use crate::clock::millis;
use crate::config::MarketRule;
use crate::deliveries::Checked;
use crate::error::GatewayError;
use crate::peers::{ChainView, Peer, Peers};
use crate::planning::{JobVerifier, PlanError, PlannedJob, Planner};
use crate::steps::Steps;
use crate::tasks::StoredTasks;

/// How often the engine looks at its clock.
const PULSE: Duration = Duration::from_millis(100);
const LEASE_NAME: &str = "gateway";
const LEASE_MILLIS: u64 = 15_000;

/// What a gateway is made of.
pub struct GatewayParts {
    pub supernet: SupernetId,
    /// SupernetRegistry: the `verifyingContract` of every signed message.
    pub registry: alloy_primitives::Address,
    pub circuit_set: B256,
    pub signer: Signer,
    pub rule: MarketRule,
    pub store: Store,
    pub objects: Objects,
    pub chain: Arc<dyn MarketChain>,
    pub planner: Arc<dyn Planner>,
    pub verifier: Arc<dyn JobVerifier>,
    pub server: ServerConfig,
    /// Sessions at one time.
    pub max_sessions: usize,
    /// Watching clients at one time.
    pub max_watchers: usize,
}

/// What every step reads.
pub struct Context {
    pub supernet: SupernetId,
    pub epoch: GatewayEpoch,
    pub circuit_set: B256,
    pub domain: Eip712Domain,
    pub signer: Signer,
    pub rule: MarketRule,
    pub store: Store,
    pub objects: Objects,
    pub lease: Lease,
    pub chain: Arc<dyn MarketChain>,
    terms: RwLock<SupernetTerms>,
}

impl Context {
    pub fn supernet_terms(&self) -> SupernetTerms {
        self.terms.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// News for the engine.
pub(crate) enum News {
    Head {
        head: u64,
        operators: Option<Vec<OperatorOnChain>>,
        terms: Option<SupernetTerms>,
    },
    Change(ChainChange),
    Refused(Vec<Refused>),
    Planned {
        request: RequestId,
        plan: Result<Plan, PlanError>,
    },
    Input {
        job: JobId,
        input: Result<Vec<u8>, PlanError>,
    },
    Checked(Box<Checked>),
    /// A watcher, a sender or the listener cannot go on.
    Fatal(GatewayError),
}

/// A plan with the fee that is there for it.
pub(crate) struct Plan {
    pub jobs: Vec<PlannedJob>,
    pub work_fee: alloy_primitives::U256,
}

/// Boxed, so that programs which embed the gateway do not compile it again.
pub type GatewayFuture<T> = Pin<Box<dyn Future<Output = Result<T, GatewayError>> + Send>>;

/// A running gateway.
pub struct Gateway {
    pub(crate) context: Arc<Context>,
    pub(crate) planner: Arc<dyn Planner>,
    pub(crate) verifier: Arc<dyn JobVerifier>,
    pub(crate) view: Arc<ChainView>,
    pub(crate) peers: Peers,
    pub(crate) auction: Option<Auction>,
    /// When the last tick began, in milliseconds.
    pub(crate) last_tick_millis: u64,
    pub(crate) next_tick: u64,
    pub(crate) head: u64,
    pub(crate) started_millis: u64,
    /// Head at which this process first offered a queued job: nobody's patience runs out while nobody could bid.
    pub(crate) offered: HashMap<JobId, u64>,
    /// Planned requests that wait for free bond, oldest first.
    pub(crate) waiting: BTreeMap<Place, Candidate>,
    /// Work in progress beside the engine.
    pub(crate) planning: HashSet<RequestId>,
    pub(crate) building: HashSet<JobId>,
    pub(crate) checking: HashSet<AwardId>,
    /// When ready jobs are looked for again, in milliseconds.
    pub(crate) next_tick_check: u64,
    /// When silent provers are looked for again, in milliseconds.
    pub(crate) next_lost_check: u64,
    pub(crate) deliveries_since: Option<u64>,
    pub(crate) news: mpsc::Sender<News>,
    incoming: mpsc::Receiver<News>,
    sessions: mpsc::Receiver<SessionEvent>,
    changes: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    /// The address that the listener is bound to.
    pub address: std::net::SocketAddr,
}

impl Gateway {
    /// Takes the lease, checks the chain's idea of the gateway, listens, and restores what was
    /// under way. Nothing is decided before [`Gateway::run`].
    ///
    /// # Errors
    /// [`GatewayError::NotTheGateway`] when the key is not the supernet's, and everything that
    /// keeps the database, the chain or the address from being used.
    pub fn start(parts: GatewayParts) -> GatewayFuture<Self> {
        Box::pin(Self::start_with(parts))
    }

    async fn start_with(parts: GatewayParts) -> Result<Self, GatewayError> {
        let holder = format!("{}", parts.signer.address());
        let lease = parts.store.acquire(LEASE_NAME, &holder, millis(), LEASE_MILLIS).await?;
        let terms = parts.chain.terms().await?;
        let got = parts.signer.address();
        if terms.gateway_key != got {
            let (supernet, epoch, expected) = (parts.supernet.0, terms.epoch.0, terms.gateway_key);
            return Err(GatewayError::NotTheGateway { supernet, epoch, expected, got });
        }
        let head = parts.chain.head().await?;
        let epoch = terms.epoch;
        let mut read = parts.store.read().await?;
        let known = read.operators().await?;
        let last = read.last_tick(parts.supernet, epoch).await?.map_or(0, |tick| tick.0);
        drop(read);
        let next_tick = last.max(terms.last_tick) + 1;
        let view = Arc::new(ChainView::default());
        view.set_head(head);
        view.set_operators(parts.chain.operators(known).await?);
        let context = Arc::new(Context {
            supernet: parts.supernet,
            epoch,
            circuit_set: parts.circuit_set,
            domain: domain(parts.chain.chain_id(), parts.registry),
            signer: parts.signer,
            rule: parts.rule,
            store: parts.store,
            objects: parts.objects,
            lease,
            chain: parts.chain,
            terms: RwLock::new(terms),
        });
        let (stop, stopped) = watch::channel(false);
        let (changes, _) = watch::channel(0);
        let (session_sender, sessions) = mpsc::channel(256);
        let (news, incoming) = mpsc::channel(256);
        let session_terms = SessionTerms {
            domain: context.domain.clone(),
            supernet: context.supernet,
            epoch,
            circuit_set: context.circuit_set,
        };
        let service = Sessions::new(session_terms, Arc::clone(&view) as _, session_sender, parts.max_sessions);
        let tasks = StoredTasks::new(context.store.clone(), changes.clone());
        let tasks = Tasks::new(Arc::new(tasks), parts.max_watchers);
        let (address, server) = serve(parts.server, service, tasks, ended(stopped)).await?;
        let listener = news.clone();
        tokio::spawn(async move {
            if let Err(error) = server.await {
                report(&listener, error).await;
            }
        });
        let mut gateway = Self {
            context,
            planner: parts.planner,
            verifier: parts.verifier,
            view,
            peers: Peers::default(),
            auction: None,
            last_tick_millis: 0,
            next_tick,
            head,
            started_millis: millis(),
            offered: HashMap::new(),
            waiting: BTreeMap::new(),
            planning: HashSet::new(),
            building: HashSet::new(),
            checking: HashSet::new(),
            next_tick_check: 0,
            next_lost_check: 0,
            deliveries_since: None,
            news,
            incoming,
            sessions,
            changes,
            stop,
            address,
        };
        gateway.resume_tick().await?;
        gateway.close_earlier_epochs().await?;
        tracing::info!(%address, head, next_tick, epoch = epoch.0, "gateway ready");
        Ok(gateway)
    }

    /// Works until `stop` resolves.
    ///
    /// # Errors
    /// [`GatewayError`] when the lease is lost, the epoch is over or the store fails. The next
    /// start goes on from what was committed.
    pub fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> GatewayFuture<()> {
        Box::pin(self.work_until(Box::pin(stop)))
    }

    async fn work_until(mut self, mut stop: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), GatewayError> {
        // Dropping the set stops its tasks, so nothing outlives an aborted gateway.
        let mut tasks = self.spawn_chain_tasks();
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut renewed = millis();
        let outcome = loop {
            let step = tokio::select! {
                () = &mut stop => break Ok(()),
                Some(event) = self.sessions.recv() => self.session(event).await,
                Some(news) = self.incoming.recv() => self.hear_news(news).await,
                _ = pulse.tick() => self.pulse(&mut renewed).await,
            };
            match step {
                Ok(()) => {}
                Err(error) if error.is_temporary() => tracing::warn!(%error, "the chain is not reachable"),
                // Nothing of the step was stored; the machines stand where they stood.
                Err(GatewayError::Transition(error)) => {
                    tracing::error!(%error, "a step that no machine knows");
                    if let Err(error) = self.resume_tick().await {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.stop.send_replace(true);
        tasks.abort_all();
        outcome
    }

    /// Stops the listener when the gateway is dropped without having run.
    pub fn stop_listening(&self) {
        self.stop.send_replace(true);
    }

    async fn pulse(&mut self, renewed: &mut u64) -> Result<(), GatewayError> {
        let now = millis();
        if now.saturating_sub(*renewed) > LEASE_MILLIS / 3 {
            self.context.store.renew(&self.context.lease, now, LEASE_MILLIS).await?;
            *renewed = now;
        }
        self.plan_new_requests().await?;
        self.advance_tick().await?;
        self.find_lost_provers().await
    }

    async fn hear_news(&mut self, news: News) -> Result<(), GatewayError> {
        match news {
            News::Head { head, operators, terms } => self.see_head(head, operators, terms).await,
            News::Change(change) => self.see_change(change).await,
            News::Refused(refused) => self.see_refused(refused).await,
            News::Planned { request, plan } => self.planned(request, plan).await,
            News::Input { job, input } => self.input_built(job, input).await,
            News::Checked(checked) => self.checked(*checked).await,
            News::Fatal(error) => Err(error),
        }
    }

    pub(crate) async fn see_head(
        &mut self,
        head: u64,
        operators: Option<Vec<OperatorOnChain>>,
        terms: Option<SupernetTerms>,
    ) -> Result<(), GatewayError> {
        if let Some(operators) = operators {
            self.view.set_operators(operators);
        }
        if let Some(terms) = terms {
            *self.context.terms.write().unwrap_or_else(std::sync::PoisonError::into_inner) = terms;
        }
        // Reads may overtake each other.
        if head <= self.head {
            return Ok(());
        }
        self.head = head;
        self.view.set_head(head);
        for operator in self.peers.operators() {
            self.peers.send(operator, ToProver::Head { block: head });
        }
        self.check_deadlines().await?;
        self.give_up_late_requests().await?;
        self.admit_waiting().await?;
        self.sync_capacities().await?;
        self.serve_reports().await?;
        self.claim_for_operators().await
    }

    async fn session(&mut self, event: SessionEvent) -> Result<(), GatewayError> {
        let now = millis();
        match event {
            SessionEvent::Opened { session, operator, classes, outgoing } => {
                tracing::info!(%operator, session = session.0, "prover connected");
                self.peers.opened(operator, Peer { session, classes, outgoing }, now);
                self.catch_up(operator).await
            }
            SessionEvent::Closed { session, operator } => {
                tracing::info!(%operator, session = session.0, "prover gone");
                self.peers.closed(operator, session);
                Ok(())
            }
            SessionEvent::Message { session, operator, message } => {
                if !self.peers.hear(operator, session, now) {
                    return Ok(());
                }
                self.hear_prover(operator, message).await
            }
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { block: self.head, millis: millis() }
    }

    /// Begins a transaction for machine steps.
    pub(crate) async fn steps(&self) -> Result<Steps, GatewayError> {
        Steps::begin(Arc::clone(&self.context), self.now()).await
    }

    /// Commits steps, sends what follows and tells watching clients.
    pub(crate) async fn finish(&mut self, steps: Steps) -> Result<(), GatewayError> {
        for (operator, message) in steps.commit().await? {
            self.peers.send(operator, message);
        }
        self.changes.send_modify(|version| *version += 1);
        Ok(())
    }

    pub(crate) fn send(&mut self, operator: OperatorId, message: ToProver) {
        self.peers.send(operator, message);
    }
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the gateway is gone, which is as good as stopped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn report(news: &mpsc::Sender<News>, error: RpcError) {
    // When the engine is gone nobody needs to know.
    let _ = news.send(News::Fatal(error.into())).await;
}
