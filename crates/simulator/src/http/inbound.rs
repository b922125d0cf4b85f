//! Calls of the provider: what phones write goes to an address, as a form.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets that are read of its answer.
const MOST_ANSWER: u64 = 64 * 1024;
/// Characters of a part, where a long text goes in several calls.
const PART: usize = 67;

/// Where and how the provider calls with messages of phones. `Debug` does not show the address, which is a secret.
#[derive(Clone, Default)]
pub struct HttpInbound {
    /// Who is called.
    pub address: Option<SocketAddr>,
    /// The path there.
    pub path: String,
    /// The name of the parameter with the phone's number.
    pub from_parameter: String,
    /// The name of the parameter with the number that it wrote to.
    pub to_parameter: String,
    /// The name of the parameter with the text.
    pub text_parameter: String,
    /// The name of the parameter with the message's id.
    pub id_parameter: String,
    /// The names of the parameters with reference, total and number, where a long text goes in several calls.
    pub part_parameters: Option<[String; 3]>,
    /// Parameters that every call has.
    pub more: Vec<(String, String)>,
}

impl std::fmt::Debug for HttpInbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpInbound").finish_non_exhaustive()
    }
}

impl HttpInbound {
    /// Calls with a text, in as many calls as it needs. Answers the status of each.
    pub(super) async fn call(&self, id: &str, from: &str, to: &str, text: &str) -> io::Result<Vec<u16>> {
        let pieces: Vec<String> = match &self.part_parameters {
            Some(_) if text.chars().count() > PART => {
                let characters: Vec<char> = text.chars().collect();
                characters.chunks(PART).map(|piece| piece.iter().collect()).collect()
            }
            _ => vec![text.to_owned()],
        };
        let mut statuses = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let mut form = String::new();
            let mut add = |name: &str, value: &str| {
                if !form.is_empty() {
                    form.push('&');
                }
                encode(name, &mut form);
                form.push('=');
                encode(value, &mut form);
            };
            self.more.iter().for_each(|(name, value)| add(name, value));
            add(&self.from_parameter, from);
            add(&self.to_parameter, to);
            add(&self.text_parameter, piece);
            let is_part = pieces.len() > 1;
            add(&self.id_parameter, &if is_part { format!("{id}-{at}") } else { id.to_owned() });
            if let (true, Some([reference, total, number])) = (is_part, &self.part_parameters) {
                let sum = id.bytes().fold(0_u8, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet));
                add(reference, &sum.to_string());
                add(total, &pieces.len().to_string());
                add(number, &(at + 1).to_string());
            }
            let called = timeout(PATIENCE, self.post(&form)).await;
            statuses.push(called.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??);
        }
        Ok(statuses)
    }

    async fn post(&self, form: &str) -> io::Result<u16> {
        let address = self.address.ok_or(io::ErrorKind::NotConnected)?;
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
            self.path,
            form.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MOST_ANSWER).read_to_end(&mut answer).await?;
        let line = String::from_utf8_lossy(answer.get(..15).unwrap_or(&answer)).into_owned();
        line.split(' ')
            .nth(1)
            .and_then(|status| status.trim().parse().ok())
            .ok_or(io::ErrorKind::InvalidData.into())
    }
}

/// application/x-www-form-urlencoded (WHATWG URL Standard §5.2).
fn encode(text: &str, out: &mut String) {
    for octet in text.bytes() {
        match octet {
            b' ' => out.push('+'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(octet))
            }
            _ => {
                // Writing into a text does not fail.
                let _ = write!(out, "%{octet:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HttpOptions, HttpProvider};

    #[tokio::test]
    async fn a_text_is_called_in_whole_or_in_parts() {
        let heard = HttpProvider::start(HttpOptions::default()).await.unwrap();
        let names = |name: &str| name.to_owned();
        let inbound = HttpInbound {
            address: Some(heard.address()),
            path: "/in".into(),
            from_parameter: names("from"),
            to_parameter: names("to"),
            text_parameter: names("text"),
            id_parameter: names("id"),
            part_parameters: Some(["ref", "of", "nth"].map(names)),
            more: vec![(names("type"), names("text"))],
        };
        let long = "é & ".repeat(30);
        assert_eq!(inbound.call("a1", "1", "2", "short").await.unwrap(), [200]);
        assert_eq!(inbound.call("a2", "1", "2", &long).await.unwrap(), [200, 200]);
        let requests = heard.requests();
        let value = |at: usize, name: &str| requests[at].parameter(name).map(ToOwned::to_owned);
        assert_eq!((value(0, "text"), value(0, "of")), (Some("short".into()), None));
        assert_eq!(
            (value(1, "of"), value(2, "nth"), value(2, "id")),
            (Some("2".into()), Some("2".into()), Some("a2-1".into()))
        );
        assert_eq!(value(1, "ref"), value(2, "ref"));
        assert_eq!(value(1, "text").unwrap() + &value(2, "text").unwrap(), long.trim_end().to_owned() + " ");
    }
}
