//! Quiet hours: a span of the day in a time zone, in which alerts below a severity wait for its end.

use super::setup::QuietHours;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use textgate_sms::Severity;

/// A time of day as `22:00`.
pub(super) fn time_of_day(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let is_plain = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(hours) || !is_plain(minutes) {
        return None;
    }
    Time::new(hours.parse().ok()?, minutes.parse().ok()?, 0, 0).ok()
}

/// The time zone of this name.
///
/// # Errors
/// What to do where there is none.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        if jiff::tz::db().is_definitively_empty() {
            "this host has no time zone database, so only UTC is known: install the package tzdata, or use UTC".into()
        } else {
            "no time zone has this name; use one such as Europe/Berlin, or UTC".into()
        }
    })
}

/// Until when (Unix time, ms) an alert of this severity is held back now; `None` where it is not.
pub(super) fn held_until(quiet: &QuietHours, severity: Severity, now_ms: i64) -> Option<i64> {
    if severity >= quiet.below {
        return None;
    }
    // Where the database went after the settings were saved, an alert too early is better than none.
    let zone = zone(&quiet.time_zone)
        .inspect_err(|reason| tracing::warn!(time_zone = quiet.time_zone, reason, "quiet hours are not kept"))
        .ok()?;
    let (from, to) = (time_of_day(&quiet.from)?, time_of_day(&quiet.to)?);
    let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned_datetime(zone.clone());
    let time = now.time();
    let is_quiet = if from <= to { from <= time && time < to } else { time >= from || time < to };
    if !is_quiet {
        return None;
    }
    let day = if time >= to { now.date().tomorrow().ok()? } else { now.date() };
    // A time that a change of the clocks leaves out is the one as long after midnight.
    let end = day.to_datetime(to).to_zoned_datetime(zone).ok()?;
    Some(end.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn quiet(from: &str, to: &str, time_zone: &str) -> QuietHours {
        QuietHours {
            from: from.into(),
            to: to.into(),
            time_zone: time_zone.into(),
            below: Severity::Critical,
        }
    }

    fn held(quiet: &QuietHours, severity: Severity, now: &str) -> Option<i64> {
        held_until(quiet, severity, at(now))
    }

    #[test]
    fn what_is_below_the_severity_waits_for_the_end_of_the_night_and_the_rest_does_not() {
        let night = quiet("22:00", "07:00", "UTC");
        let end = Some(at("2026-11-29T07:00:00Z"));
        assert_eq!(held(&night, Severity::Warning, "2026-11-28T22:00:00Z"), end);
        assert_eq!(held(&night, Severity::Info, "2026-11-29T06:59:59Z"), end);
        assert_eq!(held(&night, Severity::Warning, "2026-11-29T07:00:00Z"), None);
        assert_eq!(held(&night, Severity::Warning, "2026-11-28T21:59:59Z"), None);
        assert_eq!(held(&night, Severity::Critical, "2026-11-28T23:00:00Z"), None);
        let noon = quiet("12:00", "13:30", "UTC");
        assert_eq!(held(&noon, Severity::Info, "2026-11-28T12:00:00Z"), Some(at("2026-11-28T13:30:00Z")));
        assert_eq!(held(&quiet("08:00", "08:00", "UTC"), Severity::Info, "2026-11-28T08:00:00Z"), None);
    }

    #[test]
    fn the_night_is_that_of_the_time_zone_also_when_the_clocks_change() {
        if zone("Europe/Berlin").is_err() {
            eprintln!("skipped: this host has no time zone database");
            return;
        }
        let night = quiet("22:00", "07:00", "Europe/Berlin");
        // Winter: UTC+1. Summer: UTC+2. In the night of the change the clocks go forward at 01:00 UTC.
        let ends = [
            ("2026-01-10T21:30:00Z", "2026-01-11T06:00:00Z"),
            ("2026-07-10T20:30:00Z", "2026-07-11T05:00:00Z"),
            ("2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),
        ];
        for (now, end) in ends {
            assert_eq!(held(&night, Severity::Info, now), Some(at(end)), "{now}");
        }
        let gap = quiet("22:00", "02:30", "Europe/Berlin");
        assert_eq!(held(&gap, Severity::Info, "2026-03-28T23:00:00Z"), Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(held(&night, Severity::Info, "2026-07-10T19:59:00Z"), None);
    }

    #[test]
    fn only_whole_times_of_day_are_times_of_day() {
        assert!(time_of_day("00:00").is_some() && time_of_day("23:59").is_some());
        for wrong in ["24:00", "7:00", "07:60", "07:0", "", "+7:00", "07:00:00"] {
            assert!(time_of_day(wrong).is_none(), "{wrong}");
        }
        assert!(zone("UTC").is_ok() && zone("Nowhere/Land").is_err() && zone("../etc/passwd").is_err());
    }
}
