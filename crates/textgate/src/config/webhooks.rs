//! How webhooks are delivered: the section `[webhooks]`.

use crate::failure::Failure;
use serde::Deserialize;
use std::time::Duration;
use textgate_dispatch::WebhookLimits;

/// The section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Webhooks {
    first_pause_ms: u64,
    longest_pause_ms: u64,
    given_up_after_s: u64,
    timeout_ms: u64,
    at_once: usize,
}

impl Default for Webhooks {
    fn default() -> Self {
        let limits = WebhookLimits::default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            first_pause_ms: ms(limits.first_pause),
            longest_pause_ms: ms(limits.longest_pause),
            given_up_after_s: limits.given_up_after.as_secs(),
            timeout_ms: ms(limits.timeout),
            at_once: limits.at_once,
        }
    }
}

impl Webhooks {
    /// Whether each value makes sense.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let ranges = [
            ("first_pause_ms", self.first_pause_ms, 10, 3_600_000),
            ("longest_pause_ms", self.longest_pause_ms, 10, 86_400_000),
            ("given_up_after_s", self.given_up_after_s, 0, 2_592_000),
            ("timeout_ms", self.timeout_ms, 100, 120_000),
            ("at_once", self.at_once as u64, 1, 64),
        ];
        match ranges.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((key, _, least, most)) => Err(Failure::configuration(format_args!(
                "webhooks.{key} must be between {least} and {most}; correct it"
            ))),
            None => Ok(()),
        }
    }

    /// For dispatch.
    pub(super) fn limits(&self) -> WebhookLimits {
        WebhookLimits {
            first_pause: Duration::from_millis(self.first_pause_ms),
            longest_pause: Duration::from_millis(self.longest_pause_ms.max(self.first_pause_ms)),
            given_up_after: Duration::from_secs(self.given_up_after_s),
            timeout: Duration::from_millis(self.timeout_ms),
            at_once: self.at_once,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unless_told_otherwise_events_are_delivered_as_dispatch_says() {
        let (own, limits) = (Webhooks::default().limits(), WebhookLimits::default());
        assert_eq!(
            (own.first_pause, own.timeout, own.at_once),
            (limits.first_pause, limits.timeout, limits.at_once)
        );
        assert!(Webhooks::default().check().is_ok());
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        let wrong = Webhooks { at_once: 0, ..Webhooks::default() }.check().unwrap_err().to_string();
        assert!(wrong.contains("webhooks.at_once"), "{wrong}");
    }
}
