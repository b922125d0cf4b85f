//! Carrying out a line or a message, and the turn that a test wants it to take.

use super::parse::{self, Ask, Command};
use super::send::Body;
use super::{Done, Input, Session, Work};
use crate::modem::behaviour::{ModemError, ModemRequest, Turn};
use crate::modem::counters::add;

impl Session {
    pub(super) fn carry_out(&mut self, work: Work) {
        match work {
            Work::Line(line) => self.carry_out_line(&line),
            Work::Body(body, octets) => self.carry_out_body(body, &octets),
        }
    }

    fn carry_out_line(&mut self, line: &str) {
        let mut rest = line;
        let (mut said, mut turn, mut is_first) = (Vec::new(), None, true);
        loop {
            let command = match parse::next(rest) {
                Some((command, more)) => {
                    rest = more;
                    command
                }
                // `AT` alone is a command, too.
                None if is_first => Command { name: String::new(), ask: Ask::Run, text: "" },
                None => return self.answer(said, None, turn),
            };
            is_first = false;
            add(&self.shared.counters.commands);
            let request = ModemRequest { name: &command.name, command: command.text, submit: None };
            let own = self.shared.turn(&self.behaviour, &request);
            if let Some(own) = &own
                && self.prevents(own)
            {
                return;
            }
            turn = own.or(turn);
            let carried = self.command(&command);
            match carried {
                Ok(Done::Lines(lines)) => said.extend(lines.into_iter().map(String::into_bytes)),
                Ok(Done::Octets(lines)) => said.extend(lines),
                Ok(Done::Prompt(body)) => return self.prompt(body, turn),
                Ok(Done::Reset) => {
                    self.answer(said, None, turn);
                    self.shared.reset();
                    return;
                }
                Err(error) => return self.answer(said, Some(error), turn),
            }
        }
    }

    fn prompt(&mut self, body: Body, turn: Option<Turn>) {
        self.input = Input::Body(body, Vec::new());
        self.is_overlong = false;
        match turn {
            Some(Turn::LoseAnswer | Turn::LoseFinal) => {}
            Some(Turn::RefuseAfter(error)) => {
                self.input = Input::Line(Vec::new());
                self.end(Some(error));
            }
            Some(Turn::HangAfter(cure)) => self.hang = Some(cure),
            Some(Turn::UnplugAfter) => self.shared.unplug(),
            Some(Turn::Interrupt(lines)) => {
                for line in lines {
                    self.unsolicited(&line);
                }
                self.out.extend_from_slice(b"\r\n> ");
            }
            Some(Turn::Noise(octets)) => {
                self.out.extend(octets);
                self.out.extend_from_slice(b"\r\n> ");
            }
            _ => self.out.extend_from_slice(b"\r\n> "),
        }
    }

    /// Does a turn that leaves a command not carried out; gives back whether it is one.
    pub(super) fn prevents(&mut self, turn: &Turn) -> bool {
        match turn {
            Turn::Refuse(error) => self.end(Some(*error)),
            Turn::Ignore => {}
            Turn::Garbage(octets) => self.out.extend_from_slice(octets),
            Turn::Hang(cure) => self.hang = Some(*cure),
            Turn::Unplug => self.shared.unplug(),
            _ => return false,
        }
        true
    }

    /// Answers what was carried out.
    pub(super) fn answer(&mut self, said: Vec<Vec<u8>>, error: Option<ModemError>, turn: Option<Turn>) {
        match &turn {
            Some(Turn::LoseAnswer) => return,
            Some(Turn::HangAfter(cure)) => {
                self.hang = Some(*cure);
                return;
            }
            Some(Turn::UnplugAfter) => return self.shared.unplug(),
            _ => {}
        }
        self.information(&said);
        match turn {
            Some(Turn::LoseFinal) => return,
            Some(Turn::RefuseAfter(error)) => return self.end(Some(error)),
            Some(Turn::Interrupt(lines)) => {
                for line in lines {
                    self.unsolicited(&line);
                }
            }
            Some(Turn::Noise(octets)) => self.out.extend(octets),
            _ => {}
        }
        if self.behaviour.interrupts {
            self.speak_up();
        }
        self.end(error);
    }
}
