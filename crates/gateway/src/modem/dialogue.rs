//! The dialogue with one modem: a command, its answer, and what the modem tells in between.

use super::Fault;
use super::errors::AtError;
use super::lines::{Lines, Token};
use super::port::Port;
use super::reply::{Event, Reply, classify, octets};
use super::settings::Timing;
use futures_util::future::FutureExt as _;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Most lines of one answer that are kept: a full memory of 255 messages, and as much again.
const MOST_ANSWER_LINES: usize = 1024;
/// Most events that wait; what is stored beyond is found by the next look into the memories.
const MOST_EVENTS: usize = 256;
/// Leaves a message's prompt without sending (TS 27.005 §3.5.1).
const ESCAPE: &[u8] = b"\x1b";
/// How often `AT` is tried.
const SYNC_TRIES: u32 = 4;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its lines, without the final result code.
    pub lines: Vec<String>,
    pub end: End,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    Error(AtError),
    /// Not within its time; the modem answers other commands.
    Silence,
}

/// One step of what a modem says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Prompt,
    Ok,
    Error(AtError),
    Line(String),
    /// An event was noted.
    Event,
}

/// A dialogue over an open port.
pub(super) struct Dialogue {
    port: Port,
    timing: Timing,
    lines: Lines,
    read: Vec<u8>,
    tokens: VecDeque<Token>,
    /// A message or report was announced, and its TPDU comes next.
    is_announced: bool,
    pub events: VecDeque<Event>,
    /// Events were dropped: the memories have to be looked through.
    pub has_overflowed: bool,
}

impl Dialogue {
    pub fn new(port: Port, timing: Timing) -> Self {
        Self {
            port,
            timing,
            lines: Lines::default(),
            read: Vec::new(),
            tokens: VecDeque::new(),
            is_announced: false,
            events: VecDeque::new(),
            has_overflowed: false,
        }
    }

    /// What the modem says next. Can be cancelled.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn next(&mut self) -> Result<Said, Fault> {
        loop {
            if let Some(token) = self.tokens.pop_front() {
                return Ok(self.take_in(token));
            }
            self.read.clear();
            self.port.read(&mut self.read).await.map_err(|error| {
                Fault::new(match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => {
                        "the line was closed: the modem is unplugged or off".to_owned()
                    }
                    _ => format!("the line is broken: {error}"),
                })
            })?;
            self.lines.read(&self.read, &mut self.tokens);
        }
    }

    /// The same until a time; `None` after it.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn next_until(&mut self, until: Instant) -> Result<Option<Said>, Fault> {
        match timeout_at(until, self.next()).await {
            Ok(said) => said.map(Some),
            Err(_) => Ok(None),
        }
    }

    fn take_in(&mut self, token: Token) -> Said {
        let line = match token {
            Token::Prompt => return Said::Prompt,
            Token::Line(line) => line,
        };
        if self.is_announced
            && let Some(tpdu) = octets(&line)
        {
            self.is_announced = false;
            self.note(Event::Pdu(tpdu));
            return Said::Event;
        }
        match classify(&line) {
            Reply::Ok => Said::Ok,
            Reply::Error(error) => Said::Error(error),
            Reply::Event(event) => {
                self.note(event);
                Said::Event
            }
            Reply::Announced => {
                self.is_announced = true;
                Said::Event
            }
            Reply::Info => Said::Line(line),
        }
    }

    fn note(&mut self, event: Event) {
        if self.events.len() < MOST_EVENTS {
            self.events.push_back(event);
        } else {
            self.has_overflowed = true;
        }
    }

    /// Writes octets; the time bounds flow control that never lets go.
    ///
    /// # Errors
    /// Not all was written: the last octet certainly was not.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        match timeout(self.timing.command, self.port.write(octets)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Fault::new(format!("the line is broken: {error}"))),
            Err(_) => Err(Fault::hung("the modem takes nothing: check Flow Control")),
        }
    }

    /// Takes in what is there already, without waiting: an answer that came late is not the next one's.
    ///
    /// # Errors
    /// The port is gone.
    pub fn catch_up(&mut self) -> Result<(), Fault> {
        while let Some(said) = self.next().now_or_never() {
            said?;
        }
        Ok(())
    }

    /// Gives a command (without `AT`) and waits for its answer.
    ///
    /// # Errors
    /// The port is gone, or the modem does not answer at all.
    pub async fn command(&mut self, command: &str) -> Result<Answer, Fault> {
        self.command_within(command, self.timing.command).await
    }

    /// The same for one that asks the network or the SIM.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub async fn slow_command(&mut self, command: &str) -> Result<Answer, Fault> {
        self.command_within(command, self.timing.slow).await
    }

    async fn command_within(&mut self, command: &str, within: Duration) -> Result<Answer, Fault> {
        let line = format!("AT{command}");
        self.write(format!("{line}\r").as_bytes()).await?;
        let until = Instant::now() + within;
        let mut lines = Vec::new();
        while let Some(said) = self.next_until(until).await? {
            match said {
                Said::Ok => return Ok(Answer { lines, end: End::Ok }),
                Said::Error(error) => return Ok(Answer { lines, end: End::Error(error) }),
                // The echo, while it is still on.
                Said::Line(said) if said == line => {}
                Said::Line(said) if lines.len() < MOST_ANSWER_LINES => lines.push(said),
                Said::Line(_) | Said::Prompt | Said::Event => {}
            }
        }
        self.sync().await?;
        Ok(Answer { lines, end: End::Silence })
    }

    /// Brings the modem to where it takes commands: out of a prompt, past a late answer.
    ///
    /// # Errors
    /// The port is gone, or the modem does not answer.
    pub async fn sync(&mut self) -> Result<(), Fault> {
        for _ in 0..SYNC_TRIES {
            self.write(ESCAPE).await?;
            self.write(b"\rAT\r").await?;
            let until = Instant::now() + self.timing.sync;
            while let Some(said) = self.next_until(until).await? {
                if said == Said::Ok {
                    // The end of an answer that was late may have been this one; then the answer to `AT` follows.
                    self.settle().await?;
                    return Ok(());
                }
            }
        }
        Err(Fault::hung("the modem does not answer"))
    }

    /// Passes over what comes at once.
    async fn settle(&mut self) -> Result<(), Fault> {
        let until = Instant::now() + (self.timing.sync / 10);
        while self.next_until(until).await?.is_some() {}
        Ok(())
    }

    /// Waits, and notes what the modem tells meanwhile.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn pause(&mut self, until: Instant) -> Result<(), Fault> {
        while self.next_until(until).await?.is_some() {}
        Ok(())
    }
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.end == End::Ok
    }

    /// The values of the lines with this name: what follows the colon.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().filter_map(move |line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    /// The first of them.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// The answer to a question without a name of its own, such as the manufacturer's: the named value, or the first line that
    /// names nothing.
    pub fn plain<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let is_plain = |line: &&String| !line.starts_with(['+', '^', '*', '%', '#', '$']) && *line != "RING";
        self.value(name).or_else(|| self.lines.iter().find(is_plain).map(String::as_str))
    }
}
