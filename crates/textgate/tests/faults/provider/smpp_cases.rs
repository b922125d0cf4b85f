//! SMSCs that fail: away, refusing, cut off, silent, wrong, or not an SMSC at all.

use super::cases::Case;
use super::raw::{self, BIND_TRANSCEIVER, Nobody, Pdu, Reply, SUBMIT_SM, pdu, says};
use crate::kit::{provider, smpp, smsc_that};
use crate::run::is_long;
use std::sync::Arc;
use std::time::Duration;
use textgate_simulator::{Behaviour, Fault, LastAnswer, Silence, Status, Submit};

/// Nothing was written, or nothing at all was tried.
const AWAY: &[&str] = &["-", "unavailable"];
const UNCERTAIN: &[&str] = &["uncertain"];
const SENT: &[&str] = &["sent"];

/// An SMSC of the simulator.
async fn simulated(name: &str, behaviour: Behaviour, outcomes: &'static [&'static str]) -> Case {
    let smsc = smsc_that(behaviour).await;
    Case::new(name, smpp("main", smsc.address(), ""), outcomes).with(smsc)
}

async fn faulty(name: &str, fault: Fault, outcomes: &'static [&'static str]) -> Case {
    simulated(name, Behaviour { fault, ..Behaviour::default() }, outcomes).await.up()
}

/// An SMSC that answers submits so, and all else as it should.
async fn submits(
    name: impl Into<String>,
    answer: impl Fn(&Pdu) -> Reply + Send + Sync + 'static,
    outcomes: &'static [&'static str],
) -> Case {
    let script =
        move |pdu: &Pdu| if pdu.command == SUBMIT_SM { answer(pdu) } else { Reply::Say(pdu.answer()) };
    let smsc = raw::smsc(script).await;
    Case::new(name, smpp("main", smsc.address, ""), outcomes).up().with(smsc)
}

/// The same for binds.
async fn binds(
    name: impl Into<String>,
    answer: impl Fn(&Pdu) -> Reply + Send + Sync + 'static,
    outcomes: &'static [&'static str],
) -> Case {
    let script =
        move |pdu: &Pdu| if pdu.command == BIND_TRANSCEIVER { answer(pdu) } else { Reply::Say(pdu.answer()) };
    let smsc = raw::smsc(script).await;
    Case::new(name, smpp("main", smsc.address, ""), outcomes).with(smsc)
}

pub async fn all() -> Vec<Case> {
    let nobody = Nobody::new();
    let mut cases = vec![Case::new("nobody listens", smpp("main", nobody.address, ""), AWAY).with(nobody)];
    let turns_away = Behaviour { turns_away: true, ..Behaviour::default() };
    cases.push(simulated("closes each connection at once", turns_away, AWAY).await);
    let silent = |silence| Behaviour { silence, ..Behaviour::default() };
    cases.push(simulated("never answers the bind", silent(Silence::Everything), AWAY).await);
    for status in [Status::RBINDFAIL, Status::RINVPASWD, Status::RINVSYSID, Status::RALYBND, Status::RSYSERR]
    {
        let refusing = Behaviour { bind_status: status, ..Behaviour::default() };
        cases.push(
            simulated(&format!("refuses the bind: {status}"), refusing, &["-", "unavailable", "account"])
                .await,
        );
    }
    cases.push(simulated("never answers a submit", silent(Silence::Submits), UNCERTAIN).await.up());
    let late = Behaviour { answer_delay: Duration::from_millis(1_500), ..Behaviour::default() };
    cases.push(simulated("answers a submit too late", late, UNCERTAIN).await.up());
    let slow = Behaviour { answer_delay: Duration::from_millis(200), ..Behaviour::default() };
    cases.push(simulated("answers a submit late, but in time", slow, SENT).await.up().taken_by("main"));
    for (name, last_answer) in [("without an answer", LastAnswer::None), ("in its answer", LastAnswer::Half)]
    {
        let drop = Fault::Drop { after: 1, last_answer };
        cases.push(faulty(&format!("takes a submit and drops the connection {name}"), drop, UNCERTAIN).await);
    }
    let deaf = Behaviour { fault: Fault::StopReading { after: 0 }, ..Behaviour::default() };
    cases.push(simulated("reads nothing", deaf, AWAY).await);
    cases.push(
        faulty("answers with a sequence number that nobody used", Fault::WrongSequence, UNCERTAIN).await,
    );
    cases.push(faulty("sends PDUs that nobody knows", Fault::UnknownPdus, SENT).await.taken_by("main"));
    cases.extend(cut().await);
    cases.extend(odd_answers().await);
    cases.extend(other_protocols().await);
    cases
}

/// The connection ends after each octet of an answer (in the short form after each fifth).
async fn cut() -> Vec<Case> {
    let step = if is_long() { 1 } else { 5 };
    let mut cases = Vec::new();
    // 16 octets of header, and the body of `Pdu::answer`.
    for count in (0..20).step_by(step) {
        let name = format!("drops after {count} octets of 20 of bind_resp");
        let answer = move |pdu: &Pdu| Reply::SayAndClose(pdu.answer()[..count].to_vec());
        cases.push(binds(name, answer, AWAY).await);
    }
    for count in (0..21).step_by(step) {
        let name = format!("drops after {count} octets of 21 of submit_sm_resp");
        let answer = move |pdu: &Pdu| Reply::SayAndClose(pdu.answer()[..count].to_vec());
        cases.push(submits(name, answer, UNCERTAIN).await);
    }
    let whole = |pdu: &Pdu| Reply::SayAndClose(pdu.answer());
    cases.push(submits("drops after the whole submit_sm_resp", whole, SENT).await.taken_by("main"));
    cases
}

