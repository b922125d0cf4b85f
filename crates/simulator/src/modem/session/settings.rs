//! What a terminal has set on its port, back to the factory's by `ATZ`, `AT&F` and every reset.

use crate::modem::charset::Charset;

/// Settings of one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// `E`: command echo (ITU-T V.250 §6.2.4).
    pub(super) echo: bool,
    /// `Q`: no result codes (§6.2.5).
    pub(super) quiet: bool,
    /// `V`: result codes as words (§6.2.6).
    pub(super) verbose: bool,
    /// `S3`, `S4`, `S5`: what ends a line, what answers end with, what takes a character back (§6.2.1 to §6.2.3).
    pub(super) ends: u8,
    pub(super) feeds: u8,
    pub(super) takes_back: u8,
    /// `+CMEE` (3GPP TS 27.007 §9.1).
    pub(super) errors: u8,
    /// `+CREG`, `+CGREG`, `+CEREG`: 1 tells of changes, 2 of places too (§7.2).
    pub(super) tells_registration: [u8; 3],
    /// `+CSCS` (§5.5).
    pub(super) charset: Charset,
    /// `+CMGF`: text mode (3GPP TS 27.005 §3.2.2).
    pub(super) text_mode: bool,
    /// `+CMMS` (§3.5.6).
    pub(super) more: u8,
    /// `+CSMP`: first octet, validity period, protocol identifier, data coding of texts (§3.3.2).
    pub(super) text_parameters: [u8; 4],
    /// `+CSDH`: headers in text mode in full (§3.3.3).
    pub(super) full_headers: bool,
    /// `+COPS=3,…`: how an operator is named (27.007 §7.3).
    pub(super) operator_format: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            echo: true,
            quiet: false,
            verbose: true,
            ends: 13,
            feeds: 10,
            takes_back: 8,
            errors: 0,
            tells_registration: [0; 3],
            charset: Charset::Gsm,
            text_mode: false,
            more: 0,
            text_parameters: [0x11, 167, 0, 0],
            full_headers: false,
            operator_format: 0,
        }
    }
}
