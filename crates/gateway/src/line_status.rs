//! How the lines of a gateway are, where it has lines: what people and metrics see of each modem.

use serde::Serialize;

/// One line of a gateway, such as a modem of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LineStatus {
    /// Its device or address, as in the settings.
    pub line: String,
    /// `connecting`, `up` or `down`.
    pub health: &'static str,
    /// Why it is down.
    pub reason: Option<String>,
    /// The modem's manufacturer and model, as it says.
    pub model: Option<String>,
    /// The SIM: `ready`, `pin_required`, `puk_required`, `missing`, `failed`, `unknown`.
    pub sim: &'static str,
    /// The registration with the network: `home`, `roaming`, `searching`, `denied`, `none`, `unknown` (3GPP TS 27.007 §7.2).
    pub registration: &'static str,
    /// The operator's name.
    pub operator: Option<String>,
    /// The signal's strength (dBm; 3GPP TS 27.007 §8.5); `None` where it is not known.
    pub signal_dbm: Option<i16>,
    /// Segments that it sent since the gateway was started.
    pub segments_sent: u64,
}
