//! The dialogue with a modem that the test plays by hand.

use super::kit::{soon, timing};
use crate::modem::dialogue::{Dialogue, End, Said};
use crate::modem::errors::AtError;
use crate::modem::port::Port;
use crate::modem::reply::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

fn dialogue() -> (Dialogue, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(4096);
    (Dialogue::new(Port::duplex(ours), timing()), theirs)
}

/// Reads one command and answers it.
async fn answers(modem: &mut DuplexStream, answer: &str) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\r') {
        line.push(modem.read_u8().await.unwrap());
    }
    modem.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(line).unwrap().trim().to_owned()
}

#[tokio::test]
async fn what_was_not_asked_for_is_taken_out_of_the_middle_of_an_answer() {
    let (mut dialogue, mut modem) = dialogue();
    let answer = "AT+CMGL=4\r\r\n+CMGL: 1,1,,25\r\n+CMTI: \"SM\",7\r\n0011\r\n+CDS: 2\r\n00FF\r\nRING\r\n\
                  +CMGL: 2,0,,25\r\n0022\r\n+CREG: 2\r\n\r\nOK\r\n";
    let (got, line) = tokio::join!(dialogue.command("+CMGL=4"), answers(&mut modem, answer));
    let got = got.unwrap();
    assert_eq!(line, "AT+CMGL=4");
    assert!(got.is_ok());
    assert_eq!(got.lines, ["+CMGL: 1,1,,25", "0011", "RING", "+CMGL: 2,0,,25", "0022"]);
    let stored = Event::Stored { memory: "SM".into(), index: 7 };
    assert_eq!(Vec::from(dialogue.events), [stored, Event::Pdu(vec![0, 0xFF]), Event::Registration]);
}

#[tokio::test]
async fn a_command_that_is_not_answered_is_given_up_and_the_next_one_has_its_own_answer() {
    let (mut dialogue, mut modem) = dialogue();
    let scripted = async {
        answers(&mut modem, "").await;
        // To ESC and CR, then to AT.
        answers(&mut modem, "").await;
        answers(&mut modem, "\r\nERROR\r\n\r\nOK\r\n").await;
        answers(&mut modem, "\r\n+CSQ: 9,0\r\n\r\nOK\r\n").await
    };
    let asked = async {
        let first = dialogue.command("+COPS?").await.unwrap();
        (first, dialogue.command("+CSQ").await.unwrap())
    };
    let ((first, second), line) = soon("both answers", async { tokio::join!(asked, scripted) }).await;
    assert_eq!((first.end, line.as_str()), (End::Silence, "AT+CSQ"));
    assert_eq!(second.value("+CSQ"), Some("9,0"));
}

#[tokio::test]
async fn errors_prompts_and_the_end_of_the_line_are_told() {
    let (mut dialogue, mut modem) = dialogue();
    modem.write_all(b"\r\n> ").await.unwrap();
    assert_eq!(dialogue.next().await.unwrap(), Said::Prompt);
    modem.write_all(b"\r\n+CMS ERROR: 500\r\n").await.unwrap();
    assert_eq!(dialogue.next().await.unwrap(), Said::Error(AtError::Cms(500)));
    drop(modem);
    assert!(dialogue.next().await.unwrap_err().reason.contains("unplugged"));
}

#[tokio::test]
async fn events_without_end_are_bounded_and_the_memories_are_looked_through_instead() {
    let (mut dialogue, mut modem) = dialogue();
    let flood = async {
        for n in 0..1000 {
            modem.write_all(format!("+CMTI: \"SM\",{n}\r\n").as_bytes()).await.unwrap();
        }
        modem.write_all(b"OK\r\n").await.unwrap();
    };
    let read = async { while dialogue.next().await.unwrap() != Said::Ok {} };
    tokio::join!(flood, read);
    assert!(dialogue.events.len() <= 256 && dialogue.has_overflowed);
}

#[tokio::test]
async fn a_modem_that_says_nothing_is_hung() {
    let (mut dialogue, _modem) = dialogue();
    let fault = soon("a fault", dialogue.sync()).await.unwrap_err();
    assert!(fault.is_hung && fault.reason.contains("does not answer"));
}
