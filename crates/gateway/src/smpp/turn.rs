//! The loop of one bind: each turn handles all that came, writes all that may leave, and waits for the next event.

use super::buffers::{Inbox, Outbox, poll_io, poll_send};
use super::connect::{Bound, Socket};
use super::gateway::{Role, Smpp};
use super::inbound::Arrivals;
use super::pdu::decode::{Frame, Header, SubmitResp, frame};
use super::pdu::{command, encode};
use super::session::{Filled, Line, Session};
use super::{settings::Account, status};
use crate::{Stop, Work};
use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{sleep_until, timeout};

/// How long a last PDU may take to leave, and unbind's response to come.
const GOODBYE: Duration = Duration::from_secs(1);
/// What is left of that, and of the drain, where nothing can be awaited any more.
const HURRY: Duration = Duration::from_millis(300);
/// How long receipts that are on their way may still be kept after the connection's end.
const KEEPING: Duration = Duration::from_secs(2);

/// How a session ended.
pub(super) enum Ended {
    /// As it was told to.
    Stopped,
    /// Otherwise, for this reason.
    Lost(String),
}

/// Why the loop ends.
enum Leave {
    Stop,
    /// Nothing more can be written.
    Lost(String),
    /// A last PDU is written: its command, status and sequence number.
    Goodbye(String, Header),
}

/// Whether the peer is there.
struct Link {
    enquire: Duration,
    patience: Duration,
    heard: Instant,
    asked: Option<Instant>,
}

impl Link {
    fn new(account: &Account, now: Instant) -> Self {
        Self { enquire: account.enquire_link, patience: account.response_timeout, heard: now, asked: None }
    }

    /// A whole PDU came: any shows life. Octets that make none do not.
    fn heard(&mut self, now: Instant) {
        (self.heard, self.asked) = (now, None);
    }

    fn due(&self) -> Instant {
        self.asked.map_or(self.heard + self.enquire, |asked| asked + self.patience)
    }
}

/// Serves a bound session until it is told to stop or the connection is lost. Hands back everything it took.
pub(super) async fn serve(smpp: &Smpp, role: Role, mut bound: Bound, work: &dyn Work, stop: &Stop) -> Ended {
    let mut session = Session::new(&smpp.account, &smpp.shared, work);
    session.window.next_sequence(); // the bind request's
    let mut arrivals = Arrivals::new(&smpp.account, work);
    let leave = turns(&smpp.account, role, &mut bound, &mut session, &mut arrivals, work, stop).await;
    let ended = match leave {
        Leave::Stop => {
            session.hand_back_all(Line::Up, "the gateway stopped");
            let goodbye = if stop.hurry.is_cancelled() { HURRY } else { GOODBYE };
            let _ = timeout(goodbye, unbind(&mut bound, &mut session)).await;
            return Ended::Stopped;
        }
        Leave::Goodbye(reason, last) => {
            session.hand_back_all(Line::Up, &reason);
            encode::empty(&mut session.outbox.octets, last.command, last.status, last.sequence);
            let _ = timeout(GOODBYE, close(&mut bound.socket, &mut session.outbox)).await;
            Ended::Lost(reason)
        }
        Leave::Lost(reason) => {
            session.hand_back_all(Line::Lost, &reason);
            Ended::Lost(reason)
        }
    };
    arrivals.finish(KEEPING).await;
    ended
}

async fn turns(
    account: &Account,
    role: Role,
    bound: &mut Bound,
    session: &mut Session<'_>,
    arrivals: &mut Arrivals<'_>,
    work: &dyn Work,
    stop: &Stop,
) -> Leave {
    let Bound { socket, inbox } = bound;
    let mut now = Instant::now();
    let mut link = Link::new(account, now);
    let mut stopped = pin!(stop.token.cancelled());
    let mut hurried = pin!(stop.hurry.cancelled());
    let mut is_hurried = false;
    let mut drain_ends = None;
    let mut alarm = pin!(sleep_until(link.due().into()));
    let mut armed = link.due();
    loop {
        if let Some(leave) = read_all(inbox, session, arrivals, &mut link, now) {
            return leave;
        }
        session.expire(now);
        // Not only when nothing comes in: under a flood something always does.
        arrivals.answer_kept(&mut session.outbox);
        let takes = role.sends() && drain_ends.is_none();
        let mut ready = pin!(work.ready().notified());
        if takes && session.has_room() {
            // Armed before looking, so that what comes in between is not missed.
            ready.as_mut().enable();
        }
        session.tell_pace(now);
        let filled = session.fill(takes, now);
        // Outcomes first: a receipt that came in the same turn finds its message sent.
        session.settle();
        arrivals.hand_on();
        if drain_ends.is_some_and(|end| end <= now || session.is_empty() && arrivals.is_empty()) {
            return Leave::Stop;
        }
        if !arrivals.has_room() {
            link.heard(now); // it is this side that does not read
        }
        if link.due() <= now {
            if link.asked.is_some() {
                return Leave::Lost("the SMSC did not answer enquire_link".to_owned());
            }
            // SMPP 3.4 §4.11
            let sequence = session.window.next_sequence();
            encode::empty(&mut session.outbox.octets, command::ENQUIRE_LINK, status::ROK, sequence);
            link.asked = Some(now);
        }
        let paced = match filled {
            Filled::Paced(at) => Some(at),
            Filled::Empty | Filled::Full => None,
        };
        let due = [session.due(), paced, drain_ends].into_iter().flatten().fold(link.due(), Instant::min);
        // Setting a timer costs more than an early turn now and then, so it is only ever set earlier.
        if due < armed || armed <= now {
            alarm.as_mut().reset(due.into());
            armed = due;
        }
        let may_read = arrivals.has_room() && !session.outbox.is_full();
        tokio::select! {
            biased;
            () = stopped.as_mut(), if drain_ends.is_none() => drain_ends = Some(Instant::now() + stop.drain),
            () = hurried.as_mut(), if drain_ends.is_some() && !is_hurried => {
                is_hurried = true;
                drain_ends = drain_ends.map(|end| end.min(Instant::now() + HURRY));
            }
            moved = poll_fn(|context| poll_io(socket, inbox, &mut session.outbox, may_read, context)) => {
                if let Err(error) = moved {
                    return Leave::Lost(match error.kind() {
                        std::io::ErrorKind::UnexpectedEof => "the SMSC closed the connection".to_owned(),
                        _ => format!("the connection broke: {error}"),
                    });
                }
            }
            kept = arrivals.kept(), if !arrivals.is_empty() => kept(&mut session.outbox),
            () = ready, if takes && filled == Filled::Empty => {}
            () = alarm.as_mut() => {}
        }
        now = Instant::now();
    }
}

