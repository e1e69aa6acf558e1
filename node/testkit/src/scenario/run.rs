//! The steps.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
};
use gavel_chain::{operator, reads::Reader, verifier::VerifierSetup};
use serde_json::Value;

use super::{
    auctions,
    daemon::{Daemon, gavel},
    files::{Files, Policy},
    ledger::Ledger,
    memory::MemoryWatch,
    money::{self, OPEN, SETTLED},
    oracle,
    report::Report,
    standing::Standing,
};
use crate::{
    anvil::AnvilOptions,
    devnet::{Devnet, DevnetOptions, OperatorAccounts},
    error::TestkitError,
    keys, uniswap,
};

/// What is run and where.
#[derive(Clone, Debug)]
pub struct ScenarioOptions {
    /// The `gavel` command.
    pub binary: PathBuf,
    /// For keys, configuration, databases and logs; emptied first.
    pub folder: PathBuf,
    /// Parameters by content hash.
    pub parameters: PathBuf,
    /// Security profile: `production` or `test`.
    pub profile: String,
    /// Verifying key of the final proofs, with the circuit set.
    pub verifying_key: PathBuf,
    /// Blocks that are asked about: 24 or more in the demo.
    pub blocks: u64,
    /// Port of the gateway; 0 takes a free one.
    pub port: u16,
    /// Seconds between blocks.
    pub block_time: u64,
    /// Memory for jobs in GiB, and jobs at a time.
    pub machine: (u64, u64),
    /// How long the first request may take.
    pub patience: Duration,
    /// Start what was killed again at the end, so that the network can be used.
    pub keep: bool,
}

pub(super) const SQL: &str = "SELECT AVG(reserve1) AS mean, MIN(reserve1) AS low, MAX(reserve0) AS high, COUNT(*) AS n FROM pair WHERE reserve0 > $1";
pub(super) const OPERATORS: usize = 3;
/// How long a daemon may take to start.
const STARTING: Duration = Duration::from_secs(300);
/// A job may take so many times what it took in the calibration: other programs run, too.
const MARGIN: u64 = 3;
const GATEWAY_READY: &str = "gateway ready";
const GWEI: u64 = 1_000_000_000;
/// One large prover; two for small and medium jobs. The second is the cheapest for most jobs.
const POLICIES: [Policy; OPERATORS] = [
    Policy { small: Some(2_600 * GWEI), medium: Some(2_400 * GWEI), large: Some(2_000 * GWEI) },
    Policy { small: Some(1_900 * GWEI), medium: Some(1_700 * GWEI), large: None },
    Policy { small: Some(2_100 * GWEI), medium: Some(2_000 * GWEI), large: None },
];
/// What is asked: blocks, and the parameter of the WHERE.
pub(super) struct Asked<'a> {
    pub from: u64,
    pub to: u64,
    pub bound: &'a str,
}

/// The lowest price of a unit that any operator asks, in wei.
pub(super) fn lowest_price() -> u64 {
    POLICIES.iter().flat_map(|policy| [policy.small, policy.medium, policy.large]).flatten().min().unwrap_or_default()
}

pub(super) const MAX_FEE: &str = "0.05";

/// What is restaked with an operator: different for each, so that capacity is seen to follow it.
pub(super) fn stake_of(number: usize) -> U256 {
    uniswap::tokens(900 + 100 * number as u64)
}

/// Runs everything; the report says what held. `progress` is told what is going on.
///
/// # Errors
/// When a step cannot be done at all. A check that does not hold is in the report, not an error.
pub async fn run(
    mut options: ScenarioOptions,
    mut progress: impl FnMut(&str),
) -> Result<(Report, Standing), TestkitError> {
    let began = Instant::now();
    let memory = MemoryWatch::start();
    if options.folder.exists() {
        std::fs::remove_dir_all(&options.folder).map_err(|e| TestkitError::file(&options.folder, e))?;
    }
    std::fs::create_dir_all(&options.folder).map_err(|e| TestkitError::file(&options.folder, e))?;
    if options.port == 0 {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        options.port = free.map_err(|e| TestkitError::file(Path::new("a free port"), e))?.port();
    }
    let mut report = Report::default();
    let devnet = network(&options, &mut report, &mut progress).await?;
    let mut scene = Scene::new(&options, &devnet)?;
    scene.operators(&mut report, &mut progress).await?;
    scene.daemons(&mut report, &mut progress).await?;
    scene.play(&mut report, &mut progress).await?;
    if options.keep {
        progress("starting again what was killed");
        scene.revive().await?;
    }
    report.peak_memory = memory.peak();
    report.seconds = began.elapsed().as_secs_f64();
    report.conclude();
    let Scene { gateway, provers, table, .. } = scene;
    let daemons = gateway.into_iter().chain(provers).collect();
    Ok((report, Standing { devnet, daemons, deployment: options.folder.join("devnet.json"), table }))
}

