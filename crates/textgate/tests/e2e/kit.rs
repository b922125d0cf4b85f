//! What every end-to-end test needs: the binary as a process, its API, and a bound on waiting.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// How long something may take that normally takes milliseconds: only a broken program waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The API key of `acme` in [`manifest`].
pub const KEY: &str = "tg_end_to_end_0123456789abcdef";

/// A data directory with its configuration, and the server on it while it runs.
pub struct Server {
    dir: Arc<TempDir>,
    child: Option<Child>,
    address: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Server {
    /// A data directory without a server. `more` is added to the configuration.
    pub fn stopped_with(more: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let config = format!(
            "data_dir = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n{more}",
            dir.path().join("data")
        );
        std::fs::write(dir.path().join("textgate.toml"), config).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { dir: Arc::new(dir), child: None, address: None, log: Arc::default(), http }
    }

    /// The same, where gateways may reach simulators on this machine.
    pub fn stopped() -> Self {
        Self::stopped_with("[network]\nallow = [\"127.0.0.0/8\"]\n")
    }

    /// A running server with this manifest.
    pub async fn start(manifest: &str) -> Self {
        let mut server = Self::stopped();
        server.apply(manifest);
        server.serve().await;
        server
    }

    /// Starts the server, and waits until it listens.
    pub async fn serve(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        self.child = Some(child);
        let (log, (tell, told)) = (Arc::clone(&self.log), tokio::sync::oneshot::channel());
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in stderr.lines().map_while(Result::ok) {
                let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
                if let Some(address) = address.and_then(|address| address.parse::<SocketAddr>().ok())
                    && let Some(tell) = tell.take()
                {
                    let _ = tell.send(address);
                }
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = tokio::time::timeout(PATIENCE, told).await.expect("it starts in time");
        self.address = Some(address.unwrap_or_else(|_| panic!("it did not start:\n{}", self.log())));
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path for a file of the test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end. Answers whether it ended with status 0.
    pub async fn terminate(&mut self) -> bool {
        let mut child = self.child.take().unwrap();
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends in time").unwrap().success()
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Runs a command of the binary on this data directory.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// The same, which must succeed; answers its standard output.
    pub fn cli_ok(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {out}\n{err}");
        out.into_owned()
    }

    /// Applies a manifest.
    pub fn apply(&self, manifest: &str) -> String {
        let path = self.path("manifest.toml");
        std::fs::write(&path, manifest).unwrap();
        self.cli_ok(&["apply", "--yes", path.to_str().unwrap()])
    }

    /// A command of the binary on this data directory, with nothing of this process's environment that it understands.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TEXTGATE_") {
                command.env_remove(name);
            }
        }
        command.args(args).arg("--config").arg(self.path("textgate.toml"));
        command
    }

    /// One API request with `acme`'s key.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.ask_as(KEY, method, path, body).await
    }

    /// One API request.
    pub async fn ask_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("http://{}{path}", self.address()))
            .bearer_auth(key)
            .timeout(PATIENCE);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Sends a message, which must be accepted; answers its id.
    pub async fn send(&self, body: Value) -> String {
        let (status, answer) = self.ask(Method::POST, "/v1/messages", Some(body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The message, once it has this status.
    pub async fn until(&self, id: &str, wanted: &str) -> Value {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (status, message) = self.ask(Method::GET, &format!("/v1/messages/{id}"), None).await;
            assert_eq!(status, StatusCode::OK, "{message}");
            if message["status"] == wanted {
                return message;
            }
            assert!(tokio::time::Instant::now() < end, "not {wanted} in time: {message:#}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The metrics' text.
    pub async fn metrics(&self) -> String {
        let answer = self.http.get(format!("http://{}/metrics", self.address())).send().await.unwrap();
        answer.text().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_textgate"))
}

/// `acme` in mode Custom with these gateways, each a block of TOML as [`smpp`] and [`http`] make it.
pub fn manifest(gateways: &[String]) -> String {
    format!(
        "[[virtual_server]]\npath = \"acme\"\n[virtual_server.sms_settings]\nmode = \"custom\"\n\
         test_number = \"15550100100\"\n{}\n[[virtual_server.api_key]]\nname = \"app\"\nsecret = \"{KEY}\"\n",
        gateways.concat()
    )
}

/// An SMPP gateway; `more` are further settings.
pub fn smpp(name: &str, at: SocketAddr, more: &str) -> String {
    format!(
        "[[virtual_server.sms_settings.gateway]]\nplugin = \"smpp\"\nname = \"{name}\"\n\
         [virtual_server.sms_settings.gateway.settings]\nsystem_id = \"esme\"\npassword = \"secret\"\n\
         host = \"{}\"\nport = {}\n{more}\n",
        at.ip(),
        at.port()
    )
}

/// A Generic HTTP(s) gateway; `more` are further settings.
pub fn http(name: &str, at: SocketAddr, more: &str) -> String {
    format!(
        "[[virtual_server.sms_settings.gateway]]\nplugin = \"generic-http\"\nname = \"{name}\"\n\
         [virtual_server.sms_settings.gateway.settings]\nmethod = \"POST\"\nurl = \"http://{at}/sms\"\n\
         destination_parameter = \"to\"\nmessage_parameter = \"text\"\nsuccess_contains = \"OK\"\n{more}\n"
    )
}
