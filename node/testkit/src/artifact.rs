//! Where compiled contracts come from: forge's output, npm packages and the EigenLayer init code.

use std::path::{Path, PathBuf};

use alloy::{primitives::hex, sol_types::SolValue};

use crate::error::TestkitError;

/// The repository that the running code was built in, or `GAVEL_ROOT`.
pub fn root() -> PathBuf {
    if let Some(root) = std::env::var_os("GAVEL_ROOT") {
        return root.into();
    }
    let mut at = std::env::current_dir().unwrap_or_default();
    loop {
        if at.join("foundry.toml").is_file() && at.join("avs-cli").is_dir() {
            return at;
        }
        if !at.pop() {
            // Tests run in their crate's folder, so this is for programs started elsewhere.
            return PathBuf::from(".");
        }
    }
}

/// Init code of a contract of Gavel, from `contracts/out/NAME.sol/NAME.json`.
pub fn gavel(name: &str) -> Result<Vec<u8>, TestkitError> {
    let path = root().join("contracts/out").join(format!("{name}.sol")).join(format!("{name}.json"));
    let json = read_json(&path, "forge build (scripts/test does it)")?;
    bytecode(name, json["bytecode"]["object"].as_str())
}

/// Init code in a truffle-style build file of an npm package, such as `@uniswap/v2-core`.
pub fn npm(package: &str, name: &str) -> Result<Vec<u8>, TestkitError> {
    let path = root().join("node_modules").join(package).join("build").join(format!("{name}.json"));
    let json = read_json(&path, "scripts/install")?;
    bytecode(name, json["bytecode"].as_str())
}

/// Init code of an EigenLayer core contract.
pub fn eigenlayer(name: &str) -> Result<Vec<u8>, TestkitError> {
    let path = root().join(".gavel/eigenlayer").join(format!("{name}.hex"));
    let text = read(&path, "scripts/eigenlayer")?;
    bytecode(name, Some(text.trim()))
}

/// The anvil binary of the npm package.
pub fn anvil() -> Result<PathBuf, TestkitError> {
    let path = root().join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    if path.is_file() {
        Ok(path)
    } else {
        Err(TestkitError::Missing { path: path.display().to_string(), remedy: "scripts/install" })
    }
}

/// Init code with ABI-encoded constructor arguments (a tuple) after it.
pub fn with_arguments<A: SolValue>(mut code: Vec<u8>, arguments: &A) -> Vec<u8>
where
    for<'a> <A::SolType as alloy::sol_types::SolType>::Token<'a>: alloy::sol_types::abi::TokenSeq<'a>,
{
    code.extend(arguments.abi_encode_params());
    code
}

fn bytecode(contract: &str, object: Option<&str>) -> Result<Vec<u8>, TestkitError> {
    let bad = |reason: String| TestkitError::Artifact { contract: contract.into(), reason };
    let object = object.ok_or_else(|| bad("no bytecode in the build file".into()))?;
    if object.is_empty() || object == "0x" {
        return Err(bad("abstract: it has no bytecode".into()));
    }
    hex::decode(object).map_err(|error| bad(format!("bytecode is not hex, perhaps not linked: {error}")))
}

fn read(path: &Path, remedy: &'static str) -> Result<String, TestkitError> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => TestkitError::Missing { path: path.display().to_string(), remedy },
        _ => TestkitError::file(path, error),
    })
}

fn read_json(path: &Path, remedy: &'static str) -> Result<serde_json::Value, TestkitError> {
    serde_json::from_str(&read(path, remedy)?).map_err(|error| TestkitError::file(path, error))
}
