//! How an event leaves: one signed POST to an address that a tenant chose, through the network guard and bounded in every way.
//!
//! Signed as Standard Webhooks 1.0.0 says (github.com/standard-webhooks/standard-webhooks, spec): HMAC-SHA-256 under a secret that is
//! written `whsec_` and base64, over the event's id, the time and the body with dots between, in the header `webhook-signature`.

use crate::network::NetworkError;
use crate::{BuildError, NetworkGuard, trust};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use ring::hmac;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Octets of a new secret; the specification wants 24 to 64.
const SECRET: usize = 32;
/// Longest address, in octets.
const LONGEST_URL: usize = 2_048;
/// So much of an answer is read, and thrown away, so that its connection can be used again; one that says more is cut off.
const MOST_ANSWER: usize = 16 * 1024;
/// How long an unused connection is kept: shorter than common servers keep theirs.
const IDLE: Duration = Duration::from_secs(4);
/// Longest pause that an endpoint may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// A secret that signs events. Has no `Debug`.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

/// One event, ready to leave.
pub struct WebhookPost<'a> {
    /// Where to.
    pub url: &'a str,
    /// The event's id: the same at each attempt.
    pub id: &'a str,
    /// When this attempt is made (Unix time, s).
    pub at_s: i64,
    /// The body, JSON.
    pub body: String,
    /// What it is signed with: each gives a signature of its own.
    pub secrets: &'a [WebhookSecret],
    /// How long it may take, connecting included.
    pub timeout: Duration,
}

/// Why an endpoint does not have an event. The words tell nothing of what it answered but the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Why.
    pub reason: String,
    /// It said that it is gone for good (410).
    pub is_gone: bool,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// Sends events. Cheap to clone.
#[derive(Clone)]
pub struct WebhookClient {
    client: Client,
    guard: NetworkGuard,
}

// === impl WebhookSecret ===

impl WebhookSecret {
    /// A new one; `None` where the system gives no random numbers.
    pub fn random() -> Option<Self> {
        let mut octets = vec![0; SECRET];
        getrandom::fill(&mut octets).ok()?;
        Some(Self(octets))
    }

