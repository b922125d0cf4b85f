//! CSV (RFC 4180): cells that no spreadsheet takes for a formula.

use jiff::Timestamp;

/// A time.
pub(crate) fn time(ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX))
}

/// A text of somebody else's, and the comma behind it. What begins as a formula does gets an apostrophe before it, which
/// spreadsheets take for "this is text".
pub(crate) fn cell(out: &mut String, text: &str) {
    // The last four are the full-width forms, which some spreadsheets take for the same.
    let begins = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let is_formula = text.starts_with(begins);
    let is_quoted = is_formula || text.contains(['"', ',', ';', '\r', '\n']);
    out.push_str(if is_quoted { "\"" } else { "" });
    out.push_str(if is_formula { "'" } else { "" });
    for c in text.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push_str(if is_quoted { "\"," } else { "," });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> String {
        let mut out = String::new();
        cell(&mut out, text);
        out
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        assert_eq!(cells("plain"), "plain,");
        assert_eq!(cells("a,b"), "\"a,b\",");
        assert_eq!(cells("he said \"no\"\nand went"), "\"he said \"\"no\"\"\nand went\",");
        assert_eq!(cells(""), ",");
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for formula in
            ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"http://x\",\"y\")", "\u{ff1d}1"]
        {
            assert!(cells(formula).starts_with("\"'"), "{formula}");
        }
        assert_eq!(cells("a=1"), "a=1,");
    }
}
