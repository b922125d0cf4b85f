//! A list of opt-outs that somebody brings: a number on each line, and a sender where it is about one.

use super::list::sender_of;
use textgate_gateway::Problem;
use textgate_sms::{NumberError, PhoneNumber};

/// Most lines of one import.
pub(super) const MOST_LINES: usize = 50_000;
/// Most problems that are told at once.
const MOST_PROBLEMS: usize = 100;
/// Longest sender, as for messages.
pub(super) const LONGEST_SENDER: usize = 21;

/// The lines of a list, or what is wrong with it. A first line of names is passed over. Numbers may be written with a plus, spaces and
/// punctuation: lists come from many programs.
pub(super) fn read(list: &str) -> Result<Vec<(PhoneNumber, String)>, Vec<Problem>> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    let lines = list.trim_start_matches('\u{FEFF}').lines().enumerate();
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty()).peekable();
    let _names = lines.next_if(|(_, line)| !line.contains(|c: char| c.is_ascii_digit()));
    for (at, line) in lines {
        if read.len() >= MOST_LINES {
            let message = format!("bring at most {MOST_LINES} numbers at once; divide the list");
            return Err(vec![Problem::new(format!("line {}", at + 1), message)]);
        }
        match one(line) {
            Ok(one) => read.push(one),
            Err(message) => problems.push(Problem::new(format!("line {}", at + 1), message)),
        }
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    if read.is_empty() && problems.is_empty() {
        problems.push(Problem::new(
            "",
            "bring a list: a number on each line, and after a comma a sender where it is about one",
        ));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

fn one(line: &str) -> Result<(PhoneNumber, String), String> {
    let mut cells = line.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"').trim());
    // What spreadsheets are told to take for text begins with an apostrophe.
    let number = cells.next().unwrap_or_default().trim_start_matches('\'');
    let sender = sender_of(cells.next().unwrap_or_default());
    if sender.chars().count() > LONGEST_SENDER {
        return Err(format!("a sender has at most {LONGEST_SENDER} characters"));
    }
    let number = match PhoneNumber::parse(number) {
        Err(NumberError::Punctuated { corrected, .. }) => PhoneNumber::parse(&corrected),
        parsed => parsed,
    };
    Ok((number.map_err(|error| error.to_string())?, sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(list: &str) -> Vec<(String, String)> {
        let read = read(list).unwrap_or_else(|problems| panic!("{problems:?}"));
        read.into_iter().map(|(number, sender)| (number.to_string(), sender)).collect()
    }

    #[test]
    fn a_list_is_read_as_spreadsheets_and_other_programs_write_it() {
        let list = "\u{FEFF}number,sender\r\n15550100100\r\n\"+1 (555) 010-0101\",ACME\r\n'+15550100102;+4915112345\n\n15550100103,\n";
        assert_eq!(
            numbers(list),
            [
                ("15550100100".to_owned(), String::new()),
                ("15550100101".to_owned(), "acme".to_owned()),
                ("15550100102".to_owned(), "4915112345".to_owned()),
                ("15550100103".to_owned(), String::new()),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_a_list_has_its_bound() {
        let problems = read("number\n15550100100\nabc\n0123\n").unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["line 3", "line 4"]);
        assert_eq!(read("").unwrap_err().len(), 1);
        assert_eq!(read("number,sender\n").unwrap_err().len(), 1);
        let many = "15550100100\n".repeat(MOST_LINES + 1);
        assert_eq!(read(&many).unwrap_err()[0].path, format!("line {}", MOST_LINES + 1));
        let wrong = "x1\n".repeat(1_000);
        assert_eq!(read(&wrong).unwrap_err().len(), MOST_PROBLEMS);
    }
}
