//! Generates the services from `proto/gavel.proto` with protox, so that no `protoc` is needed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/gavel.proto");
    let descriptors = protox::compile(["gavel.proto"], ["proto"])?;
    // The reflection service serves the same descriptors.
    let file = PathBuf::from(env::var("OUT_DIR")?).join("gavel_descriptor.bin");
    fs::write(file, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
