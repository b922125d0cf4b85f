//! A PostgreSQL server of a benchmark's own, on a real disk, with every commit synced; and what it costs.

use crate::process::Process;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
const USER: &str = "textgate";
/// Runs the server until its standard input ends, which it does when the benchmark is gone.
const WATCH: &str = r#""$0" "$@" & pid=$!; read -r _; kill -INT $pid; wait $pid"#;
/// How long PostgreSQL may take to make its counters known.
const COUNTERS: Duration = Duration::from_millis(1500);

/// A running server.
pub struct Postgres {
    watch: Child,
    programs: PathBuf,
    port: u16,
    folder: TempDir,
}

/// What a server has done so far.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Processor time of all its processes (s).
    pub cpu_s: f64,
    /// Octets of write-ahead log.
    pub wal: u64,
    /// Syncs of the write-ahead log.
    pub syncs: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Octets that the database takes on disk, without the log.
    pub size: u64,
}

/// Where the server is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before what is measured.
    Begins,
    /// After it.
    Ends,
}

impl Spent {
    /// What it has done since then.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - before.cpu_s,
            wal: self.wal.saturating_sub(before.wal),
            syncs: self.syncs.saturating_sub(before.syncs),
            commits: self.commits.saturating_sub(before.commits),
            size: self.size.saturating_sub(before.size),
        }
    }
}

impl Postgres {
    /// A new one below `dir` with these settings (`name=value`) and otherwise those of a fresh installation.
    ///
    /// # Errors
    /// It is not installed (`apt-get install postgresql`), or does not start.
    pub fn start(dir: &Path, settings: &[String]) -> io::Result<Self> {
        let programs = programs()?;
        let folder = TempDir::new_in(std::path::absolute(dir)?)?;
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid))?;
        }
        let data = folder.path().join("data");
        let mut init = by_its_user(&programs.join("initdb"));
        init.args(["-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "-D"]).arg(&data);
        let output = init.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = by_its_user(Path::new("sh"));
        command.args(["-c", WATCH]).arg(programs.join("postgres")).arg("-D").arg(&data);
        let own =
            [format!("port={port}"), "listen_addresses=127.0.0.1".into(), "unix_socket_directories=".into()];
        for setting in own.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(folder.path().join("log"))?;
        let watch = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn()?;
        let server = Self { watch, programs, port, folder };
        let begin = Instant::now();
        while server.sql("postgres", "SELECT 1").is_err() {
            if begin.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("PostgreSQL did not start:\n{log}")));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// A new, empty database; answers its name.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn database(&self, name: &str) -> io::Result<()> {
        self.sql("postgres", &format!("CREATE DATABASE {name}")).map(drop)
    }

    /// The URL of a database, by this port, where something stands in front of the server.
    #[must_use]
    pub fn url(&self, database: &str, port: Option<u16>) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", port.unwrap_or(self.port))
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has done so far, at the beginning or at the end of what is measured: asking costs something itself, which stays outside.
    ///
    /// # Errors
    /// It does not answer.
    pub fn spent(&self, database: &str, when: When) -> io::Result<Spent> {
        let first_s = self.cpu_s()?;
        std::thread::park_timeout(COUNTERS);
        let counters = self.sql(
            database,
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8, wal_sync, xact_commit,
               pg_database_size(datname)
             FROM pg_stat_wal, pg_stat_database WHERE datname = current_database()",
        )?;
        let mut numbers = counters.split('|').map(|number| number.trim().parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let cpu_s = if when == When::Begins { self.cpu_s()? } else { first_s };
        Ok(Spent { cpu_s, wal: next(), syncs: next(), commits: next(), size: next() })
    }

    /// Which version it is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn version(&self) -> io::Result<String> {
        self.sql("postgres", "SHOW server_version")
    }

    fn cpu_s(&self) -> io::Result<f64> {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid"))?;
        let postmaster = file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()).unwrap_or(0);
        Ok(Process::cpu_s_with_children(postmaster))
    }

    fn sql(&self, database: &str, sql: &str) -> io::Result<String> {
        let psql = self.programs.join("psql");
        let mut command = Command::new(if psql.exists() { psql } else { "psql".into() });
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database, None), "-c", sql]);
        let output = command.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.watch.stdin.take() {
            let _ = writeln!(stdin);
        }
        let _ = self.watch.wait();
    }
}

/// The folder of the newest installation.
fn programs() -> io::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, folder)| folder);
    newest.ok_or_else(|| io::Error::other("install PostgreSQL first: apt-get install postgresql"))
}

/// User and group that the server runs as: it refuses to be root.
fn unprivileged() -> Option<(u32, u32)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    if uid.split_whitespace().nth(1) != Some("0") {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let user = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    user("postgres").or_else(|| user("nobody"))
}

fn by_its_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/");
    command
}
