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
    daemon::{Daemon, gavel},
    files::{Files, Policy},
    ledger::Ledger,
    money::{self, SETTLED},
    oracle,
    report::Report,
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
    /// Port of the gateway.
    pub port: u16,
    /// Seconds between blocks.
    pub block_time: u64,
    /// Blocks of a lot's proving window: thousandths for each work unit, and so many on top.
    pub window: (u64, u64),
    /// Memory for jobs in GiB, and jobs at a time.
    pub machine: (u64, u64),
    /// How long the first request may take.
    pub patience: Duration,
}

const SQL: &str = "SELECT AVG(reserve1) AS mean, MIN(reserve1) AS low, MAX(reserve0) AS high, COUNT(*) AS n FROM pair WHERE reserve0 > $1";
const OPERATORS: usize = 3;
const GWEI: u64 = 1_000_000_000;
/// One large prover; two for small and medium jobs. The second is the cheapest for most jobs.
const POLICIES: [Policy; OPERATORS] = [
    Policy { small: Some(2_600 * GWEI), medium: Some(2_400 * GWEI), large: Some(2_000 * GWEI) },
    Policy { small: Some(1_900 * GWEI), medium: Some(1_700 * GWEI), large: None },
    Policy { small: Some(2_100 * GWEI), medium: Some(2_000 * GWEI), large: None },
];
pub(super) const MAX_FEE: &str = "0.05";

