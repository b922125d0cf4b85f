//! Gateways over HTTP: one driver that carries any provider's requests, and the Generic HTTP(s) plugin.
//!
//! An [`Exchange`](exchange::Exchange) says what a provider's request looks like and what its answer means, and
//! never touches the network. The [`Driver`](driver::Driver) does the rest for all of them: the pool, the proxy, TLS,
//! the network guard, deadlines, and what a broken connection means for a message.

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
mod segments;
mod status;

#[cfg(test)]
mod tests;

pub use generic::GenericHttpPlugin;
