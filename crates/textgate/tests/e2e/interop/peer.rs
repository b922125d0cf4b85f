//! The SMSC of the npm package `smpp` as a process, and its package in the target directory.

use crate::kit::{eventually, npm};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

/// The script and its package, in the source tree.
const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/interop");

/// The SMSC's password, which the kit's gateways know.
pub const PASSWORD: &str = "secret";

/// A running SMSC.
pub struct Smsc {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Arc<Mutex<Vec<Value>>>,
    address: SocketAddr,
}

impl Smsc {
    /// An SMSC on a free port; `None`, after telling why, where this machine cannot run it. In CI that fails the test.
    pub async fn start() -> Option<Self> {
        Self::start_with(json!({})).await
    }

    /// The same with further configuration of the script's.
    pub async fn start_with(more: Value) -> Option<Self> {
        let modules = match &*MODULES {
            Ok(modules) => modules,
            Err(why) => {
                npm::not_run("the test against a foreign SMSC", why);
                return None;
            }
        };
        let mut child = Command::new("node")
            .arg(Path::new(HOME).join("smsc.js"))
            .env("NODE_PATH", modules)
            // The package reads relative times into the local clock, and an hour may be missing there.
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let (stdout, heard) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(&events));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                heard.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let stdin = child.stdin.take();
        let mut smsc = Self { child, stdin, events, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let mut config = json!({ "password": PASSWORD });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        smsc.write(&config);
        let port = smsc.next("listening").await["port"].as_u64().unwrap();
        smsc.address.set_port(u16::try_from(port).unwrap());
        Some(smsc)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives it one of the script's commands.
    pub fn tell(&mut self, command: &str) {
        self.write(&json!({ "do": command }));
    }

    /// The statuses of its next answers to submit_sm.
    pub fn answer(&mut self, statuses: &[&str]) {
        self.write(&json!({ "do": "answer", "statuses": statuses }));
    }

    /// Sends a deliver_sm of these fields, and waits until it is answered. Answers the status.
    pub async fn deliver(&mut self, pdu: Value) -> String {
        self.write(&json!({ "do": "deliver", "pdu": pdu }));
        self.next("deliver_sm_resp").await["status"].as_str().unwrap().to_owned()
    }

    /// The next event of this name. What came before it stays.
    pub async fn next(&self, event: &str) -> Value {
        self.next_where(event, |_| true).await
    }

    /// The next submit_sm.
    pub async fn submitted(&self) -> Value {
        self.next("submit_sm").await
    }

    /// The next event of this name that is as wanted.
    pub async fn next_where(&self, event: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(event, async || self.take(event, &is_wanted)).await
    }

    /// How many events of this name have come and were not taken.
    pub fn count(&self, event: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|heard| heard["event"] == event).count()
    }

    fn take(&self, event: &str, is_wanted: &impl Fn(&Value) -> bool) -> Option<Value> {
        let mut events = self.events.lock().unwrap();
        let at = events.iter().position(|heard| heard["event"] == event && is_wanted(heard))?;
        Some(events.remove(at))
    }

    fn write(&mut self, line: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what the SMSC told and nobody asked about:\n{:#?}", self.events.lock());
        }
    }
}

/// The package's modules, installed once for each version, or why they are not there.
static MODULES: LazyLock<Result<PathBuf, String>> =
    LazyLock::new(|| npm::modules(Path::new(HOME), "interop"));
