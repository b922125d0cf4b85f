//! What a modem may say, through every reader in one go: for the fuzzer, and for the property tests.

use super::arrivals::listed;
use super::dialogue::{Answer, End};
use super::lines::{Lines, MOST_LINE, Token};
use super::receipts::Ledger;
use super::reply::{Event, Reply, classify, hexadecimal, octets};
use super::settings::FlowControl;
use super::sim::{self, Registration, Sim};
use super::telnet::Telnet;
use std::collections::VecDeque;
use textgate_sms::tpdu::{Tpdu, split_service_centre};

/// Reads octets as a line reads its port: line by line, and each as whatever it may be an answer to.
///
/// # Panics
/// Where a reader keeps more than its bound, or reads differently where the octets come in pieces: what is being looked for.
pub fn modem_octets(received: &[u8]) {
    let (mut data, mut answers, mut telnet) = (Vec::new(), Vec::new(), Telnet::default());
    telnet.read(received, &mut data, &mut answers);
    assert!(data.len() <= received.len() && answers.len() <= received.len());
    assert!(Telnet::opening(9600, FlowControl::None).len() < 256);
    let tokens = tokens(&[received]);
    let middle = received.len() / 2;
    assert_eq!(tokens, self::tokens(&[&received[..middle], &received[middle..]]));
    let lines: Vec<String> = tokens
        .into_iter()
        .filter_map(|token| match token {
            Token::Line(line) => Some(line),
            Token::Prompt => None,
        })
        .collect();
    for line in &lines {
        assert!(line.chars().count() <= MOST_LINE && !line.is_empty());
        match classify(line) {
            Reply::Error(error) => assert!(error.detail().len() < 100),
            Reply::Event(Event::Stored { memory, .. }) => assert!(memory.chars().count() <= 4),
            _ => {}
        }
        if let Some(pdu) = octets(line) {
            assert!(pdu.len() <= 256 && hexadecimal(&pdu).eq_ignore_ascii_case(line));
            modem_pdu(&pdu);
        }
    }
    let answer = Answer { lines, end: End::Ok };
    let _ = (Sim::read(&answer), Registration::read(&answer, "+CREG"), answer.plain("+CGMM"));
    assert!(sim::signal_dbm(&answer).is_none_or(|dbm| (-113..=-51).contains(&dbm)));
    assert!(sim::operator(&answer).is_none_or(|name| name.chars().count() <= 64));
    assert!(listed(&answer).len() <= answer.lines.len() / 2);
}

/// Reads a message or report as it is stored.
///
/// # Panics
/// Where more is made of it than it holds.
pub fn modem_pdu(pdu: &[u8]) {
    match split_service_centre(pdu).and_then(Tpdu::read) {
        Some(Tpdu::StatusReport(report)) => {
            let receipt = Ledger::default().receipt("a1b2c3", &report);
            assert!((1..=3).contains(&receipt.candidates.len()));
            assert!(receipt.candidates.iter().all(|id| id.len() <= 64));
        }
        Some(Tpdu::Deliver(deliver)) => assert!(deliver.text().chars().count() <= 160),
        None => {}
    }
}

fn tokens(pieces: &[&[u8]]) -> VecDeque<Token> {
    let (mut lines, mut tokens) = (Lines::default(), VecDeque::new());
    for piece in pieces {
        lines.read(piece, &mut tokens);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_read(octets: Vec<u8>) {
            modem_octets(&octets);
        }

        #[test]
        fn anything_that_looks_like_an_answer_is_read(
            lines in prop::collection::vec(
                ("(\\+(CM[STE]|CREG|CPIN|CSQ|COPS|CMGL|CMGR|CDS|CMT|CMTI|CDSI|CMGS|CNMI)( ERROR)?:)? ?[0-9A-F,\"a-z> -]{0,60}",
                 prop::sample::select(vec!["\r\n", "\r", "\n", ">", "", "\0"])), 0..12),
        ) {
            let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            modem_octets(text.as_bytes());
        }

        #[test]
        fn a_line_without_an_end_is_bounded(octet: u8, count in 0..20_000usize) {
            modem_octets(&vec![octet; count]);
        }

        #[test]
        fn any_pdu_is_read(pdu in prop::collection::vec(any::<u8>(), 0..200)) {
            modem_pdu(&pdu);
            modem_octets(format!("+CDS: 30\r\n{}\r\n", hexadecimal(&pdu)).as_bytes());
        }
    }
}
