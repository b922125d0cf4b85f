//! Every error that a modem answers: its name, and what it means for the message that is being sent.

use std::borrow::Cow;
use textgate_sms::OutcomeClass::{self, Account, Refused, Rejected, Throttled, Unavailable, Uncertain};

/// A final result code that is not `OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtError {
    /// `+CMS ERROR` (TS 27.005 §3.2.5).
    Cms(u16),
    /// `+CME ERROR` (TS 27.007 §9.2).
    Cme(u16),
    /// `ERROR`, or an error without a number.
    Plain,
}

struct Code(u16, &'static str, OutcomeClass);

/// `+CMS ERROR`, in order of the numbers. 0 to 127 are RP causes of the network (TS 24.011 §8.2.5.4 and annex E-2), 128 to 255
/// TP failure causes of the service centre (TS 23.040 §9.2.3.22), 300 to 511 the modem's own (TS 27.005 §3.2.5).
///
/// `Rejected` is final at every gateway, so it stands only where the phone's number itself is at fault. What lies in the SIM or
/// its contract needs a person: `Account`.
const CMS: &[Code] = &[
    // "The destination requested by the MS cannot be reached because, although the number is valid in its form, it is not assigned".
    Code(1, "unassigned number", Rejected),
    Code(8, "operator determined barring", Account),
    Code(10, "call barred", Account),
    Code(11, "reserved", Refused),
    Code(17, "network failure", Unavailable),
    // The service centre does not want it: its filter, a prepaid SIM without balance. Another gateway may carry it.
    Code(21, "short message transfer rejected", Refused),
    Code(22, "memory capacity exceeded", Throttled),
    // Only the way to this phone is out of order, and only for this network.
    Code(27, "destination out of order", Refused),
    // The network does not know this SIM.
    Code(28, "unidentified subscriber", Account),
    Code(29, "facility rejected", Refused),
    // The phone or this SIM: it is not said which.
    Code(30, "unknown subscriber", Refused),
    Code(38, "network out of order", Unavailable),
    Code(41, "temporary failure", Unavailable),
    Code(42, "congestion", Throttled),
    Code(47, "resources unavailable", Throttled),
    Code(50, "requested facility not subscribed", Account),
    Code(69, "requested facility not implemented", Refused),
    Code(81, "invalid short message transfer reference value", Unavailable),
    Code(95, "invalid message", Refused),
    Code(96, "invalid mandatory information", Refused),
    Code(97, "message type non-existent or not implemented", Refused),
    Code(98, "message not compatible with the protocol's state", Unavailable),
    Code(99, "information element non-existent or not implemented", Refused),
    Code(111, "protocol error", Refused),
    // A network that gives no causes: no reason is known.
    Code(127, "interworking", Refused),
    Code(128, "telematic interworking not supported", Refused),
    Code(129, "short message type 0 not supported", Refused),
    Code(130, "cannot replace short message", Refused),
    Code(143, "unspecified TP-PID error", Refused),
    Code(144, "alphabet not supported", Refused),
    Code(145, "message class not supported", Refused),
    Code(159, "unspecified TP-DCS error", Refused),
    Code(160, "command cannot be actioned", Refused),
    Code(161, "command unsupported", Refused),
    Code(175, "unspecified TP-Command error", Refused),
    Code(176, "TPDU not supported", Refused),
    Code(192, "service centre busy", Throttled),
    Code(193, "no service centre subscription", Account),
    Code(194, "service centre system failure", Unavailable),
    Code(195, "invalid SME address", Rejected),
    // Barred at this service centre.
    Code(196, "destination SME barred", Refused),
    // It has this very message already.
    Code(197, "duplicate short message", Uncertain),
    Code(198, "validity period format not supported", Refused),
    Code(199, "validity period not supported", Refused),
    Code(208, "SIM message storage full", Unavailable),
    Code(209, "no message storage in the SIM", Unavailable),
    Code(210, "error in the modem", Unavailable),
    Code(211, "memory capacity exceeded", Unavailable),
    Code(212, "SIM application toolkit busy", Unavailable),
    Code(213, "SIM data download error", Unavailable),
    Code(255, "unspecified error cause", Refused),
    Code(300, "modem failure", Unavailable),
    Code(301, "message service of the modem reserved", Unavailable),
    Code(302, "operation not allowed", Unavailable),
    Code(303, "operation not supported", Refused),
    Code(304, "invalid PDU mode parameter", Refused),
    Code(305, "invalid text mode parameter", Refused),
    Code(310, "SIM not inserted", Account),
    Code(311, "SIM PIN required", Account),
    Code(312, "PH-SIM PIN required", Account),
    Code(313, "SIM failure", Unavailable),
    Code(314, "SIM busy", Unavailable),
    Code(315, "SIM wrong", Account),
    Code(316, "SIM PUK required", Account),
    Code(317, "SIM PIN2 required", Account),
    Code(318, "SIM PUK2 required", Account),
    Code(320, "memory failure", Unavailable),
    Code(321, "invalid memory index", Unavailable),
    Code(322, "memory full", Unavailable),
    // A setting is missing.
    Code(330, "service centre address unknown", Account),
    Code(331, "no network service", Unavailable),
    // The network did not answer the message in time: it may have taken it.
    Code(332, "network timeout", Uncertain),
    Code(340, "no acknowledgement expected", Unavailable),
    Code(500, "unknown error", Refused),
];

/// `+CME ERROR` (TS 27.007 §9.2.1), where a modem answers so to what concerns messages.
const CME: &[Code] = &[
    Code(0, "phone failure", Unavailable),
    Code(1, "no connection to phone", Unavailable),
    Code(2, "phone adapter link reserved", Unavailable),
    Code(3, "operation not allowed", Unavailable),
    Code(4, "operation not supported", Refused),
    Code(5, "PH-SIM PIN required", Account),
    Code(6, "PH-FSIM PIN required", Account),
    Code(7, "PH-FSIM PUK required", Account),
    Code(10, "SIM not inserted", Account),
    Code(11, "SIM PIN required", Account),
    Code(12, "SIM PUK required", Account),
    Code(13, "SIM failure", Unavailable),
    Code(14, "SIM busy", Unavailable),
    Code(15, "SIM wrong", Account),
    Code(16, "incorrect password", Account),
    Code(17, "SIM PIN2 required", Account),
    Code(18, "SIM PUK2 required", Account),
    Code(20, "memory full", Unavailable),
    Code(21, "invalid index", Unavailable),
    Code(22, "not found", Unavailable),
    Code(23, "memory failure", Unavailable),
    Code(24, "text string too long", Refused),
    Code(25, "invalid characters in text string", Refused),
    Code(26, "dial string too long", Refused),
    Code(27, "invalid characters in dial string", Refused),
    Code(30, "no network service", Unavailable),
    Code(31, "network timeout", Uncertain),
    Code(32, "network not allowed, emergency calls only", Account),
    Code(50, "incorrect parameters", Refused),
    Code(100, "unknown", Refused),
];

/// What passes by itself within seconds, so that the message is tried again without telling (TS 24.011 annex E: temporary).
const PASSING: &[u16] = &[38, 41, 42, 47, 192, 194, 314];

impl AtError {
    /// The error in a line; `None` where it is none. Words in place of a number, which `+CMEE=2` asks for, are [`Plain`](Self::Plain).
    pub fn read(line: &str) -> Option<Self> {
        let number = |rest: &str| rest.trim_start_matches(':').trim().parse().ok();
        if let Some(rest) = line.strip_prefix("+CMS ERROR") {
            return Some(number(rest).map_or(Self::Plain, Self::Cms));
        }
        if let Some(rest) = line.strip_prefix("+CME ERROR") {
            return Some(number(rest).map_or(Self::Plain, Self::Cme));
        }
        // The last two are Huawei's.
        let is_plain = matches!(line, "ERROR" | "NO CARRIER" | "COMMAND NOT SUPPORT" | "TOO MANY PARAMETERS");
        is_plain.then_some(Self::Plain)
    }

    fn entry(self) -> Option<&'static Code> {
        let (table, number) = match self {
            Self::Cms(number) => (CMS, number),
            Self::Cme(number) => (CME, number),
            Self::Plain => return None,
        };
        table.iter().find(|code| code.0 == number)
    }

    /// What it means for the message. What no standard names is a refusal without a known reason.
    pub fn class(self) -> OutcomeClass {
        self.entry().map_or(Refused, |code| code.2)
    }

    /// Whether another try in a moment may go through.
    pub fn is_passing(self) -> bool {
        match self {
            Self::Cms(number) => PASSING.contains(&number),
            Self::Cme(number) => number == 14,
            Self::Plain => false,
        }
    }

    /// Whether it is about the line and not about the message: SIM, registration, the modem itself.
    pub fn is_of_the_line(self) -> bool {
        match self {
            Self::Cms(number) => matches!(number, 28 | 300..=301 | 310..=318 | 330 | 331),
            Self::Cme(number) => matches!(number, 0..=2 | 5..=18 | 30 | 32),
            Self::Plain => false,
        }
    }

    /// As it stands in an attempt's detail.
    pub fn detail(self) -> Cow<'static, str> {
        let name = self.entry().map_or("", |code| code.1);
        let (kind, number) = match self {
            Self::Cms(number) => ("+CMS ERROR", number),
            Self::Cme(number) => ("+CME ERROR", number),
            Self::Plain => return Cow::Borrowed("ERROR"),
        };
        Cow::Owned(if name.is_empty() {
            format!("{kind}: {number}")
        } else {
            format!("{kind}: {number} ({name})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_in_order_and_name_each_code_once() {
        for table in [CMS, CME] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(
            PASSING.iter().all(|number| matches!(AtError::Cms(*number).class(), Unavailable | Throttled))
        );
    }

    #[test]
    fn only_a_bad_number_is_final_and_only_silence_of_the_network_is_uncertain() {
        let of =
            |class| -> Vec<u16> { CMS.iter().filter(|code| code.2 == class).map(|code| code.0).collect() };
        assert_eq!(of(Rejected), [1, 195]);
        assert_eq!(of(Uncertain), [197, 332]);
    }

    #[test]
    fn errors_are_read_as_modems_write_them() {
        assert_eq!(AtError::read("+CMS ERROR: 38"), Some(AtError::Cms(38)));
        assert_eq!(AtError::read("+CME ERROR:10"), Some(AtError::Cme(10)));
        assert_eq!(AtError::read("+CME ERROR: SIM not inserted"), Some(AtError::Plain));
        assert_eq!(AtError::read("ERROR"), Some(AtError::Plain));
        assert_eq!(AtError::read("+CMS ERROR: 99999999"), Some(AtError::Plain));
        assert_eq!(AtError::read("ERRORS"), None);
        assert_eq!(AtError::Cms(38).detail(), "+CMS ERROR: 38 (network out of order)");
        assert_eq!(
            (AtError::Cms(513).detail(), AtError::Cms(513).class()),
            ("+CMS ERROR: 513".into(), Refused)
        );
    }
}
