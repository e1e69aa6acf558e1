//! An anvil process: a development chain of its own, on a free port, with its own files.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::ext::AnvilApi,
};
use gavel_chain::{ChainClient, ChainError, EndpointOptions, Wallet};

use crate::{artifact, error::TestkitError, keys};

/// How to start anvil.
#[derive(Clone, Debug)]
pub struct AnvilOptions {
    pub chain_id: u64,
    /// 0 takes a free port.
    pub port: u16,
    /// Number of the genesis block.
    pub first_block: u64,
    /// States kept on disk besides the 500 in memory; each costs 40 kB and more.
    pub persisted_states: u32,
    /// Folder for log, cache and state; a temporary one, removed with the process, when `None`.
    pub folder: Option<PathBuf>,
    /// In a process group of its own, so that an interrupt at the terminal does not reach it.
    pub detachable: bool,
}

impl Default for AnvilOptions {
    fn default() -> Self {
        Self { chain_id: 31_337, port: 0, first_block: 0, persisted_states: 600, folder: None, detachable: false }
    }
}

/// A running anvil. Killed when dropped, unless [`detach`](Self::detach)ed.
#[derive(Debug)]
pub struct Anvil {
    child: Option<Child>,
    url: String,
    client: ChainClient,
    /// Holds the temporary folder until the process is gone.
    _folder: Option<tempfile::TempDir>,
}

