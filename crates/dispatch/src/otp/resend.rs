//! Sending a passcode's code again: the same code while it lives, after a growing pause, by the other gateway where the first one
//! brought no receipt.

use super::code;
use super::show::shown;
use super::text::Recipe;
use super::words::{PasscodeRefusal, PasscodeSent};
use crate::accept::{Beside, CarriedThrough};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::{Refusal, Request};
use std::sync::Arc;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass, PasscodeState, VsId};
use textgate_store::{Again, Event, Idempotency, PasscodeAgain, PasscodeRecord, PasscodeStep, StoredMessage};

/// A code that ends sooner than this is not worth another message (ms).
const SHORTEST_LIFE_MS: i64 = 10_000;

/// Why a code is to be sent again, and past whom.
pub(super) struct Occasion {
    /// The new message's id.
    pub(super) id: MessageId,
    pub(super) by: Again,
    /// What the new message's time line begins with.
    pub(super) reason: String,
    /// The gateway that is passed over where another one takes messages.
    pub(super) avoid: Option<GatewayId>,
    /// The message before, and what its time line says.
    pub(super) before: Option<(MessageId, String)>,
    pub(super) idempotency: Option<Idempotency>,
}

impl Dispatch {
    /// Sends a passcode's code again, where its pause is over and the settings allow one more. What was begun is carried through.
    ///
    /// # Errors
    /// [`PasscodeRefusal`].
    pub async fn resend_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        idempotency_key: Option<String>,
    ) -> Result<PasscodeSent, PasscodeRefusal> {
        let engine = Arc::clone(&self.engine);
        CarriedThrough::new(async move { engine.resend_on_request(vs, id, idempotency_key).await }).await
    }
}

