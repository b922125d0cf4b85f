//! A terminal's view of the modem, without any I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{MAX_BODY, MAX_LINE, Session};
use crate::modem::shared::Shared;
use crate::modem::{
    Cure, ModemBehaviour, ModemError, ModemOptions, ModemPort, Registration, Reports, Sim, Turn,
};
use crate::sync::lock;

/// To 15550100100, "hellohello", with a report; its TPDU has 22 octets.
const PDU: &str = "0021000B915155100001F000000AE8329BFD4697D9EC37";

struct Terminal {
    session: Session,
    shared: Arc<Shared>,
}

fn modem(options: ModemOptions) -> Terminal {
    let ports = vec![ModemPort::Tcp(([127, 0, 0, 1], 0).into())];
    let shared = Arc::new(Shared::new(ModemOptions { ports, ..options }));
    let mut session = Session::new(Arc::clone(&shared), 0);
    session.opened();
    Terminal { session, shared }
}

fn terminal() -> Terminal {
    let mut terminal = modem(ModemOptions::default());
    assert_eq!(terminal.ask("ATE0"), "ATE0\r\r\nOK\r\n");
    terminal
}

impl Terminal {
    fn type_in(&mut self, text: &str) -> String {
        let mut rest = text.as_bytes();
        while !rest.is_empty() && self.session.reads() {
            let read = self.session.read(rest);
            rest = &rest[read..];
        }
        self.hear()
    }

    fn ask(&mut self, line: &str) -> String {
        self.type_in(&format!("{line}\r"))
    }

    fn hear(&mut self) -> String {
        self.session.due();
        String::from_utf8(std::mem::take(&mut self.session.out)).unwrap()
    }

    fn behave(&mut self, behaviour: ModemBehaviour) {
        self.session.adopt(Arc::new(behaviour.clone()));
        self.shared.behaviour.send_replace(Arc::new(behaviour));
    }

    fn send(&mut self) -> String {
        assert_eq!(self.ask("AT+CMGS=22"), "\r\n> ");
        self.type_in(&format!("{PDU}\u{1a}"))
    }
}

#[test]
fn echo_verbose_and_quiet_are_as_v_250_says() {
    let mut terminal = modem(ModemOptions::default());
    assert_eq!(terminal.ask("AT"), "AT\r\r\nOK\r\n");
    assert_eq!(terminal.ask("ATE0V0"), "ATE0V0\r0\r");
    assert_eq!(terminal.ask("AT+NONSENSE"), "4\r");
    assert_eq!(terminal.ask("AT+CGMM"), "Simulated modem\r\n0\r");
    assert_eq!(terminal.ask("ATQ1"), "");
    assert_eq!(terminal.ask("AT+CGMM"), "Simulated modem\r\n");
    assert_eq!(terminal.ask("ATZ"), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT&F"), "AT&F\r\r\nOK\r\n");
    assert_eq!(terminal.ask("ATE0"), "ATE0\r\r\nOK\r\n");
    assert_eq!(terminal.type_in("A/"), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AX\x08T"), "\r\nOK\r\n", "a character is taken back");
    assert_eq!(terminal.ask("noise"), "", "a line without AT is none");
    assert_eq!(terminal.ask("ATS3?"), "\r\n013\r\n\r\nOK\r\n");
}

#[test]
fn errors_are_written_as_cmee_wants() {
    let mut terminal = modem(ModemOptions { sim: None, ..ModemOptions::default() });
    terminal.ask("ATE0");
    assert_eq!(terminal.ask("AT+CPIN?"), "\r\nERROR\r\n");
    assert_eq!(terminal.ask("AT+CMEE=1;+CPIN?"), "\r\n+CME ERROR: 10\r\n");
    assert_eq!(terminal.ask("AT+CMEE=2;+CPIN?"), "\r\n+CME ERROR: SIM not inserted\r\n");
    assert_eq!(terminal.ask("AT+CMGS=22"), "\r\n+CMS ERROR: 310\r\n");
    assert_eq!(terminal.ask("AT+CMEE=9"), "\r\n+CME ERROR: Incorrect parameters\r\n");
    assert_eq!(terminal.ask("AT+CREG?"), "\r\n+CREG: 0,0\r\n\r\nOK\r\n");
}

#[test]
fn a_pin_is_needed_counts_down_and_ends_in_the_puk() {
    let sim = Some(Sim { pin: Some("1234".into()), ..Sim::default() });
    let mut terminal = modem(ModemOptions { sim, ..ModemOptions::default() });
    terminal.ask("ATE0+CMEE=1");
    assert_eq!(terminal.ask("AT+CPIN?"), "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CIMI"), "\r\n+CME ERROR: 11\r\n");
    assert_eq!(terminal.ask("AT+CMGS=22"), "\r\n+CMS ERROR: 311\r\n");
    assert_eq!(terminal.ask("AT+CPIN=0000"), "\r\n+CME ERROR: 16\r\n");
    assert!(terminal.ask("AT+CPINR").contains("+CPINR: SIM PIN,2,3"));
    assert_eq!(terminal.ask("AT+CPIN=\"1234\""), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CPIN?;+CREG?"), "\r\n+CPIN: READY\r\n+CREG: 0,1\r\n\r\nOK\r\n");
    // A reset asks again; three wrong ones block it.
    terminal.ask("AT+CFUN=1,1");
    terminal.ask("ATE0+CMEE=1");
    for expected in ["16", "16", "12", "12"] {
        assert_eq!(terminal.ask("AT+CPIN=9999"), format!("\r\n+CME ERROR: {expected}\r\n"));
    }
    assert_eq!(terminal.ask("AT+CPIN?"), "\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CPIN=1,2"), "\r\n+CME ERROR: 16\r\n");
    assert_eq!(terminal.ask("AT+CPIN=\"12345678\",\"4321\""), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CLCK=\"SC\",2"), "\r\n+CLCK: 1\r\n\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CLCK=\"SC\",0,\"4321\""), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CLCK=\"SC\",2"), "\r\n+CLCK: 0\r\n\r\nOK\r\n");
}

