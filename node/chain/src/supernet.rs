//! A supernet's configuration file, `config/supernets/*.toml`.

use std::{collections::BTreeMap, path::Path, str::FromStr};

use alloy::{
    primitives::{Address, B256, U256, keccak256, utils::parse_units},
    sol_types::SolValue,
};
use gavel_types::{job::JobKind, unit::WorkUnits};
use serde::{Deserialize, Deserializer};

use crate::{bindings::gavel::SupernetRegistry as registry, error::ChainError};

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supernet {
    pub name: String,
    /// Supernet id and id of its operator set.
    pub id: u32,
    pub open_admission: bool,
    pub prices: Prices,
    pub windows: Windows,
    pub stake: Stake,
    pub units: Units,
    pub auction: Auction,
    pub devnet: Devnet,
}

/// An amount in wei, written as `"<number> wei|gwei|ether"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wei(pub u128);

/// As in the contract, `types/Supernet.sol`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub max_price_per_unit: Wei,
    pub base_fee: Wei,
    pub gateway_share_bps: u16,
    pub protocol_share_bps: u16,
    pub quoted_gas_price: Wei,
    pub settle_tip: Wei,
    pub settle_gas: u64,
    pub max_callback_gas: u64,
}

/// Windows in blocks, as in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    pub min_deadline: u32,
    pub max_range: u32,
    pub max_accept: u32,
    pub max_proving: u32,
    pub report: u32,
    pub answer: u32,
    pub margin: u32,
    pub claim: u32,
    pub capacity_fresh: u32,
}

/// Stake terms, as in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stake {
    pub slash_per_unit: Wei,
    pub min_stake: Wei,
    pub report_deposit: Wei,
}

/// Work units per job kind and size. The contract stores their digest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// By Keccak permutations of the chunk shape.
    #[serde(deserialize_with = "by_size")]
    pub extract: BTreeMap<u32, u64>,
    pub query: u64,
    pub merge: u64,
    pub answer: u64,
    pub wrap: u64,
}

/// How the gateway auctions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auction {
    pub tick_ms: u64,
    pub commit_ms: u64,
    pub open_ms: u64,
    /// Hundredths of the maximum at which a ceiling starts.
    pub start_share: u8,
    pub ramp_blocks: u64,
    pub patience_blocks: u64,
    pub attempts: u32,
}

/// What a development network adds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Devnet {
    pub withdrawal_delay: u32,
    pub deallocation_delay: u32,
    pub configuration_delay: u32,
    pub rotation_delay: u64,
    pub notice: u64,
    pub bond: Wei,
}

