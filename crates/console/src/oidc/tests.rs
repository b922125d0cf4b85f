//! ID tokens, good and bad; the whole flow is tested through the binary.

use super::base64url;
use super::claims::Claims;
use super::keys::Keys;
use super::token::{Expected, Token};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
/// A key pair of these tests alone: ring makes none of RSA.
const RSA: &[u8] = include_bytes!("../../tests/rsa-key.der");

enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    fn ec() -> Self {
        let random = SystemRandom::new();
        let octets = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, octets.as_ref(), &random).unwrap();
        Self::Ec(pair)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
        }
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                // With a zero before it, as some write it.
                let n = base64url(&[vec![0], n].concat());
                json!({"kty": "RSA", "use": "sig", "kid": id, "n": n, "e": base64url(&e)})
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id, "x": x, "y": y})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    fn token(&self, header: Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let signature = base64url(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn unsigned(header: Value, claims: &Value) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

fn keys(jwks: &[Value]) -> Keys {
    Keys::read(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

fn good() -> Value {
    json!({
        "iss": "https://id.example.com", "aud": "textgate", "sub": "42", "nonce": "n-1",
        "iat": NOW - 1, "exp": NOW + 300, "preferred_username": "ada",
    })
}

/// What a token with these claims over the good ones is refused for; `null` takes one away.
fn judged(claims: Value) -> Result<Claims, &'static str> {
    let mut all = good();
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let signer = Signer::ec();
    let token = signer.token(json!({"alg": "ES256", "kid": "k"}), &all);
    let token = Token::read(&token).unwrap();
    assert!(token.is_signed_by(&keys(&[signer.jwk("k")])));
    token.claims(&Expected {
        issuer: "https://id.example.com",
        client_id: "textgate",
        nonce: "n-1",
        now_s: NOW,
    })
}

#[test]
fn a_token_by_a_key_of_the_provider_is_believed_with_either_algorithm_and_with_or_without_a_key_id() {
    for signer in [Signer::rsa(), Signer::ec()] {
        let set = keys(&[Signer::ec().jwk("other"), signer.jwk("k")]);
        for header in [json!({"alg": signer.algorithm(), "kid": "k"}), json!({"alg": signer.algorithm()})] {
            assert!(Token::read(&signer.token(header, &good())).unwrap().is_signed_by(&set));
        }
        let other = signer.token(json!({"alg": signer.algorithm(), "kid": "other"}), &good());
        assert!(!Token::read(&other).unwrap().is_signed_by(&set), "a key of another id");
        assert!(!Token::read(&other).unwrap().is_signed_by(&keys(&[])));
    }
}

#[test]
fn a_token_that_was_changed_or_moved_to_another_algorithm_is_not_signed() {
    let (rsa, ec) = (Signer::rsa(), Signer::ec());
    let set = keys(&[rsa.jwk("r"), ec.jwk("e")]);
    let token = rsa.token(json!({"alg": "RS256", "kid": "r"}), &good());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut other = good();
    other["sub"] = json!("43");
    let changed = format!("{}.{signature}", unsigned(json!({"alg": "RS256", "kid": "r"}), &other));
    let moved = ec.token(json!({"alg": "RS256", "kid": "e"}), &good());
    for wrong in [changed, moved, format!("{signed}."), format!("{signed}.AAAA")] {
        assert!(!Token::read(&wrong).unwrap().is_signed_by(&set), "{wrong}");
    }
}

#[test]
fn what_has_no_signature_of_a_key_pair_is_no_token() {
    let rsa = Signer::rsa();
    // The public key as a MAC's secret: what a verifier that trusts the header would take.
    let signed = unsigned(json!({"alg": "HS256"}), &good());
    let secret = rsa.jwk("k").to_string();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let mac = base64url(ring::hmac::sign(&key, signed.as_bytes()).as_ref());
    let whole = |header: Value| format!("{}.", unsigned(header, &good()));
    for wrong in [
        format!("{signed}.{mac}"),
        whole(json!({"alg": "none"})),
        whole(json!({"alg": "None"})),
        whole(json!({"alg": "RS512"})),
        whole(json!({"typ": "JWT"})),
        rsa.token(json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &good()),
        "a.b.c".into(),
        "a.b".into(),
        "....".into(),
        String::new(),
        "x".repeat(100_000),
    ] {
        assert!(Token::read(&wrong).is_err(), "{}", &wrong[..wrong.len().min(80)]);
    }
}

#[test]
fn a_token_of_somebody_elses_or_of_another_time_is_refused_with_the_reason() {
    assert_eq!(judged(json!({})).unwrap().text("sub"), "42");
    for (claims, reason) in [
        (json!({"iss": "https://id.example.com/"}), "issuer"),
        (json!({"iss": null}), "issuer"),
        (json!({"aud": "other"}), "audience"),
        (json!({"aud": ["other"]}), "audience"),
        (json!({"aud": []}), "audience"),
        (json!({"aud": null}), "audience"),
        (json!({"aud": ["textgate", "other"]}), "azp"),
        (json!({"aud": ["textgate", "other"], "azp": "other"}), "azp"),
        (json!({"azp": "other"}), "azp"),
        (json!({"azp": 1}), "azp"),
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"exp": null}), "until when"),
        (json!({"exp": "soon"}), "until when"),
        (json!({"iat": null}), "until when"),
        (json!({"iat": NOW + 61}), "future"),
        (json!({"nbf": NOW + 61}), "future"),
        (json!({"iat": NOW - 661}), "long ago"),
        (json!({"nonce": "n-2"}), "nonce"),
        (json!({"nonce": null}), "nonce"),
        (json!({"sub": ""}), "who it is about"),
        (json!({"sub": null}), "who it is about"),
        (json!({"sub": "x".repeat(256)}), "who it is about"),
    ] {
        let refused = judged(claims.clone()).unwrap_err();
        assert!(refused.contains(reason), "{claims}: {refused}");
    }
}

#[test]
fn small_differences_of_clocks_and_several_audiences_are_taken() {
    for claims in [
        json!({"exp": NOW - 59}),
        json!({"iat": NOW + 60}),
        json!({"iat": NOW - 660}),
        json!({"iat": NOW as f64 + 0.5}),
        json!({"aud": ["textgate"]}),
        json!({"aud": ["other", "textgate"], "azp": "textgate"}),
        json!({"azp": "textgate"}),
        json!({"nbf": NOW}),
    ] {
        assert!(judged(claims.clone()).is_ok(), "{claims}");
    }
}

#[test]
fn keys_of_other_kinds_are_left_out_and_harm_nothing() {
    let signer = Signer::ec();
    let good_one = signer.jwk("k");
    let with = |name: &str, value: Value| {
        let mut key = good_one.clone();
        key[name] = value;
        key
    };
    let token = signer.token(json!({"alg": "ES256", "kid": "k"}), &good());
    let token = Token::read(&token).unwrap();
    let wrong = [
        with("use", json!("enc")),
        with("alg", json!("ES512")),
        with("crv", json!("P-384")),
        with("x", json!("AA")),
        with("y", Value::Null),
        with("kty", json!("oct")),
        json!({"kty": "RSA", "kid": "k", "n": "", "e": ""}),
        json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0"}),
        json!("no key"),
    ];
    assert!(!token.is_signed_by(&keys(&wrong)));
    assert!(token.is_signed_by(&keys(&[&wrong[..], &[good_one]].concat())));
    for no_set in ["", "[]", "{}", "{\"keys\": 1}"] {
        assert!(Keys::read(no_set.as_bytes()).is_none(), "{no_set}");
    }
}
