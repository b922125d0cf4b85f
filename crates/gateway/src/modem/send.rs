//! One message through the modem: each segment by `+CMGS` in PDU mode (TS 27.005 §4.3), and one outcome.

use super::Fault;
use super::dialogue::{Dialogue, Said};
use super::errors::AtError;
use super::gateway::Modem;
use super::line::Line;
use super::receipts::unix_s;
use super::reply::{hexadecimal, unquoted};
use super::text::{self, Prepared};
use crate::{Outcome, Submission, Work};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::time::Instant;
use textgate_sms::OutcomeClass::{self, Refused, Sent, Unavailable, Uncertain};

/// How often a segment is tried for which the network has no room now.
const MOST_TRIES: u32 = 4;
/// Ends a message and sends it (TS 27.005 §3.5.1).
const CTRL_Z: u8 = 0x1A;
const ESCAPE: &[u8] = b"\x1b";

/// What became of one try with one segment.
enum Tried {
    /// The network took it, under this reference.
    Taken(Option<u8>),
    /// The modem or the network refused it: it was not sent.
    Refused(AtError),
    /// It surely was not sent.
    NotSent(Cow<'static, str>),
    /// It may have been sent.
    Unanswered(Cow<'static, str>),
}

/// A message on its way, handed back exactly once.
struct Message<'a> {
    work: &'a dyn Work,
    gateway: &'a Modem,
    line: usize,
    /// `None` once it was handed back.
    submission: Option<Box<Submission>>,
    /// Handed back at the latest then.
    hand_back_at: Instant,
    ids: SmallVec<[Box<str>; 1]>,
    taken: u8,
}

impl Message<'_> {
    /// Hands the message back, unless it was already.
    fn finish(&mut self, class: OutcomeClass, detail: impl Into<Cow<'static, str>>, uncertain: u8) {
        let Some(submission) = self.submission.take() else { return };
        let outcome = Outcome {
            provider_ids: std::mem::take(&mut self.ids),
            segments_sent: self.taken.saturating_add(uncertain),
            ..Outcome::failed(class, detail)
        };
        self.work.done(&mut vec![(submission, outcome)]);
        self.gateway.set_busy(self.line, false);
    }
}

