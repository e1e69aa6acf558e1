mod bench;
mod chain_data;
mod forgeries;
mod machine;
mod mainnet;
mod proof;
mod tampers;
mod tries;
