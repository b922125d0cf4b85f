//! The ID token, and what it is held to (OpenID Connect Core 1.0 §3.1.3.7; RFC 7519, RFC 7515).

use super::claims::Claims;
use super::from_base64url;
use super::keys::{Algorithm, Keys};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

/// Longest token that is looked at (octets).
const LONGEST: usize = 64 << 10;
/// How far the provider's clock may be from ours (s).
const SKEW_S: i64 = 60;
/// How long ago a token may have been issued that answers a question of just now (s).
const OLDEST_S: i64 = 600;
/// Longest `sub` (OpenID Connect Core 1.0 §2).
const LONGEST_SUBJECT: usize = 255;

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// Now (Unix time, s).
    pub(super) now_s: i64,
}

/// A token whose signature was verified or not yet.
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    signed: &'a [u8],
    signature: Vec<u8>,
    claims: Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    /// Reads a token, whose claims stay closed until its signature is verified.
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        const NONE: &str = "the ID token is no signed JSON Web Token";
        if text.len() > LONGEST {
            return Err("the ID token is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NONE)?;
        let (header, claims) = signed.split_once('.').ok_or(NONE)?;
        let header: Header =
            from_base64url(header).and_then(|header| serde_json::from_slice(&header).ok()).ok_or(NONE)?;
        let algorithm = Algorithm::of(&header.alg)
            .ok_or("the ID token is not signed by RS256 or ES256; set one of them for this client")?;
        // Extensions that have to be understood, and are not (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err("the ID token has a critical extension");
        }
        let claims =
            from_base64url(claims).and_then(|claims| serde_json::from_slice(&claims).ok()).ok_or(NONE)?;
        let signature = from_base64url(signature).ok_or(NONE)?;
        Ok(Self { algorithm, key: header.kid, signed: signed.as_bytes(), signature, claims: Claims(claims) })
    }

    /// Whether one of these keys has signed it.
    pub(super) fn is_signed_by(&self, keys: &Keys) -> bool {
        keys.have_signed(self.algorithm, self.key.as_deref(), self.signed, &self.signature)
    }

    /// Its claims, where they are what they must be. Ask for the signature first.
    pub(super) fn claims(self, expected: &Expected<'_>) -> Result<Claims, &'static str> {
        let claims = self.claims;
        if claims.text("iss") != expected.issuer {
            return Err("the ID token is of another issuer");
        }
        let (is_for_us, is_for_others) = match claims.0.get("aud") {
            Some(Value::String(one)) => (one == expected.client_id, false),
            Some(Value::Array(list)) => {
                (list.iter().any(|one| one.as_str() == Some(expected.client_id)), list.len() > 1)
            }
            _ => (false, false),
        };
        if !is_for_us {
            return Err("the ID token is for another audience");
        }
        let party = claims.0.get("azp").map(|party| party.as_str() == Some(expected.client_id));
        if party == Some(false) || (is_for_others && party.is_none()) {
            return Err("the ID token was issued to another party (azp)");
        }
        let now_s = expected.now_s;
        let (Some(until), Some(issued)) = (claims.time("exp"), claims.time("iat")) else {
            return Err("the ID token does not say when it was issued and until when it is good");
        };
        if until.saturating_add(SKEW_S) <= now_s {
            return Err("the ID token has expired; compare the clocks of both servers");
        }
        if issued > now_s + SKEW_S || claims.time("nbf").is_some_and(|from| from > now_s + SKEW_S) {
            return Err("the ID token is of the future; compare the clocks of both servers");
        }
        if issued < now_s - OLDEST_S - SKEW_S {
            return Err("the ID token was issued long ago; compare the clocks of both servers");
        }
        if !bool::from(claims.text("nonce").as_bytes().ct_eq(expected.nonce.as_bytes())) {
            return Err("the ID token answers another sign-in (nonce)");
        }
        if !(1..=LONGEST_SUBJECT).contains(&claims.text("sub").len()) {
            return Err("the ID token does not say who it is about");
        }
        Ok(claims)
    }
}
