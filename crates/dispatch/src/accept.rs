//! How a message comes in: checked, priced, on disk, and on its way.

pub(crate) use crate::carried_through::CarriedThrough;
use crate::engine::Engine;
use crate::flow;
use crate::guard::Question;
use crate::view::{Route, View};
use crate::words::{Refusal, Request, Taken, What};
use futures_util::FutureExt as _;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::{Overwrite, Plan, Problem, Routing, Submission};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, PhoneNumber, ReplaceType, VsId};
use textgate_store::{Accepted, Idempotency, NewMessage, PasscodeStep, Purpose, StoreError};

/// Longest text, in octets of UTF-8: more than 255 segments of any alphabet hold.
const LONGEST_TEXT: usize = 64 << 10;
/// Longest validity: a week, as providers keep messages.
const LONGEST_VALIDITY_S: u32 = 7 * 24 * 3600;
/// How far ahead a message can be scheduled.
const LONGEST_DELAY_MS: i64 = 366 * 24 * 3600 * 1000;
/// A `send_at` that is this near is now.
const NOW_MS: i64 = 50;
/// Longest sender: 15 digits, or 11 characters; room for a plus and what providers take besides.
const LONGEST_SENDER: usize = 21;
/// Longest reference and Idempotency-Key, in characters.
const LONGEST_REFERENCE: usize = 255;

/// What comes with a request for a message that carries a passcode's code.
pub(crate) struct Beside {
    /// The message's id, as the code is bound to it.
    pub(crate) id: MessageId,
    /// What is written in its transaction.
    pub(crate) step: PasscodeStep,
    pub(crate) idempotency: Option<Idempotency>,
    /// A gateway that is passed over where another one takes messages.
    pub(crate) avoid: Option<GatewayId>,
}

/// A message that is checked and waits for the disk.
struct Prepared {
    id: MessageId,
    vs: VsId,
    kind: Kind,
    plan: Plan,
    due_ms: Option<i64>,
    payers: SmallVec<[VsId; 2]>,
    /// Nothing is left for the store to refuse, and it is urgent: it may leave while its commit is under way.
    may_overlap: bool,
    /// `None` once it is on its way.
    submission: Option<Box<Submission>>,
}

impl Engine {
    /// Accepts messages, each on its own. What was begun is carried through even where the caller goes away: a message that
    /// is on disk must be sent, whether or not anybody hears of it.
    pub(crate) fn accept(
        self: &Arc<Self>,
        vs: VsId,
        requests: Vec<Request>,
    ) -> CarriedThrough<Vec<Result<Taken, Refusal>>> {
        let engine = Arc::clone(self);
        let requests = requests.into_iter().map(|request| (request, None));
        CarriedThrough::new(async move { engine.accept_all(vs, requests).await })
    }

    /// The same for a message that carries a passcode's code. The caller carries it through.
    pub(crate) async fn accept_with(
        self: &Arc<Self>,
        vs: VsId,
        request: Request,
        beside: Box<Beside>,
    ) -> Result<Taken, Refusal> {
        let one = std::iter::once((request, Some(beside)));
        self.accept_all(vs, one).await.pop().unwrap_or(Err(Refusal::StoreUnavailable))
    }

    async fn accept_all(
        self: &Arc<Self>,
        vs: VsId,
        requests: impl ExactSizeIterator<Item = (Request, Option<Box<Beside>>)>,
    ) -> Vec<Result<Taken, Refusal>> {
        let mut news = Vec::with_capacity(requests.len());
        let mut prepared = Vec::with_capacity(requests.len());
        let mut answers: Vec<Option<Refusal>> = Vec::with_capacity(requests.len());
        let held = self.sealer.hold();
        {
            let view = self.view.load();
            let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
            for (request, beside) in requests {
                match self.prepare(&view, vs, request, beside, now, now_ms) {
                    Ok((new, message)) => {
                        news.push(new);
                        prepared.push(message);
                        answers.push(None);
                    }
                    Err(refusal) => answers.push(Some(refusal)),
                }
            }
        }
        let stored = if news.is_empty() {
            Ok(Vec::new())
        } else {
            // Queued by the call: what overtakes its commit is recorded after it all the same.
            let mut commit = self.store.accept(news);
            drop(held);
            match (&mut commit).now_or_never() {
                // Too much waits, or it is closed: nothing is queued, so nothing may overtake it.
                Some(refused) => refused,
                None => {
                    self.overlap(&mut prepared);
                    commit.await
                }
            }
        };
        let mut stored = match stored {
            Ok(stored) => Ok(stored.into_iter()),
            Err(error) => Err(refusal(&error)),
        };
        let mut prepared = prepared.into_iter();
        let answer = |refused: Option<Refusal>| match refused {
            Some(refused) => Err(refused),
            None => match (prepared.next(), &mut stored) {
                (Some(message), Ok(stored)) => self.accepted(message, stored.next()),
                (Some(message), Err(refused)) => {
                    self.watches.forget(message.id);
                    // What is answered with 503 must not leave later: on its way already, it is called back while that can be.
                    match message.submission.or_else(|| self.withdraw(message.id)) {
                        Some(_) => self.dropped(1),
                        None => drop(self.metrics.unacknowledged.inc()),
                    }
                    Err(refused.clone())
                }
                (None, _) => Err(Refusal::StoreUnavailable), // as many as were prepared: never reached
            },
        };
        let answers: Vec<_> = answers.into_iter().map(answer).collect();
        self.metrics.refused.inc_by(answers.iter().filter(|answer| answer.is_err()).count() as u64);
        answers
    }

