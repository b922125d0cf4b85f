//! The requests of a message as people may see them.

use super::client::USER_AGENT;
use super::exchange::{Call, Exchange};
use crate::placeholders::placeholder;
use crate::{Header, HttpRequest, Preview, PreviewError, Submission};

/// What an exchange would send for a message: the requests that [`Driver`](super::Driver) would write.
pub(super) fn preview<E: Exchange>(exchange: &E, submission: &Submission) -> Result<Preview, PreviewError> {
    let mut preview = Preview::new(exchange.plan(&submission.text)?);
    let token = exchange.wants_token().then(|| placeholder(usize::MAX));
    if let Some(token) = &token {
        add(&mut preview, "token", exchange.token_call()?);
        preview.computed.push((token.clone(), "OAuth token"));
    }
    add(&mut preview, "message", exchange.call(submission, token.as_deref())?);
    Ok(preview)
}

fn add(preview: &mut Preview, purpose: &'static str, call: Call) {
    let Call { method, url, headers, body, signature } = call;
    preview.computed.extend(signature.map(|signature| (signature, "signature")));
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let mut shown = vec![header("host", &host)];
    shown.extend(
        headers.iter().map(|(name, value)| header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))),
    );
    // What the client adds to every request, unless the provider's file has its own.
    for (name, value) in [("accept", "*/*"), ("user-agent", USER_AGENT)] {
        if !headers.contains_key(name) {
            shown.push(header(name, value));
        }
    }
    preview.requests.push(HttpRequest {
        purpose,
        method: method.to_string(),
        url: url.to_string(),
        headers: shown,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
}
