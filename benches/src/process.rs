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
        // User and system time.
        ticks_s(&stat(self.pid()), 2)
    }

    /// The processor time that this process of somebody else's has used so far, with all of its children, those that are gone too (s).
    pub fn cpu_s_with_children(pid: u32) -> f64 {
        let children = std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
            let child = stat(entry.ok()?.file_name().to_str()?.parse().ok()?);
            // Field 4 is the parent.
            let is_child = child.get(1).and_then(|parent| parent.parse().ok()) == Some(pid);
            is_child.then(|| ticks_s(&child, 2))
        });
        // User and system time, and both of children that are gone.
        children.sum::<f64>() + ticks_s(&stat(pid), 4)
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

/// The fields of a process's state after its name, which is in parentheses: from the third on.
fn stat(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after.split_whitespace().map(str::to_owned).collect()
}

/// So many times from field 14 on, in ticks of 10 ms, added up (s).
fn ticks_s(stat: &[String], count: usize) -> f64 {
    let ticks: u64 = stat.iter().skip(11).take(count).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
