//! A generator of API requests: keep-alive connections with one request outstanding each, and as little work around them as
//! possible, because it shares two cores with what it measures.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The number of message `n`: each has its own, so that the far end can tell them apart.
pub fn number(n: usize) -> u64 {
    15_550_000_000 + n as u64
}

/// Which message a number belongs to.
pub fn index(number: u64) -> usize {
    usize::try_from(number.saturating_sub(15_550_000_000)).unwrap_or(usize::MAX)
}

/// One connection to the API.
pub struct Connection {
    stream: TcpStream,
    head: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects, to post to this path with this key.
    pub async fn open(to: SocketAddr, path: &str, key: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
        );
        Ok(Self { stream, head, request: Vec::with_capacity(1024), answer: Vec::with_capacity(1024) })
    }

    /// Posts a body and reads the whole answer. Answers its status and when the request began.
    pub async fn post(&mut self, body: &str) -> io::Result<(u16, Instant)> {
        self.request.clear();
        self.request.extend_from_slice(self.head.as_bytes());
        self.request.extend_from_slice(format!("{}\r\n\r\n", body.len()).as_bytes());
        self.request.extend_from_slice(body.as_bytes());
        let begin = Instant::now();
        self.stream.write_all(&self.request).await?;
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
    pub fn answer(&self) -> &[u8] {
        &self.answer
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

/// The body of message `n`.
pub fn message(n: usize, kind: &str) -> String {
    format!(r#"{{"to":"{}","text":"Your code is {:06}","kind":"{kind}"}}"#, number(n), n % 1_000_000)
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
        assert_eq!(index(0), 0);
    }
}
