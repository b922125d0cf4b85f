//! How long the suite runs, and what looks random in it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether this is the long form.
pub fn is_long() -> bool {
    std::env::var_os("FAULTS_ROUNDS").is_some()
}

/// Rounds of what is done again and again: so many in the short form, in the long form as asked for.
pub fn rounds(short: usize) -> usize {
    let asked = std::env::var("FAULTS_ROUNDS").ok();
    asked.map_or(short, |rounds| rounds.parse().expect("FAULTS_ROUNDS is a number"))
}

/// Numbers that look random (SplitMix64), from a seed that is printed and can be given again as `FAULTS_SEED`.
pub struct Dice(u64);

impl Dice {
    pub fn thrown() -> Self {
        let asked = std::env::var("FAULTS_SEED").ok();
        let seed = asked.map_or_else(
            || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
            |seed| seed.parse().expect("FAULTS_SEED is a number"),
        );
        eprintln!("seed: FAULTS_SEED={seed}");
        Self(seed)
    }

    /// Of their own, for one of several tasks.
    #[allow(dead_code, reason = "not every suite has tasks that throw")]
    pub fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    /// Up to so many milliseconds.
    pub fn ms(&mut self, most: usize) -> Duration {
        Duration::from_millis(self.below(most + 1) as u64)
    }
}
