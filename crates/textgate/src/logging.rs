//! The log: structured events on standard error, our own rooms' only where it is chatty.

use crate::config::{Log, LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;

/// Other people's crates say nothing below this: what they print at debug may hold what we must not log.
const OTHERS: &str = "warn";

/// The target of the one event that is always written: that the server listens, and where.
pub(crate) const READY: &str = "textgate::ready";

/// Starts the log. A second call changes nothing.
pub(crate) fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives(log.level)))
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
}

/// Which events are written.
fn directives(level: LogLevel) -> String {
    let (others, ours) = match level {
        LogLevel::Error => ("error", "error"),
        LogLevel::Warn => (OTHERS, "warn"),
        LogLevel::Info => (OTHERS, "info"),
        LogLevel::Debug => (OTHERS, "debug"),
        LogLevel::Trace => (OTHERS, "trace"),
    };
    // A prefix names every room: textgate, textgate_dispatch, …
    format!("{others},textgate={ours},{READY}=info")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_peoples_crates_are_never_heard_at_debug() {
        assert_eq!(directives(LogLevel::Trace), "warn,textgate=trace,textgate::ready=info");
        assert!(directives(LogLevel::Error).starts_with("error,textgate=error,"));
    }

    #[test]
    fn a_rooms_events_are_ours() {
        use std::sync::{Arc, Mutex};
        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Sink {
            fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(octets);
                Ok(octets.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::default();
        let to = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(directives(LogLevel::Debug)))
            .with_writer(move || to.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "textgate_dispatch::lanes", "ours");
            tracing::debug!(target: "hyper_util::client", "theirs");
            tracing::warn!(target: "hyper", "serious");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("ours") && text.contains("serious") && !text.contains("theirs"), "{text}");
    }
}
