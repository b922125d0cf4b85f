//! The self-hosted SMS gateway for one-time passcodes and alerts.
//!
//! The binary: command line, configuration, wiring. It has no logic of its own: what happens to a message is decided in
//! `textgate-dispatch`, and every command but `serve` asks a server.

mod cli;
mod client;
mod commands;
mod config;
mod control_socket;
mod failure;
mod key_file;
mod logging;
mod manifest;
mod oidc;
mod output;
mod rooms;
mod server;
mod service;
mod signals;

use clap::Parser;
use cli::Cli;
use std::io::Write;
use std::process::ExitCode;

/// Small objects come and go with each message; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    install_crypto();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(&failure::Failure::failed(error)),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell(&failure),
    }
}

/// TLS by ring, for all of the process. A second call changes nothing.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn tell(failure: &failure::Failure) -> ExitCode {
    // Without a standard error there is still the exit code.
    let _ = writeln!(std::io::stderr(), "textgate: {failure}");
    failure.exit_code()
}
