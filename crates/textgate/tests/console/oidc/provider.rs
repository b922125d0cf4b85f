//! An OpenID Connect provider of the tests' own: it signs in whoever comes as the person that it was told, and lies where a test wants it to.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What this server is called at the provider, and by what it proves it. Both need escaping on their way.
pub const CLIENT: &str = "text:gate";
pub const SECRET: &str = "s3cret of+the client";
/// A key pair of tests alone: ring makes none of RSA.
const RSA: &[u8] = include_bytes!("../../../../console/tests/rsa-key.der");

/// A key pair.
pub enum Signer {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// How the provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// As it should.
    None,
    /// Not at all: `"alg": "none"`.
    Unsigned,
    /// By a MAC under the client's secret.
    Mac,
    /// By a key that it does not show.
    HiddenKey,
    /// It answers everything with 503.
    Down,
    /// It answers a code with more than anybody should read.
    Endless,
    /// It refuses everybody.
    Denies,
}

struct Grant {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

/// What it knows and does.
pub struct Inner {
    issuer: String,
    keys: Vec<(String, Signer)>,
    grants: HashMap<String, Grant>,
    /// Claims of the person, over the usual ones; `null` takes one away.
    pub claims: Value,
    pub lie: Lie,
    /// Paths that were asked for.
    pub asked: Vec<String>,
    /// Tokens that were given out.
    pub tokens: Vec<String>,
}

/// A running provider.
pub struct Provider {
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Signer {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    pub fn ec() -> Self {
        let random = SystemRandom::new();
        let octets = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, octets.as_ref(), &random).unwrap())
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": base64url(&n), "e": base64url(&e)})
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({"kty": "EC", "use": "sig", "crv": "P-256", "kid": id, "x": x, "y": y})
            }
        }
    }

    fn token(&self, id: &str, claims: &Value) -> String {
        let random = SystemRandom::new();
        let alg = if matches!(self, Self::Rsa(_)) { "RS256" } else { "ES256" };
        let signed = unsigned(&json!({"alg": alg, "kid": id, "typ": "JWT"}), claims);
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", base64url(&signature))
    }
}

impl Provider {
    /// A provider that signs by RS256.
    pub async fn start() -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The same at this place.
    pub fn start_at(listener: TcpListener) -> Self {
        let issuer = format!("http://{}/realms/example", listener.local_addr().unwrap());
        Self::serve(listener, issuer, None)
    }

