//! How an SMS leaves: plugins, their fields, and the gateways built from them.
//!
//! A plugin declares its settings as a list of fields and builds a [`Gateway`] from them. A gateway pulls
//! [`Submission`]s from the [`Work`] it is given, talks to its provider, and hands every one back with exactly one
//! [`Outcome`]. This room knows `sms` and the providers' protocols; it never names dispatch or the store.

mod backoff;
mod board;
mod callback;
mod catalogue;
mod certificate;
mod facts;
mod fields;
mod http;
mod line_status;
mod modem;
mod network;
mod placeholders;
mod plugin;
mod preview;
mod quote;
mod receipt;
mod shares;
mod smpp;
mod submission;
#[cfg(test)]
mod test_authority;
#[cfg(test)]
mod test_bench;
#[cfg(test)]
mod test_message;
mod trust;
mod webhook;
mod work;

pub use callback::{Balance, Callback, CallbackError, CallbackReply, Received};
pub use catalogue::{CatalogueError, CataloguePlugin, Feature, Source, catalogue, documentation};
/// What the fuzzer calls: every parser of what a provider sends. Only where the program is built for it.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::catalogue::fuzzing::*;
    pub use crate::http::fuzzing::*;
    pub use crate::modem::fuzzing::*;
    pub use crate::smpp::fuzzing::*;
}

pub use facts::{Facts, Receipts};
pub use fields::{Choice, Condition, Field, FieldKind, Pair, Problem, Settings, validate};
pub use http::GenericHttpPlugin;
pub use line_status::LineStatus;
pub use modem::{
    DeviceGuard, Found, ModemPlugin, PinNotes, candidates as modem_candidates, probe as probe_modem,
};
pub use network::{NetworkError, NetworkGuard};
pub use plugin::{BuildError, Environment, Plugin, Plugins, Provider};
pub use preview::{Header, HttpRequest, Pdu, PduField, Preview, PreviewError, preview};
pub use receipt::{Inbound, InboundPart, Receipt, canonical_id};
pub use shares::Shares;
pub use smpp::SmppPlugin;
pub use submission::{Outcome, Overwrite, Plan, PlanError, Routing, Submission};
pub use trust::system_tls;
pub use webhook::{Undelivered, WebhookClient, WebhookPost, WebhookSecret, problem_of_webhook_url};
pub use work::{Gateway, Health, NotKept, Stop, Work};
