//! Every command_status of SMPP 3.4 (§5.1.3): its name, and what it means for a message, with the reason.

use std::borrow::Cow;
use textgate_sms::OutcomeClass::{self, Account, Refused, Rejected, Sent, Throttled, Unavailable};

pub(super) const ROK: u32 = 0x00;
pub(super) const RINVCMDLEN: u32 = 0x02;
pub(super) const RINVCMDID: u32 = 0x03;
pub(super) const RINVBNDSTS: u32 = 0x04;
pub(super) const RALYBND: u32 = 0x05;
pub(super) const RX_T_APPN: u32 = 0x64;
pub(super) const RUNKNOWNERR: u32 = 0xFF;

struct Status(u32, &'static str, OutcomeClass);

/// In order of the numbers. `Rejected` is final at every gateway, so it stands only where the phone's number itself is
/// at fault; what another gateway with other settings could carry is `Refused`.
const TABLE: &[Status] = &[
    Status(ROK, "ESME_ROK", Sent),
    // This SMSC's own limit, or a length that our encoding made: another gateway may encode it otherwise.
    Status(0x01, "ESME_RINVMSGLEN", Refused),
    // The two of us disagree on the protocol: nothing about the message.
    Status(RINVCMDLEN, "ESME_RINVCMDLEN", Refused),
    Status(RINVCMDID, "ESME_RINVCMDID", Refused),
    // Not bound for sending: the session is in trouble, or was never allowed to send.
    Status(RINVBNDSTS, "ESME_RINVBNDSTS", Unavailable),
    // Another session of this account is still open at the SMSC, often our own before a reconnect.
    Status(RALYBND, "ESME_RALYBND", Unavailable),
    // Flags that the settings or this program chose.
    Status(0x06, "ESME_RINVPRTFLG", Refused),
    Status(0x07, "ESME_RINVREGDLVFLG", Refused),
    // The SMSC is in trouble: another gateway is not.
    Status(0x08, "ESME_RSYSERR", Unavailable),
    // The sender is not allowed at this SMSC; another gateway has a sender of its own.
    Status(0x0A, "ESME_RINVSRCADR", Refused),
    // The phone's number is no number: it is nowhere else either.
    Status(0x0B, "ESME_RINVDSTADR", Rejected),
    // Answers to query_sm and its like; as an answer to submit_sm without a known reason.
    Status(0x0C, "ESME_RINVMSGID", Refused),
    // Credentials and what they permit: a person has to act.
    Status(0x0D, "ESME_RBINDFAIL", Account),
    Status(0x0E, "ESME_RINVPASWD", Account),
    Status(0x0F, "ESME_RINVSYSID", Account),
    // Answers to cancel_sm and replace_sm. With replace_if_present_flag an SMSC may fail the submit_sm so: the
    // message was not taken, and another gateway has nothing to replace.
    Status(0x11, "ESME_RCANCELFAIL", Refused),
    Status(0x13, "ESME_RREPLACEFAIL", Refused),
    // The SMSC's queue for us is full: later.
    Status(0x14, "ESME_RMSGQFUL", Throttled),
    // Settings.
    Status(0x15, "ESME_RINVSERTYP", Refused),
    // About submit_multi, which is never sent.
    Status(0x33, "ESME_RINVNUMDESTS", Refused),
    Status(0x34, "ESME_RINVDLNAME", Refused),
    Status(0x40, "ESME_RINVDESTFLAG", Refused),
    // "Submit with replace" is not supported or not valid here: Overwrite is a setting.
    Status(0x42, "ESME_RINVSUBREP", Refused),
    // This SMSC takes no user data header: Long Messages is a setting.
    Status(0x43, "ESME_RINVESMCLASS", Refused),
    Status(0x44, "ESME_RCNTSUBDL", Refused),
    // The SMSC could not take it, without a reason: it is in trouble.
    Status(0x45, "ESME_RSUBMITFAIL", Unavailable),
    // TON and NPI are settings of the gateway.
    Status(0x48, "ESME_RINVSRCTON", Refused),
    Status(0x49, "ESME_RINVSRCNPI", Refused),
    Status(0x50, "ESME_RINVDSTTON", Refused),
    Status(0x51, "ESME_RINVDSTNPI", Refused),
    Status(0x53, "ESME_RINVSYSTYP", Account),
    Status(0x54, "ESME_RINVREPFLAG", Refused),
    Status(0x55, "ESME_RINVNUMMSGS", Refused),
    // We are over the rate that the account has: later.
    Status(0x58, "ESME_RTHROTTLED", Throttled),
    Status(0x61, "ESME_RINVSCHED", Refused),
    // This SMSC takes no relative validity, or not so short a one: Validity Period is a setting.
    Status(0x62, "ESME_RINVEXPIRY", Refused),
    Status(0x63, "ESME_RINVDFTMSGID", Refused),
    // Errors of a receiving application, told to an SMSC; some SMSCs hand on the like of their upstream. Temporary
    // means in trouble; permanent and rejected say no without a reason that holds elsewhere.
    Status(RX_T_APPN, "ESME_RX_T_APPN", Unavailable),
    Status(0x65, "ESME_RX_P_APPN", Refused),
    Status(0x66, "ESME_RX_R_APPN", Refused),
    Status(0x67, "ESME_RQUERYFAIL", Refused),
    // Optional parameters that this SMSC lacks (sar, message_payload, dest_addr_subunit): settings.
    Status(0xC0, "ESME_RINVOPTPARSTREAM", Refused),
    Status(0xC1, "ESME_ROPTPARNOTALLWD", Refused),
    Status(0xC2, "ESME_RINVPARLEN", Refused),
    Status(0xC3, "ESME_RMISSINGOPTPARAM", Refused),
    Status(0xC4, "ESME_RINVOPTPARAMVAL", Refused),
    // The SMSC tried at once (data_sm, transaction mode) and did not reach the phone: another way may.
    Status(0xFE, "ESME_RDELIVERYFAILURE", Refused),
    // Without a known reason, by its very name.
    Status(RUNKNOWNERR, "ESME_RUNKNOWNERR", Refused),
];

fn find(status: u32) -> Option<&'static Status> {
    TABLE.binary_search_by_key(&status, |entry| entry.0).ok().and_then(|at| TABLE.get(at))
}

