//! The TPDUs of a message as people may see them: written by the code that sends, and read by the codec.

use super::gateway::Modem;
use super::receipts::unix_s;
use super::reply::hexadecimal;
use super::text;
use crate::{Pdu, PduField, Preview, PreviewError, Submission};
use textgate_sms::parse_header;
use textgate_sms::tpdu::{Submit, Validity};

/// Every SMS-SUBMIT of a message (TS 23.040 §9.2.2.2), in order, with the command that sends it (TS 27.005 §3.5.1).
pub(super) fn preview(modem: &Modem, submission: &Submission) -> Result<Preview, PreviewError> {
    let format = &modem.modems.format;
    let mut preview = Preview::new(text::plan(format, &submission.text)?);
    let prepared = text::prepare(format, &submission.text)?;
    for number in 0..prepared.segments() {
        let now = submission.routing.accepted_at;
        let octets = prepared.tpdu(format, submission, number, modem.reference(), now, unix_s());
        let octets = octets.map_err(|error| PreviewError::Settings(error.to_string()))?;
        preview.pdus.push(read(&octets));
    }
    Ok(preview)
}

fn read(octets: &[u8]) -> Pdu {
    let mut fields = vec![
        PduField::new(
            "AT+CMGS",
            octets.len().to_string(),
            "the command, and how many octets follow the SMSC address",
        ),
        PduField::new("SCA", "00", "the SIM's own SMSC"),
    ];
    // What this program wrote can be read.
    if let Some(submit) = Submit::read(octets) {
        let flag = |is_set: bool| if is_set { "1" } else { "0" };
        let mut add =
            |name: &str, value: String, meaning: String| fields.push(PduField::new(name, value, meaning));
        add("TP-RD", flag(submit.rejects_duplicates).into(), String::new());
        add(
            "TP-SRR",
            flag(submit.wants_report).into(),
            if submit.wants_report { "a report is asked for" } else { "" }.into(),
        );
        add("TP-RP", flag(submit.has_reply_path).into(), String::new());
        add("TP-MR", submit.reference.to_string(), "the modem puts its own".into());
        add("TP-DA", submit.to.text.clone(), format!("type {}, plan {}", submit.to.ton, submit.to.npi));
        add("TP-PID", format!("0x{:02X}", submit.protocol_id), String::new());
        add("TP-DCS", format!("0x{:02X}", submit.data_coding), String::new());
        match submit.validity {
            None => add("TP-VP", String::new(), "the SMSC's default".into()),
            Some(Validity::Relative(period)) => {
                let minutes = Validity::period(period).as_secs() / 60;
                add("TP-VP", period.to_string(), format!("{minutes} minutes"));
            }
            Some(Validity::Absolute(_)) => add("TP-VP", "absolute".into(), "until its validity ends".into()),
        }
        let data = &submit.user_data;
        if let Some(part) = parse_header(&data.header).and_then(|header| header.part) {
            let meaning = format!("part {} of {}, reference {}", part.number, part.total, part.reference);
            add("UDH", hexadecimal(&data.header), meaning);
        }
        add("TP-UD, unpacked", hexadecimal(&data.units), data.text(submit.data_coding));
    }
    Pdu { name: "SMS-SUBMIT", fields, octets: format!("00{}", hexadecimal(octets)) }
}

#[cfg(test)]
mod tests {
    use crate::test_message::message;
    use crate::{Environment, ModemPlugin, Plugins, preview};
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn an_sms_submit_has_its_fields_and_no_pin() {
        let settings = json!({"devices": "tcp://192.0.2.1:2000", "pin": "48151623"});
        let checked = Plugins::new(vec![Arc::new(ModemPlugin::new())]).check("modem", &settings).unwrap();
        let shown = preview(&ModemPlugin::new(), &checked, &Environment::default(), &message("Hi @ you"));
        let shown = shown.unwrap();
        let field = |name: &str| {
            let found = shown.pdus[0].fields.iter().find(|field| field.name == name);
            found.map(|field| (field.value.clone(), field.meaning.clone())).unwrap()
        };
        assert_eq!((shown.segments, shown.pdus[0].name), (1, "SMS-SUBMIT"));
        assert_eq!(field("TP-DA").0, "15550100199");
        assert_eq!(field("TP-UD, unpacked").1, "Hi @ you");
        assert_eq!(field("AT+CMGS").0, ((shown.pdus[0].octets.len() - 2) / 2).to_string());
        assert!(!serde_json::to_string(&shown).unwrap().contains("48151623"));
    }
}