    /// The secret of these octets.
    pub fn from_octets(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// Its octets, to be sealed.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// As it is shown, once.
    pub fn shown(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    /// The signature of a body under this id and time.
    pub fn sign(&self, id: &str, at_s: i64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        for part in [id, ".", &at_s.to_string(), ".", body] {
            context.update(part.as_bytes());
        }
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

/// What is wrong with an endpoint's address, if anything. A name is judged when it is connected to.
pub fn problem_of_webhook_url(url: &str, guard: &NetworkGuard) -> Option<String> {
    let Ok(parsed) = Url::parse(url) else {
        return Some("enter a URL, for example https://example.com/textgate".into());
    };
    if !matches!(parsed.scheme(), "https" | "http") {
        return Some("begin the URL with https:// or http://".into());
    }
    if url.len() > LONGEST_URL {
        return Some(format!("use at most {LONGEST_URL} characters"));
    }
    // Reading one leaves them out, so what is kept would be another than what is called.
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("remove spaces and control characters from the URL".into());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Some("leave user name and password out of the URL: events are signed".into());
    }
    if parsed.fragment().is_some() {
        return Some("remove the # and what follows it".into());
    }
    let host = parsed.host_str().filter(|host| !host.is_empty());
    let Some(host) = host else {
        return Some("enter the host, for example https://example.com/textgate".into());
    };
    guard.check_literal(host).err().map(|error| error.to_string())
}

// === impl WebhookClient ===

impl WebhookClient {
    /// A client that connects only where the guard permits.
    ///
    /// # Errors
    /// [`BuildError`]: TLS cannot be set up.
    pub async fn new(guard: &NetworkGuard) -> Result<Self, BuildError> {
        let mut tls = trust::client_config(&[], Arc::default()).await?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(guard.clone())
            // A redirect could lead a signed event to somebody else, or past the guard.
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("textgate/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(8)
            .tcp_nodelay(true)
            .build();
        let client = client.map_err(|error| BuildError(error.without_url().to_string()))?;
        Ok(Self { client, guard: guard.clone() })
    }

    /// Sends an event. Answers the status where the endpoint has it: one of 2xx, and the whole answer came.
    ///
    /// # Errors
    /// [`Undelivered`] for every other end, also where the connection broke in the middle of the answer: it may have the event.
    pub async fn deliver(&self, post: WebhookPost<'_>) -> Result<u16, Undelivered> {
        let timeout = post.timeout;
        match tokio::time::timeout(timeout, self.send(post)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Undelivered::because(format!("no answer within {} s", timeout.as_secs_f32()))),
        }
    }

    async fn send(&self, post: WebhookPost<'_>) -> Result<u16, Undelivered> {
        let url = Url::parse(post.url).map_err(|_| Undelivered::because("its URL is none"))?;
        // Resolvers are only asked for names; addresses are judged here.
        self.guard
            .check_literal(url.host_str().unwrap_or_default())
            .map_err(|error| Undelivered::because(error.to_string()))?;
        let signatures: Vec<String> =
            post.secrets.iter().map(|secret| secret.sign(post.id, post.at_s, &post.body)).collect();
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", post.id)
            .header("webhook-timestamp", post.at_s)
            .header("webhook-signature", signatures.join(" "))
            .body(post.body);
        let mut response = request.send().await.map_err(|error| Undelivered::because(told(error)))?;
        let status = response.status();
        if !status.is_success() {
            let wanted = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = wanted.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
            return Err(Undelivered {
                reason: format!("HTTP {}", status.as_u16()),
                is_gone: status == StatusCode::GONE,
                retry_after: retry_after.map(|wanted| wanted.min(LONGEST_RETRY_AFTER)),
            });
        }
        let mut read = 0;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => read += chunk.len(),
                Ok(None) => return Ok(status.as_u16()),
                Err(_) => {
                    let reason = format!("HTTP {}, but the answer broke off", status.as_u16());
                    return Err(Undelivered::because(reason));
                }
            }
            if read > MOST_ANSWER {
                return Ok(status.as_u16());
            }
        }
    }
}

// === impl Undelivered ===

impl Undelivered {
    /// For this reason, and no other.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_gone: false, retry_after: None }
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Why there was no answer, without the address.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause = error.source();
    let mut innermost = None;
    while let Some(next) = cause {
        if let Some(guarded) = next.downcast_ref::<NetworkError>() {
            return guarded.to_string();
        }
        innermost = Some(next.to_string());
        cause = next.source();
    }
    let what = if error.is_connect() { "not connected" } else { "no answer" };
    innermost.map_or_else(|| what.to_owned(), |why| format!("{what}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// The example of the specification's reference libraries.
    const KNOWN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn known() -> WebhookSecret {
        WebhookSecret::from_octets(BASE64_STANDARD.decode(KNOWN.strip_prefix(PREFIX).unwrap()).unwrap())
    }

    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        assert_eq!(known().shown(), KNOWN);
        let signature =
            known().sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_is_long_and_never_the_same() {
        let (a, b) = (WebhookSecret::random().unwrap(), WebhookSecret::random().unwrap());
        assert_ne!(a.shown(), b.shown());
        assert_eq!(a.octets().len(), 32);
    }

    #[test]
    fn an_address_is_one_of_the_outside_without_an_account() {
        let guard = NetworkGuard::default();
        for good in ["https://example.com/hook?x=1", "http://example.com:8080/"] {
            assert_eq!(problem_of_webhook_url(good, &guard), None, "{good}");
        }
        let long = format!("https://example.com/{}", "x".repeat(LONGEST_URL));
        for wrong in [
            "example.com",
            "ftp://example.com/",
            "https://u:p@example.com/",
            "https://example.com/#x",
            "https://example.com/a\0b",
            " https://example.com/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://169.254.169.254/latest",
            &long,
        ] {
            assert!(problem_of_webhook_url(wrong, &guard).is_some(), "{wrong}");
        }
    }

    /// A server that answers its only connection with this, and closes it; what it was sent comes back.
    async fn answering(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut octets = [0; 1024];
                let read = stream.read(&mut octets).await.unwrap();
                assert!(read > 0);
                request.extend_from_slice(&octets[..read]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        (address, served)
    }

    async fn deliver(address: SocketAddr, guard: &NetworkGuard) -> Result<u16, Undelivered> {
        let client = WebhookClient::new(guard).await.unwrap();
        let post = WebhookPost {
            url: &format!("http://{address}/hook"),
            id: "evt_1",
            at_s: 1_614_265_330,
            body: r#"{"type":"x"}"#.into(),
            secrets: &[known(), WebhookSecret::from_octets(vec![1; 32])],
            timeout: Duration::from_secs(10),
        };
        client.deliver(post).await
    }

    fn here() -> NetworkGuard {
        NetworkGuard::allowing(["127.0.0.0/8".parse().unwrap()])
    }

    #[tokio::test]
    async fn an_event_leaves_with_its_headers_and_both_signatures() {
        let (address, served) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(deliver(address, &here()).await, Ok(204));
        let request = served.await.unwrap().to_lowercase();
        for header in ["webhook-id: evt_1", "webhook-timestamp: 1614265330", "content-type: application/json"]
        {
            assert!(request.contains(header), "{header}: {request}");
        }
        assert_eq!(request.matches("v1,").count(), 2, "{request}");
    }

    #[tokio::test]
    async fn what_is_no_whole_success_is_told_apart() {
        let table = [
            ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", "HTTP 500", false, None),
            ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", "HTTP 410", true, None),
            (
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
                "HTTP 302",
                false,
                None,
            ),
            ("HTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", "HTTP 503", false, Some(7)),
            (
                "HTTP/1.1 503 No\r\nretry-after: 999999\r\ncontent-length: 0\r\n\r\n",
                "HTTP 503",
                false,
                Some(3_600),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of",
                "HTTP 200, but the answer broke off",
                false,
                None,
            ),
        ];
        for (answer, reason, is_gone, retry_after) in table {
            let (address, served) = answering(answer).await;
            let undelivered = deliver(address, &here()).await.unwrap_err();
            let retry_after = retry_after.map(Duration::from_secs);
            assert_eq!(undelivered, Undelivered { reason: reason.into(), is_gone, retry_after }, "{answer}");
            served.await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_address_that_the_guard_does_not_permit_gets_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let undelivered =
            deliver(listener.local_addr().unwrap(), &NetworkGuard::default()).await.unwrap_err();
        assert!(undelivered.reason.contains("loopback"), "{undelivered}");
        let blocked = NetworkGuard::default().resolving_with(|_| Ok(vec!["127.0.0.1".parse().unwrap()]));
        let client = WebhookClient::new(&blocked).await.unwrap();
        let (url, timeout) = ("http://rebinding.example/", Duration::from_secs(10));
        let post = WebhookPost { url, id: "evt_1", at_s: 1, body: "{}".into(), secrets: &[], timeout };
        let undelivered = client.deliver(post).await.unwrap_err();
        assert!(undelivered.reason.contains("loopback"), "{undelivered}");
    }
}
