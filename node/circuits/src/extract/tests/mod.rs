mod chain_data;
mod mainnet;
mod tries;
