//! command_status values by the standard's names (SMPP 3.4 §5.1.3).

use std::fmt;

/// A command_status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($value:literal $name:ident $meaning:literal,)+) => {
        impl Status {
            $(#[doc = $meaning] pub const $name: Self = Self($value);)+

            /// The standard's name with its prefix; `None` for a value that it does not name.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(concat!("ESME_", stringify!($name))),)+
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    0x00 ROK "No error.",
    0x01 RINVMSGLEN "Message length is invalid.",
    0x02 RINVCMDLEN "Command length is invalid.",
    0x03 RINVCMDID "Invalid command id.",
    0x04 RINVBNDSTS "Incorrect bind status for the given command.",
    0x05 RALYBND "Already in bound state.",
    0x06 RINVPRTFLG "Invalid priority flag.",
    0x07 RINVREGDLVFLG "Invalid registered delivery flag.",
    0x08 RSYSERR "System error.",
    0x0A RINVSRCADR "Invalid source address.",
    0x0B RINVDSTADR "Invalid destination address.",
    0x0C RINVMSGID "Message id is invalid.",
    0x0D RBINDFAIL "Bind failed.",
    0x0E RINVPASWD "Invalid password.",
    0x0F RINVSYSID "Invalid system id.",
    0x14 RMSGQFUL "Message queue is full.",
    0x15 RINVSERTYP "Invalid service type.",
    0x43 RINVESMCLASS "Invalid esm_class field data.",
    0x45 RSUBMITFAIL "submit_sm or submit_multi failed.",
    0x48 RINVSRCTON "Invalid source address TON.",
    0x49 RINVSRCNPI "Invalid source address NPI.",
    0x50 RINVDSTTON "Invalid destination address TON.",
    0x51 RINVDSTNPI "Invalid destination address NPI.",
    0x53 RINVSYSTYP "Invalid system_type field.",
    0x54 RINVREPFLAG "Invalid replace_if_present flag.",
    0x58 RTHROTTLED "Throttling error: the ESME has exceeded its allowed message limits.",
    0x61 RINVSCHED "Invalid scheduled delivery time.",
    0x62 RINVEXPIRY "Invalid message validity period (expiry time).",
    0x64 RX_T_APPN "ESME receiver temporary application error.",
    0x65 RX_P_APPN "ESME receiver permanent application error.",
    0x66 RX_R_APPN "ESME receiver reject message error.",
    0xC0 RINVOPTPARSTREAM "Error in the optional part of the PDU body.",
    0xC1 ROPTPARNOTALLWD "Optional parameter not allowed.",
    0xC2 RINVPARLEN "Invalid parameter length.",
    0xC4 RINVOPTPARAMVAL "Invalid optional parameter value.",
    0xFE RDELIVERYFAILURE "Delivery failure.",
    0xFF RUNKNOWNERR "Unknown error.",
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "command_status 0x{:08X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_shown_by_its_name_or_its_value() {
        assert_eq!(Status::RTHROTTLED.to_string(), "ESME_RTHROTTLED");
        assert_eq!(Status(0x400).to_string(), "command_status 0x00000400");
    }
}