impl Anvil {
    /// Starts anvil (Prague, one block per transaction) and waits until it answers.
    pub async fn start(options: AnvilOptions) -> Result<Self, TestkitError> {
        let (folder, temporary) = match &options.folder {
            Some(folder) => (folder.clone(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("gavel-anvil-")
                    .tempdir()
                    .map_err(|e| TestkitError::file(Path::new("temporary folder"), e))?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        fs::create_dir_all(&folder).map_err(|e| TestkitError::file(&folder, e))?;
        let log = folder.join("anvil.log");
        let output = fs::File::create(&log).map_err(|e| TestkitError::file(&log, e))?;
        let errors = output.try_clone().map_err(|e| TestkitError::file(&log, e))?;
        let mut command = Command::new(artifact::anvil()?);
        if options.detachable {
            command.process_group(0);
        }
        let child = command
            .args(["--hardfork", "prague", "--accounts", "1"])
            .args(["--chain-id", &options.chain_id.to_string()])
            .args(["--port", &options.port.to_string()])
            .args(["--number", &options.first_block.to_string()])
            .args(["--max-persisted-states", &options.persisted_states.to_string()])
            .arg("--cache-path")
            .arg(folder.join("cache"))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|e| TestkitError::file(Path::new("anvil"), e))?;
        // From here on the process dies with this value, whatever fails.
        let mut process = Process(Some(child));
        let url = process.listening(&log).await?;
        let options_http = EndpointOptions { timeout: Duration::from_secs(30), ..Default::default() };
        let client = ChainClient::connect(std::slice::from_ref(&url), options_http, Some(options.chain_id)).await?;
        Ok(Self { child: process.0.take(), url, client, _folder: temporary })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Leaves the process running when this value is dropped, and returns its id.
    pub fn detach(mut self) -> Option<u32> {
        self.child.take().map(|child| child.id())
    }

    /// A funded account for a role; see [`keys`].
    pub async fn wallet(&self, role: &str) -> Result<Wallet, TestkitError> {
        self.fund(keys::address(role)).await?;
        Ok(Wallet::new(self.client.clone(), keys::secret(role))?)
    }

    /// Gives an account 10,000 ETH.
    pub async fn fund(&self, account: Address) -> Result<(), TestkitError> {
        let wei = U256::from(10_000) * U256::from(10).pow(U256::from(18));
        let answer = self.client.provider().anvil_set_balance(account, wei).await;
        Ok(answer.map_err(|e| ChainError::from_transport("anvil_setBalance", e))?)
    }

    /// Mines empty blocks.
    pub async fn mine(&self, blocks: u64) -> Result<(), TestkitError> {
        let answer = self.client.provider().anvil_mine(Some(blocks), None).await;
        Ok(answer.map_err(|e| ChainError::from_transport("anvil_mine", e))?)
    }

    /// Mines on a timer from now on, and no longer for each transaction; 0 for one block per transaction.
    pub async fn block_interval(&self, seconds: u64) -> Result<(), TestkitError> {
        let provider = self.client.provider();
        let failed = |call| move |e| ChainError::from_transport(call, e);
        provider.anvil_set_auto_mine(seconds == 0).await.map_err(failed("anvil_setAutomine"))?;
        Ok(provider.anvil_set_interval_mining(seconds).await.map_err(failed("evm_setIntervalMining"))?)
    }

    /// Stops mining for each transaction: transactions wait for [`mine`](Self::mine).
    pub async fn hold_transactions(&self, hold: bool) -> Result<(), TestkitError> {
        let answer = self.client.provider().anvil_set_auto_mine(!hold).await;
        Ok(answer.map_err(|e| ChainError::from_transport("anvil_setAutomine", e))?)
    }

    /// Sets the base fee of the next block, wei per gas: transactions that offer less wait.
    pub async fn next_base_fee(&self, wei: u128) -> Result<(), TestkitError> {
        let answer = self.client.provider().anvil_set_next_block_base_fee_per_gas(wei).await;
        Ok(answer.map_err(|e| ChainError::from_transport("anvil_setNextBlockBaseFeePerGas", e))?)
    }

    /// Removes a transaction from the pool, as a node under pressure does.
    pub async fn forget_transaction(&self, hash: B256) -> Result<(), TestkitError> {
        let answer = self.client.provider().anvil_drop_transaction(hash).await;
        Ok(answer.map(drop).map_err(|e| ChainError::from_transport("anvil_dropTransaction", e))?)
    }

    /// Remembers the chain as it is now, for [`revert`](Self::revert).
    pub async fn snapshot(&self) -> Result<U256, TestkitError> {
        let answer = self.client.provider().anvil_snapshot().await;
        Ok(answer.map_err(|e| ChainError::from_transport("evm_snapshot", e))?)
    }

    /// Takes the chain back to a snapshot: to a watcher, a reorganisation.
    pub async fn revert(&self, snapshot: U256) -> Result<(), TestkitError> {
        let answer = self.client.provider().anvil_revert(snapshot).await;
        let reverted = answer.map_err(|e| ChainError::from_transport("evm_revert", e))?;
        if reverted {
            Ok(())
        } else {
            let (expected, got) = ("a known snapshot".into(), snapshot.to_string());
            Err(TestkitError::Check { check: "evm_revert", expected, got })
        }
    }

    /// Removes the newest `depth` blocks and mines as many empty ones.
    pub async fn reorganise(&self, depth: u64) -> Result<(), TestkitError> {
        let options = alloy::rpc::types::anvil::ReorgOptions { depth, tx_block_pairs: Vec::new() };
        let answer = self.client.provider().anvil_reorg(options).await;
        Ok(answer.map_err(|e| ChainError::from_transport("anvil_reorg", e))?)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the process may be gone already.
        drop(Process(self.child.take()));
    }
}

struct Process(Option<Child>);

impl Process {
    /// The URL from anvil's log, which it writes once it listens. (With port 0 only anvil knows the port.)
    async fn listening(&mut self, log: &Path) -> Result<String, TestkitError> {
        let failed = |reason: String| TestkitError::Anvil { reason, log: log.display().to_string() };
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let text = fs::read_to_string(log).map_err(|e| TestkitError::file(log, e))?;
            // Only whole lines count: the port could be cut off.
            if let Some(address) = text
                .split_inclusive('\n')
                .find_map(|line| line.strip_prefix("Listening on ").and_then(|rest| rest.strip_suffix('\n')))
            {
                return Ok(format!("http://{}", address.trim()));
            }
            if let Some(child) = &mut self.0
                && let Ok(Some(status)) = child.try_wait()
            {
                return Err(failed(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(failed("it did not listen within 30 s".into()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
