//! What an HTTP provider keeps of a request, and what it counts.

use std::fmt;
use std::time::Instant;

/// One request as it arrived. `Debug` shows neither parameters nor body nor headers.
#[derive(Clone)]
pub struct HttpRequest {
    /// Which request, from 1; it stands for `<n>` in the answer.
    pub number: u64,
    /// Which connection it came by, from 1.
    pub connection: u64,
    /// GET, POST, or whatever else it was.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// What stood behind the `?`, still encoded; `None` without one.
    pub query: Option<String>,
    /// Header fields in their order, names in lower case; values that are no UTF-8 hold U+FFFD.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The query's pairs, decoded, in their order.
    pub query_parameters: Vec<(String, String)>,
    /// The body's pairs, decoded, in their order, where its content type is application/x-www-form-urlencoded.
    pub form_parameters: Vec<(String, String)>,
    /// When its last octet was read.
    pub at: Instant,
}

impl HttpRequest {
    /// The first value of a parameter; the query goes before the form.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query_parameters.iter().chain(&self.form_parameters);
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header field, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("number", &self.number)
            .field("method", &self.method)
            .field("body_octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Counts of what an HTTP provider saw since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpCounters {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
    /// Requests read whole.
    pub requests: u64,
    /// Requests given an answer with a status below 400.
    pub accepted: u64,
    /// Requests given an answer with another status, those with too long a body among them.
    pub refused: u64,
    /// Requests that a fault was the answer to.
    pub faults: u64,
    /// Requests that wait for their answer now.
    pub in_flight: u64,
    /// The most requests that ever did.
    pub max_in_flight: u64,
}