/// Runs everything; the report says what held. `progress` is told what is going on.
///
/// # Errors
/// When a step cannot be done at all. A check that does not hold is in the report, not an error.
pub async fn run(options: ScenarioOptions, mut progress: impl FnMut(&str)) -> Result<(Report, Devnet), TestkitError> {
    let began = Instant::now();
    if options.folder.exists() {
        std::fs::remove_dir_all(&options.folder).map_err(|e| TestkitError::file(&options.folder, e))?;
    }
    std::fs::create_dir_all(&options.folder).map_err(|e| TestkitError::file(&options.folder, e))?;
    let mut report = Report::default();
    let devnet = network(&options, &mut report, &mut progress).await?;
    let mut scene = Scene::new(&options, &devnet)?;
    scene.operators(&mut report, &mut progress).await?;
    scene.daemons(&mut report, &mut progress).await?;
    let outcome = scene.play(&mut report, &mut progress).await;
    report.peak_memory = scene.peak_memory();
    outcome?;
    report.seconds = began.elapsed().as_secs_f64();
    report.conclude();
    drop(scene);
    Ok((report, devnet))
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
            window: options.window,
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
        for number in 1..=OPERATORS {
            progress(&format!("registering operator {number} and restaking with it"));
            let accounts = self.operator(number);
            let text = number.to_string();
            let policy = POLICIES[number - 1];
            let classes = if policy.large.is_some() { "small,medium,large" } else { "small,medium" };
            let arguments = ["operator", "register", "--devnet-operator", &text, "--classes", classes];
            let register = self.gavel(&arguments);
            // The command waits for stake while the restaker waits for the registration.
            let restake = async {
                let operator = accounts.owner.address;
                while !operator::status(self.reader.client(), self.reader.deployment(), operator).await?.is_operator {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                self.devnet.restake(&accounts, uniswap::tokens(1_000)).await
            };
            let (registered, restaked) = tokio::join!(register, restake);
            registered?;
            restaked?;
            let status = self.devnet.status(accounts.owner.address).await?;
            let stake = self.devnet.supernet.stake.slash_per_unit.u256();
            let units = status.slashable_stake.checked_div(stake).unwrap_or_default();
            report.check(
                "capacity follows slashable stake",
                status.registered && U256::from(status.capacity.total) == units && !units.is_zero(),
                format!("operator {number}: {} units", status.capacity.total),
            );
        }
        report.phase("operators", began);
        Ok(())
    }

    /// Step 5 and 6: gateway and provers, each a process.
    async fn daemons(&mut self, report: &mut Report, progress: &mut impl FnMut(&str)) -> Result<(), TestkitError> {
        let began = Instant::now();
        let path = PathBuf::from(&self.deployment);
        let files = Self::files(self.options, &path);
        progress("starting the gateway");
        let config = files.gateway(&self.devnet.description.accounts.gateway_key)?;
        let config = config.display().to_string();
        let (binary, folder) = (&self.options.binary, &self.options.folder);
        let mut gateway = Daemon::start("gateway", binary, &["gateway", "run", "--config", &config], folder)?;
        gateway.wait_for("gateway ready", Duration::from_secs(300)).await?;
        self.gateway = Some(gateway);
        for number in 1..=OPERATORS {
            progress(&format!("starting prover {number}, which loads its parameters"));
            let config = files.prover(number, &self.operator(number), POLICIES[number - 1])?;
            let config = config.display().to_string();
            let name = format!("prover-{number}");
            let mut prover = Daemon::start(&name, binary, &["prover", "run", "--config", &config], folder)?;
            prover.wait_for("session open", Duration::from_secs(300)).await?;
            self.provers.push(prover);
        }
        report.phase("gateway and provers", began);
        Ok(())
    }

    fn peak_memory(&self) -> u64 {
        self.gateway.iter().chain(&self.provers).map(Daemon::peak).sum()
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
        let request = self.ask(from, to, &bound.to_string(), MAX_FEE, 1_200, refund_to).await?;
        let victim = self.kill_a_prover_at_work(request, progress).await?;
        self.restart_the_gateway(report, progress).await?;
        self.until_settled(request, progress).await?;
        report.phase("first request, with faults", began);

        let began = Instant::now();
        money::ended_as(report, &self.reader, "the request is settled on-chain", request, SETTLED).await?;
        self.check_result(report, request, expected).await?;
        progress("waiting until the missed job is slashed and the delivered ones are claimed");
        self.check_slash(report, victim).await?;
        self.until_claimed(request).await?;
        money::settled_account(report, &self.reader, &self.ledger, request).await?;
        let refunded = client.balance(refund_to).await? - refunds_before;
        report.check("the unspent fee is back at refundTo", !refunded.is_zero(), format!("{refunded} wei"));
        let operators: std::collections::BTreeSet<Address> =
            self.ledger.awards(request).iter().map(|award| award.operator).collect();
        report.check("work reached at least two operators", operators.len() >= 2, format!("{}", operators.len()));
        report.phase("slash, claims and money", began);

        let began = Instant::now();
        self.other_requests(report, progress, from, to, &bound.to_string()).await?;
        report.phase("requests that end without an answer", began);
        self.ledger.update().await?;
        report.awards = self.ledger.award_lines(request, |operator| self.name(operator));
        report.gas = self.ledger.gas().await?;
        Ok(())
    }

    /// The newest traded blocks.
    fn range(&self) -> (u64, u64) {
        let last = self.devnet.description.trades.map_or(0, |trades| trades.last_block);
        (last + 1 - self.options.blocks, last)
    }

    pub(super) async fn ask(
        &self,
        from: u64,
        to: u64,
        bound: &str,
        fee: &str,
        deadline: u64,
        refund_to: Address,
    ) -> Result<B256, TestkitError> {
        let observer = self.devnet.description.observer.to_string();
        let consumer = ["--consumer", observer.as_str()];
        self.ask_with(from, to, bound, fee, deadline, refund_to, &consumer).await
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a request")]
    pub(super) async fn ask_with(
        &self,
        from: u64,
        to: u64,
        bound: &str,
        fee: &str,
        deadline: u64,
        refund_to: Address,
        consumer: &[&str],
    ) -> Result<B256, TestkitError> {
        let (from, to, deadline) = (from.to_string(), to.to_string(), deadline.to_string());
        let (table, refund_to) = (self.table.display().to_string(), refund_to.to_string());
        let mut arguments = vec!["request", "--table", &table, "--sql", SQL, "--from-block", &from, "--to-block", &to];
        arguments.extend(["--param", bound, "--max-fee", fee, "--deadline", &deadline]);
        arguments.extend(["--refund-to", &refund_to, "--no-follow"]);
        arguments.extend(consumer);
        let answer = self.gavel(&arguments).await?;
        let id = answer["requestId"].as_str().and_then(|text| text.parse().ok());
        id.ok_or_else(|| TestkitError::Command { command: arguments.join(" "), reason: "no request id".into() })
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
        progress: &mut impl FnMut(&str),
    ) -> Result<(), TestkitError> {
        progress("killing the gateway while work is in flight, and starting it again");
        let Some(gateway) = &mut self.gateway else { return Ok(()) };
        let lines = gateway.log().matches("gateway ready").count();
        gateway.restart()?;
        let deadline = Instant::now() + Duration::from_secs(300);
        while gateway.log().matches("gateway ready").count() <= lines {
            gateway.check()?;
            if Instant::now() > deadline {
                let after = Duration::from_secs(300);
                return Err(TestkitError::Waited { what: "the restarted gateway", after });
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        report.check("the gateway was killed and came back while work was in flight", true, "restarted");
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
        let deadline = Instant::now() + self.options.patience;
        let mut told = (0, 0);
        loop {
            self.ledger.update().await?;
            let awards = self.ledger.awards(request);
            let done = awards.iter().filter(|award| self.ledger.end_of(award.awardId) != "open").count();
            if told != (awards.len(), done) {
                told = (awards.len(), done);
                progress(&format!("{} jobs awarded, {done} delivered", awards.len()));
            }
            if self.reader.request(request, BlockId::latest()).await?.state > 1 {
                return Ok(());
            }
            self.alive()?;
            if Instant::now() > deadline {
                return Err(TestkitError::Waited { what: "the request's end", after: self.options.patience });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
