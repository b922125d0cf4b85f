//! Being told to stop: the first signal asks, the second does not. And being told to read the key file anew.

use crate::failure::Failure;
use std::process;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT and SIGHUP.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read anew what is read anew while it runs.
    Reload,
}

impl Signals {
    /// From now on these signals are not the system's to handle.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let watch = |kind| {
            signal(kind).map_err(|error| Failure::failed(format_args!("cannot watch signals: {error}")))
        };
        Ok(Self {
            terminate: watch(SignalKind::terminate())?,
            interrupt: watch(SignalKind::interrupt())?,
            hang_up: watch(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one that asks to stop; answers its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for the next one.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }

    /// Ends the process at the next one, with the status shells give a process that SIGINT or SIGTERM ended.
    pub(crate) fn exit_at_next(mut self) {
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "told again: exiting at once");
            process::exit(if name == "SIGINT" { 130 } else { 143 });
        });
    }
}
