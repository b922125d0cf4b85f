//! Gateways over HTTP: one driver that carries any provider's requests, and the Generic HTTP(s) plugin.
//!
//! An [`Exchange`](exchange::Exchange) says what a provider's request looks like and what its answer means, and
//! never touches the network. The [`Driver`](driver::Driver) does the rest for all of them: the pool, the proxy, TLS,
//! the network guard, deadlines, and what a broken connection means for a message.

mod batch;
mod certificates;
mod client;
mod date;
mod driver;
mod exchange;
mod fault;
mod flight;
mod form;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod generic;
mod options;
mod preview;
mod segments;
mod status;
mod token;

#[cfg(test)]
mod tests;

pub(crate) use driver::Driver;
pub(crate) use exchange::{Answer, BodyEnd, Call, Exchange, Token};
pub(crate) use form::{Form, Space};
pub use generic::GenericHttpPlugin;
pub(crate) use options::{Options, connection_fields, proxy_fields};
pub(crate) use segments::plan;
pub(crate) use status::{LONGEST_WAIT, outcome as status_outcome, retry_after};

#[cfg(test)]
pub(crate) use date::parse as parse_date;
#[cfg(test)]
pub(crate) use tests::kit;
