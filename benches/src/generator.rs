//! A generator of API requests: keep-alive connections with one request outstanding each, and as little work around them as
//! possible, because it shares two cores with what it measures.

use crate::gateway::{KEY, PAYING_KEY};
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first message's number.
const FIRST: u64 = 15_550_000_000;

/// The number of message `n`: each has its own, so that the far end can tell them apart.
pub fn number(n: usize) -> u64 {
    FIRST + n as u64
}

/// Which message a number belongs to.
pub fn index(number: u64) -> usize {
    number.checked_sub(FIRST).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX)
}

/// Whose API is called, and how.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// textgate's REST API.
    Textgate(SocketAddr),
    /// The same for a virtual server that pays with SMS credits.
    Paying(SocketAddr),
    /// The sendsms interface of Kannel's smsbox.
    Kannel(SocketAddr),
}

impl Target {
    /// Where it listens.
    pub fn address(self) -> SocketAddr {
        match self {
            Self::Textgate(address) | Self::Paying(address) | Self::Kannel(address) => address,
        }
    }

    /// Writes the request that sends `count` messages, beginning with message `first`.
    pub fn request(self, first: usize, count: usize, kind: &str, into: &mut String) {
        into.clear();
        let _ = match self {
            Self::Kannel(address) => write!(
                into,
                "GET /cgi-bin/sendsms?username=bench&password=bench&to={}&text=Your+code+is+{:06} HTTP/1.1\r\n\
                 Host: {address}\r\nConnection: keep-alive\r\n\r\n",
                number(first),
                first % 1_000_000
            ),
            Self::Textgate(address) | Self::Paying(address) => {
                let key = if matches!(self, Self::Paying(_)) { PAYING_KEY } else { KEY };
                let (path, body) = if count == 1 {
                    ("/v1/messages", message(first, kind))
                } else {
                    let all: Vec<String> = (first..first + count).map(|n| message(n, kind)).collect();
                    ("/v1/messages/batch", format!(r#"{{"messages":[{}]}}"#, all.join(",")))
                };
                write!(
                    into,
                    "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
    }
}

fn message(n: usize, kind: &str) -> String {
    format!(r#"{{"to":"{}","text":"Your code is {:06}","kind":"{kind}"}}"#, number(n), n % 1_000_000)
}

/// One connection to an API.
pub struct Connection {
    stream: TcpStream,
    target: Target,
    request: String,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(target: Target) -> io::Result<Self> {
        let stream = TcpStream::connect(target.address()).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, target, request: String::with_capacity(1024), answer: Vec::with_capacity(1024) })
    }

    /// Sends messages in one request and reads the whole answer. Answers its status and when the request began.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, first: usize, count: usize, kind: &str) -> io::Result<(u16, Instant)> {
        self.target.request(first, count, kind, &mut self.request);
        let begin = Instant::now();
        self.stream.write_all(self.request.as_bytes()).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = whole(&self.answer) {
                return Ok((status, begin));
            }
        }
    }

    /// The last answer.
    pub fn answer(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}

/// The status of an HTTP/1.1 answer, once all of it is there.
fn whole(answer: &[u8]) -> Option<u16> {
    let end = answer.windows(4).position(|octets| octets == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    if answer.len() < end + length.unwrap_or(0) {
        return None;
    }
    head.get(9..12)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_octet() {
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(whole(answer), Some(202));
        assert_eq!(whole(&answer[..answer.len() - 1]), None);
        assert_eq!(whole(b"HTTP/1.1 202 Accepted\r\n"), None);
    }

    #[test]
    fn a_number_leads_back_to_its_message() {
        assert_eq!(index(number(123_456)), 123_456);
        assert_eq!(index(0), usize::MAX);
    }
}
