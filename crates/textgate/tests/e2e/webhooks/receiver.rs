//! A receiver of webhooks that behaves as a test wants.

use crate::kit::{eventually, npm};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/webhooks");

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// 204.
    Takes,
    /// This status.
    Answers(u16),
    /// 200, and closes in the middle of the answer.
    BreaksOff,
    /// Takes it, after this long.
    Waits(Duration),
    /// Closes the connection without an answer.
    HangsUp,
}

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub body: Value,
    /// Whether it was answered with success, as a whole.
    pub is_taken: bool,
}

impl Received {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// What happened, to which message.
    pub fn told(&self) -> (String, String) {
        let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (of(&self.body["type"]), of(&self.body["data"]["id"]))
    }

    /// What the published library says of it under this secret.
    pub fn verified(&self, secret: &str) -> Option<String> {
        let modules = match npm::modules(Path::new(HOME), "webhooks") {
            Ok(modules) => modules,
            Err(why) => {
                npm::not_run("the verification by the published library", &why);
                return None;
            }
        };
        let mut child = Command::new("node")
            .arg(Path::new(HOME).join("verify.js"))
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = json!({ "secret": secret, "headers": self.headers, "body": self.text });
        writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
        let output = child.wait_with_output().unwrap();
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }
}

#[derive(Default)]
struct State {
    does: Option<Does>,
    /// What is done with the next requests, before `does`.
    first: Vec<Does>,
    received: Vec<Received>,
}

/// A receiver on a free port.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { does: Some(does), ..State::default() }));
        let serving = listen(listener, &state);
        Self { address, state, serving }
    }

    /// Nobody listens any more, and whoever is connected is hung up on.
    pub fn goes_down(&self) {
        self.now(Does::HangsUp);
        self.serving.abort();
    }

    /// It listens again, and takes everything.
    pub async fn comes_back(&mut self) {
        let listener =
            eventually("its port is free", async || TcpListener::bind(self.address).await.ok()).await;
        self.serving = listen(listener, &self.state);
        self.now(Does::Takes);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it does this.
    pub fn now(&self, does: Does) {
        self.state.lock().unwrap().does = Some(does);
    }

    /// It does this with the next request.
    pub fn first(&self, does: Does) {
        self.state.lock().unwrap().first.push(does);
    }

    /// Everything it was sent.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// What it took.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.is_taken).collect()
    }

    /// What it took, once it is so much.
    pub async fn until_taken(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} events are taken"), async || {
            let taken = self.taken();
            (taken.len() >= count).then_some(taken)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn listen(listener: TcpListener, state: &Arc<Mutex<State>>) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&state)));
        }
    })
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut headers = BTreeMap::new();
        let mut line = String::new();
        loop {
            line.clear();
            if read.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ") {
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if read.read_exact(&mut body).await.is_err() {
            return;
        }
        let text = String::from_utf8(body).unwrap();
        let does = {
            let mut state = state.lock().unwrap();
            if state.first.is_empty() { state.does.unwrap() } else { state.first.remove(0) }
        };
        let is_taken = matches!(does, Does::Takes | Does::Waits(_));
        let received = Received { headers, body: serde_json::from_str(&text).unwrap(), text, is_taken };
        state.lock().unwrap().received.push(received);
        let answer = match does {
            Does::Takes => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            Does::Waits(long) => {
                tokio::time::sleep(long).await;
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            Does::Answers(status) => format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n"),
            Does::BreaksOff => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of".to_owned(),
            Does::HangsUp => return,
        };
        if write.write_all(answer.as_bytes()).await.is_err() || does == Does::BreaksOff {
            return;
        }
    }
}