    /// A provider that speaks TLS as `localhost`, and the certificate authority that says so (PEM).
    pub async fn start_with_tls() -> (Self, String) {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
        let tls = tls.unwrap().with_no_client_auth();
        let tls = tls.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}/realms/example", listener.local_addr().unwrap().port());
        (Self::serve(listener, issuer, Some(TlsAcceptor::from(Arc::new(tls)))), authority.pem())
    }

    fn serve(listener: TcpListener, issuer: String, tls: Option<TlsAcceptor>) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            issuer,
            keys: vec![("first".into(), Signer::rsa())],
            grants: HashMap::new(),
            claims: json!({}),
            lie: Lie::None,
            asked: Vec::new(),
            tokens: Vec::new(),
        }));
        let shared = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    let service =
                        hyper::service::service_fn(move |request| answer(Arc::clone(&shared), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    match tls {
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(http.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                });
            }
        });
        Self { inner, task }
    }

    /// What it is and does, to be changed.
    pub fn now(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The person who signs in from now on.
    pub fn person(&self, subject: &str, name: &str, groups: &[&str]) {
        self.now().claims = json!({"sub": subject, "preferred_username": name, "groups": groups});
    }

    /// Signs by another key from now on, and shows only that.
    pub fn rotate(&self) {
        self.now().keys = vec![("second".into(), Signer::ec())];
    }

    /// `[console.oidc]` for this provider.
    pub fn config(&self) -> String {
        config_of(&self.now().issuer)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `[console.oidc]` for a provider at this address.
pub fn config(address: SocketAddr) -> String {
    config_of(&format!("http://{address}/realms/example"))
}

fn config_of(issuer: &str) -> String {
    let role = |value: &str, path: &str, role: &str| {
        format!(
            "[[console.oidc.role]]\nvalue = \"{value}\"\nvirtual_server = \"{path}\"\nrole = \"{role}\"\n"
        )
    };
    format!(
        "[console.oidc]\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\n\
         client_secret = \"{SECRET}\"\nlabel = \"Example & Co\"\n{}{}{}",
        role("sms-admins", "/", "administrator"),
        role("acme-operators", "acme", "operator"),
        role("acme-audit", "acme", "auditor")
    )
}

type Answer = Response<Full<Bytes>>;

async fn answer(shared: Arc<Mutex<Inner>>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut inner = shared.lock().unwrap();
    let path = parts.uri.path().to_owned();
    inner.asked.push(path.clone());
    if inner.lie == Lie::Down {
        return Ok(with(503, "text/plain", "down".into()));
    }
    let query = pairs(parts.uri.query().unwrap_or_default());
    Ok(match path.trim_start_matches("/realms/example/") {
        ".well-known/openid-configuration" => metadata(&inner),
        "jwks" => {
            let keys: Vec<Value> = inner.keys.iter().map(|(id, signer)| signer.jwk(id)).collect();
            with(200, "application/json", json!({ "keys": keys }).to_string())
        }
        "authorize" => authorize(&mut inner, &query),
        "token" => {
            let secret = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            redeem(&mut inner, secret.unwrap_or_default(), &pairs(std::str::from_utf8(&body).unwrap()))
        }
        "end" => with(200, "text/html", format!("<main>Signed out of {}</main>", query["client_id"])),
        _ => with(404, "text/plain", path),
    })
}

fn metadata(inner: &Inner) -> Answer {
    let at = |place: &str| format!("{}/{place}", inner.issuer);
    let metadata = json!({
        "issuer": inner.issuer,
        "authorization_endpoint": at("authorize?kc=1"),
        "token_endpoint": at("token"),
        "jwks_uri": at("jwks"),
        "end_session_endpoint": at("end"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    });
    with(200, "application/json", metadata.to_string())
}

/// Sends the browser back at once, with a code for the person.
fn authorize(inner: &mut Inner, query: &BTreeMap<String, String>) -> Answer {
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    assert_eq!(
        (get("kc").as_str(), get("response_type").as_str(), get("client_id").as_str()),
        ("1", "code", CLIENT)
    );
    assert_eq!(
        (get("code_challenge_method").as_str(), get("scope").as_str()),
        ("S256", "openid profile email")
    );
    let state = get("state");
    let back = if inner.lie == Lie::Denies {
        format!("error=access_denied&error_description=secret%20reasons&state={state}")
    } else {
        let mut random = [0u8; 16];
        SystemRandom::new().fill(&mut random).unwrap();
        let code = format!("code-{}", base64url(&random));
        let grant = Grant {
            nonce: get("nonce"),
            challenge: get("code_challenge"),
            redirect_uri: get("redirect_uri"),
        };
        inner.grants.insert(code.clone(), grant);
        format!("code={code}&state={state}&session_state=x")
    };
    let mut answer = with(303, "text/plain", String::new());
    let location = format!("{}?{back}", get("redirect_uri"));
    answer.headers_mut().insert(LOCATION, location.parse().unwrap());
    answer
}

/// An ID token for a code: once, and to whoever asked for it.
fn redeem(inner: &mut Inner, secret: &str, form: &BTreeMap<String, String>) -> Answer {
    let problem = |status, code: &str| with(status, "application/json", json!({ "error": code }).to_string());
    let form_of = |text: &str| {
        text.bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect::<String>()
    };
    if secret != format!("Basic {}", STANDARD.encode(format!("{}:{}", form_of(CLIENT), form_of(SECRET)))) {
        return problem(401, "invalid_client");
    }
    let get = |name: &str| form.get(name).cloned().unwrap_or_default();
    let grant = inner.grants.remove(&get("code")).filter(|grant| {
        let challenge = base64url(digest(&SHA256, get("code_verifier").as_bytes()).as_ref());
        grant.redirect_uri == get("redirect_uri") && grant.challenge == challenge
    });
    let Some(grant) = grant else { return problem(400, "invalid_grant") };
    if inner.lie == Lie::Endless {
        return with(200, "application/json", format!("{{\"id_token\": \"{}\"}}", "x".repeat(1 << 20)));
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({
        "iss": inner.issuer, "aud": CLIENT, "sub": "1", "nonce": grant.nonce, "iat": now_s, "exp": now_s + 300,
        "preferred_username": "someone",
    });
    for (name, value) in inner.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let (id, signer) = &inner.keys[0];
    let token = match inner.lie {
        Lie::Unsigned => format!("{}.", unsigned(&json!({"alg": "none"}), &claims)),
        Lie::Mac => {
            let signed = unsigned(&json!({"alg": "HS256"}), &claims);
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
            format!("{signed}.{}", base64url(ring::hmac::sign(&key, signed.as_bytes()).as_ref()))
        }
        Lie::HiddenKey => Signer::ec().token(id, &claims),
        _ => signer.token(id, &claims),
    };
    inner.tokens.push(token.clone());
    let tokens = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token});
    with(200, "application/json", tokens.to_string())
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

fn with(status: u16, media_type: &str, body: String) -> Answer {
    let answer = Response::builder().status(status).header(CONTENT_TYPE, media_type);
    answer.body(Full::new(Bytes::from(body))).unwrap()
}

/// The pairs of a query or a form.
pub fn pairs(query: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://h/?{query}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