impl Supernet {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ChainError::File`] with the path and, for bad content, the line.
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let file = |reason: String| ChainError::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| file(e.to_string()))?;
        text.parse().map_err(|e: toml::de::Error| file(e.to_string()))
    }

    /// The on-chain configuration. `treasury` gets the protocol's share; a strategy's weight is in
    /// stake-wei per share, times 1e18.
    pub fn config(
        &self,
        treasury: Address,
        strategies: &[(Address, u128)],
        verifier_ids: Vec<B256>,
    ) -> registry::SupernetConfig {
        let (prices, windows, stake) = (&self.prices, &self.windows, &self.stake);
        let mut strategies: Vec<_> =
            strategies.iter().map(|&(strategy, weight)| registry::StrategyWeight { strategy, weight }).collect();
        strategies.sort_by_key(|entry| entry.strategy);
        registry::SupernetConfig {
            prices: registry::Prices {
                maxPriceWeiPerUnit: prices.max_price_per_unit.0,
                baseFee: prices.base_fee.0,
                gatewayShareBps: prices.gateway_share_bps,
                protocolShareBps: prices.protocol_share_bps,
                treasury,
                quotedGasPrice: gas_price(prices.quoted_gas_price),
                settleTip: gas_price(prices.settle_tip),
                settleGas: prices.settle_gas,
                maxCallbackGas: prices.max_callback_gas,
            },
            windows: registry::Windows {
                minDeadline: windows.min_deadline,
                maxRange: windows.max_range,
                maxAccept: windows.max_accept,
                maxProving: windows.max_proving,
                report: windows.report,
                answer: windows.answer,
                margin: windows.margin,
                claim: windows.claim,
                capacityFresh: windows.capacity_fresh,
            },
            stake: registry::StakeTerms {
                slashWeiPerUnit: stake.slash_per_unit.0,
                minStake: stake.min_stake.0,
                reportDeposit: stake.report_deposit.0,
            },
            openAdmission: self.open_admission,
            unitsTable: self.units.digest(),
            strategies,
            verifierIds: verifier_ids,
        }
    }
}

impl FromStr for Supernet {
    type Err = toml::de::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        toml::from_str(text)
    }
}

impl Units {
    /// Work units of a job; `permutations` is the chunk shape of an extraction, else ignored.
    pub fn of(&self, kind: JobKind, permutations: u32) -> Option<WorkUnits> {
        Some(WorkUnits(match kind {
            JobKind::Extract => *self.extract.get(&permutations)?,
            JobKind::Query => self.query,
            JobKind::Merge => self.merge,
            JobKind::Answer => self.answer,
            JobKind::Wrap => self.wrap,
        }))
    }

    /// Keccak-256 of the ABI encoding of `(uint8 kind, uint32 size, uint64 units)[]`, ascending.
    pub fn digest(&self) -> B256 {
        let mut rows: Vec<(U256, u32, u64)> = Vec::new();
        let mut push = |kind: JobKind, size, units| rows.push((U256::from(kind as u8), size, units));
        for (size, units) in &self.extract {
            push(JobKind::Extract, *size, *units);
        }
        push(JobKind::Query, 0, self.query);
        push(JobKind::Merge, 0, self.merge);
        push(JobKind::Answer, 0, self.answer);
        push(JobKind::Wrap, 0, self.wrap);
        keccak256(rows.abi_encode())
    }
}

impl Wei {
    pub fn u256(self) -> U256 {
        U256::from(self.0)
    }
}

impl FromStr for Wei {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is not an amount such as \"5 gwei\" or \"0.1 ether\"");
        let (number, unit) = text.trim().split_once(' ').ok_or_else(bad)?;
        if !["wei", "gwei", "ether"].contains(&unit) || number.starts_with('-') {
            return Err(bad());
        }
        let amount = parse_units(number, unit).map_err(|_| bad())?.get_absolute();
        u128::try_from(amount).map(Wei).map_err(|_| bad())
    }
}

impl<'de> Deserialize<'de> for Wei {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Gas prices are 64 bits on-chain: up to 18 ether per gas, more than any configuration means.
fn gas_price(wei: Wei) -> u64 {
    u64::try_from(wei.0).unwrap_or(u64::MAX)
}

/// TOML keys are strings.
fn by_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, u64>, D::Error> {
    let raw = BTreeMap::<String, u64>::deserialize(deserializer)?;
    raw.into_iter()
        .map(|(size, units)| {
            let size = size.parse().map_err(|_| serde::de::Error::custom(format!("{size:?} is not a size")))?;
            Ok((size, units))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../../config/supernets/coprocessor.toml");

    #[test]
    fn the_committed_file_reads() {
        let supernet: Supernet = FILE.parse().unwrap();
        assert_eq!(supernet.prices.max_price_per_unit, Wei(10_000_000_000_000));
        assert_eq!(supernet.units.of(JobKind::Extract, 1024), Some(WorkUnits(60)));
        assert_eq!(supernet.units.of(JobKind::Extract, 512), None);
        let windows = &supernet.windows;
        let longest = windows.capacity_fresh
            + windows.max_accept
            + windows.max_proving
            + windows.report
            + windows.answer
            + windows.margin;
        assert!(longest <= supernet.devnet.deallocation_delay.min(supernet.devnet.withdrawal_delay));
    }

    #[test]
    fn a_typing_error_names_the_field() {
        let error = FILE.replace("max_range", "max_rage").parse::<Supernet>().unwrap_err();
        assert!(error.to_string().contains("max_rage"), "{error}");
        let error = FILE.replace("\"5 gwei\"", "\"5 gold\"").parse::<Supernet>().unwrap_err();
        assert!(error.to_string().contains("5 gold"), "{error}");
    }
}
