//! The other side, for trial and test: an SMSC and an HTTP provider on the loopback, a modem, and the phone behind them.
//!
//! Written from the standards alone. It knows the wire protocols and nothing of the gateway's code, so that the
//! two sides check each other: its tables, its PDU reader and its reassembly are its own.

pub mod handset;
pub mod http;
pub mod modem;
pub mod phones;
pub mod smsc;
pub mod text;

mod calendar;
mod counters;
mod kept;
mod parts;
mod server;
mod sync;
mod tls;
mod wait;

pub use handset::{Handset, HandsetEvent, HandsetEvents, Via, Written};
pub use http::{
    HttpAnswer, HttpBehaviour, HttpCounters, HttpFault, HttpInbound, HttpOptions, HttpProvider, HttpRequest,
};
pub use modem::{
    Cure, Memory, Modem, ModemBehaviour, ModemCounters, ModemError, ModemMessage, ModemOptions, ModemPort,
    ModemRequest, ModemSubmit, Registration, ReportWhen, Reports, Sim, SimLock, TpSubmit, Turn,
};
pub use phones::Phones;
pub use smsc::{
    Address, AnswerOrder, Arrival, Arrivals, Behaviour, BindMode, Command, DeliveryAnswer, Fault, FinalState,
    IdBase, IdStyle, LastAnswer, Message, NoReceiver, ReceiptFormat, ReceiptWhen, ReceiptWording, Receipts,
    Silence, Smsc, SmscCounters, SmscOptions, Status, Submit, SubmitRecord,
};
pub use tls::TlsIdentity;
pub use wait::TimedOut;