    /// Sends passcodes ahead of their commit, while the store is well. The answer still waits for the disk: a crash in between
    /// is a message sent and never acknowledged, which its caller repeats.
    fn overlap(self: &Arc<Self>, prepared: &mut [Prepared]) {
        let mut early = prepared.iter_mut().filter(|message| message.may_overlap).peekable();
        if early.peek().is_none() || self.store.health().is_err() {
            return;
        }
        for message in early {
            if let Some(submission) = message.submission.take() {
                self.route(submission);
            }
        }
    }

    /// One message, with everything decided that can be decided without the store. It has its place among those that wait.
    fn prepare(
        self: &Arc<Self>,
        view: &View,
        vs: VsId,
        request: Request,
        beside: Option<Box<Beside>>,
        now: Instant,
        now_ms: i64,
    ) -> Result<(NewMessage, Prepared), Refusal> {
        if self.is_stopping() {
            return Err(Refusal::Stopping);
        }
        let checked = Checked::new(&request, now_ms).map_err(Refusal::Invalid)?;
        let route = view.route(vs).ok_or(Refusal::NotConfigured)?;
        let plan = plan(route, &request.text)?;
        let kind = request.kind.unwrap_or(Kind::Text);
        let sender = request.sender.as_deref();
        if !request.is_answer && self.is_opted_out(view, vs, checked.to, sender, kind) {
            self.metrics.opted_out.inc();
            return Err(Refusal::OptedOut);
        }
        if kind == Kind::Otp && !request.was_judged {
            self.judge_message(view, &question(vs, checked.to, &request, now_ms))?;
        }
        if !self.take_place(kind) {
            return Err(Refusal::Busy);
        }
        let (id, passcode, idempotency, avoid) = match beside.map(|beside| *beside) {
            Some(Beside { id, step, idempotency, avoid }) => (id, Some(Box::new(step)), idempotency, avoid),
            None => {
                let key = request.idempotency_key.as_deref();
                (self.next_id(now_ms), None, key.map(|key| self.idempotency(vs, key, &request)), None)
            }
        };
        let expires_ms = checked.due_ms.unwrap_or(now_ms) + i64::from(checked.validity_s) * 1000;
        let sender: Option<Box<str>> = request.sender.filter(|s| !s.is_empty()).map(String::into_boxed_str);
        let new = NewMessage {
            id,
            vs,
            to: checked.to,
            kind,
            sealed_text: self.sealer.seal(Purpose::Text, id.as_u64(), request.text.as_bytes()),
            sender: sender.clone(),
            flash: request.flash,
            overwrite: request.overwrite,
            reference: request.reference.map(String::into_boxed_str),
            segments: plan.segments,
            encoding: plan.encoding.into(),
            due_ms: checked.due_ms,
            expires_ms,
            idempotency,
            payers: route.payers.clone(),
            resend_of: request.resend_of,
            passcode,
        };
        if let Some(step) = &new.passcode {
            self.watch(&new, step, now, now_ms);
        }
        let mut routing = Routing {
            tenure: self.tenure.now(),
            ..Routing::new(vs, route.gateways_of, plan.segments, now, expires_ms)
        };
        if route.is_adaptive {
            self.choose_first(route, checked.to, now_ms, &mut routing);
        }
        let mut submission = Box::new(Submission {
            id,
            to: checked.to,
            kind,
            text: request.text.into_boxed_str(),
            sender,
            flash: request.flash,
            overwrite: overwrite(request.overwrite),
            valid_until: now + Duration::from_secs(checked.validity_s.into()),
            answer_by: now,
            is_test: request.is_test,
            routing,
        });
        if let Some(gateway) = request.by {
            // Where it is not one of the gateways by now, the first in order is as good.
            let at = route.stations.iter().position(|station| station.id == gateway).unwrap_or(0);
            (submission.routing.first, submission.routing.chosen) = (u8::try_from(at).unwrap_or(0), None);
        }
        if let Some(gateway) = avoid {
            flow::pass_over(route, &mut submission, gateway);
        }
        let may_be_refused = matches!(new.passcode.as_deref(), Some(PasscodeStep::Again(_)));
        let may_overlap = kind == Kind::Otp
            && new.payers.is_empty()
            && new.idempotency.is_none()
            && checked.due_ms.is_none()
            && !may_be_refused;
        let (due_ms, payers) = (checked.due_ms, new.payers.clone());
        Ok((new, Prepared { id, vs, kind, plan, due_ms, payers, may_overlap, submission: Some(submission) }))
    }

