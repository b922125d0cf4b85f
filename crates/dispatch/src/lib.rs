//! What happens in between: virtual servers, credits, accept, lanes, failover, receipts.
//!
//! Knows the gateways and the store by their traits, and nobody above it. Accept and dispatch meet in memory; the store
//! is written ahead and never polled.

mod accept;
mod accounts;
mod agenda;
mod breaker;
mod built;
mod cancel;
mod clock;
mod dispatch;
mod engine;
mod figures;
#[cfg(test)]
mod figures_tests;
mod flow;
#[cfg(test)]
mod flow_tests;
mod front;
mod lanes;
mod metrics;
mod people;
mod recovery;
mod retention;
mod runners;
#[cfg(test)]
mod simulation;
mod station;
#[cfg(test)]
mod testing;
mod view;
mod watching;
mod webhooks;
mod words;
mod work;

pub use dispatch::{Dispatch, Limits, Parts, StartError};
pub use front::{
    BalanceRefusal, CallbackRefusal, Export, Forecast, GatewayNow, GatewaySeries, ResendRefusal, Scope,
    Series, SeriesStep,
};
pub use metrics::Metrics;
pub use people::*;
pub use watching::{Watch, Watched};
pub use webhooks::WebhookLimits;
pub use words::*;
