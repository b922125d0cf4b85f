//! How long to wait after attempts in vain.

use super::WebhookLimits;
use std::time::Duration;

/// The pause after so many attempts in vain: three times as long after each, up to the longest, and spread by a quarter so that what
/// failed together does not come back together.
pub(super) fn pause(limits: &WebhookLimits, attempts: u32, spread: u64) -> Duration {
    let factor = 3_u32.saturating_pow(attempts.saturating_sub(1).min(16));
    let pause = limits.first_pause.saturating_mul(factor).min(limits.longest_pause);
    // Numbers are consecutive; a multiplicative hash scatters them.
    let scattered = spread.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
    pause - pause.mul_f64(scattered as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_hours_and_no_further() {
        let limits = WebhookLimits::default();
        let pauses: Vec<u64> = (1..=12).map(|n| pause(&limits, n, 0).as_secs()).collect();
        assert_eq!(&pauses[..5], [5, 15, 45, 135, 405]);
        assert_eq!(pauses[11], 4 * 3600);
        assert!(pause(&limits, u32::MAX, 0) <= limits.longest_pause);
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let limits = WebhookLimits::default();
        let spread: std::collections::BTreeSet<_> = (0..50).map(|n| pause(&limits, 3, n)).collect();
        assert!(spread.len() > 30, "{spread:?}");
        assert!(
            spread.iter().all(|pause| *pause >= Duration::from_secs(33) && *pause <= Duration::from_secs(45))
        );
    }
}