#[test]
fn a_message_is_taken_and_gets_its_reference() {
    let mut terminal = terminal();
    assert_eq!(terminal.send(), "\r\n+CMGS: 1\r\n\r\nOK\r\n");
    assert_eq!(terminal.send(), "\r\n+CMGS: 2\r\n\r\nOK\r\n");
    let records = lock(&terminal.shared.recorder.records);
    assert_eq!(records.messages.all().len(), 2);
    assert_eq!(
        (records.messages.all()[0].text.as_str(), records.messages.all()[0].destination.number.as_str()),
        ("hellohello", "15550100100")
    );
}

#[test]
fn what_is_wrong_with_a_message_is_refused_and_nothing_taken() {
    let mut terminal = terminal();
    for (length, body) in [("21", PDU), ("22", "zz"), ("22", &PDU[2..])] {
        assert_eq!(terminal.ask(&format!("AT+CMGS={length}")), "\r\n> ");
        assert_eq!(terminal.type_in(&format!("{body}\u{1a}")), "\r\n+CMS ERROR: 304\r\n");
    }
    assert_eq!(terminal.ask("AT+CMGS=22"), "\r\n> ");
    assert_eq!(terminal.type_in(&format!("{PDU}\u{1b}")), "\r\nOK\r\n", "ESC sends nothing");
    lock(&terminal.shared.device).registration = Registration::Denied;
    assert_eq!(terminal.send(), "\r\n+CMS ERROR: 331\r\n");
    assert_eq!(terminal.ask("AT+CMGS=500"), "\r\n+CMS ERROR: 304\r\n");
    assert!(lock(&terminal.shared.recorder.records).submits.all().is_empty());
}

#[test]
fn a_report_comes_when_the_line_is_idle() {
    let mut terminal = terminal();
    assert_eq!(terminal.ask("AT+CNMI=2,1,0,1,0"), "\r\nOK\r\n");
    let said = terminal.send();
    let (answer, report) = said.split_once("\r\n+CDS: ").unwrap();
    assert_eq!(answer, "\r\n+CMGS: 1\r\n\r\nOK\r\n");
    assert!(report.contains("06010B915155100001F0"), "{report}");
    assert!(report.ends_with("00\r\n"));
    terminal.type_in("A");
    terminal.shared.take(&crate::modem::tpdu::TpSubmit::read(&hex(PDU), 22).unwrap(), 0);
    assert_eq!(terminal.hear(), "", "not into a line that is begun");
    assert!(terminal.ask("T").starts_with("\r\nOK\r\n\r\n+CDS: "));
}

