//! The answer that the network must give, computed without it: from `eth_getStorageAt` over every block.

use alloy::primitives::{B256, U256};
use gavel_chain::ChainClient;

use crate::{error::TestkitError, uniswap::Market};

/// `SELECT AVG(reserve1), MIN(reserve1), MAX(reserve0), COUNT(*) WHERE reserve0 > bound`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub mean: U256,
    pub low: U256,
    pub high: U256,
    pub count: U256,
}

/// Slot of the packed reserves.
const RESERVES: u64 = 8;

/// The reserves after a block.
pub async fn reserves(client: &ChainClient, market: &Market, block: u64) -> Result<[U256; 2], TestkitError> {
    let slot = B256::from(U256::from(RESERVES));
    let word = client.storage_at(market.pair, slot, block).await?;
    let mask = (U256::from(1) << 112) - U256::from(1);
    Ok([word & mask, (word >> 112) & mask])
}

/// Reads every block of `from..=to`.
pub async fn compute(
    client: &ChainClient,
    market: &Market,
    from: u64,
    to: u64,
    bound: U256,
) -> Result<Answer, TestkitError> {
    let mut rows = Vec::new();
    for block in from..=to {
        let [reserve0, reserve1] = reserves(client, market, block).await?;
        if reserve0 > bound {
            rows.push([reserve0, reserve1]);
        }
    }
    let count = U256::from(rows.len());
    let sum: U256 = rows.iter().map(|row| row[1]).sum();
    Ok(Answer {
        mean: sum.checked_div(count).unwrap_or_default(),
        low: rows.iter().map(|row| row[1]).min().unwrap_or_default(),
        high: rows.iter().map(|row| row[0]).max().unwrap_or_default(),
        count,
    })
}

/// A bound that some of the blocks pass and others do not: the median of reserve0.
pub async fn dividing_bound(client: &ChainClient, market: &Market, from: u64, to: u64) -> Result<U256, TestkitError> {
    let mut seen = Vec::new();
    for block in from..=to {
        seen.push(reserves(client, market, block).await?[0]);
    }
    seen.sort();
    Ok(seen.get(seen.len() / 2).copied().unwrap_or_default())
}
