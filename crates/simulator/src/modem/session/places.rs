//! Commands about stored messages (3GPP TS 27.005 §3.2.3, §3.4.2, §3.4.3, §3.5.4, §4.1, §4.2).

use super::parse::{INCORRECT, Parameters};
use super::{Ask, Carried, Done, Session, line, ok};
use crate::modem::behaviour::ModemError;
use crate::modem::memory::{Memory, MessageStatus, Stored};
use crate::modem::tpdu::{Deliver, to_hex};
use crate::sync::lock;

impl Session {
    pub(super) fn storing(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let mut device = lock(&self.shared.device);
        device.sim_for_messages()?;
        let memories = device.memories;
        match (name, ask) {
            ("+CPMS", Ask::Test) => {
                line("+CPMS: (\"SM\",\"ME\",\"SR\"),(\"SM\",\"ME\"),(\"SM\",\"ME\")".into())
            }
            ("+CPMS", Ask::Read | Ask::Set(_)) => {
                let is_set = ask != Ask::Read;
                if is_set {
                    let mut chosen = memories;
                    for (index, kept) in chosen.iter_mut().enumerate() {
                        if let Some(name) = parameters.text(index) {
                            *kept = Memory::named(name)
                                .filter(|memory| index == 0 || *memory != Memory::Sr)
                                .ok_or(ModemError::Cms(302))?;
                        }
                    }
                    device.memories = chosen;
                }
                let told = device.memories.map(|memory| {
                    let places = device.places(memory);
                    let (used, total) = (places.used(), places.total());
                    if is_set {
                        format!("{used},{total}")
                    } else {
                        format!("\"{}\",{used},{total}", memory.name())
                    }
                });
                line(format!("+CPMS: {}", told.join(",")))
            }
            ("+CMGL", Ask::Test) if self.settings.text_mode => {
                line("+CMGL: (\"REC UNREAD\",\"REC READ\",\"STO UNSENT\",\"STO SENT\",\"ALL\")".into())
            }
            ("+CMGL", Ask::Test) => line("+CMGL: (0-4)".into()),
            ("+CMGL", Ask::Run | Ask::Set(_)) => {
                let wanted = wanted(self.settings.text_mode, parameters.text(0))?;
                let mut said = Vec::new();
                for (place, stored) in device.places(memories[0]).iter_mut() {
                    if wanted.is_some_and(|wanted| wanted != stored.status) {
                        continue;
                    }
                    said.extend(self.shown("+CMGL", Some(place), stored));
                    if stored.status == MessageStatus::Unread {
                        stored.status = MessageStatus::Read;
                    }
                }
                Ok(Done::Octets(said))
            }
            ("+CMGR", Ask::Set(_)) => {
                let place = parameters.number(0, 10_000)?.unwrap_or_default();
                // Invalid memory index.
                let stored = device.places(memories[0]).get_mut(place).ok_or(ModemError::Cms(321))?;
                let said = self.shown("+CMGR", None, stored);
                if stored.status == MessageStatus::Unread {
                    stored.status = MessageStatus::Read;
                }
                Ok(Done::Octets(said))
            }
            ("+CMGR", Ask::Test) => ok(),
            ("+CMGD", Ask::Test) => {
                let last = device.places(memories[0]).total();
                line(format!("+CMGD: (1-{last}),(0-4)"))
            }
            ("+CMGD", Ask::Set(_)) => {
                let place = parameters.number(0, 10_000)?.unwrap_or_default();
                let flag = parameters.octet(1, 4, 0)?;
                let places = device.places(memories[0]);
                match flag {
                    0 if !places.has(place) => return Err(ModemError::Cms(321)),
                    0 => places.delete(place),
                    // §3.5.4: read; and sent; and unsent; all.
                    1 => places.retain(|status| status != MessageStatus::Read),
                    2 => places.retain(|s| !matches!(s, MessageStatus::Read | MessageStatus::Sent)),
                    3 => places.retain(|status| status == MessageStatus::Unread),
                    _ => places.retain(|_| false),
                }
                drop(device);
                self.shared.changes.announce();
                ok()
            }
            _ => Err(ModemError::Plain),
        }
    }

    /// A stored message's lines.
    fn shown(&self, name: &str, place: Option<usize>, stored: &Stored) -> Vec<Vec<u8>> {
        let place = place.map(|place| format!("{place},")).unwrap_or_default();
        if !self.settings.text_mode {
            let pdu = to_hex(&[stored.service_centre.as_slice(), stored.tpdu.as_slice()].concat());
            let head = format!("{name}: {place}{},,{}", stored.status.number(), stored.tpdu.len());
            return vec![head.into_bytes(), pdu.into_bytes()];
        }
        let status = stored.status.word();
        match Deliver::read(&stored.tpdu) {
            Some(deliver) => {
                let full = if self.settings.full_headers { deliver_details(&deliver) } else { String::new() };
                let head = format!(
                    "{name}: {place}\"{status}\",\"{}\",,\"{}\"{full}",
                    deliver.sender.dialled(),
                    stamp(deliver.stamp)
                );
                vec![head.into_bytes(), self.text_of(&deliver)]
            }
            // What is no SMS-DELIVER is shown as octets.
            None => {
                vec![format!("{name}: {place}\"{status}\",,").into_bytes(), to_hex(&stored.tpdu).into_bytes()]
            }
        }
    }

    /// A message's text in the line's character set; octets in hexadecimal (§3.1, `<data>`).
    pub(super) fn text_of(&self, deliver: &Deliver) -> Vec<u8> {
        if deliver.header.is_empty() && !matches!(deliver.data_coding & 0x0C, 0x04 | 0x08) {
            self.settings.charset.encode(&deliver.text())
        } else {
            to_hex(&deliver.content).into_bytes()
        }
    }
}

fn wanted(text_mode: bool, text: Option<&str>) -> Result<Option<MessageStatus>, ModemError> {
    let Some(text) = text else { return Ok(Some(MessageStatus::Unread)) };
    let is_all = text == if text_mode { "ALL" } else { "4" };
    if is_all {
        return Ok(None);
    }
    let named = |status: &MessageStatus| {
        if text_mode { status.word() == text } else { status.number().to_string() == text }
    };
    MessageStatus::ALL.into_iter().find(named).map(Some).ok_or(INCORRECT)
}

pub(super) fn deliver_details(deliver: &Deliver) -> String {
    let first = if deliver.header.is_empty() { 4 } else { 68 };
    format!(
        ",{},{first},{},{},,,{}",
        deliver.sender.kind,
        deliver.protocol_id,
        deliver.data_coding,
        deliver.content.len()
    )
}

/// A time stamp as text mode shows it: `yy/MM/dd,hh:mm:ss±zz` (§3.1, `<scts>`).
pub(super) fn stamp(stamp: [u8; 7]) -> String {
    let [year, month, day, hour, minute, second, zone] =
        stamp.map(|octet| format!("{}{}", octet & 0x0F, octet >> 4));
    format!("{year}/{month}/{day},{hour}:{minute}:{second}+{zone}")
}
