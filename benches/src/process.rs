//! A process under test: what it costs, and that it ends with the benchmark.

use std::io;
use std::process::Child;

/// A running process; killed when dropped.
pub struct Process(Child);

impl Process {
    /// Takes care of it.
    pub fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Its resident memory (KiB).
    pub fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most memory it had resident so far (KiB).
    pub fn peak_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// The processor time it has used so far (s).
    pub fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // Fields 14 and 15 (user and system time in ticks of 10 ms), counted after the name in parentheses.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 =
            after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        ticks as f64 / 100.0
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// `kill` could not be run.
    pub fn terminate(&mut self) -> io::Result<()> {
        std::process::Command::new("kill").arg(self.pid().to_string()).status()?;
        self.0.wait().map(drop)
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
