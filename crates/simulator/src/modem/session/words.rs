//! How answers are written: result codes, information, unsolicited lines (ITU-T V.250 §5.7; 3GPP TS 27.007 §9.2).

use std::sync::atomic::Ordering::Relaxed;

use super::Session;
use crate::modem::behaviour::ModemError;

impl Session {
    /// Information ahead of a result code.
    pub(super) fn information(&mut self, lines: &[Vec<u8>]) {
        if self.settings.verbose && !lines.is_empty() {
            self.break_line();
        }
        for line in lines {
            self.out.extend_from_slice(line);
            self.break_line();
        }
    }

    /// A line that nobody asked for.
    pub(super) fn unsolicited(&mut self, line: &str) {
        if self.settings.verbose {
            self.break_line();
        }
        self.out.extend_from_slice(line.as_bytes());
        self.break_line();
    }

    /// The final result code.
    pub(super) fn end(&mut self, error: Option<ModemError>) {
        if error.is_some() {
            self.shared.counters.refused.fetch_add(1, Relaxed);
        }
        // §6.2.5: quiet, there are none.
        if self.settings.quiet {
            return;
        }
        let (number, words) = match error {
            None => ("0", "OK".to_owned()),
            Some(ModemError::Plain) => ("4", "ERROR".to_owned()),
            Some(ModemError::Cms(code)) => ("", format!("+CMS ERROR: {code}")),
            // 27.007 §9.1: without +CMEE there is only ERROR.
            Some(ModemError::Cme(code)) => match (self.settings.errors, name(code)) {
                (0, _) => ("4", "ERROR".to_owned()),
                (2, Some(name)) => ("", format!("+CME ERROR: {name}")),
                _ => ("", format!("+CME ERROR: {code}")),
            },
        };
        if self.settings.verbose || number.is_empty() {
            self.unsolicited(&words);
        } else {
            self.out.extend_from_slice(number.as_bytes());
            self.out.push(self.settings.ends);
        }
    }

    fn break_line(&mut self) {
        self.out.extend([self.settings.ends, self.settings.feeds]);
    }
}

/// The words of a `+CME ERROR` (27.007 §9.2.1 to §9.2.3); `None` for one that is not named here.
fn name(code: u16) -> Option<&'static str> {
    Some(match code {
        0 => "phone failure",
        1 => "no connection to phone",
        2 => "phone-adaptor link reserved",
        3 => "operation not allowed",
        4 => "operation not supported",
        5 => "PH-SIM PIN required",
        6 => "PH-FSIM PIN required",
        7 => "PH-FSIM PUK required",
        10 => "SIM not inserted",
        11 => "SIM PIN required",
        12 => "SIM PUK required",
        13 => "SIM failure",
        14 => "SIM busy",
        15 => "SIM wrong",
        16 => "incorrect password",
        17 => "SIM PIN2 required",
        18 => "SIM PUK2 required",
        20 => "memory full",
        21 => "invalid index",
        22 => "not found",
        23 => "memory failure",
        24 => "text string too long",
        25 => "invalid characters in text string",
        26 => "dial string too long",
        27 => "invalid characters in dial string",
        30 => "no network service",
        31 => "network timeout",
        32 => "network not allowed - emergency calls only",
        40 => "network personalization PIN required",
        41 => "network personalization PUK required",
        42 => "network subset personalization PIN required",
        43 => "network subset personalization PUK required",
        44 => "service provider personalization PIN required",
        45 => "service provider personalization PUK required",
        46 => "corporate personalization PIN required",
        47 => "corporate personalization PUK required",
        48 => "hidden key required",
        49 => "EAP method not supported",
        50 => "Incorrect parameters",
        51 => "command implemented but currently disabled",
        52 => "command aborted by user",
        53 => "not attached to network due to MT functionality restrictions",
        54 => "modem not allowed - MT restricted to emergency calls only",
        55 => "operation not allowed because of MT functionality restrictions",
        56 => "fixed dial number only allowed - called number is not a fixed dial number",
        57 => "temporarily out of service due to other MT usage",
        58 => "language/alphabet not supported",
        59 => "unexpected data value",
        60 => "system failure",
        61 => "data missing",
        62 => "call barred",
        63 => "message waiting indication subscription failure",
        100 => "unknown",
        _ => return None,
    })
}
