//! What the network brings: status reports and messages from phones. Deleted from the SIM, or acknowledged, only after they are
//! kept; what cannot be kept stays there and is tried again.

use super::Fault;
use super::dialogue::{Answer, Dialogue};
use super::line::Line;
use super::reply::{Event, hexadecimal, octets};
use crate::{Inbound, InboundPart};
use std::time::Instant;
use textgate_sms::tpdu::{Tpdu, split_service_centre};

/// What is left of one stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    /// Not now: it stays where it is.
    No,
}

impl Line<'_> {
    /// Takes in what was told since the last time.
    ///
    /// # Errors
    /// The line is gone, or the modem was started anew.
    pub(super) async fn take_in(&mut self, dialogue: &mut Dialogue) -> Result<(), Fault> {
        while let Some(event) = dialogue.events.pop_front() {
            match event {
                Event::Started => return Err(Fault::new("the modem was started anew")),
                Event::Registration => self.look_soon = true,
                Event::Pdu(pdu) => {
                    let kept = self.keep(&pdu).await;
                    if self.ready.acknowledges {
                        // 1 is a positive answer, 2 a negative one: the network keeps it and brings it again (§3.4.4).
                        let answer = if kept == Kept::Yes { "+CNMA=1" } else { "+CNMA=2" };
                        if !dialogue.command(answer).await?.is_ok() && kept == Kept::Yes {
                            dialogue.command("+CNMA").await?;
                        }
                    }
                }
                Event::Stored { memory, index } => self.fetch(dialogue, &memory, index).await?,
            }
        }
        if dialogue.has_overflowed {
            dialogue.has_overflowed = false;
            self.sweep_at = Some(Instant::now());
        }
        if self.sweep_at.is_some_and(|at| at <= Instant::now()) {
            self.sweep(dialogue).await?;
        }
        Ok(())
    }

    /// One stored message (TS 27.005 §4.2).
    async fn fetch(&mut self, dialogue: &mut Dialogue, memory: &str, index: u32) -> Result<(), Fault> {
        if !self.choose(dialogue, memory).await? {
            return Ok(());
        }
        let answer = dialogue.slow_command(&format!("+CMGR={index}")).await?;
        // Where the place is empty, a look through the memory has taken it already.
        if let Some(pdu) = answer.lines.iter().rev().find_map(|line| octets(line)) {
            self.keep_and_delete(dialogue, index, &pdu).await?;
        }
        Ok(())
    }

    /// All that is stored: left from before, or not kept at the first try (TS 27.005 §4.1).
    async fn sweep(&mut self, dialogue: &mut Dialogue) -> Result<(), Fault> {
        self.sweep_at = None;
        for memory in self.ready.memories.clone() {
            if !self.choose(dialogue, &memory).await? {
                continue;
            }
            let answer = dialogue.slow_command("+CMGL=4").await?;
            for (index, pdu) in listed(&answer) {
                self.keep_and_delete(dialogue, index, &pdu).await?;
            }
        }
        Ok(())
    }

    async fn keep_and_delete(
        &mut self,
        dialogue: &mut Dialogue,
        index: u32,
        pdu: &[u8],
    ) -> Result<(), Fault> {
        if self.keep(pdu).await == Kept::Yes {
            dialogue.slow_command(&format!("+CMGD={index}")).await?;
        } else {
            self.sweep_at = Some(Instant::now() + self.modems().timing.look);
        }
        Ok(())
    }

    /// Reads from this memory from now on.
    async fn choose(&mut self, dialogue: &mut Dialogue, memory: &str) -> Result<bool, Fault> {
        if self.memory == memory || !matches!(memory, "SM" | "ME" | "MT" | "SR") {
            return Ok(self.memory == memory);
        }
        let is_chosen = dialogue.slow_command(&format!("+CPMS=\"{memory}\"")).await?.is_ok();
        if is_chosen {
            self.memory = memory.to_owned();
        }
        Ok(is_chosen)
    }

    async fn keep(&mut self, pdu: &[u8]) -> Kept {
        let kept = match split_service_centre(pdu).and_then(Tpdu::read) {
            Some(Tpdu::StatusReport(report)) => {
                let receipt = self.ledger().receipt(&self.ready.identity, &report);
                self.work.receipts(vec![receipt]).await
            }
            Some(Tpdu::Deliver(deliver)) => {
                let part = deliver.user_data.part().map(|part| InboundPart {
                    reference: part.reference,
                    total: part.total,
                    number: part.number,
                    units: Some((deliver.encoding(), deliver.user_data.units.clone())),
                });
                let plus = if deliver.from.ton == 1 { "+" } else { "" };
                let inbound = Inbound {
                    from: format!("{plus}{}", deliver.from.text),
                    to: self.ready.own_number.clone(),
                    text: deliver.text(),
                    part,
                    id: None,
                };
                self.work.inbound(inbound).await
            }
            // What cannot be read would fill the SIM: it is kept as it is.
            None => {
                let text = hexadecimal(pdu);
                self.work
                    .inbound(Inbound {
                        from: String::new(),
                        to: self.ready.own_number.clone(),
                        text,
                        part: None,
                        id: None,
                    })
                    .await
            }
        };
        match kept {
            Ok(()) => Kept::Yes,
            Err(error) => {
                tracing::warn!(line = self.name(), %error, "what the network brought is not kept yet");
                Kept::No
            }
        }
    }
}

/// The received messages in the answer to `+CMGL=4`: index and octets. What this SIM sent or drafted (status 2 and 3) stays.
pub(super) fn listed(answer: &Answer) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut index = None;
    for line in &answer.lines {
        if let Some(value) = line.strip_prefix("+CMGL:") {
            let mut values = value.split(',').map(str::trim);
            let number = values.next().and_then(|index| index.parse().ok());
            let is_received = values.next().is_some_and(|status| matches!(status, "0" | "1"));
            index = number.filter(|_| is_received);
        } else if let Some(pdu) = octets(line)
            && let Some(index) = index.take()
        {
            found.push((index, pdu));
        }
    }
    found
}