    /// Notes which gateway goes first for this number, and why.
    fn choose_first(&self, route: &Route, to: PhoneNumber, now_ms: i64, routing: &mut Routing) {
        let country = to.country();
        let gateways = route.stations.iter().map(|station| station.id);
        let Some(choice) = self.statistics.choose(gateways, country, now_ms) else { return };
        let built: SmallVec<[_; 4]> = route.stations.iter().map(|station| station.built()).collect();
        let why = choice.why(built.iter().map(|built| built.name.as_str()), country);
        (routing.first, routing.chosen) = (choice.first, Some(why.into_boxed_str()));
    }

    /// The store has said what became of a message: a new one goes on its way.
    fn accepted(self: &Arc<Self>, message: Prepared, stored: Option<Accepted>) -> Result<Taken, Refusal> {
        let Prepared { id, vs, kind, plan, due_ms, payers, submission, .. } = message;
        match stored {
            Some(Accepted::New) => {
                let state = match due_ms {
                    Some(due_ms) => {
                        // It is read back when it is due; until then only its time and id are kept.
                        self.dropped(1);
                        self.agenda.schedule(due_ms, id);
                        MessageState::Scheduled
                    }
                    None => MessageState::Accepted,
                };
                self.metrics.accepted[usize::from(kind.code())].inc();
                self.count_accepted(id.accepted_ms(), vs, &payers, plan.segments);
                self.tell(id, vs, || What::Accepted);
                if let Some(submission) = submission.filter(|_| due_ms.is_none()) {
                    self.route(submission);
                }
                let encoding = plan.encoding.to_owned();
                Ok(Taken { id, state, segments: plan.segments, encoding, is_duplicate: false })
            }
            other => {
                self.watches.forget(id);
                // What overlapped its commit cannot be refused by it.
                if submission.is_some() {
                    self.dropped(1);
                }
                match other {
                    Some(Accepted::Duplicate { id, state, segments, encoding }) => {
                        Ok(Taken { id, state, segments, encoding, is_duplicate: true })
                    }
                    Some(Accepted::IdempotencyConflict) => Err(Refusal::IdempotencyConflict),
                    Some(Accepted::NotAgain) => Err(Refusal::NotAgain),
                    Some(Accepted::NoCredits { remaining, .. }) => {
                        Err(Refusal::NoCredits { needed: plan.segments, remaining })
                    }
                    _ => Err(Refusal::StoreUnavailable),
                }
            }
        }
    }

    fn idempotency(&self, vs: VsId, key: &str, request: &Request) -> Idempotency {
        let flag = |value: Option<bool>| value.map_or(2, u8::from);
        let number = |value: Option<u32>| value.map_or(u64::MAX, u64::from).to_be_bytes();
        let options = [
            flag(request.flash),
            request.overwrite.unwrap_or(u8::MAX),
            request.kind.unwrap_or(Kind::Text).code(),
        ];
        let request_digest = self.sealer.digest(&[
            request.to.as_bytes(),
            request.text.as_bytes(),
            request.sender.as_deref().unwrap_or_default().as_bytes(),
            request.reference.as_deref().unwrap_or_default().as_bytes(),
            &options,
            &number(request.validity_s),
            &request.send_at_ms.unwrap_or(i64::MIN).to_be_bytes(),
            &request.resend_of.map_or(0, MessageId::as_u64).to_be_bytes(),
        ]);
        Idempotency { key: self.idempotency_key(vs, key), request: request_digest }
    }

