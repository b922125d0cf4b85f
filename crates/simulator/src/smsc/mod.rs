//! An SMPP 3.4 SMSC (SMPP Developers Forum, "Short Message Peer to Peer Protocol Specification v3.4", 1999).
//!
//! It takes binds and submits, answers, reports by deliver_sm, and misbehaves on demand. It shares no codec with any client.

mod behaviour;
mod connection;
mod counters;
mod deliver;
mod handle;
mod ids;
mod options;
mod outbox;
mod pdu;
mod pending;
mod receipts;
mod record;
mod session;
mod shared;
mod status;
mod submit;

#[cfg(test)]
mod tests;

pub use behaviour::{AnswerOrder, Behaviour, Decide, Fault, LastAnswer, Silence};
pub use counters::SmscCounters;
pub use handle::{NoReceiver, Smsc};
pub use ids::{IdBase, IdStyle};
pub use options::{Arrival, Arrivals, BindMode, Command, SmscOptions};
pub use receipts::{FinalState, ReceiptFormat, ReceiptWhen, ReceiptWording, Receipts};
pub use record::{Address, DeliveryAnswer, Message, SubmitRecord};
pub use status::Status;
pub use submit::{AddressField, Submit};

use shared::Shared;
