//! What the modem says of its SIM, its network and its signal.

use super::Fault;
use super::dialogue::{Answer, Dialogue, End};
use super::errors::AtError;
use super::reply::unquoted;

/// Most characters kept of a name that a modem says.
const MOST_NAME: usize = 64;

/// What the SIM wants (TS 27.007 §8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sim {
    Ready,
    Pin,
    Puk,
    /// The modem itself, or something else than the SIM, is locked.
    Locked,
    Missing,
    Failed,
    /// It will be known in a moment.
    Busy,
    /// The modem does not say.
    Unknown,
}

impl Sim {
    /// Asks.
    pub async fn ask(dialogue: &mut Dialogue) -> Result<Self, Fault> {
        Ok(Self::read(&dialogue.command("+CPIN?").await?))
    }

    /// What the answer to `+CPIN?` says.
    pub fn read(answer: &Answer) -> Self {
        match answer.end {
            End::Ok => match answer.value("+CPIN").map(unquoted) {
                Some("READY") => Self::Ready,
                Some("SIM PIN") => Self::Pin,
                Some("SIM PUK") => Self::Puk,
                Some("NOT READY") => Self::Busy,
                Some("NOT INSERTED") => Self::Missing,
                Some(_) => Self::Locked,
                None => Self::Unknown,
            },
            End::Error(AtError::Cme(10) | AtError::Cms(310)) => Self::Missing,
            End::Error(AtError::Cme(11) | AtError::Cms(311)) => Self::Pin,
            End::Error(AtError::Cme(12) | AtError::Cms(316)) => Self::Puk,
            End::Error(AtError::Cme(13 | 15) | AtError::Cms(313 | 315)) => Self::Failed,
            End::Error(AtError::Cme(14) | AtError::Cms(314)) => Self::Busy,
            End::Error(_) => Self::Unknown,
            End::Silence => Self::Busy,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Pin => "pin_required",
            Self::Puk => "puk_required",
            Self::Locked | Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Busy | Self::Unknown => "unknown",
        }
    }
}

/// Whether the network takes messages from here (TS 27.007 §7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registration {
    Home,
    Roaming,
    Searching,
    Denied,
    /// Not searching either.
    None,
    Unknown,
}

impl Registration {
    /// What the answer to `+CREG?`, `+CGREG?` or `+CEREG?` says: `<n>,<stat>`, of which more may follow.
    pub fn read(answer: &Answer, name: &str) -> Self {
        let state = answer.values(name).find_map(|value| value.split(',').nth(1)).map(unquoted);
        match state.and_then(|state| state.parse::<u8>().ok()) {
            // 6: for "SMS only", home.
            Some(1 | 6) => Self::Home,
            Some(5 | 7) => Self::Roaming,
            Some(2) => Self::Searching,
            Some(3) => Self::Denied,
            Some(0) => Self::None,
            _ => Self::Unknown,
        }
    }

    /// Whether messages can leave.
    pub fn is_registered(self) -> bool {
        matches!(self, Self::Home | Self::Roaming)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Roaming => "roaming",
            Self::Searching => "searching",
            Self::Denied => "denied",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

/// Asks for the registration: of the circuit network, and where that is none, of LTE, where messages go too (TS 23.272).
pub(super) async fn registration(dialogue: &mut Dialogue) -> Result<Registration, Fault> {
    let circuit = Registration::read(&dialogue.command("+CREG?").await?, "+CREG");
    if circuit.is_registered() {
        return Ok(circuit);
    }
    let lte = Registration::read(&dialogue.command("+CEREG?").await?, "+CEREG");
    Ok(if lte.is_registered() { lte } else { circuit })
}

/// The signal's strength (dBm) in the answer to `+CSQ` (TS 27.007 §8.5); 99 is unknown.
pub(super) fn signal_dbm(answer: &Answer) -> Option<i16> {
    let rssi: i16 = answer.value("+CSQ")?.split(',').next()?.trim().parse().ok()?;
    (0..=31).contains(&rssi).then_some(2 * rssi - 113)
}

/// The operator in the answer to `+COPS?` (TS 27.007 §7.3).
pub(super) fn operator(answer: &Answer) -> Option<String> {
    // A name may have commas in it.
    let value = answer.value("+COPS")?;
    let name = match value.split_once('"') {
        Some((_, rest)) => rest.split('"').next()?,
        None => value.split(',').nth(2)?,
    };
    name_of(name)
}

/// A name that a modem says, bounded and without what does no line good.
pub(super) fn name_of(text: &str) -> Option<String> {
    let name: String = unquoted(text).chars().filter(|c| !c.is_control()).take(MOST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

/// How many tries are left for the PIN: TS 27.007 §8.65, or as Huawei's, Quectel's, SIMCom's and Telit's modems say it.
pub(super) async fn pin_tries_left(dialogue: &mut Dialogue) -> Result<Option<u8>, Fault> {
    for (command, name, place) in [
        ("+CPINR=\"SIM PIN\"", "+CPINR", 1),
        ("+CPINR", "+CPINR", 1),
        ("^CPIN?", "^CPIN", 3),
        ("+QPINC=\"SC\"", "+QPINC", 1),
        ("+SPIC", "+SPIC", 0),
        ("#PCT", "#PCT", 0),
    ] {
        let answer = dialogue.command(command).await?;
        // `+CPINR` names each code; the others are about the one that is asked for now.
        let left = answer
            .values(name)
            .filter(|value| {
                name != "+CPINR" || unquoted(value.split(',').next().unwrap_or_default()) == "SIM PIN"
            })
            .find_map(|value| value.split(',').nth(place).map(unquoted)?.parse().ok());
        if answer.is_ok() && left.is_some() {
            return Ok(left);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer {
        Answer { lines: vec![line.to_owned()], end: End::Ok }
    }

    #[test]
    fn states_are_read_as_modems_write_them() {
        let registration = |line| Registration::read(&answer(line), "+CREG");
        assert_eq!(registration("+CREG: 0,1"), Registration::Home);
        assert_eq!(registration("+CREG: 2,5,\"00A1\",\"0001\",7"), Registration::Roaming);
        assert_eq!(registration("+CREG: 1,3"), Registration::Denied);
        assert_eq!(registration("+CREG: 1"), Registration::Unknown);
        assert_eq!(signal_dbm(&answer("+CSQ: 31,0")), Some(-51));
        assert_eq!(signal_dbm(&answer("+CSQ: 99,99")), None);
        assert_eq!(operator(&answer("+COPS: 0,0,\"A, B\",7")).as_deref(), Some("A, B"));
        assert_eq!(operator(&answer("+COPS: 0")), None);
        assert_eq!(Sim::read(&answer("+CPIN: SIM PIN")), Sim::Pin);
        assert_eq!(Sim::read(&Answer { lines: vec![], end: End::Error(AtError::Cme(10)) }), Sim::Missing);
    }
}
