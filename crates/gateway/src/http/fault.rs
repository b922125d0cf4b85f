//! What a request that got no answer means for its message: surely not taken, or uncertain.

use crate::{NetworkError, Outcome};
use std::error::Error;
use textgate_sms::OutcomeClass::{Account, Refused, Unavailable, Uncertain};

/// Longest detail taken from an error.
const MOST_DETAIL: usize = 160;

/// What HTTP/2 says of a request that the server did not act on (RFC 9113 §8.7): a graceful GOAWAY below its
/// stream, or REFUSED_STREAM. h2's error type is hidden behind reqwest, so its words are compared; if they change,
/// such a request is merely uncertain.
const UNPROCESSED: [&str; 2] = [
    "connection error received: not a result of an error",
    "stream error received: refused stream before processing any application logic",
];

/// What a proxy that wants another user name or password comes to: CONNECT's 407, and SOCKS (RFC 1929). Compared by
/// their words for the same reason; if they change, the gateway is merely unavailable.
const PROXY_ACCOUNT: [&str; 2] = ["proxy authorization required", "credentials not accepted"];

/// The outcome of a request that failed.
pub(crate) fn outcome(error: reqwest::Error) -> Outcome {
    // An error's URL has the number and the text in it.
    let error = error.without_url();
    let chain = || std::iter::successors(error.source(), |error| (*error).source());
    if let Some(network) = chain().find_map(|error| error.downcast_ref::<NetworkError>()) {
        let class = if network.is_blocked() { Refused } else { Unavailable };
        return Outcome::failed(class, bounded(network.to_string()));
    }
    let cause = chain().last().map(ToString::to_string).unwrap_or_default();
    if error.is_connect() {
        // The connection was never there, so nothing was written on it: DNS, TCP, proxy, TLS.
        if PROXY_ACCOUNT.iter().any(|words| cause.contains(words)) {
            return Outcome::failed(Account, "the proxy wants another user name or password");
        }
        if cause.contains("UnknownIssuer") {
            let detail = "not connected: invalid peer certificate: it comes from a CA that this machine does not know; \
                          if it is yours, enter it as CA Certificate";
            return Outcome::failed(Unavailable, detail);
        }
        return Outcome::failed(Unavailable, bounded(format!("not connected: {cause}")));
    }
    if error.is_builder() {
        return Outcome::failed(Refused, "the request could not be made; check the gateway's URL");
    }
    if is_unprocessed(&error) {
        return Outcome::failed(Unavailable, "the provider closed the connection before it took the message");
    }
    // Everything else happened on a connection, and none of it tells how far the request came.
    Outcome::failed(Uncertain, bounded(format!("sent, but no answer: {cause}")))
}

/// Whether the server said that it did not act on the request, so that it may be written again.
pub(crate) fn is_unprocessed(error: &reqwest::Error) -> bool {
    std::iter::successors(error.source(), |error| (*error).source())
        .any(|error| UNPROCESSED.contains(&error.to_string().as_str()))
}

fn bounded(text: String) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_DETAIL).collect()
}
