//! What happens in between: virtual servers, credits, accept, lanes, failover, receipts.
//!
//! Knows the gateways and the store by their traits, and nobody above it. Accept and dispatch meet in memory; the store
//! is written ahead and never polled.

mod clock;
mod dispatch;
mod engine;
mod front;
mod station;
mod view;
mod words;

pub use dispatch::{Dispatch, Limits, Parts, StartError};
pub use words::*;

/// Counters and histograms, in the Prometheus text format.
#[derive(Default)]
pub struct Metrics {}
