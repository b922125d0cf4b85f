//! A real PostgreSQL server for tests: its own folder, its own port, its own user, and gone when the test's process is, however that
//! ends. Also used by the tests of the binary.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
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

/// The server.
pub struct Postgres {
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

/// The folder with `initdb` and `postgres`, the newest.
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
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).exists()))
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

fn as_unprivileged(command: &mut Command) -> &mut Command {
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/")
}

impl Postgres {
    /// A server on a free port with these settings (`name=value`). What it keeps need not survive a power failure.
    pub fn start(settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("textgate-postgres-").unwrap();
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let programs = programs().expect("see is_there");
        let mut init = Command::new(programs.join("initdb"));
        init.args(["-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(folder.path().join("data"));
        succeed(as_unprivileged(&mut init));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let standard =
            ["fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100"];
        let options = standard.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { folder, programs, options, port, removes: false, child: None };
        server.start_again();
        server
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
        let mut command = Command::new("sh");
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
        self.child = Some(as_unprivileged(&mut command).spawn().unwrap());
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
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Carries out a statement, which must succeed; answers its rows.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let program = self.programs.join("psql");
        let mut command = Command::new(if program.exists() { program } else { "psql".into() });
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
