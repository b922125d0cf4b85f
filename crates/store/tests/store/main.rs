//! The contract that every store keeps, and what is special about each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod contract;
mod postgres;
mod sqlite;
