//! Tests that read recorded chain data are reported as ignored where there is none.
//!
//! Rust's test runner decides before a test runs whether it is ignored, so the folder is looked for when the test is
//! compiled. A build script could do that too, but then every change would compile the crate and all above it again.

use std::path::{Path, PathBuf};

use proc_macro::TokenStream;

/// Ignores the test below unless the folder with recorded chain data is there: `GAVEL_CHAIN_DATA` (relative to the
/// repository), or `../shared/testdata/mainnet` beside it. Under CI nothing is ignored: there the test fails.
#[proc_macro_attribute]
pub fn needs_chain_data(_arguments: TokenStream, test: TokenStream) -> TokenStream {
    let folder = folder();
    let mut expanded = String::from(WATCHED);
    if !folder.join("headers").is_dir() && std::env::var_os("CI").is_none() {
        let reason = format!("no chain data at {} when this was compiled; set GAVEL_CHAIN_DATA", folder.display());
        expanded.push_str(&format!("#[ignore = {reason:?}]"));
    }
    match expanded.parse::<TokenStream>() {
        Ok(mut tokens) => {
            tokens.extend(test);
            tokens
        }
        Err(error) => panic!("{expanded}: {error}"),
    }
}

/// Cargo compiles the tests again when one of these variables changes.
const WATCHED: &str = r#"const _: [Option<&str>; 2] = [option_env!("GAVEL_CHAIN_DATA"), option_env!("CI")];"#;

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap_or(root);
    // An absolute path replaces the root.
    root.join(std::env::var_os("GAVEL_CHAIN_DATA").unwrap_or_else(|| "../shared/testdata/mainnet".into()))
}