/// Step 1 and 3: the chain with everything on it, and trades on the market.
async fn network(
    options: &ScenarioOptions,
    report: &mut Report,
    progress: &mut impl FnMut(&str),
) -> Result<Devnet, TestkitError> {
    let began = Instant::now();
    let setup = VerifierSetup::read(&options.verifying_key)?;
    let devnet_options = DevnetOptions {
        anvil: AnvilOptions { folder: Some(options.folder.join("anvil")), ..Default::default() },
        traded_blocks: u32::try_from(options.blocks + 2).unwrap_or(u32::MAX),
        ..DevnetOptions::new(setup)?
    };
    let devnet = Devnet::start(devnet_options, progress).await?;
    devnet.description.write(&options.folder.join("devnet.json"))?;
    devnet.anvil.block_interval(options.block_time).await?;
    if let Some(trades) = devnet.description.trades {
        let held = trades.busy_blocks > 0 && trades.quiet_blocks > 0;
        report.check(
            "a seeded trader traded on the real Uniswap V2",
            held,
            format!(
                "{} swaps, {} blocks with several, {} without",
                trades.swaps, trades.busy_blocks, trades.quiet_blocks
            ),
        );
    }
    report.phase("network", began);
    Ok(devnet)
}

pub(super) struct Scene<'a> {
    pub(super) options: &'a ScenarioOptions,
    pub(super) devnet: &'a Devnet,
    pub(super) reader: Reader,
    pub(super) ledger: Ledger,
    pub(super) deployment: String,
    pub(super) gateway: Option<Daemon>,
    pub(super) provers: Vec<Daemon>,
    pub(super) table: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(options: &'a ScenarioOptions, devnet: &'a Devnet) -> Result<Self, TestkitError> {
        let deployment = devnet.deployment();
        let path = options.folder.join("devnet.json");
        let table = Self::files(options, &path).table(deployment.chain_id, &devnet.description.market)?;
        Ok(Self {
            options,
            devnet,
            reader: Reader::new(devnet.client().clone(), deployment.clone()),
            ledger: Ledger::new(devnet.client().clone(), deployment, deployment.first_block),
            deployment: path.display().to_string(),
            gateway: None,
            provers: Vec::new(),
            table,
        })
    }

    fn files<'b>(options: &'b ScenarioOptions, deployment: &'b Path) -> Files<'b> {
        Files {
            folder: &options.folder,
            deployment,
            parameters: &options.parameters,
            profile: &options.profile,
            port: options.port,
            machine: options.machine,
        }
    }

    pub(super) fn operator(&self, number: usize) -> OperatorAccounts {
        OperatorAccounts::of(number)
    }

    fn name(&self, address: Address) -> String {
        (1..=OPERATORS)
            .find(|number| self.operator(*number).owner.address == address)
            .map_or_else(|| address.to_string(), |number| format!("operator {number}"))
    }

    pub(super) async fn gavel(&self, arguments: &[&str]) -> Result<Value, TestkitError> {
        let mut all = vec!["--deployment", self.deployment.as_str()];
        all.extend_from_slice(arguments);
        gavel(&self.options.binary, &all).await
    }

    /// Step 2: three operators by `gavel operator register`, with restaked stake.
    async fn operators(&self, report: &mut Report, progress: &mut impl FnMut(&str)) -> Result<(), TestkitError> {
        let began = Instant::now();
        progress("registering three operators and restaking with them");
        // One account gives all restakers their tokens.
        let bank = tokio::sync::Mutex::new(());
        futures::future::try_join_all((1..=OPERATORS).map(|number| self.register(number, &bank))).await?;
        for number in 1..=OPERATORS {
            let status = self.devnet.status(self.operator(number).owner.address).await?;
            let units = stake_of(number) / self.devnet.supernet.stake.slash_per_unit.u256();
            report.check(
                "capacity follows what is restaked",
                status.registered && U256::from(status.capacity.total) == units && !units.is_zero(),
                format!("operator {number}: {} units", status.capacity.total),
            );
        }
        report.phase("operators", began);
        Ok(())
    }

    async fn register(&self, number: usize, bank: &tokio::sync::Mutex<()>) -> Result<(), TestkitError> {
        let accounts = self.operator(number);
        let text = number.to_string();
        let classes = if POLICIES[number - 1].large.is_some() { "small,medium,large" } else { "small,medium" };
        let arguments = ["operator", "register", "--devnet-operator", &text, "--classes", classes];
        let register = self.gavel(&arguments);
        // The command waits for stake while the restaker waits for the registration.
        let restake = async {
            let operator = accounts.owner.address;
            while !operator::status(self.reader.client(), self.reader.deployment(), operator).await?.is_operator {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let _turn = bank.lock().await;
            self.devnet.restake(&accounts, stake_of(number)).await
        };
        let (registered, restaked) = tokio::join!(register, restake);
        registered?;
        restaked
    }

    /// Thousandths of a block that a work unit may take, from a measurement with as many jobs at once as there will be.
    async fn calibrate(&self) -> Result<u64, TestkitError> {
        let supernet = crate::artifact::root().join("config/supernets/coprocessor.toml").display().to_string();
        let folder = self.options.parameters.display().to_string();
        let parallel = self.options.machine.1.to_string();
        let mut arguments = vec!["prover", "calibrate", "--supernet", &supernet, "--params-dir", &folder];
        arguments.extend(["--profile", &self.options.profile, "--parallel", &parallel]);
        let measured = self.gavel(&arguments).await?;
        let milliseconds = measured["millisecondsPerUnit"].as_u64().unwrap_or_default();
        Ok((MARGIN * milliseconds).div_ceil(self.options.block_time).max(1))
    }

    /// Step 5 and 6: gateway and provers, each a process.
    async fn daemons(&mut self, report: &mut Report, progress: &mut impl FnMut(&str)) -> Result<(), TestkitError> {
        let began = Instant::now();
        let path = PathBuf::from(&self.deployment);
        let files = Self::files(self.options, &path);
        progress("measuring how long work takes while all of this machine is busy");
        let milliblocks = self.calibrate().await?;
        report.phase("calibration", began);

        let began = Instant::now();
        progress("starting the gateway");
        let config = files.gateway(&self.devnet.description.accounts.gateway_key, milliblocks)?;
        let config = config.display().to_string();
        let (binary, folder) = (&self.options.binary, &self.options.folder);
        let mut gateway = Daemon::start("gateway", binary, &["gateway", "run", "--config", &config], folder)?;
        gateway.wait_for(GATEWAY_READY, STARTING).await?;
        self.gateway = Some(gateway);
        progress("starting three provers, which load their parameters");
        for number in 1..=OPERATORS {
            let config = files.prover(number, &self.operator(number), POLICIES[number - 1])?;
            let config = config.display().to_string();
            let name = format!("prover-{number}");
            self.provers.push(Daemon::start(&name, binary, &["prover", "run", "--config", &config], folder)?);
        }
        for prover in &mut self.provers {
            prover.wait_for("session open", STARTING).await?;
            progress(&format!("{} is ready", prover.name()));
        }
        report.phase("gateway and provers", began);
        Ok(())
    }

    /// Steps 4 and 7 to 9.
    async fn play(&mut self, report: &mut Report, progress: &mut impl FnMut(&str)) -> Result<(), TestkitError> {
        let (from, to) = self.range();
        let client = self.devnet.client().clone();
        let market = &self.devnet.description.market;
        let bound = oracle::dividing_bound(&client, market, from, to).await?;
        let expected = oracle::compute(&client, market, from, to, bound).await?;
        let refund_to = keys::address("refunds of the scenario");
        let refunds_before = client.balance(refund_to).await?;

        progress("asking through the example dapp");
        let began = Instant::now();
        let bound = bound.to_string();
        let asked = Asked { from, to, bound: &bound };
        let request = self.ask(&asked, MAX_FEE, 1_200, refund_to).await?;
        let follower = self.follow(request)?;
        let victim = self.kill_a_prover_at_work(request, progress).await?;
        self.restart_the_gateway(report, request, progress).await?;
        self.until_settled(request, progress).await?;
        report.phase("first request, with faults", began);

        let began = Instant::now();
        money::ended_as(report, &self.reader, "the request is settled on-chain", request, SETTLED).await?;
        self.check_result(report, request, expected).await?;
        self.check_shown(report, request, follower, expected).await?;
        let cheap = self.ask_too_cheaply(&asked, request).await?;
        progress("waiting until the missed job is slashed and the delivered ones are claimed");
        self.check_slash(report, victim).await?;
        self.until_claimed(request).await?;
        let auctions = self.auctions(request).await?;
        auctions::check(report, &auctions, &self.ledger.awards(request));
        report.phase("slash and claims", began);

        let began = Instant::now();
        self.other_requests(report, progress, &asked, cheap).await?;
        report.phase("requests that end without an answer", began);

        let began = Instant::now();
        self.sweep(request, progress).await?;
        self.ledger.update().await?;
        money::paid(report, &self.ledger, &auctions, request);
        let refunded = client.balance(refund_to).await? - refunds_before;
        money::returned(report, &self.ledger, &self.devnet.supernet, request, refunded);
        let (cost, reimbursed) = (self.ledger.settlement_cost(request).await?, self.ledger.reimbursed(request));
        report.check(
            "settling earned its sender nothing",
            !reimbursed.is_zero() && reimbursed < cost,
            format!("{reimbursed} of {cost} wei for gas came back"),
        );
        money::nothing_held(report, &self.reader, request).await?;
        self.check_done_by_another(report, request, victim);
        self.check_reports(report, victim);
        self.check_order(report, victim);
        report.auctions = auctions::lines(&auctions, |operator| self.name(operator));
        report.awards = self.ledger.award_lines(request, |operator| self.name(operator), &auctions);
        report.gas = self.ledger.gas().await?;
        report.phase("money", began);
        Ok(())
    }

    /// What the gateway's database says about a request's auctions.
    async fn auctions(&self, request: B256) -> Result<Vec<auctions::LotAuction>, TestkitError> {
        let config = self.options.folder.join("gateway/gateway.toml").display().to_string();
        let arguments = ["gateway", "auctions", "--config", &config, &request.to_string()];
        let answer = self.gavel(&arguments).await?;
        serde_json::from_value(answer)
            .map_err(|error| TestkitError::Command { command: arguments.join(" "), reason: error.to_string() })
    }

    /// Starts the gateway and the provers that were killed.
    async fn revive(&mut self) -> Result<(), TestkitError> {
        if let Some(gateway) = &mut self.gateway
            && !gateway.runs()
        {
            gateway.restart_until(GATEWAY_READY, STARTING).await?;
        }
        for prover in &mut self.provers {
            if !prover.runs() {
                prover.restart_until("session open", STARTING).await?;
            }
        }
        Ok(())
    }

    /// The newest traded blocks.
    fn range(&self) -> (u64, u64) {
        let last = self.devnet.description.trades.map_or(0, |trades| trades.last_block);
        (last + 1 - self.options.blocks, last)
    }

    pub(super) async fn ask(
        &self,
        asked: &Asked<'_>,
        fee: &str,
        deadline: u64,
        refund_to: Address,
    ) -> Result<B256, TestkitError> {
        let observer = self.devnet.description.observer.to_string();
        self.ask_with(asked, fee, deadline, refund_to, &["--consumer", observer.as_str()]).await
    }

    pub(super) async fn ask_with(
        &self,
        asked: &Asked<'_>,
        fee: &str,
        deadline: u64,
        refund_to: Address,
        consumer: &[&str],
    ) -> Result<B256, TestkitError> {
        let arguments = self.question(asked, fee, deadline, refund_to);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push("--no-follow");
        arguments.extend(consumer);
        let answer = self.gavel(&arguments).await?;
        let id = answer["requestId"].as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| TestkitError::Command { command: arguments.join(" "), reason: "no request id".into() })
    }

    /// The command that asks, but for the consumer.
    pub(super) fn question(&self, asked: &Asked<'_>, fee: &str, deadline: u64, refund_to: Address) -> Vec<String> {
        let Asked { from, to, bound } = asked;
        let (from, to, deadline) = (from.to_string(), to.to_string(), deadline.to_string());
        let (table, refund_to) = (self.table.display().to_string(), refund_to.to_string());
        let mut arguments = vec!["request", "--table", &table, "--sql", SQL, "--from-block", &from, "--to-block", &to];
        arguments.extend(["--param", bound, "--max-fee", fee, "--deadline", &deadline, "--refund-to", &refund_to]);
        arguments.into_iter().map(str::to_owned).collect()
    }

    /// SIGKILL for a prover that accepted an award; returns its number and the award.
    async fn kill_a_prover_at_work(
        &mut self,
        request: B256,
        progress: &mut impl FnMut(&str),
    ) -> Result<(usize, B256), TestkitError> {
        progress("waiting for an accepted award, whose prover is killed");
        let deadline = Instant::now() + self.options.patience;
        loop {
            self.ledger.update().await?;
            let log = self.gateway.as_ref().map(Daemon::log).unwrap_or_default();
            let accepted = self.ledger.awards(request).into_iter().find(|award| {
                let id = award.awardId.to_string();
                self.ledger.end_of(award.awardId) == "open"
                    && log.lines().any(|line| line.contains("accepted") && line.contains(&id))
                    // The large prover is the only one of its class: without it nothing would end.
                    && award.operator != self.operator(1).owner.address
            });
            if let Some(award) = accepted {
                let number = (2..=OPERATORS).find(|n| self.operator(*n).owner.address == award.operator).unwrap_or(2);
                progress(&format!("killing prover {number} while it works on award {}", award.awardId));
                self.provers[number - 1].kill();
                return Ok((number, award.awardId));
            }
            self.alive()?;
            if Instant::now() > deadline {
                return Err(TestkitError::Waited { what: "an accepted award", after: self.options.patience });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// SIGKILL and start while work is in flight.
    async fn restart_the_gateway(
        &mut self,
        report: &mut Report,
        request: B256,
        progress: &mut impl FnMut(&str),
    ) -> Result<(), TestkitError> {
        progress("killing the gateway while work is in flight, and starting it again");
        let Some(gateway) = &mut self.gateway else { return Ok(()) };
        gateway.restart_until(GATEWAY_READY, STARTING).await?;
        let state = self.reader.request(request, BlockId::latest()).await?.state;
        let (name, detail) =
            ("the gateway was killed and came back while work was in flight", format!("state {state}"));
        report.check(name, state == OPEN, detail);
        Ok(())
    }

    pub(super) fn alive(&mut self) -> Result<(), TestkitError> {
        if let Some(gateway) = &mut self.gateway {
            gateway.check()?;
        }
        self.provers.iter_mut().try_for_each(Daemon::check)
    }

    pub(super) async fn until_settled(
        &mut self,
        request: B256,
        progress: &mut impl FnMut(&str),
    ) -> Result<(), TestkitError> {
        let began = Instant::now();
        let mut told = ((0, 0), began);
        loop {
            self.ledger.update().await?;
            let awards = self.ledger.awards(request);
            let done = awards.iter().filter(|award| self.ledger.end_of(award.awardId) != "open").count();
            // Proofs take their time: say so now and then.
            if told.0 != (awards.len(), done) || told.1.elapsed() > Duration::from_secs(20) {
                told = ((awards.len(), done), Instant::now());
                progress(&format!("{} awards, {done} of them delivered", awards.len()));
            }
            if self.reader.request(request, BlockId::latest()).await?.state != OPEN {
                return Ok(());
            }
            self.alive()?;
            if began.elapsed() > self.options.patience {
                return Err(TestkitError::Waited { what: "the request's end", after: self.options.patience });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
