//! The octets' way to a modem: a serial device, or a serial server over TCP.

use super::Fault;
use super::device::{DeviceGuard, Place};
use super::settings::{FlowControl, Modems};
use super::telnet::Telnet;
use crate::NetworkGuard;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_serial::{SerialPort as _, SerialStream};

/// How long connecting to one address, or opening a device, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most octets read at a time.
const READ: usize = 512;

/// What a gateway of modems may open.
#[derive(Clone, Default)]
pub(super) struct Guards {
    pub network: NetworkGuard,
    pub devices: DeviceGuard,
}

/// An open port.
pub(super) struct Port {
    stream: Stream,
    telnet: Option<Telnet>,
    /// Telnet's answers that were not written yet.
    answers: Vec<u8>,
    _claim: Option<Claim>,
}

/// What lines of this process have open. The system keeps others out of a serial device (TIOCEXCL), but not the superuser.
static CLAIMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A place that nobody else in this process opens while it is held.
struct Claim(String);

enum Stream {
    Serial(Box<SerialStream>),
    Tcp(TcpStream),
    #[cfg(test)]
    Duplex(tokio::io::DuplexStream),
}

impl Port {
    /// Opens it. DTR is dropped first where `is_again`: a modem that hangs may come to itself by that.
    pub async fn open(
        place: &Place,
        modems: &Modems,
        guards: &Guards,
        is_again: bool,
    ) -> Result<Self, Fault> {
        let (stream, telnet, claim) = match place {
            Place::Serial(path) => {
                if !guards.devices.permits(path) {
                    return Err(Fault::new(format!(
                        "{path} is not a device that gateways may open; the service provider can allow it with devices.allow in \
                         the configuration"
                    )));
                }
                let claim = Claim::of(
                    &fs::canonicalize(path).map_or_else(|_| path.clone(), |real| real.display().to_string()),
                )?;
                (Stream::Serial(Box::new(open_serial(path, modems).await?)), None, claim)
            }
            Place::Tcp { host, port } => {
                let claim = Claim::of(&place.to_string())?;
                (Stream::Tcp(connect(host, *port, &guards.network).await?), None, claim)
            }
            Place::Rfc2217 { host, port } => {
                let claim = Claim::of(&place.to_string())?;
                (Stream::Tcp(connect(host, *port, &guards.network).await?), Some(Telnet::default()), claim)
            }
        };
        let mut port = Self { stream, telnet, answers: Vec::new(), _claim: Some(claim) };
        if port.telnet.is_some() {
            port.answers = Telnet::opening(modems.baud, modems.flow);
        }
        port.raise_dtr(is_again).await;
        Ok(port)
    }

    #[cfg(test)]
    pub fn duplex(stream: tokio::io::DuplexStream) -> Self {
        Self { stream: Stream::Duplex(stream), telnet: None, answers: Vec::new(), _claim: None }
    }

    /// Turns DTR on, after it was off for a moment where asked for. A line without it, such as a pseudo-terminal's, is none the
    /// worse.
    async fn raise_dtr(&mut self, is_again: bool) {
        const OFF: Duration = Duration::from_millis(200);
        if matches!(self.stream, Stream::Tcp(_)) && self.telnet.is_none() {
            return;
        }
        if is_again {
            self.set_dtr(false).await;
            tokio::time::sleep(OFF).await;
        }
        self.set_dtr(true).await;
    }

    async fn set_dtr(&mut self, is_on: bool) {
        if let Stream::Serial(serial) = &mut self.stream {
            let _ = serial.write_data_terminal_ready(is_on);
        } else if self.telnet.is_some() {
            self.answers.extend(Telnet::dtr(is_on));
            let _ = timeout(CONNECT_TIMEOUT, self.write_answers()).await;
        }
    }