    /// What stands for an Idempotency-Key of this virtual server: one key is for one request, whatever it asks for.
    pub(crate) fn idempotency_key(&self, vs: VsId, key: &str) -> [u8; 16] {
        self.sealer.digest(&[b"idempotency", &vs.0.to_be_bytes(), key.as_bytes()])
    }
}

/// The parts of a request that were read, all of them or every problem.
struct Checked {
    to: PhoneNumber,
    validity_s: u32,
    /// `None`: at once.
    due_ms: Option<i64>,
}

impl Checked {
    fn new(request: &Request, now_ms: i64) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |path: &str, message: String| problems.push(Problem::new(path, message));
        let to = PhoneNumber::parse(&request.to).map_err(|error| wrong("to", error.to_string())).ok();
        if let Some(problem) = problem_of_text(&request.text) {
            wrong("text", problem);
        }
        if let Some(sender) = request.sender.as_deref()
            && (sender.len() > LONGEST_SENDER || sender.chars().any(|c| c.is_control()))
        {
            wrong("sender", "a sender is a number, or a name of at most 11 characters".into());
        }
        if request.overwrite.is_some_and(|n| n > 7) {
            wrong("overwrite", "choose 0 (off), or the replace type 1 to 7".into());
        }
        for (path, text) in [("reference", &request.reference), ("Idempotency-Key", &request.idempotency_key)]
        {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REFERENCE) {
                wrong(path, format!("use at most {LONGEST_REFERENCE} characters"));
            }
        }
        let usual = match request.kind.unwrap_or(Kind::Text) {
            Kind::Otp => 300,
            Kind::Alert => 86_400,
            Kind::Text => 172_800,
        };
        let validity_s = request.validity_s.unwrap_or(usual);
        if !(1..=LONGEST_VALIDITY_S).contains(&validity_s) {
            wrong("validity_s", format!("choose 1 to {LONGEST_VALIDITY_S} seconds"));
        }
        let due_ms = request.send_at_ms.filter(|at| *at > now_ms + NOW_MS);
        if due_ms.is_some_and(|at| at > now_ms + LONGEST_DELAY_MS) {
            wrong("send_at", "choose a time within a year".into());
        }
        match to {
            Some(to) if problems.is_empty() => Ok(Self { to, validity_s, due_ms }),
            _ => Err(problems),
        }
    }
}

/// What the fraud guard is asked about a passcode that was made elsewhere.
fn question<'a>(vs: VsId, number: PhoneNumber, request: &'a Request, now_ms: i64) -> Question<'a> {
    let purpose = request.purpose.as_deref().unwrap_or_default();
    Question { vs, number, purpose, ip: request.ip, is_checked: false, now_ms }
}

/// What is wrong with a text whichever gateway sends it, if anything.
pub(crate) fn problem_of_text(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("enter a text".into());
    }
    let is_long = text.len() > LONGEST_TEXT;
    is_long.then(|| format!("shorten the text: {} octets are more than any message holds", text.len()))
}

/// What the message costs: as the first gateway that can send it would.
pub(crate) fn plan(route: &Route, text: &str) -> Result<Plan, Refusal> {
    let mut refused = None;
    for station in &route.stations {
        match &station.built().gateway {
            Ok(gateway) => match gateway.plan(text) {
                Ok(plan) => return Ok(plan),
                Err(error) => drop(refused.get_or_insert(error.0)),
            },
            Err(reason) => drop(refused.get_or_insert_with(|| reason.clone())),
        }
    }
    let message = refused.unwrap_or_else(|| "no gateway can send it".into());
    Err(Refusal::Invalid(vec![Problem::new("text", message)]))
}

/// Overwrite as the API has it: 0 is off, 1 to 7 the type.
pub(crate) fn overwrite(asked: Option<u8>) -> Overwrite {
    match asked {
        None => Overwrite::AsSet,
        Some(n) => ReplaceType::new(n).map_or(Overwrite::Off, Overwrite::Type),
    }
}

fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Busy => Refusal::Busy,
        StoreError::Closed => Refusal::Stopping,
        _ => Refusal::StoreUnavailable,
    }
}

impl Engine {
    /// The next message id.
    pub(crate) fn next_id(&self, now_ms: i64) -> MessageId {
        self.ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next(now_ms)
    }
}
