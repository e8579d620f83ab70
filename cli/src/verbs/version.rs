//! `burrow version`: prints the versions of program, component, wasmtime and compiler.

use std::process::ExitCode;

use sha2::{Digest as _, Sha256};

use crate::open::Component;
use crate::output;

/// Print the versions of program, component, wasmtime and compiler.
#[derive(Debug, clap::Args)]
pub(crate) struct Version {}

impl Version {
    pub(crate) fn run(component: &Component) -> anyhow::Result<ExitCode> {
        let digest = output::hex(&Sha256::digest(component.bytes()?));
        output::line(&format!("burrow     {}", env!("CARGO_PKG_VERSION")))?;
        output::line(&format!("component  sha256:{digest} ({component})"))?;
        output::line(&format!("wasmtime   {}", env!("BUILT_WITH_WASMTIME")))?;
        output::line(&format!("rustc      {}", env!("BUILT_WITH_RUSTC")))?;
        Ok(ExitCode::SUCCESS)
    }
}
