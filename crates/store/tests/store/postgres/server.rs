//! A real PostgreSQL server for tests: its own folder, its own port, its own user, and gone when the test's process is, however that
//! ends. Also used by the tests of the binary.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// The server's superuser.
const USER: &str = "textgate";

/// Runs the server until its standard input ends, which it does when the test's process is gone; then removes the folder if told so.
const WATCH: &str = r#""$0" "$@" & pid=$!; read -r how; kill "-${how:-INT}" $pid; wait $pid; test -z "$REMOVE" || rm -rf "$REMOVE""#;

/// Where a server runs.
#[derive(Clone)]
pub struct At {
    /// The address that it listens on.
    pub address: Ipv4Addr,
    /// The network namespace that it is in; `None`: this process's.
    pub namespace: Option<String>,
}

impl At {
    /// The loopback, where most tests have theirs.
    const HERE: Self = Self { address: Ipv4Addr::LOCALHOST, namespace: None };

    /// A command there, by the user that the server runs as.
    fn command(&self, program: &Path) -> Command {
        let user = unprivileged();
        let mut command = match (&self.namespace, user) {
            (Some(namespace), Some((uid, gid))) => {
                // Only root may enter a namespace, so the user changes after it.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, "setpriv"]);
                command.args([
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--clear-groups".to_owned(),
                ]);
                command.arg(program);
                command
            }
            _ => {
                let mut command = Command::new(program);
                if let Some((uid, gid)) = user {
                    command.uid(uid).gid(gid);
                }
                command
            }
        };
        command.current_dir("/");
        command
    }
}

/// The server.
pub struct Postgres {
    at: At,
    folder: TempDir,
    programs: PathBuf,
    options: Vec<String>,
    port: u16,
    removes: bool,
    child: Option<Child>,
}

/// Whether a test that needs a server runs. In CI it has to; elsewhere it tells and leaves itself out.
pub fn is_there() -> bool {
    if programs().is_some() {
        return true;
    }
    let why = "a PostgreSQL server is needed (apt-get install postgresql)";
    assert!(std::env::var_os("CI").is_none_or(|ci| ci == "false" || ci.is_empty()), "{why}");
    // Past the test harness, which shows what a passing test prints to nobody.
    let _ = writeln!(std::io::stderr(), "NOT RUN: a test with PostgreSQL: {why}");
    false
}

/// What a test may run of an installation.
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "pg_ctl", "pg_basebackup"];

/// The folder with all of them, the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/local/bin".into());
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev().map(|(_, folder)| folder));
    folders.into_iter().find(|folder| PROGRAMS.iter().all(|program| folder.join(program).exists()))
}

/// User and group that the server runs as: it refuses to be root.
pub fn unprivileged() -> Option<(u32, u32)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    if uid.split_whitespace().nth(1) != Some("0") {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = fields.into_iter().find(|fields| fields[0] == name)?;
        Some((found[2].parse().ok()?, found[3].parse().ok()?))
    };
    Some(user("postgres").or_else(|| user("nobody")).expect("there is an unprivileged user"))
}