/// The standard's name of a status, or its number where it has none (reserved, or the SMSC vendor's own from 0x400).
pub(super) fn name(status: u32) -> Cow<'static, str> {
    match find(status) {
        Some(Status(_, name, _)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("command_status 0x{status:08X}")),
    }
}

/// What a status means for the message. A vendor's own is a no without a known reason.
pub(super) fn class(status: u32) -> OutcomeClass {
    find(status).map_or(Refused, |entry| entry.2)
}

/// Whether a refused bind is the account's fault, so that trying again soon changes nothing.
pub(super) fn is_account(status: u32) -> bool {
    class(status) == Account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_every_entry_is_found() {
        assert!(TABLE.is_sorted_by_key(|entry| entry.0));
        for Status(number, text, outcome) in TABLE {
            assert_eq!((&*name(*number), class(*number)), (*text, *outcome));
        }
        assert_eq!(TABLE.len(), 48);
    }

    #[test]
    fn what_the_standard_does_not_know_is_refused_with_its_number() {
        assert_eq!((&*name(0x40C), class(0x40C)), ("command_status 0x0000040C", Refused));
        assert_eq!(class(0x09), Refused);
    }

    #[test]
    fn only_the_account_is_the_accounts_fault() {
        for (status, expected) in
            [(0x0D, true), (0x0E, true), (0x0F, true), (0x53, true), (RALYBND, false), (8, false)]
        {
            assert_eq!(is_account(status), expected, "{status:#x}");
        }
    }
}
