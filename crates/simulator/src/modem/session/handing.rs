//! How messages and reports are handed to the terminal (3GPP TS 27.005 §3.2.1, §3.4.1, §3.4.4).

use std::time::{Duration, Instant};

use super::parse::Parameters;
use super::places::{deliver_details, stamp};
use super::{Ask, Carried, Session, line, ok};
use crate::modem::behaviour::ModemError;
use crate::modem::counters::add;
use crate::modem::device::{Handed, Incoming, Routing};
use crate::modem::tpdu::{Deliver, StatusReport, to_hex};
use crate::sync::lock;

/// How long what was handed over waits for `+CNMA`: the network's own patience (3GPP TS 24.011 §10, TR2M).
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(15);

impl Session {
    pub(super) fn handing(&mut self, name: &str, ask: Ask<'_>, parameters: &Parameters<'_>) -> Carried {
        let mut device = lock(&self.shared.device);
        match (name, ask) {
            ("+CNMI", Ask::Test) => line("+CNMI: (0-2),(0-3),(0-3),(0-2),(0,1)".into()),
            ("+CNMI", Ask::Read) => {
                let Routing { mode, mt, bm, ds, bfr, .. } = device.routing;
                line(format!("+CNMI: {mode},{mt},{bm},{ds},{bfr}"))
            }
            ("+CNMI", Ask::Set(_)) => {
                let old = device.routing;
                device.routing = Routing {
                    port: self.port,
                    mode: parameters.octet(0, 2, old.mode)?,
                    mt: parameters.octet(1, 3, old.mt)?,
                    // Cell broadcasts, of which there are none here.
                    bm: parameters.octet(2, 3, old.bm)?,
                    ds: parameters.octet(3, 2, old.ds)?,
                    bfr: parameters.octet(4, 1, old.bfr)?,
                };
                drop(device);
                self.shared.changes.announce();
                ok()
            }
            ("+CSMS", Ask::Test) => line("+CSMS: (0,1)".into()),
            ("+CSMS", Ask::Read) => line(format!("+CSMS: {},1,1,0", device.service)),
            ("+CSMS", Ask::Set(_)) => {
                device.service = parameters.octet(0, 1, 0)?;
                line("+CSMS: 1,1,0".into())
            }
            ("+CNMA", Ask::Test) => line("+CNMA: (0-2)".into()),
            ("+CNMA", Ask::Run | Ask::Set(_)) => {
                drop(device);
                // §3.4.4: nothing was expected, "no +CNMA acknowledgement expected".
                if self.unacknowledged.take().is_none() {
                    return Err(ModemError::Cms(340));
                }
                add(&self.shared.counters.acknowledged);
                self.shared.changes.announce();
                ok()
            }
            _ => Err(ModemError::Plain),
        }
    }

    /// Hands over what waits, and tells of changes.
    pub(super) fn speak_up(&mut self) {
        self.tell_registration();
        if let Some((until, incoming)) = self.unacknowledged.take() {
            if until > Instant::now() {
                self.unacknowledged = Some((until, incoming));
                return;
            }
            // §3.4.4: without an acknowledgement nothing more is handed over directly. The network sends it again.
            add(&self.shared.counters.unacknowledged);
            let mut device = lock(&self.shared.device);
            (device.routing.mt, device.routing.ds) = (0, 0);
            device.put(Instant::now(), incoming);
        }
        while let Some(handed) = self.shared.hand_over(self.port) {
            let counters = &self.shared.counters;
            let direct = match handed {
                Handed::Line(line) => {
                    add(if line.starts_with("+CDSI") { &counters.reports } else { &counters.messages });
                    self.unsolicited(&line);
                    None
                }
                Handed::Direct(incoming) => Some(incoming),
            };
            if let Some(incoming) = &direct {
                match incoming {
                    Incoming::Message(tpdu) => {
                        add(&self.shared.counters.messages);
                        self.hand_message(tpdu);
                    }
                    Incoming::Report(tpdu) => {
                        add(&self.shared.counters.reports);
                        self.hand_report(tpdu);
                    }
                }
            }
            self.shared.changes.announce();
            if let Some(incoming) = direct
                && lock(&self.shared.device).service == 1
            {
                let within = self.behaviour.acknowledge_within.unwrap_or(ACKNOWLEDGE_WITHIN);
                self.unacknowledged = Some((Instant::now() + within, incoming));
                return;
            }
        }
    }

    fn hand_message(&mut self, tpdu: &[u8]) {
        if let (true, Some(deliver)) = (self.settings.text_mode, Deliver::read(tpdu)) {
            let full = if self.settings.full_headers { deliver_details(&deliver) } else { String::new() };
            let head = format!("+CMT: \"{}\",,\"{}\"{full}", deliver.sender.dialled(), stamp(deliver.stamp));
            self.unsolicited(&head);
            let text = self.text_of(&deliver);
            self.out.extend(text);
            self.out.extend([self.settings.ends, self.settings.feeds]);
            return;
        }
        self.hand_pdu("+CMT: ,", tpdu);
    }

    fn hand_report(&mut self, tpdu: &[u8]) {
        match StatusReport::read(tpdu) {
            Some(report) if self.settings.text_mode => self.unsolicited(&format!(
                "+CDS: 6,{},\"{}\",{},\"{}\",\"{}\",{}",
                report.reference,
                report.recipient.dialled(),
                report.recipient.kind,
                stamp(report.submitted),
                stamp(report.done),
                report.status
            )),
            _ => self.hand_pdu("+CDS: ", tpdu),
        }
    }

    fn hand_pdu(&mut self, head: &str, tpdu: &[u8]) {
        let centre = lock(&self.shared.device).service_centre.service_centre();
        let pdu = to_hex(&[centre.as_slice(), tpdu].concat());
        self.unsolicited(&format!("{head}{}", tpdu.len()));
        self.out.extend_from_slice(pdu.as_bytes());
        self.out.extend([self.settings.ends, self.settings.feeds]);
    }
}
