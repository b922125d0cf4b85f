//! Making a passcode: its code, its text, and the message that carries it, in one transaction.

use super::code::{self, CodeAlphabet};
use super::settings::{self, WORD};
use super::text::{Recipe, USUAL_PURPOSE, read_locale};
use super::words::{PasscodeRefusal, PasscodeRequest, PasscodeSent, PasscodeView};
use crate::accept::{Beside, CarriedThrough};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::guard::Question;
use crate::view::View;
use crate::words::{Refusal, Request};
use std::net::IpAddr;
use std::sync::Arc;
use textgate_gateway::Problem;
use textgate_sms::{Kind, PasscodeState, PhoneNumber, VsId};
use textgate_store::{Idempotency, NewPasscode, PasscodeStep};

/// A request that was read: nothing of it is made yet.
struct Wanted {
    number: PhoneNumber,
    purpose: String,
    recipe: Recipe,
    ttl_s: u32,
}

impl Dispatch {
    /// Makes a passcode and sends it. It is on disk, with the message that carries it, when this returns; what was begun is carried
    /// through, even where the future is dropped.
    ///
    /// # Errors
    /// [`PasscodeRefusal::Refused`] and [`PasscodeRefusal::StoreUnavailable`]: nothing was made, sent or charged.
    pub async fn create_passcode(
        &self,
        vs: VsId,
        request: PasscodeRequest,
    ) -> Result<PasscodeSent, PasscodeRefusal> {
        let engine = Arc::clone(&self.engine);
        CarriedThrough::new(async move { engine.create_passcode(vs, request).await }).await
    }
}

impl Engine {
    async fn create_passcode(
        self: &Arc<Self>,
        vs: VsId,
        request: PasscodeRequest,
    ) -> Result<PasscodeSent, PasscodeRefusal> {
        let (message, beside, made) = {
            let view = self.view.load();
            let wanted = Wanted::read(&view, vs, &request).map_err(Refusal::Invalid)?;
            self.judge_passcode(&view, &wanted.question(vs, request.ip, self.clock.now_ms()))?;
            self.new_passcode(&view, vs, wanted, &request)?
        };
        let taken = self.accept_with(vs, message, Box::new(beside)).await?;
        if taken.is_duplicate {
            let passcode = self.passcode_of(vs, taken.id).await?;
            return Ok(PasscodeSent { passcode, is_duplicate: true });
        }
        self.metrics.passcodes.created.inc();
        // Not read back: a store that fails here would make an error of a passcode that is on its way.
        Ok(PasscodeSent { passcode: made, is_duplicate: false })
    }

    /// The message that carries a new passcode, with what is written beside it; and the passcode as it is then.
    fn new_passcode(
        &self,
        view: &View,
        vs: VsId,
        wanted: Wanted,
        request: &PasscodeRequest,
    ) -> Result<(Request, Beside, PasscodeView), PasscodeRefusal> {
        let config = view.otp(vs);
        let (now_ms, id) = (self.clock.now_ms(), self.next_id(self.clock.now_ms()));
        let seed = code::seed()?;
        let Wanted { number, purpose, recipe, ttl_s } = wanted;
        let code = code::code(&self.sealer, id, number, &seed, recipe.length, recipe.alphabet);
        let composed =
            config.compose(&purpose, &recipe, &code, ttl_s / 60).map_err(PasscodeRefusal::invalid)?;
        let idempotency = request.idempotency_key.as_deref().map(|key| self.passcode_key(vs, key, request));
        let pause = config.settings.resend_pauses_s.first();
        let new = NewPasscode {
            attempts_most: config.settings.attempts,
            expires_ms: now_ms + i64::from(ttl_s) * 1_000,
            resend_after_ms: pause.map(|pause| now_ms + i64::from(*pause) * 1_000),
            digest: code::digest(&self.sealer, id, number, &code),
            recipe: serde_json::to_string(&recipe).unwrap_or_default().into(),
            purpose: purpose.into(),
            seed,
        };
        let made = PasscodeView {
            id,
            status: PasscodeState::Pending,
            to: number.to_string(),
            purpose: new.purpose.to_string(),
            created_ms: id.accepted_ms(),
            expires_ms: new.expires_ms,
            changed_ms: id.accepted_ms(),
            attempts_left: new.attempts_most,
            resends: 0,
            resend_after_ms: new.resend_after_ms,
            messages: vec![id],
        };
        let message = Request {
            to: number.to_string(),
            text: composed.text,
            kind: Some(Kind::Otp),
            validity_s: Some(ttl_s),
            was_judged: true,
            ..Request::default()
        };
        let step = PasscodeStep::New(new);
        Ok((message, Beside { id, step, idempotency, avoid: None }, made))
    }

