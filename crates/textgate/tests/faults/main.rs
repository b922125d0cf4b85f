//! Everything that can break, broken on purpose: the process, the disk, providers, callers, the clock. The real binary, real
//! sockets, real files.
//!
//! `cargo test` runs the short form. The long form is `scripts/faults`, which sets `FAULTS_ROUNDS` and runs what is ignored too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // helpers of tests, outside test functions

// The end-to-end tests' kit, of which this needs only a part.
#[allow(dead_code, unused_imports)]
#[path = "../e2e/kit/mod.rs"]
mod kit;
mod run;
mod shim;

mod caller;
mod crash;
mod disk;
mod provider;
mod time;
