//! Peers that say exactly the octets that a test wants, which no simulator with manners would.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// A peer on its own address, until it is dropped.
pub struct Raw {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address on which nobody listens, and nobody else will as long as this is there: bound, but not listening.
pub struct Nobody {
    pub address: SocketAddr,
    _socket: TcpSocket,
}

impl Nobody {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self { address: socket.local_addr().unwrap(), _socket: socket }
    }
}

/// What follows.
pub enum Reply {
    /// These octets.
    Say(Vec<u8>),
    /// These octets, then the end of the connection.
    SayAndClose(Vec<u8>),
}

/// One PDU that was read: SMPP 3.4 §3.2.
pub struct Pdu {
    pub command: u32,
    pub sequence: u32,
}

pub const BIND_TRANSCEIVER: u32 = 0x09;
pub const SUBMIT_SM: u32 = 0x04;
const RESPONSE: u32 = 0x8000_0000;

/// A PDU's octets.
pub fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = 16 + body.len() as u32;
    let mut octets: Vec<u8> =
        [length, command, status, sequence].into_iter().flat_map(u32::to_be_bytes).collect();
    octets.extend_from_slice(body);
    octets
}

impl Pdu {
    /// The right answer: bound, taken, alive.
    pub fn answer(&self) -> Vec<u8> {
        let body: &[u8] = match self.command {
            BIND_TRANSCEIVER => b"raw\0",
            SUBMIT_SM => b"4711\0",
            _ => b"",
        };
        pdu(self.command | RESPONSE, 0, self.sequence, body)
    }
}

/// An SMSC that answers each PDU as the script says.
pub async fn smsc(script: impl Fn(&Pdu) -> Reply + Send + Sync + 'static) -> Raw {
    let script = Arc::new(script);
    raw(move |mut stream| {
        let script = Arc::clone(&script);
        async move {
            let mut head = [0; 16];
            while stream.read_exact(&mut head).await.is_ok() {
                let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
                let mut body = vec![0; (word(0) as usize).saturating_sub(16).min(70_000)];
                if stream.read_exact(&mut body).await.is_err() {
                    return;
                }
                let pdu = Pdu { command: word(4), sequence: word(12) };
                match script(&pdu) {
                    Reply::Say(octets) => drop(stream.write_all(&octets).await),
                    Reply::SayAndClose(octets) => {
                        let _ = stream.write_all(&octets).await;
                        let _ = stream.shutdown().await;
                        return;
                    }
                }
            }
        }
    })
    .await
}

/// A peer that says these octets, one of them for each time that it hears something (or at once, where `greets`), and then
/// closes, or is silent.
pub async fn says(answers: Vec<Vec<u8>>, greets: bool, closes: bool) -> Raw {
    raw(move |mut stream| {
        let answers = answers.clone();
        async move {
            for (n, answer) in answers.iter().enumerate() {
                if n > 0 || !greets {
                    let mut heard = [0; 4096];
                    if !stream.read(&mut heard).await.is_ok_and(|count| count > 0) {
                        return;
                    }
                }
                let _ = stream.write_all(answer).await;
            }
            if closes {
                let _ = stream.shutdown().await;
            }
            // Until the other side has had enough.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    })
    .await
}

async fn raw<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.spawn(serve(stream));
        }
    });
    Raw { address, task }
}
