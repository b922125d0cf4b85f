//! From an account to a bound session: resolve, connect, TLS, bind.

use super::buffers::{Inbox, Outbox, poll_io};
use super::gateway::{Role, Smpp};
use super::pdu::decode::{Frame, frame};
use super::pdu::{command, encode};
use super::status;
use crate::trust;
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why a bind is not, or no longer, there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub reason: String,
    pub is_account: bool,
}

/// A session that was bound, with what came behind the bind's response.
pub(super) struct Bound {
    pub socket: Socket,
    pub inbox: Inbox,
}

/// A connection, with TLS or without.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The sequence number of the bind request; the session's own begin behind it.
const BIND_SEQUENCE: u32 = 1;

fn fault(reason: impl Into<String>) -> Fault {
    Fault { reason: reason.into(), is_account: false }
}

/// Connects and binds.
pub(super) async fn bind(smpp: &Smpp, role: Role) -> Result<Bound, Fault> {
    let mut socket = connect(smpp).await?;
    let within = smpp.account.response_timeout;
    match timeout(within, introduce(smpp, role, &mut socket)).await {
        Ok(Ok(inbox)) => Ok(Bound { socket, inbox }),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(fault(format!("the SMSC did not answer the bind within {} s", within.as_secs()))),
    }
}

/// A connection to one of the host's addresses: only to those that the network guard lets through.
async fn connect(smpp: &Smpp) -> Result<Socket, Fault> {
    let account = &smpp.account;
    let addresses =
        smpp.guard.resolve(&account.host, account.port).await.map_err(|error| fault(error.to_string()))?;
    let mut last = fault("the host has no address");
    for address in addresses {
        match timeout(account.connect_timeout, open(smpp, address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => last = error,
            Err(_) => last = fault(format!("not connected within {} s", account.connect_timeout.as_secs())),
        }
    }
    Err(last)
}

async fn open(smpp: &Smpp, address: SocketAddr) -> Result<Socket, Fault> {
    let not_connected = |error: io::Error| fault(format!("not connected: {error}"));
    let stream = TcpStream::connect(address).await.map_err(not_connected)?;
    // A passcode must not wait for more to come.
    stream.set_nodelay(true).map_err(not_connected)?;
    if !smpp.account.is_tls {
        return Ok(Socket::Plain(stream));
    }
    let config = trust::client_config(&smpp.account.own_ca, Arc::clone(&smpp.expiry))
        .await
        .map_err(|error| fault(error.to_string()))?;
    let host = smpp.account.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| fault("TLS needs a host name or an address"))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        let error = error.to_string();
        if error.contains("UnknownIssuer") {
            fault(
                "not connected: the SMSC's certificate comes from a CA that this machine does not know; if it is \
                 yours, enter it as CA Certificate",
            )
        } else {
            fault(format!("not connected: {error}"))
        }
    })?;
    Ok(Socket::Tls(Box::new(stream)))
}

/// The bind request and its response (SMPP 3.4 §4.1).
async fn introduce(smpp: &Smpp, role: Role, socket: &mut Socket) -> Result<Inbox, Fault> {
    let command = match role {
        Role::Transceiver => command::BIND_TRANSCEIVER,
        Role::Transmitter => command::BIND_TRANSMITTER,
        Role::Receiver => command::BIND_RECEIVER,
    };
    let account = &smpp.account;
    let request = encode::Bind {
        command,
        system_id: &account.system_id,
        password: &account.password,
        system_type: &account.system_type,
    };
    let mut outbox = Outbox::default();
    let mut inbox = Inbox::new();
    encode::bind(&mut outbox.octets, &request, BIND_SEQUENCE);
    loop {
        poll_fn(|context| poll_io(socket, &mut inbox, &mut outbox, true, context))
            .await
            .map_err(|error| fault(format!("the SMSC closed the connection before it bound: {error}")))?;
        loop {
            let (header, length) = match frame(inbox.unread()) {
                Frame::Whole { header, length, .. } => (header, length),
                Frame::Incomplete { length } => {
                    inbox.expect(length);
                    break;
                }
                Frame::Nonsense => return Err(fault("what answers there does not speak SMPP")),
            };
            inbox.consume(length);
            let is_answer = header.command == command | command::RESPONSE;
            let is_refusal = header.command == command::GENERIC_NACK;
            if !is_answer && !is_refusal {
                // An outbind (§4.1.7) or the like; the answer is still to come.
                continue;
            }
            return match header.status {
                status::ROK if is_answer => {
                    inbox.expect(0);
                    Ok(inbox)
                }
                refused => Err(Fault {
                    reason: format!("the SMSC refused the bind: {}", status::name(refused)),
                    is_account: status::is_account(refused),
                }),
            };
        }
    }
}

// === impl Socket ===

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
