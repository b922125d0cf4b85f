//! How commands talk to a server: over the control socket of the data directory, or to a URL with an API key.

use crate::cli::Reach;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::printable;
use http::{Method, StatusCode};
use serde_json::Value;
use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Much more than any answer but a wrong server's.
const LARGEST_ANSWER: usize = 64 << 20;
/// How long a request may take: the server's own bounds are shorter.
const PATIENCE: Duration = Duration::from_secs(60);
/// For what copies or rewrites the whole store.
const LONG_PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// A server to be asked.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    door: Door,
}

enum Door {
    /// The control socket: with the service provider's rights, for the virtual server of this path.
    Control { socket: String, vs: Option<String> },
    /// An API key.
    Key(String),
}

/// One request.
#[derive(Default)]
pub(crate) struct Ask<'a> {
    pub(crate) body: Option<&'a Value>,
    pub(crate) idempotency_key: Option<&'a str>,
    /// It may take long.
    pub(crate) is_long: bool,
}

impl Client {
    /// The server that these arguments name: by its URL, or the one of the configured data directory.
    pub(crate) fn reach(config: &Config, reach: &Reach) -> Result<Self, Failure> {
        match &reach.url {
            None => Self::control(&config.control_socket(), reach.vs.clone()),
            Some(_) if reach.vs.is_some() => Err(Failure::usage(
                "--vs goes with the control socket only: with --url, the API key says which virtual server it is",
            )),
            Some(url) => {
                let Some(key) = &reach.api_key else {
                    return Err(Failure::usage(
                        "--url needs an API key: set TEXTGATE_API_KEY, or give --api-key",
                    ));
                };
                Self::remote(url, key.0.clone())
            }
        }
    }

    /// The server behind this control socket.
    pub(crate) fn control(socket: &Path, vs: Option<String>) -> Result<Self, Failure> {
        // Nothing is said over TLS there, so a machine without certificate authorities will do.
        let http = builder().unix_socket(socket).no_proxy().tls_certs_only([]).build();
        let http = http.map_err(|error| Failure::failed(root(&error)))?;
        let door = Door::Control { socket: socket.display().to_string(), vs };
        Ok(Self { http, base: "http://textgate".into(), door })
    }

    /// The server at this URL.
    pub(crate) fn remote(url: &str, key: String) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/');
        let is_url = reqwest::Url::parse(base)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
        if !is_url {
            return Err(Failure::usage(
                "--url must be a server's address, for example https://sms.example.com",
            ));
        }
        let http = builder().build().map_err(|error| {
            Failure::failed(format_args!(
                "no connection can be made: {}; are the system's certificate authorities installed (ca-certificates)?",
                root(&error)
            ))
        })?;
        Ok(Self { http, base: base.into(), door: Door::Key(key) })
    }

    /// Whether this is the control socket, which can do more.
    pub(crate) fn is_control(&self) -> bool {
        matches!(self.door, Door::Control { .. })
    }

    /// The path of the virtual server that is acted for, where the caller chose it.
    pub(crate) fn virtual_server(&self) -> &str {
        match &self.door {
            Door::Control { vs: Some(vs), .. } => vs.trim_matches('/'),
            _ => "",
        }
    }

    /// The answer's JSON (`null` where there is none).
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, Ask::default()).await
    }

    /// The same for a request with a body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(method, path, Ask { body: Some(body), ..Ask::default() }).await
    }

    /// Asks, and turns everything but success into a failure in the server's words.
    pub(crate) async fn ask(&self, method: Method, path: &str, ask: Ask<'_>) -> Result<Value, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).timeout(if ask.is_long {
            LONG_PATIENCE
        } else {
            PATIENCE
        });
        request = match &self.door {
            Door::Control { vs: Some(vs), .. } => request.header("x-textgate-virtual-server", vs.as_bytes()),
            Door::Control { vs: None, .. } => request,
            Door::Key(key) => request.bearer_auth(key),
        };
        if let Some(key) = ask.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = ask.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST_ANSWER {
                return Err(Failure::failed("the answer is far too long: this is not a textgate server"));
            }
        }
        if !status.is_success() {
            return Err(refused(status, &bytes));
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|_| Failure::failed("the answer is not JSON: this is not a textgate server"))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = root(error);
        match &self.door {
            Door::Control { socket, .. } if error.is_connect() => Failure::unreachable(format_args!(
                "no server answers at {socket} ({why}); start one with `textgate serve`, \
                 name its configuration with --config, or another server with --url"
            )),
            Door::Control { .. } => Failure::unreachable(format_args!("the server did not answer: {why}")),
            Door::Key(_) => Failure::unreachable(format_args!("{} cannot be reached: {why}", self.base)),
        }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("textgate/", env!("CARGO_PKG_VERSION")))
}