    /// Reads what is there into `into`, at least one octet unless only Telnet's own came. Can be cancelled: nothing is lost.
    ///
    /// # Errors
    /// The port is closed, or gone.
    pub async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        self.write_answers().await?;
        let mut octets = [0; READ];
        let count = match &mut self.stream {
            Stream::Serial(stream) => stream.read(&mut octets).await?,
            Stream::Tcp(stream) => stream.read(&mut octets).await?,
            #[cfg(test)]
            Stream::Duplex(stream) => stream.read(&mut octets).await?,
        };
        let octets = octets.get(..count).unwrap_or_default();
        if octets.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &mut self.telnet {
            Some(telnet) => telnet.read(octets, into, &mut self.answers),
            None => into.extend_from_slice(octets),
        }
        Ok(())
    }

    /// Writes all of it. Cancelled or failed, the last octet was not written.
    ///
    /// # Errors
    /// The port is closed, or gone.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.write_answers().await?;
        if self.telnet.is_some() {
            write_all(&mut self.stream, &Telnet::escaped(octets)).await
        } else {
            write_all(&mut self.stream, octets).await
        }
    }

    async fn write_answers(&mut self) -> io::Result<()> {
        while !self.answers.is_empty() {
            let written = match &mut self.stream {
                Stream::Serial(stream) => stream.write(&self.answers).await?,
                Stream::Tcp(stream) => stream.write(&self.answers).await?,
                #[cfg(test)]
                Stream::Duplex(stream) => stream.write(&self.answers).await?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.answers.drain(..written);
        }
        Ok(())
    }
}

// === impl Claim ===

impl Claim {
    fn of(place: &str) -> Result<Self, Fault> {
        let is_new = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).insert(place.to_owned());
        is_new.then(|| Self(place.to_owned())).ok_or_else(|| Fault::new("another gateway has it open"))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

async fn write_all(stream: &mut Stream, octets: &[u8]) -> io::Result<()> {
    async fn all(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), octets: &[u8]) -> io::Result<()> {
        stream.write_all(octets).await
    }
    match stream {
        Stream::Serial(stream) => all(&mut **stream, octets).await,
        Stream::Tcp(stream) => all(stream, octets).await,
        #[cfg(test)]
        Stream::Duplex(stream) => all(stream, octets).await,
    }
}

async fn open_serial(path: &str, modems: &Modems) -> Result<SerialStream, Fault> {
    let flow = match modems.flow {
        FlowControl::None => tokio_serial::FlowControl::None,
        FlowControl::Hardware => tokio_serial::FlowControl::Hardware,
        FlowControl::Software => tokio_serial::FlowControl::Software,
    };
    let builder = tokio_serial::new(path, modems.baud).flow_control(flow);
    // A device whose driver is in trouble blocks in open(2).
    let opening = tokio::task::spawn_blocking(move || SerialStream::open(&builder));
    match timeout(CONNECT_TIMEOUT, opening).await {
        Ok(Ok(Ok(stream))) => Ok(stream),
        Ok(Ok(Err(error))) => Err(Fault::new(not_opened(path, &error))),
        Ok(Err(error)) => Err(Fault::new(format!("{path} cannot be opened: {error}"))),
        Err(_) => Err(Fault::new(format!("{path} was not opened within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}

/// Why a device cannot be opened, and what to do.
fn not_opened(path: &str, error: &tokio_serial::Error) -> String {
    let advice = match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            "let the user that textgate runs as into the group of the device (dialout): see docs/operations.md"
        }
        tokio_serial::ErrorKind::NoDevice | tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => {
            "check that the modem is plugged in, and its path by `textgate modem probe`"
        }
        // The crate has no kind for it (ENOTTY).
        _ if error.description.contains("typewriter") => "it is no serial device",
        _ => "another program, such as ModemManager, may have it open",
    };
    format!("{path} cannot be opened ({error}); {advice}")
}

/// A connection to one of the host's addresses: only to those that the network guard lets through.
async fn connect(host: &str, port: u16, guard: &NetworkGuard) -> Result<TcpStream, Fault> {
    let addresses = guard.resolve(host, port).await.map_err(|error| Fault::new(error.to_string()))?;
    let mut last = Fault::new("the host has no address");
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Commands are short, and the answer to each is waited for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Fault::new(format!("not connected: {error}")),
            Err(_) => last = Fault::new(format!("not connected within {} s", CONNECT_TIMEOUT.as_secs())),
        }
    }
    Err(last)
}
