//! Several nodes on one PostgreSQL, as machines of their own: what is broken while they work, and whether what each caller was
//! told is what one node alone could have told.
//!
//! `cargo test` runs the short form. The long form is `scripts/faults nodes`, which sets `FAULTS_ROUNDS`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // helpers of tests, outside test functions

// The end-to-end tests' kit, of which this needs only a part.
#[allow(dead_code, unused_imports)]
#[path = "../e2e/kit/mod.rs"]
mod kit;
// The fault tests' load, likewise.
#[allow(dead_code)]
#[path = "../faults/crash/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../faults/run.rs"]
mod run;
#[allow(dead_code)]
#[path = "../../../store/tests/store/postgres/server.rs"]
mod server;

mod callers;
mod cluster;
mod faults;
mod history;
mod linear;
mod network;
mod sightings;