impl Postgres {
    /// A server on a free port with these settings (`name=value`). What it keeps need not survive a power failure.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_at(At::HERE, settings)
    }

    /// The same at another place, where it trusts all who reach it.
    pub fn start_at(at: At, settings: &[&str]) -> Self {
        let mut server = Self::prepared(at, settings);
        let mut init = server.at.command(&server.programs.join("initdb"));
        init.args(["-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(server.folder.path().join("data"));
        succeed(&mut init);
        if server.at.address != Ipv4Addr::LOCALHOST {
            let file = server.folder.path().join("data/pg_hba.conf");
            let mut file = std::fs::File::options().append(true).open(file).unwrap();
            writeln!(file, "host all all samenet trust\nhost replication all samenet trust").unwrap();
        }
        server.start_again();
        server
    }

    /// A folder for one, and nothing in it.
    fn prepared(at: At, settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("textgate-postgres-").unwrap();
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let programs = programs().expect("see is_there");
        // In a namespace of its own every port is free.
        let free = || TcpListener::bind((at.address, 0)).unwrap().local_addr().unwrap().port();
        let port = if at.namespace.is_some() { 5432 } else { free() };
        let standard = ["fsync=off", "unix_socket_directories=", "max_connections=100"];
        let mut options: Vec<String> =
            standard.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        options.push(format!("listen_addresses={}", at.address));
        Self { at, folder, programs, options, port, removes: false, child: None }
    }

    /// A second server that follows this one. From then on each commit of this one waits until it is kept there, too.
    #[allow(dead_code, reason = "not all that start servers have several")]
    pub fn standby(&self, at: At, settings: &[&str]) -> Self {
        let mut server = Self::prepared(at, settings);
        // A cable that has just been plugged in is of use a moment later.
        let reaches = || self.psql_at(&server.at, "postgres", "SELECT 1").status.success();
        let began = Instant::now();
        while !reaches() {
            assert!(began.elapsed() < PATIENCE, "nobody there to follow");
            pause(Duration::from_millis(20));
        }
        let mut copy = server.at.command(&self.programs.join("pg_basebackup"));
        copy.args(["-X", "stream", "-R", "-c", "fast", "--no-sync", "-D"])
            .arg(server.folder.path().join("data"))
            .args(["-d", &self.url("postgres")]);
        succeed(&mut copy);
        server.start_again();
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        let began = Instant::now();
        while self.sql("postgres", "SELECT sync_state FROM pg_stat_replication") != "sync" {
            assert!(began.elapsed() < PATIENCE, "it does not follow:\n{}", server.log());
            pause(Duration::from_millis(20));
        }
        server
    }

    /// Makes this one, which followed another, the one that takes writes.
    #[allow(dead_code, reason = "not all that start servers have several")]
    pub fn promote(&self) {
        let mut promote = self.at.command(&self.programs.join("pg_ctl"));
        succeed(promote.args(["promote", "-w", "-D"]).arg(self.folder.path().join("data")));
    }

    /// The one of this process, which ends with it.
    pub fn shared() -> &'static Self {
        static SHARED: std::sync::OnceLock<Postgres> = std::sync::OnceLock::new();
        SHARED.get_or_init(|| {
            let mut server = Self::start(&[]);
            // Nobody drops it: who watches over it removes its folder.
            server.stop("INT");
            server.removes = true;
            server.start_again();
            server
        })
    }

    /// Starts it where it was stopped.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = self.at.command(Path::new("sh"));
        command
            .args(["-c", WATCH])
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.path().join("data"));
        command.arg("-c").arg(format!("port={}", self.port));
        for option in &self.options {
            command.args(["-c", option]);
        }
        command.env("REMOVE", if self.removes { self.folder.path() } else { Path::new("") });
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        while !self.psql("postgres", "SELECT 1").status.success() {
            assert!(began.elapsed() < PATIENCE, "it does not start:\n{}", self.log());
            pause(Duration::from_millis(20));
        }
    }

    /// Stops it by this signal (`INT`: in order, `QUIT`: as a crash), and waits for its end.
    pub fn stop(&mut self, signal: &str) {
        let mut child = self.child.take().unwrap();
        writeln!(child.stdin.take().unwrap(), "{signal}").unwrap();
        child.wait().unwrap();
    }

    /// What it has logged since it was started.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A new, empty database; answers its URL.
    pub fn database(&self) -> String {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (self.at.address, self.port).into()
    }

    /// Carries out a statement, which must succeed; answers its rows.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The files that a database is kept in, with what is in them.
    #[allow(dead_code, reason = "not all that start servers look")]
    pub fn files(&self, database: &str) -> Vec<(String, Vec<u8>)> {
        self.sql("postgres", "CHECKPOINT");
        let number =
            self.sql("postgres", &format!("SELECT oid FROM pg_database WHERE datname = '{database}'"));
        let entries = std::fs::read_dir(self.folder.path().join("data/base").join(number)).unwrap();
        // One that is dropped in between is none.
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                Some((path.display().to_string(), std::fs::read(&path).ok()?))
            })
            .collect()
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        self.psql_at(&At::HERE, database, sql)
    }

    /// The same on this machine.
    fn psql_at(&self, at: &At, database: &str, sql: &str) -> Output {
        let program = self.programs.join("psql");
        let mut command = at.command(if program.exists() { &program } else { Path::new("psql") });
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", sql]);
        // Also where the server was made read-only.
        command.env("PGOPTIONS", "-c default_transaction_read_only=off");
        command.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop("QUIT");
        }
    }
}

/// Between two looks: nothing tells when a server of others is ready, or a stream was cut.
#[allow(clippy::disallowed_methods, reason = "on a thread of the test's own, which has nothing else to do")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