fn hex(text: &str) -> Vec<u8> {
    crate::modem::tpdu::from_hex(text.as_bytes()).unwrap()
}

#[test]
fn a_report_is_stored_with_an_indication_where_that_is_asked_for() {
    let mut terminal = terminal();
    terminal.ask("AT+CNMI=2,1,0,2,0");
    assert!(terminal.send().ends_with("\r\n+CDSI: \"SR\",1\r\n"));
    assert_eq!(terminal.ask("AT+CPMS=\"SR\""), "\r\n+CPMS: 1,100,0,20,0,20\r\n\r\nOK\r\n");
    assert!(terminal.ask("AT+CMGR=1").starts_with("\r\n+CMGR: 0,,25\r\n07915155100000F006010B"));
    assert_eq!(terminal.ask("AT+CMGD=1"), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CMGR=1"), "\r\n+CMS ERROR: 321\r\n");
}

#[test]
fn in_service_1_each_report_waits_for_the_acknowledgement_of_the_one_before() {
    let mut terminal = terminal();
    assert_eq!(terminal.ask("AT+CNMA"), "\r\n+CMS ERROR: 340\r\n");
    assert_eq!(terminal.ask("AT+CSMS=1"), "\r\n+CSMS: 1,1,0\r\n\r\nOK\r\n");
    terminal.behave(ModemBehaviour {
        reports: Reports { duplicates: 1, ..Reports::default() },
        acknowledge_within: Some(Duration::from_millis(1)),
        ..ModemBehaviour::default()
    });
    terminal.ask("AT+CNMI=2,1,0,1,0");
    assert_eq!(terminal.send().matches("+CDS").count(), 1);
    assert!(terminal.ask("AT+CNMA").contains("OK\r\n\r\n+CDS"));
    // Not acknowledged: routing ends, and the network keeps it.
    let due = terminal.session.next_due().unwrap();
    while Instant::now() < due {
        std::thread::yield_now();
    }
    assert_eq!(terminal.hear(), "");
    assert_eq!(terminal.ask("AT+CNMI?"), "\r\n+CNMI: 2,0,0,0,0\r\n\r\nOK\r\n");
}

#[test]
fn each_turn_does_what_it_says_to_a_message() {
    let cases: [(Turn, &str, usize); 7] = [
        (Turn::Refuse(ModemError::Cms(500)), "\r\n+CMS ERROR: 500\r\n", 0),
        (Turn::Ignore, "", 0),
        (Turn::Garbage(b"\x7f~".to_vec()), "\x7f~", 0),
        (Turn::LoseAnswer, "", 1),
        (Turn::LoseFinal, "\r\n+CMGS: 1\r\n", 1),
        (Turn::RefuseAfter(ModemError::Cms(332)), "\r\n+CMGS: 1\r\n\r\n+CMS ERROR: 332\r\n", 1),
        (Turn::Interrupt(vec!["RING".into()]), "\r\n+CMGS: 1\r\n\r\nRING\r\n\r\nOK\r\n", 1),
    ];
    for (turn, answer, taken) in cases {
        let mut terminal = terminal();
        terminal.shared.once("message", turn.clone());
        assert_eq!(terminal.send(), answer, "{turn:?}");
        assert_eq!(lock(&terminal.shared.recorder.records).submits.all().len(), taken, "{turn:?}");
        assert_eq!(terminal.ask("AT"), "\r\nOK\r\n", "once only: {turn:?}");
    }
}

#[test]
fn a_hang_ends_by_its_cure_and_no_smaller_one() {
    let mut terminal = terminal();
    terminal.shared.once("+CSQ", Turn::Hang(Cure::Cfun));
    assert_eq!(terminal.ask("AT+CSQ") + &terminal.ask("AT"), "");
    assert_eq!(terminal.ask("AT+CFUN=1,1"), "\r\nOK\r\n");
    assert_eq!(terminal.ask("ATE0"), "ATE0\r\r\nOK\r\n", "settings are the factory's");
    terminal.shared.once("message", Turn::HangAfter(Cure::Reopen));
    assert_eq!(terminal.send() + &terminal.ask("AT+CFUN=1,1"), "");
    terminal.session.dropped_dtr();
    assert_eq!(terminal.ask("AT"), "\r\nOK\r\n");
    terminal.shared.once("", Turn::Hang(Cure::Replug));
    assert_eq!(terminal.ask("AT"), "");
    terminal.session.closed();
    terminal.session.opened();
    assert_eq!(terminal.ask("AT"), "");
    terminal.shared.start(true);
    assert_eq!(terminal.hear() + &terminal.ask("AT"), "AT\r\r\nOK\r\n");
}

#[test]
fn inbound_messages_are_stored_listed_read_and_deleted() {
    let mut terminal = terminal();
    terminal.ask("AT+CNMI=2,1");
    receive(&terminal, "hellohello");
    assert_eq!(terminal.hear(), "\r\n+CMTI: \"SM\",1\r\n");
    assert!(terminal.ask("AT+CMGL=4").starts_with("\r\n+CMGL: 1,0,,28\r\n07915155100000F0040B91"));
    assert_eq!(terminal.ask("AT+CMGL=0"), "\r\nOK\r\n", "it is read now");
    assert_eq!(terminal.ask("AT+CMGF=1"), "\r\nOK\r\n");
    let shown = terminal.ask("AT+CMGL=\"ALL\"");
    assert!(shown.starts_with("\r\n+CMGL: 1,\"REC READ\",\"+15550100100\",,\""), "{shown}");
    assert!(shown.ends_with("\r\nhellohello\r\n\r\nOK\r\n"), "{shown}");
    assert_eq!(terminal.ask("AT+CMGD=1,4"), "\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CPMS?"), "\r\n+CPMS: \"SM\",0,20,\"SM\",0,20,\"SM\",0,20\r\n\r\nOK\r\n");
}

