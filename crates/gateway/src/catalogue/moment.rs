//! One moment as requests need it: by the steady clock for what remains of a validity, by the wall clock for signatures.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When a request is made, and its nonce.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// By the steady clock.
    pub at: Instant,
    /// By the wall clock, since 1970.
    pub unix: Duration,
    /// 32 random hexadecimal digits.
    pub nonce: String,
}

/// A moment's date and time of day.
struct Civil {
    year: u64,
    month: usize,
    day: u64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let mut octets = [0; 16];
        // Without randomness the nonce is all zeros; the provider then refuses a second request, and is told nothing.
        let _ = getrandom::fill(&mut octets);
        Self {
            at: Instant::now(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            nonce: super::digest::hex(&octets),
        }
    }
}

/// `Tue, 24 Nov 2026 12:00:00 GMT` (RFC 9110 §5.6.7).
pub(crate) fn rfc1123(unix: Duration) -> String {
    let c = Civil::of(unix);
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        DAYS[c.weekday],
        c.day,
        MONTHS[c.month - 1],
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}

/// `2026-11-24T12:00:00Z` (RFC 3339).
pub(crate) fn rfc3339(unix: Duration) -> String {
    let c = Civil::of(unix);
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// `20261124T120000Z` (ISO 8601, basic format).
pub(crate) fn basic(unix: Duration) -> String {
    rfc3339(unix).chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

impl Civil {
    fn of(unix: Duration) -> Self {
        let (days, rest) = (unix.as_secs() / 86_400, unix.as_secs() % 86_400);
        // Years begin with March here, so that the leap day is a year's last; eras of 400 years are all alike.
        let from_march = days + 719_468;
        let (era, day_of_era) = (from_march / 146_097, from_march % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month: month as usize,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            weekday: (days % 7) as usize,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_known_moment_is_written_as_the_standards_write_it() {
        let unix = Duration::from_secs(784_111_777);
        assert_eq!(rfc1123(unix), "Sun, 06 Nov 1994 08:49:37 GMT"); // RFC 9110 §5.6.7
        assert_eq!(rfc3339(unix), "1994-11-06T08:49:37Z");
        assert_eq!(basic(unix), "19941106T084937Z");
        assert_eq!(rfc3339(Duration::from_secs(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(Duration::ZERO), "1970-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(seconds in 0u64..253_402_300_800) {
            let text = rfc1123(Duration::from_secs(seconds));
            prop_assert_eq!(crate::http::parse_date(&text), Some(seconds), "{}", text);
        }
    }
}