/// Handles every whole PDU that is there.
fn read_all(
    inbox: &mut Inbox,
    session: &mut Session<'_>,
    arrivals: &mut Arrivals<'_>,
    link: &mut Link,
    now: Instant,
) -> Option<Leave> {
    loop {
        match frame(inbox.unread()) {
            Frame::Whole { header, body, length } => {
                link.heard(now);
                if let Some(leave) = handle(header, body, session, arrivals) {
                    return Some(leave);
                }
                inbox.consume(length);
            }
            Frame::Incomplete { length } => {
                inbox.expect(length);
                return None;
            }
            Frame::Nonsense => {
                // §4.3.1: where the sequence number cannot be told, 0.
                let nack = Header { command: command::GENERIC_NACK, status: status::RINVCMDLEN, sequence: 0 };
                return Some(Leave::Goodbye("the SMSC sent a PDU of an impossible length".to_owned(), nack));
            }
        }
    }
}

fn handle(
    header: Header,
    body: &[u8],
    session: &mut Session<'_>,
    arrivals: &mut Arrivals<'_>,
) -> Option<Leave> {
    let Header { command, status, sequence } = header;
    match command {
        command::SUBMIT_SM_RESP => {
            session.answered(sequence, status, &SubmitResp::read(body));
            if status == status::RINVBNDSTS {
                return Some(Leave::Lost("the SMSC says that the session is not bound".to_owned()));
            }
        }
        command::GENERIC_NACK => {
            // §4.3: never a success, whatever its status says.
            let status = if status == status::ROK { status::RUNKNOWNERR } else { status };
            session.answered(sequence, status, &SubmitResp::read(&[]));
        }
        command::DELIVER_SM | command::DATA_SM => arrivals.arrived(header, body, &mut session.outbox),
        command::ENQUIRE_LINK => {
            let answer = command::ENQUIRE_LINK_RESP;
            encode::empty(&mut session.outbox.octets, answer, status::ROK, sequence);
        }
        command::UNBIND => {
            let answer = Header { command: command::UNBIND_RESP, status: status::ROK, sequence };
            return Some(Leave::Goodbye("the SMSC unbound".to_owned(), answer));
        }
        // These have no response (§4.1.7, §4.12).
        command::OUTBIND | command::ALERT_NOTIFICATION => {}
        // A response to nothing that is awaited by its number: enquire_link_resp.
        response if response & command::RESPONSE != 0 => {}
        _ => {
            let nack = command::GENERIC_NACK;
            encode::empty(&mut session.outbox.octets, nack, status::RINVCMDID, sequence);
        }
    }
    None
}

/// Unbinds and waits for the response (§4.2); the caller bounds it.
async fn unbind(bound: &mut Bound, session: &mut Session<'_>) -> std::io::Result<()> {
    let Bound { socket, inbox } = bound;
    let sequence = session.window.next_sequence();
    encode::empty(&mut session.outbox.octets, command::UNBIND, status::ROK, sequence);
    loop {
        loop {
            match frame(inbox.unread()) {
                Frame::Whole { header, length, .. } => {
                    inbox.consume(length);
                    if header.command == command::UNBIND_RESP {
                        return close(socket, &mut session.outbox).await;
                    }
                }
                Frame::Incomplete { length } => {
                    inbox.expect(length);
                    break;
                }
                Frame::Nonsense => return close(socket, &mut session.outbox).await,
            }
        }
        poll_fn(|context| poll_io(socket, inbox, &mut session.outbox, true, context)).await?;
    }
}

/// Sends what is left, and ends the connection in order.
async fn close(socket: &mut Socket, outbox: &mut Outbox) -> std::io::Result<()> {
    poll_fn(|context| poll_send(socket, outbox, context)).await?;
    socket.shutdown().await
}
