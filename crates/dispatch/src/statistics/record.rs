//! What one gateway does for one country, in counts that fade.

use super::GatewayStanding;
use textgate_sms::{Country, GatewayId};

/// After so long, what happened counts half (s).
const HALF_LIFE_S: f32 = 6.0 * 3_600.0;
/// Each message makes those before it count less by one part in so many: of a busy gateway no more than the last some hundred count.
const MEMORY: f32 = 500.0;
/// How long a receipt may be waited for, and the entering of a code (s): of those that come, 86 of 100 have come after twice it.
const PATIENCE_S: f32 = 60.0;

/// The counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    attempts: Fading,
    submit_ms: f32,
    delivery: Fading,
    conversion: Fading,
    /// How often it was chosen as the first, and how often another one was although it seemed best.
    pub(super) led: f32,
    pub(super) explored: f32,
    at_s: u32,
}

/// Trials and successes. A trial counts little by little, as its time passes.
#[derive(Debug, Clone, Copy, Default)]
struct Fading {
    pending: f32,
    trials: f32,
    successes: f32,
}

/// What is thought of a share: its mean and how sure that is (standard deviation).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub(super) mean: f32,
    pub(super) deviation: f32,
}

impl Fading {
    fn fade(&mut self, keep: f32) {
        (self.pending, self.trials, self.successes) =
            (self.pending * keep, self.trials * keep, self.successes * keep);
    }

    fn advance(&mut self, passed_s: f32, keep: f32) {
        let waits = (-passed_s / PATIENCE_S).exp();
        self.trials += self.pending * (1.0 - waits);
        self.pending *= waits;
        self.fade(keep);
    }

    fn tried(&mut self) {
        self.fade(1.0 - 1.0 / MEMORY);
        self.pending += 1.0;
    }

    /// A trial has its answer. A late one has counted already.
    fn answered(&mut self, is_success: bool) {
        let waited = self.pending.min(1.0);
        self.pending -= waited;
        self.trials += waited;
        self.successes += f32::from(u8::from(is_success));
    }

    fn belief(&self) -> Belief {
        // A Beta distribution that begins with one of each.
        let (good, all) = (self.successes + 1.0, self.trials.max(self.successes) + 2.0);
        let mean = good / all;
        Belief { mean, deviation: (mean * (1.0 - mean) / (all + 1.0)).sqrt() }
    }
}

impl Record {
    pub(super) fn attempt(&mut self, is_sent: bool, took_ms: u32, now_s: u32) {
        self.advance(now_s);
        self.attempts.tried();
        self.attempts.answered(is_sent);
        let weight = 1.0 / self.attempts.trials.clamp(1.0, 50.0);
        self.submit_ms += weight * (took_ms as f32 - self.submit_ms);
        if is_sent {
            self.delivery.tried();
        }
    }

    pub(super) fn receipt(&mut self, is_delivered: bool, now_s: u32) {
        self.advance(now_s);
        self.delivery.answered(is_delivered);
    }

    pub(super) fn passcode(&mut self, now_s: u32) {
        self.advance(now_s);
        self.conversion.tried();
    }

    pub(super) fn converted(&mut self, now_s: u32) {
        self.advance(now_s);
        self.conversion.answered(true);
    }

    pub(super) fn advance(&mut self, now_s: u32) {
        let passed = now_s.saturating_sub(self.at_s);
        self.at_s = self.at_s.max(now_s);
        if passed == 0 {
            return;
        }
        let passed = passed as f32;
        let keep = (-passed / HALF_LIFE_S).exp2();
        self.attempts.fade(keep);
        self.delivery.advance(passed, keep);
        self.conversion.advance(passed, keep);
        (self.led, self.explored) = (self.led * keep, self.explored * keep);
    }

    /// Whether codes are entered, and whether receipts come: what it can be judged by.
    pub(super) fn answers(&self) -> (f32, f32) {
        (self.conversion.successes, self.delivery.successes)
    }

    /// How many of its messages come to what is wanted, as far as it took them.
    pub(super) fn belief(&self, by: super::choice::By) -> Belief {
        use super::choice::By;
        let after = match by {
            By::Conversion => self.conversion.belief(),
            By::Delivery => self.delivery.belief(),
            By::Submission => return self.attempts.belief(),
        };
        // What it does not take goes on to the next gateway, and is late.
        let taken =
            if self.attempts.trials > 0.0 { self.attempts.successes / self.attempts.trials } else { 1.0 };
        Belief { mean: after.mean * taken.min(1.0), ..after }
    }

    /// Trials behind a belief.
    pub(super) fn trials(&self, by: super::choice::By) -> f32 {
        use super::choice::By;
        match by {
            By::Conversion => self.conversion.trials,
            By::Delivery => self.delivery.trials,
            By::Submission => self.attempts.trials,
        }
    }

    pub(super) fn shown(
        &self,
        gateway: GatewayId,
        name: String,
        country: Option<Country>,
    ) -> GatewayStanding {
        GatewayStanding {
            gateway,
            name,
            country,
            attempts: self.attempts.trials,
            sent: self.attempts.successes,
            submit_ms: self.submit_ms,
            delivered: self.delivery.successes,
            undelivered: (self.delivery.trials - self.delivery.successes).max(0.0),
            passcodes: self.conversion.trials,
            converted: self.conversion.successes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::choice::By;
    use super::*;

    #[test]
    fn what_is_entered_counts_against_what_had_time() {
        let mut record = Record::default();
        for n in 0..200 {
            record.attempt(true, 80, n);
            record.passcode(n);
            if n % 10 < 6 {
                record.converted(n + 1);
            }
        }
        record.advance(1_000);
        let shown = record.shown(GatewayId(1), "main".into(), None);
        assert!((shown.converted / shown.passcodes - 0.6).abs() < 0.05, "{shown:?}");
        assert!((shown.submit_ms - 80.0).abs() < 1.0);
        let belief = record.belief(By::Conversion);
        assert!((belief.mean - 0.6).abs() < 0.05 && belief.deviation < 0.06);
    }

    #[test]
    fn what_was_long_ago_counts_little() {
        let mut record = Record::default();
        (0..1_000).for_each(|n| record.attempt(n % 2 == 0, 10, 0));
        assert!(record.attempts.trials < MEMORY + 1.0);
        record.advance(24 * 3_600);
        assert!((record.attempts.trials - MEMORY / 16.0).abs() < 5.0);
    }
}
