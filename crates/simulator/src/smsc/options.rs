//! What an SMSC is started with, and the words of its handle.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::behaviour::Behaviour;
use super::status::Status;
use super::submit::Submit;
use crate::handset::Handset;
use crate::text::Alphabet;
use crate::tls::TlsIdentity;

/// How a session is bound (SMPP 3.4 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// It submits.
    Transmitter,
    /// It is delivered to.
    Receiver,
    /// Both.
    Transceiver,
}

/// What every connection of an SMSC is told to do, once.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Send unbind; the connection ends when it is answered.
    Unbind,
    /// Send enquire_link.
    EnquireLink,
    /// Send these octets, whatever they are.
    Send(Vec<u8>),
    /// Close the connection in an orderly way.
    Disconnect,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unbind => "Unbind",
            Self::EnquireLink => "EnquireLink",
            Self::Send(_) => "Send",
            Self::Disconnect => "Disconnect",
        })
    }
}

/// A submit as it arrives, for measuring without recording.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// What was submitted.
    pub submit: &'a Submit<'a>,
    /// How it is answered.
    pub status: Status,
    /// When the read that it came with returned; all submits of one read share it.
    pub at: Instant,
}

/// What is called for each submit, on the connection's task: it must be quick.
pub type Arrivals = Arc<dyn Fn(&Arrival<'_>) + Send + Sync>;

/// What an SMSC is started with.
#[derive(Clone)]
pub struct SmscOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, for TLS from the first octet.
    pub tls: Option<TlsIdentity>,
    /// The only system_id that may bind; `None` lets any.
    pub system_id: Option<String>,
    /// The only password that may bind; `None` lets any.
    pub password: Option<String>,
    /// Its own system_id, shown in bind responses.
    pub smsc_id: String,
    /// How many messages, submits and delivery answers are kept, the newest; 0 keeps none and is quickest.
    pub keep: usize,
    /// What data_coding 0 means.
    pub default_alphabet: Alphabet,
    /// The number of the first message id.
    pub first_id: u64,
    /// Called for each submit.
    pub arrivals: Option<Arrivals>,
    /// The phone that the messages are for.
    pub handset: Handset,
    /// How it behaves at first.
    pub behaviour: Behaviour,
}

impl Default for SmscOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            system_id: None,
            password: None,
            smsc_id: "simulator".to_owned(),
            keep: 100_000,
            default_alphabet: Alphabet::Gsm7,
            first_id: 1_000_000_000,
            arrivals: None,
            handset: Handset::new(),
            behaviour: Behaviour::default(),
        }
    }
}

impl fmt::Debug for SmscOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmscOptions")
            .field("listen", &self.listen)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