fn receive(terminal: &Terminal, text: &str) {
    use crate::modem::device::Incoming;
    use crate::modem::tpdu::{Deliver, TpAddress};
    let deliver = Deliver {
        sender: TpAddress::of("+15550100100"),
        protocol_id: 0,
        data_coding: 0,
        stamp: [0; 7],
        header: Vec::new(),
        content: crate::text::encode_gsm7(text).unwrap(),
    };
    terminal.shared.arrive(Duration::ZERO, Incoming::Message(deliver.tpdu()));
}

#[test]
fn a_full_sim_leaves_messages_in_the_network_until_there_is_room() {
    let sim = Some(Sim { capacity: 1, ..Sim::default() });
    let mut terminal = modem(ModemOptions { sim, ..ModemOptions::default() });
    terminal.ask("ATE0+CNMI=2,1");
    receive(&terminal, "one");
    receive(&terminal, "two");
    assert_eq!(terminal.hear(), "\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(lock(&terminal.shared.device).waiting(), 1);
    assert_eq!(terminal.ask("AT+CMGD=1"), "\r\nOK\r\n\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(terminal.ask("AT+CMGW=22"), "\r\n> ");
    assert_eq!(terminal.type_in(&format!("{PDU}\u{1a}")), "\r\n+CMS ERROR: 322\r\n");
}

#[test]
fn messages_are_written_and_sent_from_the_sim() {
    let mut terminal = terminal();
    assert_eq!(terminal.ask("AT+CMGW=22"), "\r\n> ");
    assert_eq!(terminal.type_in(&format!("{PDU}\u{1a}")), "\r\n+CMGW: 1\r\n\r\nOK\r\n");
    assert_eq!(terminal.ask("AT+CMSS=1"), "\r\n+CMSS: 1\r\n\r\nOK\r\n");
    assert_eq!(lock(&terminal.shared.recorder.records).messages.all()[0].text, "hellohello");
    assert_eq!(terminal.ask("AT+CMSS=2"), "\r\n+CMS ERROR: 321\r\n");
}

#[test]
fn texts_are_sent_in_text_mode() {
    let mut terminal = terminal();
    terminal.ask("AT+CMGF=1;+CSCS=\"IRA\"");
    assert_eq!(terminal.ask("AT+CMGS=\"+15550100100\""), "\r\n> ");
    assert_eq!(terminal.type_in("hi $5\u{1a}"), "\r\n+CMGS: 1\r\n\r\nOK\r\n");
    terminal.ask("AT+CSMP=17,167,0,8");
    assert_eq!(terminal.ask("AT+CMGS=\"+15550100100\""), "\r\n> ");
    assert_eq!(terminal.type_in("0416\u{1a}"), "\r\n+CMGS: 2\r\n\r\nOK\r\n");
    let records = lock(&terminal.shared.recorder.records);
    assert_eq!(
        [records.messages.all()[0].text.as_str(), records.messages.all()[1].text.as_str()],
        ["hi $5", "Ж"]
    );
}

#[test]
fn a_lost_registration_is_told_and_asked_for() {
    let mut terminal = terminal();
    terminal.ask("AT+CREG=2;+CEREG=1");
    lock(&terminal.shared.device).registration = Registration::Searching;
    assert_eq!(terminal.hear(), "\r\n+CREG: 2\r\n\r\n+CEREG: 2\r\n");
    assert_eq!(terminal.ask("AT+CSQ;+COPS?"), "\r\n+CSQ: 99,99\r\n+COPS: 0\r\n\r\nOK\r\n");
    lock(&terminal.shared.device).registration = Registration::Roaming;
    assert_eq!(terminal.hear(), "\r\n+CREG: 5,\"00C3\",\"0000A1B2\"\r\n\r\n+CEREG: 5\r\n");
}

#[test]
fn a_slow_command_holds_what_comes_after_it() {
    let mut terminal = terminal();
    let delays = vec![("+CSQ".to_owned(), Duration::from_millis(2))];
    terminal.behave(ModemBehaviour { delays, ..ModemBehaviour::default() });
    assert_eq!(terminal.type_in("AT+CSQ\rAT\r"), "");
    assert!(!terminal.session.reads());
    let due = terminal.session.next_due().unwrap();
    while Instant::now() < due {
        std::thread::yield_now();
    }
    assert_eq!(terminal.hear(), "\r\n+CSQ: 21,99\r\n\r\nOK\r\n");
}

#[test]
fn lines_and_messages_without_an_end_do_not_grow() {
    let mut terminal = terminal();
    assert_eq!(terminal.ask(&"AT+CSQ;".repeat(MAX_LINE)), "\r\nERROR\r\n");
    assert_eq!(terminal.ask("AT+CMGS=22"), "\r\n> ");
    assert_eq!(terminal.type_in(&"0".repeat(10 * MAX_BODY)), "");
    assert_eq!(terminal.type_in("\u{1a}"), "\r\n+CMS ERROR: 305\r\n");
    assert_eq!(terminal.ask("AT"), "\r\nOK\r\n");
}

proptest! {
    #[test]
    fn no_octets_make_the_modem_fall_over(octets in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut terminal = modem(ModemOptions::default());
        terminal.session.read(&octets);
        terminal.session.due();
        prop_assert!(terminal.session.out.len() < 100 * MAX_LINE);
    }

    #[test]
    fn no_commands_make_the_modem_fall_over(
        lines in prop::collection::vec(
            ("[+&]?(CMGS|CMGW|CMGL|CMGR|CMGD|CPMS|CNMI|CSCS|CMGF|CPIN|CSMP|CMSS|E|V|Q|S|D|Z|CSCA|CNMA|COPS)",
             "[=?]{0,2}[\"A-Z0-9,;+ ]{0,20}"),
            0..20,
        ),
    ) {
        let mut terminal = modem(ModemOptions::default());
        for (name, rest) in lines {
            terminal.session.read(format!("AT{name}{rest}\r").as_bytes());
            terminal.session.due();
            terminal.session.out.clear();
        }
    }
}
