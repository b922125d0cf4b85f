//! The binary as a process on a data directory of its own.

use super::{Api, KEY, PATIENCE};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use textgate_store::{SqliteOptions, SqliteStore, Store};

/// A data directory with its configuration, and the server on it while it runs.
pub struct Server {
    dir: Arc<TempDir>,
    child: Option<Child>,
    address: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Server {
    /// Whether tests that take this one run on PostgreSQL.
    pub const ON_POSTGRES: bool = false;

    /// A data directory without a server. `more` is added to the configuration.
    pub fn stopped_with(more: &str) -> Self {
        Self::configured("sqlite", more)
    }

    /// The same with this store and these other settings.
    pub fn configured(store: &str, more: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let config = format!(
            "data_dir = {:?}\nstore = {store:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n{more}",
            dir.path().join("data")
        );
        std::fs::write(dir.path().join("textgate.toml"), config).unwrap();
        // Only the first call counts, and any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Not so long that the server closes an idle connection just when it is used again: that request has no answer.
        let idle = std::time::Duration::from_secs(5);
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(idle).timeout(PATIENCE);
        let http = http.build().unwrap();
        Self { dir: Arc::new(dir), child: None, address: None, log: Arc::default(), http }
    }

    /// The same, where gateways may reach simulators on this machine.
    pub fn stopped() -> Self {
        Self::stopped_on("sqlite")
    }

    /// The same with this store.
    pub fn stopped_on(store: &str) -> Self {
        let devices = std::env::temp_dir().join("*/modem");
        let more = format!("[network]\nallow = [\"127.0.0.0/8\"]\n[devices]\nallow = [{devices:?}]\n");
        Self::configured(store, &more)
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
        let command = self.command(&["serve"]);
        self.serve_by(command).await;
    }

    /// The same by a command of the test's own, which becomes the server.
    pub async fn serve_by(&mut self, mut command: Command) {
        command.stdin(Stdio::null());
        self.serve_with_stdin(command).await;
    }

    /// The same, where standard input is the test's.
    pub async fn serve_with_stdin(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "it runs already");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        self.child = Some(child);
        let (log, (tell, told)) = (Arc::clone(&self.log), tokio::sync::oneshot::channel());
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line)
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

    /// What is kept, octet by octet: each file of the data directory, by its path.
    pub fn kept(&self) -> Vec<(String, Vec<u8>)> {
        let entries = std::fs::read_dir(self.data_dir()).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.is_file());
        files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
    }

    /// The store, while the server is stopped.
    pub fn store(&self) -> Arc<dyn Store> {
        let path = self.data_dir().join("textgate.db");
        Arc::new(SqliteStore::open(path, SqliteOptions::default()).unwrap())
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

    /// The process's resident memory (bytes).
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Whether the process is there.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
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

    /// The API with `acme`'s key.
    pub fn api(&self) -> Api {
        self.api_as(KEY)
    }

    /// The API with this key; none where it is empty.
    pub fn api_as(&self, key: &str) -> Api {
        Api::new(self.http.clone(), self.address(), key)
    }

    /// The metrics' text.
    pub async fn metrics(&self) -> String {
        self.api_as("").get("/metrics").await.text
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

/// The address that a line of the log names, in text (`address=…`) or JSON (`"address":"…"`).
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("address")?;
    let rest = rest.trim_start_matches(['=', '"', ':']);
    rest.split([' ', '"']).next()?.parse().ok()
}

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_textgate"))
}