    /// What the Idempotency-Key stands for: the request itself, as its text has another code each time.
    fn passcode_key(&self, vs: VsId, key: &str, request: &PasscodeRequest) -> Idempotency {
        let optional = |value: &Option<String>| value.clone().unwrap_or_default();
        let number = |value: Option<u32>| value.map_or(u64::MAX, u64::from).to_be_bytes();
        let alphabet = request.alphabet.map_or("", CodeAlphabet::name);
        let digest = self.sealer.digest(&[
            b"passcode",
            request.to.as_bytes(),
            optional(&request.purpose).as_bytes(),
            optional(&request.template).as_bytes(),
            optional(&request.locale).as_bytes(),
            alphabet.as_bytes(),
            &number(request.length),
            &number(request.ttl_s),
            optional(&request.app).as_bytes(),
            optional(&request.domain).as_bytes(),
        ]);
        Idempotency { key: self.idempotency_key(vs, key), request: digest }
    }
}

impl Wanted {
    /// What the fraud guard is asked, before anything is made.
    fn question(&self, vs: VsId, ip: Option<IpAddr>, now_ms: i64) -> Question<'_> {
        Question { vs, number: self.number, purpose: &self.purpose, ip, is_checked: true, now_ms }
    }

    fn read(view: &View, vs: VsId, request: &PasscodeRequest) -> Result<Self, Vec<Problem>> {
        let config = view.otp(vs);
        let settings = &config.settings;
        let mut problems = Vec::new();
        let mut note = |problem: Problem| problems.push(problem);
        let number = PhoneNumber::parse(&request.to);
        if let Err(error) = &number {
            note(Problem::new("to", error.to_string()));
        }
        for (path, name) in [("purpose", &request.purpose), ("template", &request.template)] {
            if name.as_deref().is_some_and(|name| !settings::is_word(name)) {
                note(Problem::new(path, WORD));
            }
        }
        let length = request.length.unwrap_or(settings.length.into());
        if let Some(problem) = settings::problem_of_length(length) {
            note(Problem::new("length", problem));
        }
        let ttl_s = request.ttl_s.unwrap_or(settings.ttl_s);
        if let Some(problem) = settings::problem_of_ttl(ttl_s) {
            note(Problem::new("ttl_s", problem));
        }
        let locale = read_locale(request.locale.as_deref()).map_err(&mut note).ok();
        let bound = config.bound(request.app.as_deref(), request.domain.as_deref()).map_err(&mut note).ok();
        match (number, locale, bound) {
            (Ok(number), Some(locale), Some(bound)) if problems.is_empty() => {
                let recipe = Recipe {
                    length: u8::try_from(length).unwrap_or(settings.length),
                    alphabet: request.alphabet.unwrap_or(settings.alphabet),
                    template: request.template.clone(),
                    locale,
                    bound,
                };
                let purpose = request.purpose.clone().unwrap_or_else(|| USUAL_PURPOSE.to_owned());
                Ok(Self { number, purpose, recipe, ttl_s })
            }
            _ => Err(problems),
        }
    }
}
