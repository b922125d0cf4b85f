//! An HTTP provider that keeps every request octet by octet, as the page's options are about octets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What it answers.
#[derive(Clone)]
pub enum Reply {
    /// A status line's end (`200 OK`) and a body.
    Answer(&'static str, &'static str),
    /// Nothing, ever.
    Silence,
    /// A body without an end.
    Endless,
    /// Octets that are no HTTP.
    Garbage,
}

/// One request.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Its headers as they came, in lower case.
    pub headers: String,
    pub body: String,
}

/// A provider on the loopback. It ends when it is dropped.
pub struct Provider {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    reply: Arc<Mutex<Reply>>,
    task: JoinHandle<()>,
}

impl Provider {
    /// One that answers `OK`.
    pub async fn start() -> Self {
        Self::that(Reply::Answer("200 OK", "ID: 1 OK")).await
    }

    /// One that answers so.
    pub async fn that(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, reply) = (Arc::default(), Arc::new(Mutex::new(reply)));
        let task = tokio::spawn(accept(listener, Arc::clone(&seen), Arc::clone(&reply)));
        Self { address, seen, reply, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn set(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, reply: Arc<Mutex<Reply>>) {
    // Owned here, so that the connections end with the listener.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&seen), Arc::clone(&reply)));
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Seen>>>, reply: Arc<Mutex<Reply>>) -> Option<()> {
    let mut octets = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = octets.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut octets).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(octets[..head_end].to_vec()).unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.to_lowercase();
        let length: usize = headers
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |length| length.trim().parse().unwrap());
        while octets.len() < head_end + length {
            if stream.read_buf(&mut octets).await.ok()? == 0 {
                return None;
            }
        }
        let body = String::from_utf8(octets[head_end..head_end + length].to_vec()).unwrap();
        octets.drain(..head_end + length);
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        seen.lock().unwrap().push(Seen { method, target, headers, body });
        let reply = reply.lock().unwrap().clone();
        match reply {
            Reply::Answer(status, body) => {
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Reply::Silence => std::future::pending().await,
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                let much = vec![b'x'; 1 << 16];
                loop {
                    stream.write_all(&much).await.ok()?;
                }
            }
            Reply::Garbage => {
                stream.write_all(&[0xff; 300]).await.ok()?;
                return None;
            }
        }
    }
}
