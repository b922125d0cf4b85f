//! What an HTTP provider is started with, and how it behaves.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::inbound::HttpInbound;
use super::request::HttpRequest;
use crate::handset::Handset;
use crate::tls::TlsIdentity;

/// What is answered to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code; one that HTTP does not know is sent as 500.
    pub status: u16,
    /// Header fields besides those that HTTP needs; a field that HTTP forbids is left out.
    pub headers: Vec<(String, String)>,
    /// The body; each `<n>` in it becomes the request's number, from 1.
    pub body: String,
}

impl Default for HttpAnswer {
    /// `200 OK` with a small JSON object that contains "OK".
    fn default() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: r#"{"status":"OK","id":"<n>"}"#.to_owned(),
        }
    }
}

impl HttpAnswer {
    /// An answer of plain text.
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
            body: body.to_owned(),
        }
    }

    /// The same with another header field.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HttpFault {
    /// Nothing.
    #[default]
    None,
    /// The request is taken and never answered.
    Hang,
    /// The request is taken and the connection closed without an answer.
    CloseUnanswered,
    /// The head of the answer and half of its body are sent, then the connection is closed.
    CutAnswer,
    /// The head of the answer and half of its body are sent, then nothing more.
    HangInAnswer,
    /// The body has this many octets.
    Huge {
        /// Its length, announced by Content-Length; `u64::MAX` is sent in chunks without end.
        octets: u64,
    },
    /// These octets are sent in place of the answer, then the connection is closed.
    Garbage(Vec<u8>),
}

/// What decides the answer to one request; `None` leaves it to [`HttpBehaviour::answer`].
pub type Decide = Arc<dyn Fn(&HttpRequest) -> Option<HttpAnswer> + Send + Sync>;

/// How a provider behaves. Made with `..HttpBehaviour::default()` and set by [`HttpProvider::set`](super::HttpProvider::set).
#[derive(Clone, Default)]
pub struct HttpBehaviour {
    /// What is answered.
    pub answer: HttpAnswer,
    /// Decides some answers by what the request carries.
    pub decide: Option<Decide>,
    /// How long a request waits for its answer.
    pub delay: Duration,
    /// What goes wrong.
    pub fault: HttpFault,
    /// New connections are accepted and closed at once.
    pub turns_away: bool,
    /// Each connection ends after its first answer.
    pub closes_after_answer: bool,
    /// Where and how it calls with messages of phones.
    pub inbound: HttpInbound,
}

impl fmt::Debug for HttpBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBehaviour")
            .field("answer", &self.answer)
            .field("delay", &self.delay)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl HttpBehaviour {
    /// Every request is answered so.
    pub fn answering(answer: HttpAnswer) -> Self {
        Self { answer, ..Self::default() }
    }

    /// Everything goes wrong so.
    pub fn failing(fault: HttpFault) -> Self {
        Self { fault, ..Self::default() }
    }
}

/// What an HTTP provider is started with.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its certificate, for https.
    pub tls: Option<TlsIdentity>,
    /// The parameter with the phone's number.
    pub destination_parameter: String,
    /// The parameter with the text.
    pub message_parameter: String,
    /// The parameter with the sender, where there is one.
    pub sender_parameter: String,
    /// How many requests are kept, the newest; 0 keeps none.
    pub keep: usize,
    /// The longest body taken, in octets; a longer one is answered 413.
    pub max_body: usize,
    /// The phone that the messages are for.
    pub handset: Handset,
    /// How it behaves at first.
    pub behaviour: HttpBehaviour,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            destination_parameter: "to".to_owned(),
            message_parameter: "text".to_owned(),
            sender_parameter: "from".to_owned(),
            keep: 100_000,
            max_body: 1 << 20,
            handset: Handset::new(),
            behaviour: HttpBehaviour::default(),
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("listen", &self.listen)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
