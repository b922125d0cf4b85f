//! The provider's keys (JSON Web Key Set, RFC 7517), and signatures by them (RFC 7518 §3).
//!
//! Only signatures of key pairs are known here: a token that says `none`, or that it has a MAC, has no algorithm.

use super::from_base64url;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// Most keys that are looked at.
const MOST: usize = 64;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// By its name (RFC 7518 §3.1).
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// One key.
struct Key {
    id: Option<String>,
    material: Material,
}

enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// A point as SEC 1 §2.3.3 writes it.
    P256(Vec<u8>),
}

/// The provider's keys that can sign ID tokens.
pub(super) struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a key set. Keys of other kinds and for other purposes are left out. `None` where it is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let set: Set = serde_json::from_slice(body).ok()?;
        let keys = set.keys.into_iter().take(MOST).filter_map(|key| serde_json::from_value(key).ok());
        Some(Self(keys.filter_map(key).collect()))
    }

    /// Whether one of the keys, the one that is named where one is, has made this signature.
    pub(super) fn have_signed(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let named = self.0.iter().filter(|key| id.is_none() || key.id.is_none() || key.id.as_deref() == id);
        named.into_iter().any(|key| match (&key.material, algorithm) {
            (Material::Rsa(key), Algorithm::Rs256) => {
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            (Material::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            _ => false,
        })
    }
}

fn key(jwk: Jwk) -> Option<Key> {
    let is_of = |algorithm: &str| jwk.alg.as_deref().is_none_or(|alg| alg == algorithm);
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let number = |text: &Option<String>| from_base64url(text.as_deref()?);
    let material = match jwk.kty.as_str() {
        "RSA" if is_of("RS256") => {
            // ring takes numbers without zeros before them only.
            let plain = |octets: Vec<u8>| octets.into_iter().skip_while(|octet| *octet == 0).collect();
            Material::Rsa(RsaPublicKeyComponents { n: plain(number(&jwk.n)?), e: plain(number(&jwk.e)?) })
        }
        "EC" if is_of("ES256") && jwk.crv.as_deref() == Some("P-256") => {
            let (x, y) = (number(&jwk.x)?, number(&jwk.y)?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            Material::P256([&[4], &x[..], &y[..]].concat())
        }
        _ => return None,
    };
    Some(Key { id: jwk.kid, material })
}