/// Answers that are PDUs, or nearly so.
async fn odd_answers() -> Vec<Case> {
    let mut cases = Vec::new();
    let twice = |pdu: &Pdu| Reply::Say([pdu.answer(), pdu.answer()].concat());
    cases.push(submits("answers twice", twice, SENT).await.taken_by("main"));
    let unknown_first = |request: &Pdu| {
        let unknown = pdu(SUBMIT_SM | 0x8000_0000, 0, request.sequence + 1_000, b"x\0");
        Reply::Say([unknown, request.answer()].concat())
    };
    cases.push(
        submits("answers what was never asked, and then what was", unknown_first, SENT)
            .await
            .taken_by("main"),
    );
    for (name, length) in
        [("of 0 octets", 0), ("of 15 octets", 15), ("of 16 MiB", 1 << 24), ("of 4 GiB", u32::MAX)]
    {
        let answer = move |pdu: &Pdu| {
            let mut octets = pdu.answer();
            octets[..4].copy_from_slice(&u32::to_be_bytes(length));
            Reply::Say(octets)
        };
        cases.push(submits(format!("answers with a PDU {name}"), answer, UNCERTAIN).await);
        cases.push(binds(format!("answers the bind with a PDU {name}"), answer, AWAY).await);
    }
    let bare = |request: &Pdu| Reply::Say(pdu(SUBMIT_SM | 0x8000_0000, 0, request.sequence, b""));
    cases.push(submits("takes it without a message id", bare, SENT).await.taken_by("main"));
    let endless =
        |request: &Pdu| Reply::Say(pdu(SUBMIT_SM | 0x8000_0000, 0, request.sequence, &[b'7'; 60_000]));
    cases.push(submits("takes it under an id of 60,000 octets", endless, SENT).await.taken_by("main"));
    let other = |request: &Pdu| Reply::Say(pdu(0x8000_0103, 0, request.sequence, b"x\0"));
    cases
        .push(submits("answers submit_sm with data_sm_resp", other, &["uncertain", "sent", "refused"]).await);
    let nack = |request: &Pdu| Reply::Say(pdu(0x8000_0000, 3, request.sequence, b""));
    cases.push(submits("answers with generic_nack", nack, &["refused"]).await);
    let unbind = |_: &Pdu| Reply::Say(pdu(0x06, 0, 1, b""));
    cases.push(submits("unbinds instead of an answer", unbind, UNCERTAIN).await);
    cases.push(binds("answers the bind with generic_nack", nack, AWAY).await);
    cases.push(binds("answers the bind with submit_sm_resp", bare, AWAY).await);
    cases
        .push(binds("answers the bind with another bind", |_| Reply::Say(pdu(9, 0, 1, &[0; 7])), AWAY).await);
    cases
}

/// Somebody else is at that port.
async fn other_protocols() -> Vec<Case> {
    let mut cases = Vec::new();
    let web = provider().await;
    cases.push(Case::new("is an HTTP server", smpp("main", web.address(), ""), AWAY).with(web));
    for (name, greeting) in [
        ("SSH", &b"SSH-2.0-OpenSSH_9.2\r\n"[..]),
        ("SMTP", b"220 mail.example.com ESMTP\r\n"),
        ("TLS", b"\x15\x03\x01\x00\x02\x02\x46"),
    ] {
        let server = says(vec![greeting.to_vec()], true, false).await;
        cases.push(Case::new(format!("speaks {name}"), smpp("main", server.address, ""), AWAY).with(server));
    }
    let plain = smsc_that(Behaviour::default()).await;
    cases.push(
        Case::new("has no TLS where TLS is set", smpp("main", plain.address(), "tls = true"), AWAY)
            .with(plain),
    );
    cases
}

/// What each command_status of SMPP 3.4 §5.1.3 means for a code with a failover: by what to do about it.
const STATUSES: &[(&str, &[u32])] = &[
    ("unavailable", &[0x04, 0x05, 0x08, 0x45, 0x64]),
    ("throttled", &[0x14, 0x58]),
    ("account", &[0x0D, 0x0E, 0x0F, 0x53]),
    ("rejected", &[0x0B]),
    (
        "refused",
        &[
            0x01,
            0x02,
            0x03,
            0x06,
            0x07,
            0x0A,
            0x0C,
            0x11,
            0x13,
            0x15,
            0x33,
            0x34,
            0x40,
            0x42,
            0x43,
            0x44,
            0x48,
            0x49,
            0x50,
            0x51,
            0x54,
            0x55,
            0x61,
            0x62,
            0x63,
            0x65,
            0x66,
            0x67,
            0xC0,
            0xC1,
            0xC2,
            0xC3,
            0xC4,
            0xFE,
            0xFF, // Reserved, an SMSC vendor's own (0x400 to 0x4FF), and nonsense.
            0x09,
            0x400,
            0x4FF,
            0xFFFF_FFFF,
        ],
    ),
];

pub async fn statuses() -> Vec<Case> {
    let mut cases = Vec::new();
    for (class, statuses) in STATUSES {
        for status in *statuses {
            let status = Status(*status);
            let decide = Arc::new(move |_: &Submit<'_>| Some(status));
            let behaviour = Behaviour { decide: Some(decide), ..Behaviour::default() };
            let case = simulated(&format!("{status}"), behaviour, std::slice::from_ref(class)).await.up();
            cases.push(if *class == "rejected" { case.taken_by("failed") } else { case });
        }
    }
    cases
}
