//! What a modem is started with: its ports, its SIM, and what it says of itself.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::behaviour::ModemBehaviour;
use super::memory::Memory;
use crate::handset::Handset;

/// Where a modem is reached. Each port has its own settings (echo, verbose errors, …); all share one SIM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModemPort {
    /// A pseudo-terminal, with a symbolic link to it at this path, as udev makes under `/dev/serial/by-id`.
    Pty(PathBuf),
    /// A serial server that passes octets through; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A serial server with Telnet's COM port control (RFC 2217); port 0 takes a free one.
    Rfc2217(SocketAddr),
}

/// A SIM. `Debug` shows neither its numbers nor its PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct Sim {
    /// International mobile subscriber identity.
    pub imsi: String,
    /// Its own number, which inbound messages are for.
    pub number: String,
    /// The PIN that is asked for at each start; `None` asks for none.
    pub pin: Option<String>,
    /// What unblocks it after three wrong PINs.
    pub puk: String,
    /// How many messages it has room for.
    pub capacity: usize,
}

impl Default for Sim {
    /// Of the test network 001 01, without a PIN, with room for 20 messages.
    fn default() -> Self {
        Self {
            imsi: "001010123456789".into(),
            number: "+15550100900".into(),
            pin: None,
            puk: "12345678".into(),
            capacity: 20,
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("asks_for_pin", &self.pin.is_some())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// What a modem is started with.
#[derive(Debug, Clone)]
pub struct ModemOptions {
    /// Where it is reached; at least one.
    pub ports: Vec<ModemPort>,
    /// What `+CGMI` says.
    pub manufacturer: String,
    /// What `+CGMM` says.
    pub model: String,
    /// What `+CGMR` says.
    pub revision: String,
    /// What `+CGSN` says.
    pub imei: String,
    /// Its SIM; `None` has none.
    pub sim: Option<Sim>,
    /// The service centre's address that the SIM holds.
    pub service_centre: String,
    /// The operator's name, and its country and network code.
    pub operator: (String, String),
    /// How many messages its own memory has room for.
    pub capacity: usize,
    /// Where status reports go that are stored; `SR`, or `SM` as many modems do.
    pub report_memory: Memory,
    /// The first message reference that it gives.
    pub first_reference: u8,
    /// How it behaves at first.
    pub behaviour: ModemBehaviour,
    /// The phone that its messages are for.
    pub handset: Handset,
    /// How many messages, submits and command lines are kept, the newest; 0 keeps nothing.
    pub keep: usize,
}

impl Default for ModemOptions {
    /// No port yet; all else as a modem on a desk.
    fn default() -> Self {
        Self {
            ports: Vec::new(),
            manufacturer: "Textgate".into(),
            model: "Simulated modem".into(),
            revision: "1.0".into(),
            imei: "490154203237518".into(),
            sim: Some(Sim::default()),
            service_centre: "+15550100000".into(),
            operator: ("Test network".into(), "00101".into()),
            capacity: 100,
            report_memory: Memory::Sr,
            first_reference: 1,
            behaviour: ModemBehaviour::default(),
            handset: Handset::new(),
            keep: 10_000,
        }
    }
}

impl ModemOptions {
    /// A modem on a pseudo-terminal at this path.
    pub fn on_pty(link: impl Into<PathBuf>) -> Self {
        Self { ports: vec![ModemPort::Pty(link.into())], ..Self::default() }
    }
}
