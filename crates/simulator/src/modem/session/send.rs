//! Commands that send and write messages (3GPP TS 27.005 §3.3, §3.5, §4.3, §4.4).

use super::parse::Parameters;
use super::{Ask, Carried, Done, Session, line, ok};
use crate::modem::behaviour::{ModemError, ModemRequest};
use crate::modem::memory::{MessageStatus, Stored};
use crate::modem::tpdu::{TpAddress, TpSubmit, Validity, from_hex};
use crate::sync::lock;
use crate::text::encode_gsm7;

/// Invalid PDU mode parameter, invalid text mode parameter, no network service (§3.2.5).
const BAD_PDU: ModemError = ModemError::Cms(304);
const BAD_TEXT: ModemError = ModemError::Cms(305);
const NO_SERVICE: ModemError = ModemError::Cms(331);

/// What follows a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// To be sent, in PDU mode: octets of the TPDU.
    SendPdu(usize),
    /// To be sent, in text mode: to whom.
    SendText(TpAddress),
    /// To be written, in PDU mode: octets of the TPDU, and as what.
    WritePdu(usize, MessageStatus),
}

impl Session {
    pub(super) fn sending(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        match (name, ask) {
            ("+CMGS" | "+CMGW" | "+CMSS", Ask::Test) => ok(),
            ("+CMGS", Ask::Set(_)) => {
                lock(&self.shared.device).sim_for_messages()?;
                self.prompt_for(parameters)
            }
            ("+CMGW", Ask::Set(_)) if !self.settings.text_mode => {
                lock(&self.shared.device).sim_for_messages()?;
                let length = parameters.number(0, 200)?.ok_or(BAD_PDU)?;
                let status = usize::from(parameters.octet(1, 3, 2)?);
                let status = MessageStatus::ALL.get(status).copied().ok_or(BAD_PDU)?;
                Ok(Done::Prompt(Body::WritePdu(length, status)))
            }
            ("+CMSS", Ask::Set(_)) => self.send_stored(parameters),
            ("+CMMS", Ask::Test) => line("+CMMS: (0-2)".into()),
            ("+CMMS", Ask::Read) => line(format!("+CMMS: {}", self.settings.more)),
            ("+CMMS", Ask::Set(_)) => {
                self.settings.more = parameters.octet(0, 2, 0)?;
                ok()
            }
            ("+CSCA", Ask::Test) => ok(),
            ("+CSCA", Ask::Read) => {
                let mut device = lock(&self.shared.device);
                device.sim_for_messages()?;
                let centre = &device.service_centre;
                line(format!("+CSCA: \"{}\",{}", centre.dialled(), centre.kind))
            }
            ("+CSCA", Ask::Set(_)) => {
                let mut device = lock(&self.shared.device);
                device.sim_for_messages()?;
                let mut centre = TpAddress::of(parameters.text(0).ok_or(BAD_TEXT)?);
                centre.kind = parameters.octet(1, 255, centre.kind)?;
                if centre.is_name() {
                    return Err(BAD_TEXT);
                }
                device.service_centre = centre;
                ok()
            }
            ("+CSMP", Ask::Read) => {
                let [first, validity, protocol_id, data_coding] = self.settings.text_parameters;
                line(format!("+CSMP: {first},{validity},{protocol_id},{data_coding}"))
            }
            ("+CSMP", Ask::Test) => ok(),
            ("+CSMP", Ask::Set(_)) => {
                for (index, kept) in self.settings.text_parameters.iter_mut().enumerate() {
                    *kept = parameters.octet(index, 255, *kept)?;
                }
                ok()
            }
            _ => Err(ModemError::Plain),
        }
    }

    fn prompt_for(&self, parameters: &Parameters<'_>) -> Carried {
        if !self.settings.text_mode {
            let length = parameters.number(0, 200).ok().flatten().ok_or(BAD_PDU)?;
            return Ok(Done::Prompt(Body::SendPdu(length)));
        }
        let number = parameters.text(0).ok_or(BAD_TEXT)?;
        let mut destination = TpAddress::of(number);
        destination.kind = parameters.octet(1, 255, destination.kind)?;
        if destination.number.is_empty() || destination.is_name() {
            return Err(BAD_TEXT);
        }
        Ok(Done::Prompt(Body::SendText(destination)))
    }