/// What is at the bottom of an error: reqwest's own words add only the URL.
fn root(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// A refusal in the server's words (RFC 9457).
fn refused(status: StatusCode, bytes: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().map(printable);
    let Some(mut message) = text("detail").or_else(|| text("title")) else {
        return Failure::failed(format_args!("the server answered {status}"));
    };
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    // A single problem stands in the detail already.
    for error in errors.iter().filter(|_| errors.len() > 1) {
        let part = |name: &str| printable(error[name].as_str().unwrap_or_default());
        message.push_str(&format!("\n  {}: {}", part("path"), part("message")));
    }
    Failure::failed(message)
}

/// Whether a server listens on this control socket. An error where that cannot be told.
pub(crate) async fn is_running(socket: &Path) -> Result<bool, Failure> {
    match tokio::net::UnixStream::connect(socket).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(false)
        }
        Err(error) => Err(Failure::unreachable(format_args!(
            "the control socket {} cannot be opened: {error}; run this as the server's user",
            socket.display()
        ))),
    }
}

/// A part of a path, percent-encoded but for what is unreserved (RFC 3986 §2.3).
pub(crate) fn path_part(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(octet).to_string()
            }
            octet => format!("%{octet:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Secret;
    use crate::failure::Cause;
    use serde_json::json;

    fn config() -> Config {
        Config::load(None, &|_| None).unwrap()
    }

    fn cause(reach: &Reach) -> Option<Cause> {
        crate::install_crypto();
        Client::reach(&config(), reach).err().map(|failure| failure.cause())
    }

    #[test]
    fn a_url_needs_a_key_and_says_by_itself_which_virtual_server() {
        let reach = Reach { url: Some("http://h/".into()), ..Reach::default() };
        assert_eq!(cause(&reach), Some(Cause::Usage));
        let reach = Reach { api_key: Some(Secret("k".into())), ..reach };
        assert_eq!(cause(&reach), None);
        assert_eq!(cause(&Reach { vs: Some("acme".into()), ..reach.clone() }), Some(Cause::Usage));
        assert_eq!(cause(&Reach { url: Some("ftp://h".into()), ..reach }), Some(Cause::Usage));
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let one =
            json!({"detail": "to: enter digits", "errors": [{"path": "to", "message": "enter digits"}]});
        assert_eq!(
            refused(StatusCode::BAD_REQUEST, one.to_string().as_bytes()).to_string(),
            "to: enter digits"
        );
        let two = json!({"detail": "several", "errors": [{"path": "a", "message": "x"}, {"path": "b", "message": "y\u{1b}"}]});
        assert_eq!(
            refused(StatusCode::BAD_REQUEST, two.to_string().as_bytes()).to_string(),
            "several\n  a: x\n  b: y\u{fffd}"
        );
        assert!(refused(StatusCode::BAD_GATEWAY, b"<html>").to_string().contains("502"));
    }

    #[tokio::test]
    async fn without_a_server_it_says_how_to_start_one() {
        crate::install_crypto();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("control.sock");
        assert!(!is_running(&socket).await.unwrap());
        let failure = Client::control(&socket, None).unwrap().get("/healthz").await.unwrap_err();
        assert_eq!(failure.cause(), Cause::Unreachable);
        assert!(failure.to_string().contains("textgate serve"), "{failure}");
    }

    #[tokio::test]
    async fn the_control_socket_is_asked_for_the_chosen_virtual_server() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        crate::install_crypto();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("control.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{\"to\":\"1\"}") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n{\"id\":\"a\"}";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(request).unwrap().to_lowercase()
        });
        let client = Client::control(&socket, Some("acme/sales".into())).unwrap();
        let body = json!({"to": "1"});
        let ask = Ask { body: Some(&body), idempotency_key: Some("once"), ..Ask::default() };
        let answer = client.ask(Method::POST, "/v1/messages", ask).await.unwrap();
        assert_eq!(answer, json!({"id": "a"}));
        let request = server.await.unwrap();
        assert!(request.starts_with("post /v1/messages http/1.1\r\n"), "{request}");
        assert!(request.contains("x-textgate-virtual-server: acme/sales\r\n"), "{request}");
        assert!(
            request.contains("idempotency-key: once\r\n") && !request.contains("authorization"),
            "{request}"
        );
    }

    #[test]
    fn a_name_in_a_path_stays_one_part() {
        assert_eq!(path_part("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }
}
