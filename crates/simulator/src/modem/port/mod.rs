//! The ports: octets between a session and a pseudo-terminal or a socket.

mod pty;
mod run;
mod tcp;
mod telnet;

pub(super) use pty::{Pty, serve as serve_pty};
pub(super) use tcp::TcpPort;
