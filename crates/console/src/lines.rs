//! The lines of a gateway, such as the modems of a pool, as pages show them.

use crate::text::Text;
use textgate_gateway::LineStatus;

/// The least signal (dBm) for each bar, weakest first. 3GPP TS 27.007 §8.5 tells -113 to -51; below -105 little gets through.
const BARS: [i16; 4] = [-105, -95, -85, -75];

/// One line.
pub struct Line {
    /// Its device or address, as in the settings.
    pub place: String,
    /// Its state in a word, and the badge's kind.
    pub health: String,
    pub health_kind: &'static str,
    /// Why it is down.
    pub reason: String,
    /// The signal's strength with its unit; empty where it is not known.
    pub signal: String,
    /// How many of four bars that is.
    pub bars: usize,
    /// The operator's name; a dash where it is not known.
    pub operator: String,
    /// The registration with the network, and the badge's kind.
    pub registration: String,
    pub registration_kind: &'static str,
    /// The SIM's state, and the badge's kind.
    pub sim: String,
    pub sim_kind: &'static str,
    /// Manufacturer and model; a dash where they are not known.
    pub model: String,
    /// Segments sent since the gateway was started.
    pub sent: String,
}

/// All lines of a gateway, in the order of its settings.
pub(crate) fn lines(text: Text, lines: &[LineStatus]) -> Vec<Line> {
    lines.iter().map(|line| Line::of(text, line)).collect()
}

/// The badge of a gateway's or line's health.
pub(crate) fn health_kind(health: &str) -> &'static str {
    match health {
        "up" => "good",
        "down" => "bad",
        _ => "warn",
    }
}

impl Line {
    fn of(text: Text, line: &LineStatus) -> Self {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        Self {
            place: line.line.clone(),
            health: text.word("health", line.health).into(),
            health_kind: health_kind(line.health),
            reason: line.reason.clone().unwrap_or_default(),
            signal: line.signal_dbm.map(|dbm| format!("{} dBm", text.number(dbm))).unwrap_or_default(),
            bars: line.signal_dbm.map_or(0, |dbm| BARS.iter().filter(|least| dbm >= **least).count()),
            operator: or_dash(&line.operator),
            registration: text.word("registration", line.registration).into(),
            registration_kind: match line.registration {
                "home" | "roaming" => "good",
                "denied" => "bad",
                "searching" | "none" => "warn",
                _ => "calm",
            },
            sim: text.word("sim", line.sim).into(),
            sim_kind: match line.sim {
                "ready" => "good",
                "unknown" => "calm",
                _ => "bad",
            },
            model: or_dash(&line.model),
            sent: text.number(line.segments_sent),
        }
    }

    /// The four bars in a picture of 18 by 14: left, top, height, and whether it is lit.
    pub fn drawn(&self) -> [(usize, usize, usize, bool); 4] {
        [0, 1, 2, 3].map(|number| (5 * number, 9 - 3 * number, 5 + 3 * number, number < self.bars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(signal_dbm: Option<i16>) -> Line {
        let status = LineStatus {
            health: "up",
            sim: "ready",
            registration: "home",
            signal_dbm,
            ..LineStatus::default()
        };
        Line::of(Text::ENGLISH, &status)
    }

    #[test]
    fn a_signal_has_its_unit_and_as_many_bars_as_it_is_good_for() {
        let bars = [-113, -106, -105, -95, -85, -75, -51].map(|dbm| line(Some(dbm)).bars);
        assert_eq!(bars, [0, 0, 1, 2, 3, 4, 4]);
        assert_eq!(line(Some(-73)).signal, "\u{2212}73 dBm");
        assert_eq!((line(None).signal.as_str(), line(None).bars), ("", 0));
    }

    #[test]
    fn every_state_that_the_modem_tells_has_a_word_in_every_language() {
        for language in crate::text::Language::ALL {
            for (list, words) in [
                ("sim", &["ready", "pin_required", "puk_required", "missing", "failed", "unknown"][..]),
                ("registration", &["home", "roaming", "searching", "denied", "none", "unknown"]),
                ("health", &["connecting", "up", "down"]),
            ] {
                for word in words {
                    assert_ne!(Text::new(language).word(list, word), **word, "{list}");
                }
            }
        }
    }
}
