//! The gateway under test: the release binary, in a process of its own, on a data directory of its own.

use crate::process::Process;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The API key of the virtual server under test.
pub const KEY: &str = "tg_benchmark_0123456789abcdef";

/// The API key of a virtual server below it that pays with SMS credits.
pub const PAYING_KEY: &str = "tg_benchmark_paying_0123456789ab";

/// A running gateway.
pub struct Gateway {
    /// Its process.
    pub process: Process,
    /// Where its API listens.
    pub address: SocketAddr,
    dir: TempDir,
}

/// The SMPP gateway's settings besides host, port and account, as lines of TOML.
pub type Extra<'a> = &'a str;

impl Gateway {
    /// Starts `binary` with one virtual server whose primary is the SMSC at `smsc`. `dir` is where the store goes: on a real
    /// disk, or a sync costs nothing.
    ///
    /// # Errors
    /// It does not start; the error has what it said.
    pub fn start(binary: &Path, dir: &Path, smsc: SocketAddr, extra: Extra<'_>) -> io::Result<Self> {
        Self::start_on(binary, dir, "sqlite", smsc, extra)
    }

    /// The same with the store at this URL.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_on(
        binary: &Path,
        dir: &Path,
        store: &str,
        smsc: SocketAddr,
        extra: Extra<'_>,
    ) -> io::Result<Self> {
        let (dir, config) = configured(dir, store)?;
        let manifest = dir.path().join("manifest.toml");
        std::fs::write(&manifest, manifest_text(smsc, extra))?;
        let applied = Command::new(binary)
            .args(["apply", "--yes", "--config"])
            .arg(&config)
            .arg(&manifest)
            .stdout(Stdio::null())
            .status()?;
        if !applied.success() {
            return Err(io::Error::other("textgate apply failed"));
        }
        let (process, address) = serve(binary, &config)?;
        Ok(Self { process, address, dir })
    }

    /// One more node on the store at this URL, which the first one has set up.
    ///
    /// # Errors
    /// It does not start.
    pub fn join(first: &Self, binary: &Path, dir: &Path, store: &str) -> io::Result<Self> {
        let (dir, config) = configured(dir, store)?;
        std::fs::create_dir_all(dir.path().join("data"))?;
        std::fs::copy(first.data_dir().join("key"), dir.path().join("data/key"))?;
        let (process, address) = serve(binary, &config)?;
        Ok(Self { process, address, dir })
    }

    /// Ends its process in order.
    ///
    /// # Errors
    /// It cannot be told to.
    pub fn stop(&mut self) -> io::Result<()> {
        self.process.terminate()
    }

    /// Starts it again on the same data after [`stop`](Self::stop); answers how long it took to be ready.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self, binary: &Path) -> io::Result<std::time::Duration> {
        let begin = std::time::Instant::now();
        (self.process, self.address) = serve(binary, &self.dir.path().join("textgate.toml"))?;
        Ok(begin.elapsed())
    }

    /// Where its files are.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// A folder with a configuration in it.
fn configured(dir: &Path, store: &str) -> io::Result<(TempDir, PathBuf)> {
    let dir = TempDir::new_in(dir)?;
    let config = dir.path().join("textgate.toml");
    std::fs::write(
        &config,
        format!(
            "data_dir = {:?}\nstore = {store:?}\n[http]\nlisten = \"127.0.0.1:0\"\n[network]\nallow = [\"127.0.0.0/8\"]\n",
            dir.path().join("data")
        ),
    )?;
    Ok((dir, config))
}

fn serve(binary: &Path, config: &Path) -> io::Result<(Process, SocketAddr)> {
    let mut child = Command::new(binary)
        .args(["serve", "--config"])
        .arg(config)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?).lines();
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = line?;
        if let Some(address) = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next())
            && let Ok(address) = address.parse()
        {
            // Whatever it says later must not block it.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((Process::new(child), address));
        }
        let _ = writeln!(said, "{line}");
    }
    Err(io::Error::other(format!("the gateway did not start:\n{said}")))
}

fn manifest_text(smsc: SocketAddr, extra: &str) -> String {
    format!(
        r#"
[[virtual_server]]
path = "bench"
[virtual_server.sms_settings]
mode = "custom"
[[virtual_server.sms_settings.gateway]]
plugin = "smpp"
name = "main"
[virtual_server.sms_settings.gateway.settings]
system_id = "esme"
password = "secret"
host = "{}"
port = {}
{extra}
[[virtual_server.api_key]]
name = "bench"
secret = "{KEY}"
[[virtual_server]]
path = "bench/paying"
credits = 1000000000
[virtual_server.sms_settings]
mode = "default"
[[virtual_server.api_key]]
name = "paying"
secret = "{PAYING_KEY}"
"#,
        smsc.ip(),
        smsc.port()
    )
}
