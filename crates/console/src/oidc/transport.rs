//! Requests to the provider, which the binary carries.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use std::time::Duration;

/// Largest answer that is read (bytes): keys and metadata of large providers have some tens of KiB.
pub const LARGEST_ANSWER: usize = 256 << 10;
/// How long one request may take, with its answer.
pub const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// What carries requests to an OpenID Connect provider. It follows no redirect, checks certificates, and keeps to
/// [`LARGEST_ANSWER`] and [`LONGEST_ANSWER`].
pub trait Transport: Send + Sync {
    /// The answer, whatever its status; or why there is none, without the request's content.
    fn carry(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, String>>;
}

/// Whether this is an absolute address that may be asked: what signs people in must not be changed on its way, but for a trial
/// on this machine.
pub(super) fn is_safe(address: &str) -> bool {
    let Ok(uri) = address.parse::<Uri>() else { return false };
    let is_here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_secure = match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => is_here,
        _ => false,
    };
    is_secure && !has_user && !address.contains('#')
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn only_https_is_asked_and_this_very_machine() {
        for safe in [
            "https://id.example.com/a?b=c",
            "http://localhost:8080/",
            "http://127.0.0.1:1/x",
            "http://[::1]/",
        ] {
            assert!(is_safe(safe), "{safe}");
        }
        for not in [
            "http://id.example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1@evil.example/",
            "https://user:pass@id.example.com/",
            "https://id.example.com/#x",
            "ftp://localhost/",
            "/relative",
            "https://",
            "",
        ] {
            assert!(!is_safe(not), "{not}");
        }
    }
}