impl Line<'_> {
    /// Sends one message and hands it back with its outcome, also where the line fails.
    ///
    /// # Errors
    /// The line has to be opened anew.
    pub(super) async fn send(
        &mut self,
        dialogue: &mut Dialogue,
        submission: Box<Submission>,
    ) -> Result<(), Fault> {
        let prepared = match text::prepare(&self.modems().format, &submission.text) {
            Ok(prepared) => prepared,
            Err(outcome) => {
                self.work.done(&mut vec![(submission, outcome)]);
                return Ok(());
            }
        };
        let hand_back_at = submission.answer_by;
        self.gateway.set_busy(self.number, true);
        let mut message = Message {
            work: self.work,
            gateway: self.gateway,
            line: self.number,
            submission: Some(submission),
            hand_back_at,
            ids: SmallVec::new(),
            taken: 0,
        };
        let sent = self.send_all(dialogue, &prepared, &mut message).await;
        // Whatever happened: nothing is kept.
        message.finish(Unavailable, "not sent: the line failed", 0);
        sent
    }

    async fn send_all(
        &mut self,
        dialogue: &mut Dialogue,
        prepared: &Prepared,
        message: &mut Message<'_>,
    ) -> Result<(), Fault> {
        let reference = if prepared.segments() > 1 { self.next_reference() } else { 0 };
        for number in 0..prepared.segments() {
            let mut tries = 0;
            loop {
                let now = Instant::now();
                let Some(submission) = &message.submission else { return Ok(()) };
                if submission.valid_until <= now || message.hand_back_at <= now {
                    message.finish(Unavailable, "not sent: its time had run out", 0);
                    return Ok(());
                }
                let format = &self.modems().format;
                let tpdu = match prepared.tpdu(format, submission, number, reference, now, unix_s()) {
                    Ok(tpdu) => tpdu,
                    Err(error) => {
                        message.finish(Refused, error.to_string(), 0);
                        return Ok(());
                    }
                };
                let to = submission.to;
                tries += 1;
                let (tried, fault) = self.attempt(dialogue, &tpdu, message).await;
                match tried {
                    Tried::Taken(answered) => {
                        message.taken += 1;
                        self.count_segment();
                        if let Some(answered) = answered {
                            let id = self.remember(&to.to_string(), answered);
                            message.ids.push(id);
                        }
                    }
                    Tried::Refused(error) if error.is_passing() && tries < MOST_TRIES && fault.is_none() => {
                        let pause = self.modems().timing.retry * (1 << (tries - 1));
                        if Instant::now() + pause * 2 < message.hand_back_at {
                            tracing::debug!(line = self.name(), error = %error.detail(), "the network has no room; trying again");
                            if self.pause(dialogue, pause).await? {
                                continue;
                            }
                        }
                        message.finish(error.class(), error.detail(), 0);
                        return Ok(());
                    }
                    Tried::Refused(error) => {
                        self.look_soon |= error.is_of_the_line();
                        let class = error.class();
                        message.finish(class, error.detail(), u8::from(class == Uncertain));
                        return fault.map_or(Ok(()), Err);
                    }
                    Tried::NotSent(why) => {
                        message.finish(Unavailable, why, 0);
                        return fault.map_or(Ok(()), Err);
                    }
                    Tried::Unanswered(why) => {
                        // It may count at the operator.
                        self.count_try();
                        message.finish(Uncertain, why, 1);
                        return fault.map_or(Ok(()), Err);
                    }
                }
                if number + 1 == prepared.segments() {
                    message.finish(Sent, "", 0);
                }
                if let Some(fault) = fault {
                    message.finish(
                        Unavailable,
                        format!("its other segments were not sent: {}", fault.reason),
                        0,
                    );
                    return Err(fault);
                }
                break;
            }
        }
        Ok(())
    }

    /// One try: the command, the prompt, the TPDU, the network's answer. The fault is what the line came to besides.
    async fn attempt(
        &mut self,
        dialogue: &mut Dialogue,
        tpdu: &[u8],
        message: &mut Message<'_>,
    ) -> (Tried, Option<Fault>) {
        let timing = self.modems().timing;
        let command = format!("AT+CMGS={}\r", tpdu.len());
        let begun = match dialogue.catch_up() {
            Ok(()) => dialogue.write(command.as_bytes()).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = begun {
            return (Tried::NotSent(format!("not sent: {}", fault.reason).into()), Some(fault));
        }
        let until = (Instant::now() + timing.prompt).min(message.hand_back_at);
        let stop = self.stop.token.clone();
        loop {
            let said = tokio::select! {
                biased;
                said = dialogue.next_until(until.into()) => said,
                () = stop.cancelled() => {
                    let left = dialogue.write(ESCAPE).await;
                    return (Tried::NotSent("not sent: the gateway was stopped".into()), left.err());
                }
            };
            match said {
                Ok(Some(Said::Prompt)) => break,
                Ok(Some(Said::Error(error))) => return (Tried::Refused(error), None),
                // `OK` is the end of an earlier answer; other lines are echo or noise.
                Ok(Some(_)) => {}
                Ok(None) => {
                    let left = self.leave_prompt(dialogue).await;
                    return (Tried::NotSent("not sent: the modem gave no prompt".into()), left.err());
                }
                Err(fault) => {
                    return (Tried::NotSent(format!("not sent: {}", fault.reason).into()), Some(fault));
                }
            }
        }
        // Without a service centre's address: the one that the modem has.
        let mut octets = format!("00{}", hexadecimal(tpdu)).into_bytes();
        octets.push(CTRL_Z);
        if let Err(fault) = dialogue.write(&octets).await {
            // The last octet was not written, and it is what sends.
            return (Tried::NotSent(format!("not sent: {}", fault.reason).into()), Some(fault));
        }
        self.answer(dialogue, message).await
    }

    /// The network's answer to a message that was written. Hands the message back when its time is over, and goes on waiting: the
    /// line is not free before.
    async fn answer(&mut self, dialogue: &mut Dialogue, message: &mut Message<'_>) -> (Tried, Option<Fault>) {
        const UNANSWERED: &str = "sent, but no answer in time";
        let timing = self.modems().timing;
        let mut give_up_at = Instant::now() + timing.network;
        let mut reference = None;
        let mut is_taken = false;
        let stop = self.stop.token.clone();
        let mut is_stopping = false;
        loop {
            let now = Instant::now();
            if give_up_at <= now {
                if is_taken {
                    return (Tried::Taken(reference), None);
                }
                // The line cannot be trusted unless the modem answers something else.
                message.finish(Uncertain, UNANSWERED, 1);
                let left = if is_stopping { Ok(()) } else { dialogue.sync().await };
                return (Tried::Unanswered(UNANSWERED.into()), left.err());
            }
            if message.hand_back_at <= now && message.submission.is_some() && !is_taken {
                message.finish(Uncertain, UNANSWERED, 1);
                if is_stopping {
                    return (Tried::Unanswered(UNANSWERED.into()), None);
                }
            }
            let wake_at = match message.submission {
                Some(_) if !is_taken => give_up_at.min(message.hand_back_at),
                _ => give_up_at,
            };
            let said = tokio::select! {
                biased;
                said = dialogue.next_until(wake_at.into()) => said,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    let drained = Instant::now() + self.stop.drain;
                    message.hand_back_at = message.hand_back_at.min(drained);
                    give_up_at = give_up_at.min(drained);
                    continue;
                }
            };
            match said {
                Ok(Some(Said::Ok)) => return (Tried::Taken(reference), None),
                Ok(Some(Said::Error(error))) if !is_taken => return (Tried::Refused(error), None),
                // It has a reference: the network took it, whatever follows.
                Ok(Some(Said::Error(_))) => return (Tried::Taken(reference), None),
                Ok(Some(Said::Line(line))) => {
                    if let Some(value) = line.strip_prefix("+CMGS:") {
                        is_taken = true;
                        reference =
                            value.split(',').next().map(unquoted).and_then(|value| value.parse().ok());
                        give_up_at = give_up_at.min(Instant::now() + timing.settle);
                    }
                }
                Ok(Some(Said::Prompt | Said::Event) | None) => {}
                Err(fault) if is_taken => return (Tried::Taken(reference), Some(fault)),
                Err(fault) => {
                    return (
                        Tried::Unanswered(format!("sent, but no answer: {}", fault.reason).into()),
                        Some(fault),
                    );
                }
            }
        }
    }

    /// Leaves a prompt that did not come, or comes late.
    async fn leave_prompt(&mut self, dialogue: &mut Dialogue) -> Result<(), Fault> {
        dialogue.write(ESCAPE).await?;
        dialogue.sync().await
    }

    /// Waits; answers whether the message may be tried again, and not whether the gateway stops.
    async fn pause(&mut self, dialogue: &mut Dialogue, pause: std::time::Duration) -> Result<bool, Fault> {
        let stop = self.stop.token.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(false),
            paused = dialogue.pause((Instant::now() + pause).into()) => paused.map(|()| true),
        }
    }
}