    /// Sends or writes what followed a prompt.
    pub(super) fn carry_out_body(&mut self, body: Body, octets: &[u8]) {
        let read = match &body {
            Body::SendPdu(length) | Body::WritePdu(length, _) => read_pdu(octets, *length),
            Body::SendText(destination) => self.read_text(destination.clone(), octets),
        };
        let request = ModemRequest {
            name: "message",
            command: "",
            submit: read.as_ref().ok().map(|(submit, _)| submit),
        };
        let turn = self.shared.turn(&self.behaviour, &request);
        if let Some(turn) = &turn
            && self.prevents(turn)
        {
            return;
        }
        let carried = match (body, read) {
            (_, Err(error)) => Err(error),
            (Body::WritePdu(_, status), Ok((_, pdu))) => self.write(status, &pdu),
            (_, Ok((submit, _))) => self.send(&submit).map(|reference| format!("+CMGS: {reference}")),
        };
        match carried {
            Ok(line) => self.answer(vec![line.into_bytes()], None, turn),
            Err(error) => self.answer(Vec::new(), Some(error), turn),
        }
    }

    fn send(&mut self, submit: &TpSubmit) -> Result<u8, ModemError> {
        {
            let mut device = lock(&self.shared.device);
            device.sim_for_messages()?;
            if !device.registered().is_registered() {
                return Err(NO_SERVICE);
            }
            if submit.service_centre.is_empty() && device.service_centre.number.is_empty() {
                // SMSC address unknown.
                return Err(ModemError::Cms(330));
            }
        }
        self.has_link = self.settings.more > 0;
        Ok(self.shared.take(submit, self.settings.more))
    }

    fn write(&mut self, status: MessageStatus, pdu: &[u8]) -> Result<String, ModemError> {
        let mut device = lock(&self.shared.device);
        let memory = device.memories[1];
        let centre = usize::from(pdu.first().copied().unwrap_or_default()) + 1;
        let (service_centre, tpdu) = pdu.split_at_checked(centre).ok_or(BAD_PDU)?;
        let stored = Stored { status, service_centre: service_centre.to_vec(), tpdu: tpdu.to_vec() };
        // Memory full.
        let place = device.places(memory).put(stored).ok_or(ModemError::Cms(322))?;
        Ok(format!("+CMGW: {place}"))
    }

    fn send_stored(&mut self, parameters: &Parameters<'_>) -> Carried {
        let place = parameters.number(0, 10_000)?.unwrap_or_default();
        let stored = {
            let mut device = lock(&self.shared.device);
            device.sim_for_messages()?;
            let memory = device.memories[1];
            // Invalid memory index.
            let stored = device.places(memory).get_mut(place).ok_or(ModemError::Cms(321))?;
            let sent = stored.clone();
            if stored.status == MessageStatus::Unsent {
                stored.status = MessageStatus::Sent;
            }
            sent
        };
        let pdu = [stored.service_centre.as_slice(), stored.tpdu.as_slice()].concat();
        let mut submit = TpSubmit::read(&pdu, stored.tpdu.len()).map_err(|_| ModemError::Cms(302))?;
        if let Some(number) = parameters.text(1) {
            submit.destination = TpAddress::of(number);
        }
        let reference = self.send(&submit)?;
        line(format!("+CMSS: {reference}"))
    }

    fn read_text(&self, destination: TpAddress, octets: &[u8]) -> Result<(TpSubmit, Vec<u8>), ModemError> {
        let [first, validity, protocol_id, data_coding] = self.settings.text_parameters;
        let is_8_bit = matches!(data_coding & 0x0C, 0x04 | 0x08) && data_coding < 0x80;
        let content = if is_8_bit {
            // §3.1, `<data>`: hexadecimal where the coding is 8 bit or UCS-2.
            from_hex(octets).ok_or(BAD_TEXT)?
        } else {
            let text = self.settings.charset.decode(octets).ok_or(BAD_TEXT)?.replace('\r', "\n");
            encode_gsm7(&text).ok_or(BAD_TEXT)?
        };
        if content.len() > if is_8_bit { 140 } else { 160 } {
            return Err(BAD_TEXT);
        }
        let submit = TpSubmit {
            service_centre: String::new(),
            rejects_duplicates: first & 0x04 != 0,
            wants_report: first & 0x20 != 0,
            reply_path: first & 0x80 != 0,
            reference: 0,
            destination,
            protocol_id,
            data_coding,
            validity: if first & 0x18 == 0x10 { Validity::Relative(validity) } else { Validity::None },
            header: Vec::new(),
            content,
        };
        Ok((submit, Vec::new()))
    }
}

/// The octets of a PDU as they were written, and what they say.
fn read_pdu(octets: &[u8], length: usize) -> Result<(TpSubmit, Vec<u8>), ModemError> {
    let digits: Vec<u8> = octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let pdu = from_hex(&digits).ok_or(BAD_PDU)?;
    let submit = TpSubmit::read(&pdu, length).map_err(|_| BAD_PDU)?;
    Ok((submit, pdu))
}
