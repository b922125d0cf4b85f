//! SMPP against an SMSC that no one here wrote: the npm package `smpp`, run as a server in a process of its own.
//!
//! What is compared is what that package made of the gateway's PDUs, and what the gateway made of the package's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod account;
mod peer;
mod receipts;
mod session;
mod texts;

use crate::kit::{PHONE, Server, manifest, smpp};
use peer::Smsc;

/// A server whose only gateway is this SMSC; `more` are further settings of the gateway.
async fn server(smsc: &Smsc, more: &str) -> Server {
    Server::start(&manifest(&[smpp("foreign", smsc.address(), more)])).await
}
