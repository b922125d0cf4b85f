//! A library of the suite's own (`shim.c`), preloaded into the program: its disk, its wall clock and its names misbehave as told.

use super::kit::Server;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Error numbers of Linux that disks come with.
pub const EIO: i64 = 5;
pub const ENOSPC: i64 = 28;
pub const EROFS: i64 = 30;

/// What can be told, in the order of `shim.c`. 0 is no fault.
#[derive(Debug, Clone, Copy)]
pub enum Word {
    /// How far the wall clock is off (ms).
    WallOffsetMs,
    /// Writes to the store's files fail with this error.
    WriteErrno,
    /// Syncs fail with this error.
    SyncErrno,
    /// Syncs take so much longer (µs).
    SyncDelayUs,
    /// Writes write half of what they should, and say so.
    ShortWrites,
    /// In so many writes from now the process is killed with half of the write done.
    TearAt,
    /// Faults strike each n-th call only.
    StrikeEach,
    /// How many calls were struck.
    Struck,
    /// How many writes there were.
    Writes,
    /// Reads fail with this error.
    ReadErrno,
}

const WORDS: u64 = 10;

/// The misbehaviour of one server, which may be started many times.
pub struct Shim {
    control: File,
    control_path: PathBuf,
    /// Where writes are noted, where they are.
    pub journal: PathBuf,
    hosts: PathBuf,
}

impl Shim {
    /// None of it yet, for this server.
    pub fn new(server: &Server) -> Self {
        let control_path = server.path("control");
        let control = File::options().read(true).write(true).create(true).truncate(true).open(&control_path);
        let control = control.unwrap();
        control.set_len(8 * WORDS).unwrap();
        let hosts = server.path("hosts");
        std::fs::write(&hosts, "").unwrap();
        Self { control, control_path, journal: server.path("journal"), hosts }
    }

    /// From now on, also in a process that runs.
    pub fn set(&self, word: Word, value: i64) {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }

    pub fn get(&self, word: Word) -> i64 {
        let mut value = [0; 8];
        self.control.read_exact_at(&mut value, word as u64 * 8).unwrap();
        i64::from_ne_bytes(value)
    }

    /// What names stand for: lines of `name address`, `name fails` or `name hangs`.
    pub fn names(&self, lines: &str) {
        // Replaced at once, so that nobody reads half of it.
        let new = self.hosts.with_extension("new");
        std::fs::write(&new, lines).unwrap();
        std::fs::rename(new, &self.hosts).unwrap();
    }

    /// `serve` with it.
    pub fn command(&self, server: &Server) -> Command {
        let mut command = server.command(&["serve"]);
        command.env("LD_PRELOAD", library()).env("FAULTS_CONTROL", &self.control_path);
        command.env("FAULTS_HOSTS", &self.hosts).env("TEXTGATE_LOG_LEVEL", "info");
        command
    }

    /// The same, and every write to the store's files is noted.
    pub fn command_with_journal(&self, server: &Server) -> Command {
        let mut command = self.command(server);
        command.env("FAULTS_JOURNAL", &self.journal);
        command
    }
}

/// The library, compiled once for each run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let library =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}.so", std::process::id()));
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&library)
            .args([source, "-ldl", "-lpthread"])
            .output()
            .expect("a C compiler (cc), which building the program needed as well");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}
