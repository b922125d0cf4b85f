//! What people see: lines on standard output, in colour on a terminal only.

use comfy_table::{ContentArrangement, Table, presets};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// A colour with a meaning, not a taste.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Notice,
    Strong,
}

/// Standard output, or what a test reads.
pub(crate) struct Output<W = io::Stdout> {
    to: W,
    has_colour: bool,
}

impl Output {
    /// Standard output. Colour where a person looks at it and has not said no (<https://no-color.org>).
    pub(crate) fn standard() -> Self {
        let to = io::stdout();
        let has_colour = to.is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { to, has_colour }
    }
}

impl<W: Write> Output<W> {
    /// One line, at once: whoever reads a pipe wants it now.
    pub(crate) fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.to, "{line}")?;
        self.to.flush()
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        self.line("")
    }

    /// The text in this tone, where there is colour.
    pub(crate) fn tone(&self, tone: Tone, text: impl Display) -> String {
        if !self.has_colour {
            return text.to_string();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Notice => "33",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A table without lines: easy to read, and to cut with `awk`.
    pub(crate) fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(head.iter().map(|name| name.to_uppercase()));
        table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| printable(&cell))));
        let text = table.to_string();
        for line in text.lines() {
            self.line(line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))?;
        }
        Ok(())
    }

    /// JSON, for programs.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        self.line(format_args!("{value:#}"))
    }
}

/// The text without what would move a terminal's cursor or change its colours: it may come from a provider.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Something in `is_colour: false`, into a buffer.
#[cfg(test)]
pub(crate) fn plain() -> Output<Vec<u8>> {
    Output { to: Vec::new(), has_colour: false }
}

#[cfg(test)]
impl Output<Vec<u8>> {
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.to).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_not_one_escape_is_written() {
        let output = plain();
        assert_eq!(output.tone(Tone::Good, "ok"), "ok");
        let coloured = Output { to: Vec::<u8>::new(), has_colour: true };
        assert_eq!(coloured.tone(Tone::Good, "ok"), "\u{1b}[32mok\u{1b}[0m");
    }

    #[test]
    fn a_table_is_aligned_and_cannot_be_forged() {
        let mut output = plain();
        let rows = vec![vec!["a".into(), "1".into()], vec!["longer\u{1b}[2J".into(), "2".into()]];
        output.table(&["name", "n"], rows).unwrap();
        let text = output.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("NAME"), "{text}");
        assert!(lines[1].starts_with("a "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
