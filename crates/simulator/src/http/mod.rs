//! An HTTP provider: takes messages as query or form parameters, answers as it is told, and misbehaves on demand.

mod answer;
mod garble;
mod handle;
mod inbound;
mod options;
mod parameters;
mod request;
mod service;

#[cfg(test)]
mod tests;

pub use handle::HttpProvider;
pub use inbound::HttpInbound;
pub use options::{Decide, HttpAnswer, HttpBehaviour, HttpFault, HttpOptions};
pub(crate) use parameters::decode;
pub use request::{HttpCounters, HttpRequest};
