//! Sign-in at an OpenID Connect provider: the authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636).
//!
//! Knows the protocol, and nothing of pages and users: it answers where to send a browser, and who came back. What it believes is
//! an ID token with a signature by one of the provider's keys; nothing else of what a browser brings. Requests are carried by the
//! binary ([`Transport`]). Nothing of a sign-in under way is kept here but that it was used: its secrets follow from a cookie.

mod claims;
mod client;
mod error;
mod keys;
mod provider;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod voucher;

pub(crate) use client::CALLBACK;
pub use client::Oidc;
pub(crate) use error::OidcError;
pub use transport::{LARGEST_ANSWER, LONGEST_ANSWER, Transport};
pub(crate) use voucher::LIFE_S;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Base64url without padding (RFC 7515 §2).
fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// The octets of a text in base64url; `None` where it is none.
fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
