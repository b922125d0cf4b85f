//! How a modem behaves, as one value that can be replaced while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::tpdu::TpSubmit;

/// What is answered in place of `OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModemError {
    /// `ERROR`.
    Plain,
    /// `+CME ERROR`, as `+CMEE` wants it written (3GPP TS 27.007 §9.2).
    Cme(u16),
    /// `+CMS ERROR` with this number (3GPP TS 27.005 §3.2.5).
    Cms(u16),
}

/// What ends a hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cure {
    /// A reset by `+CFUN`, which is still heard; and all below.
    Cfun,
    /// The port is closed and opened again, or DTR drops (RFC 2217); and all below.
    Reopen,
    /// Only unplugging.
    Replug,
}

/// What a modem does with one command or message instead of carrying it out and answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Does not carry it out, and answers so.
    Refuse(ModemError),
    /// Neither carries it out nor answers.
    Ignore,
    /// Does not carry it out, and answers with these octets.
    Garbage(Vec<u8>),
    /// Does not carry it out, and is silent from then on.
    Hang(Cure),
    /// Does not carry it out, and is unplugged.
    Unplug,
    /// Carries it out and answers nothing.
    LoseAnswer,
    /// Carries it out and answers without the final result code.
    LoseFinal,
    /// Carries it out and answers so all the same.
    RefuseAfter(ModemError),
    /// Carries it out and is silent from then on.
    HangAfter(Cure),
    /// Carries it out and is unplugged before it answers.
    UnplugAfter,
    /// Carries it out and sends these lines, as unsolicited ones, before the final result code.
    Interrupt(Vec<String>),
    /// Carries it out and sends these octets before the final result code.
    Noise(Vec<u8>),
}

/// What a [`Turn`] is decided on. `Debug` shows neither the line nor the message.
#[derive(Clone, Copy)]
pub struct ModemRequest<'a> {
    /// The command's name in upper case, as `+CMGS` or `E`, empty for `AT` alone; `message` for what follows the prompt.
    pub name: &'a str,
    /// The whole command without `AT`; empty for a message.
    pub command: &'a str,
    /// The message, where it can be read.
    pub submit: Option<&'a TpSubmit>,
}

impl fmt::Debug for ModemRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModemRequest").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What decides some turns; `None` carries it out.
pub type Decide = Arc<dyn Fn(&ModemRequest<'_>) -> Option<Turn> + Send + Sync>;

/// Which messages get a status report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportWhen {
    /// None.
    Never,
    /// Those that ask for one (TP-SRR, 3GPP TS 23.040 §9.2.3.5).
    #[default]
    AsRequested,
    /// All.
    Always,
}

/// What is reported about messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reports {
    /// Which messages get a report.
    pub when: ReportWhen,
    /// How long after the message was taken.
    pub delay: Duration,
    /// TP-Status (3GPP TS 23.040 §9.2.3.15); 0 is delivered. From 0x20 on the phone does not get the message.
    pub status: u8,
    /// TP-Status for numbers that end so; the first that fits counts.
    pub status_by_suffix: Vec<(String, u8)>,
    /// Sent this many times over, besides the first.
    pub duplicates: u32,
}

impl Reports {
    /// What becomes of a message to this number.
    pub(super) fn status_of(&self, number: &str) -> u8 {
        let found = self.status_by_suffix.iter().find(|(suffix, _)| number.ends_with(suffix.as_str()));
        found.map_or(self.status, |(_, status)| *status)
    }
}

/// How a modem behaves. Made with `..ModemBehaviour::default()` and set by [`Modem::set`](super::Modem::set).
#[derive(Clone, Default)]
pub struct ModemBehaviour {
    /// How long each command takes.
    pub delay: Duration,
    /// How long commands of these names take instead.
    pub delays: Vec<(String, Duration)>,
    /// How long the network takes for a message.
    pub send_delay: Duration,
    /// What it takes besides where no link is kept for the next message (`+CMMS`, 3GPP TS 27.005 §3.5.6).
    pub link_delay: Duration,
    /// Decides some turns, after those of [`Modem::once`](super::Modem::once).
    pub decide: Option<Decide>,
    /// Messages and reports interrupt answers, before the final result code; otherwise they wait until the line is idle.
    pub interrupts: bool,
    /// What is reported.
    pub reports: Reports,
    /// How long a message in service 1 waits for `+CNMA` before it counts as lost (3GPP TS 27.005 §3.4.4); `None` is 15 s.
    pub acknowledge_within: Option<Duration>,
    /// How long it is silent after a reset or when it was plugged in.
    pub boot_delay: Duration,
    /// Lines that it sends on every port when it has started.
    pub boot_lines: Vec<String>,
    /// Octets go at this many bits a second, ten bits each; `None` at once.
    pub baud: Option<u32>,
    /// Every so many octets that it sends, one arrives with a wrong bit.
    pub noise_out: Option<u32>,
    /// Every so many octets that are sent to it, one arrives with a wrong bit.
    pub noise_in: Option<u32>,
}

impl fmt::Debug for ModemBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModemBehaviour")
            .field("delay", &self.delay)
            .field("reports", &self.reports)
            .field("baud", &self.baud)
            .finish_non_exhaustive()
    }
}

impl ModemBehaviour {
    /// How long a command takes.
    pub(super) fn delay_of(&self, name: &str) -> Duration {
        let own = self.delays.iter().find(|(known, _)| known == name);
        own.map_or(self.delay, |(_, delay)| *delay)
    }
}
