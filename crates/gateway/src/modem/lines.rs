//! From octets to lines. Total and bounded: whatever comes, a line has at most [`MOST_LINE`] characters, and what is longer is cut.

use std::collections::VecDeque;

/// Longer than any line that means something: a stored message has at most 2 × 188 hexadecimal digits.
pub(super) const MOST_LINE: usize = 1024;

/// What a modem says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A line without its end, never empty.
    Line(String),
    /// The prompt for a message (TS 27.005 §3.5.1): `>` at the beginning of a line, which no end of line follows.
    Prompt,
}

/// The line that is being read.
#[derive(Default)]
pub(super) struct Lines {
    line: String,
}

impl Lines {
    /// Reads octets; whole lines and prompts go into `into`.
    pub fn read(&mut self, octets: &[u8], into: &mut VecDeque<Token>) {
        for octet in octets {
            match octet {
                b'\r' | b'\n' => self.end(into),
                b'>' if self.line.trim().is_empty() => {
                    self.line.clear();
                    into.push_back(Token::Prompt);
                }
                // Control characters are noise on the line.
                0x20..=0x7E | 0xA0.. if self.line.len() < MOST_LINE => self.line.push(char::from(*octet)),
                _ => {}
            }
        }
    }

    fn end(&mut self, into: &mut VecDeque<Token>) {
        let line = self.line.trim();
        if !line.is_empty() {
            into.push_back(Token::Line(line.to_owned()));
        }
        self.line.clear();
    }
}