impl Engine {
    async fn resend_on_request(
        self: &Arc<Self>,
        vs: VsId,
        id: MessageId,
        idempotency_key: Option<String>,
    ) -> Result<PasscodeSent, PasscodeRefusal> {
        let passcode = self.store.passcode(vs, id).await?.ok_or(PasscodeRefusal::NotFound)?;
        let idempotency = idempotency_key.as_deref().map(|key| Idempotency {
            key: self.idempotency_key(vs, key),
            request: self.sealer.digest(&[b"passcode again", &id.as_u64().to_be_bytes()]),
        });
        // A request that is repeated under its key is answered as before, whatever its pause: the store knows the key.
        if idempotency.is_none() {
            self.may_go_again(&passcode)?;
        }
        let occasion = Occasion { idempotency, ..self.on_request(&passcode, idempotency.is_some()).await? };
        let (message, by) = (occasion.id, occasion.by);
        match self.send_again(&passcode, occasion).await {
            Ok(true) => Ok(PasscodeSent { passcode: self.passcode_of(vs, id).await?, is_duplicate: true }),
            Ok(false) => {
                self.metrics.passcodes.resent_on_request.inc();
                // Not read back: a store that fails here would make an error of a message that is on its way.
                let mut passcode = passcode;
                passcode.messages.push(message);
                passcode.resends = passcode.resends.saturating_add(1);
                if let Again::Request { resend_after_ms } = by {
                    passcode.resend_after_ms = resend_after_ms;
                }
                let passcode = shown(passcode, self.clock.now_ms());
                Ok(PasscodeSent { passcode, is_duplicate: false })
            }
            // It is not as it was a moment ago, or never was where a key came along: that says why.
            Err(PasscodeRefusal::Refused(Refusal::NotAgain)) => {
                let passcode = self.store.passcode(vs, id).await?.ok_or(PasscodeRefusal::NotFound)?;
                self.may_go_again(&passcode)?;
                Err(PasscodeRefusal::TooSoon { retry_after_s: 1 })
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether a passcode may be sent again now; why not, where not.
    fn may_go_again(&self, passcode: &PasscodeRecord) -> Result<(), PasscodeRefusal> {
        let now_ms = self.clock.now_ms();
        match (passcode.state_at(now_ms), passcode.resend_after_ms) {
            (PasscodeState::Pending, Some(after)) if after <= now_ms => Ok(()),
            (PasscodeState::Pending, Some(after)) => {
                let retry_after_s = u64::try_from(after - now_ms).unwrap_or(0).div_ceil(1_000);
                Err(PasscodeRefusal::TooSoon { retry_after_s })
            }
            (PasscodeState::Pending, None) => Err(PasscodeRefusal::NoMoreResends),
            (state, _) => Err(PasscodeRefusal::NotPending(state)),
        }
    }

    /// What follows from how the last message fared, where somebody asks for the code again.
    async fn on_request(
        &self,
        passcode: &PasscodeRecord,
        is_keyed: bool,
    ) -> Result<Occasion, PasscodeRefusal> {
        let view = self.view.load_full();
        let pauses = &view.otp(passcode.vs).settings.resend_pauses_s;
        let pause = pauses.get(usize::from(passcode.resends) + 1);
        let now_ms = self.clock.now_ms();
        let by = Again::Request { resend_after_ms: pause.map(|pause| now_ms + i64::from(*pause) * 1_000) };
        let last = match passcode.messages.last() {
            Some(last) => self.store.message(passcode.vs, *last).await?,
            None => None,
        };
        let id = self.next_id(now_ms);
        let asked = |avoid, reason| Occasion { id, by, reason, avoid, before: None, idempotency: None };
        let Some(last) = last else {
            return Ok(asked(None, "a passcode that is sent again on request".into()));
        };
        let missed = match last.state {
            // One that may not go again by now goes to the store for the sake of its key alone.
            state if state.is_unfinished() && !(is_keyed && self.may_go_again(passcode).is_err()) => {
                return Err(PasscodeRefusal::OnItsWay);
            }
            MessageState::Sent => "no receipt came",
            MessageState::Undelivered => "it was not delivered",
            _ => {
                return Ok(asked(
                    None,
                    format!("a passcode that is sent again on request, after {}", last.id),
                ));
            }
        };
        let sent_by = sent_by(&last);
        let name = sent_by.map_or_else(|| "a gateway".to_owned(), |id| self.gateway_name(id));
        let reason = format!(
            "a passcode that is sent again on request: {name} took {} and {missed}, so another gateway goes first",
            last.id
        );
        Ok(asked(sent_by, reason))
    }

    /// Accepts a message with a passcode's code. Answers whether that was done before, under the same key.
    pub(super) async fn send_again(
        self: &Arc<Self>,
        passcode: &PasscodeRecord,
        occasion: Occasion,
    ) -> Result<bool, PasscodeRefusal> {
        let (message, beside) = self.again(passcode, occasion)?;
        Ok(self.accept_with(passcode.vs, message, Box::new(beside)).await?.is_duplicate)
    }

    fn again(
        &self,
        passcode: &PasscodeRecord,
        occasion: Occasion,
    ) -> Result<(Request, Beside), PasscodeRefusal> {
        let now_ms = self.clock.now_ms();
        let remaining_ms = passcode.expires_ms - now_ms;
        let state = match passcode.state_at(now_ms) {
            PasscodeState::Pending if remaining_ms < SHORTEST_LIFE_MS => PasscodeState::Expired,
            state => state,
        };
        let (PasscodeState::Pending, Some(seed)) = (state, &passcode.seed) else {
            return Err(PasscodeRefusal::NotPending(state));
        };
        let recipe: Recipe = serde_json::from_str(&passcode.recipe)
            .map_err(|_| PasscodeRefusal::StoreUnavailable("a passcode cannot be read".into()))?;
        let code =
            code::code(&self.sealer, passcode.id, passcode.number, seed, recipe.length, recipe.alphabet);
        let remaining_s = u32::try_from(remaining_ms / 1_000).unwrap_or(1);
        let view = self.view.load();
        let composed = view
            .otp(passcode.vs)
            .compose(&passcode.purpose, &recipe, &code, (remaining_s / 60).max(1))
            .map_err(PasscodeRefusal::invalid)?;
        let request = Request {
            to: passcode.number.to_string(),
            text: composed.text,
            kind: Some(Kind::Otp),
            validity_s: Some(remaining_s),
            resend_of: Some(passcode.id),
            // How often a code is sent again is bounded by the settings' pauses.
            was_judged: true,
            ..Request::default()
        };
        let Occasion { id, by, reason, avoid, before, idempotency } = occasion;
        let step = PasscodeStep::Again(PasscodeAgain {
            passcode: passcode.id,
            by,
            at_ms: now_ms,
            reason: reason.into(),
            before: before.map(|(id, reason)| (id, reason.into())),
        });
        Ok((request, Beside { id, step, idempotency, avoid }))
    }

    /// What people call a gateway.
    pub(super) fn gateway_name(&self, id: GatewayId) -> String {
        let view = self.view.load();
        view.stations.get(&id).map_or_else(|| id.to_string(), |station| station.built().name.clone())
    }
}

/// The gateway that took a message.
pub(super) fn sent_by(message: &StoredMessage) -> Option<GatewayId> {
    message.events.iter().rev().find_map(|event| match event {
        Event::Attempt { gateway, class: OutcomeClass::Sent, .. } => Some(*gateway),
        _ => None,
    })
}
