mod bench;
mod chain_data;
mod machine;
mod mainnet;
mod proof;
mod tampers;
mod tries;
