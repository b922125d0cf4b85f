//! The fraud guard, for people and programs: its rules, the ranges it has blocked, and what it refused.

use super::server;
use crate::dispatch::Dispatch;
use crate::guard::{Changed, GuardBlockView, GuardMode, GuardReport, GuardRules, GuardView, Rules};
use crate::view::{Server, View};
use crate::words::DirectoryError;
use textgate_gateway::Problem;
use textgate_sms::{Kind, MessageId, VsId};
use textgate_store::{AuditNote, Change, Difference};

/// What the operator should know where no country is chosen.
const NO_COUNTRIES: &str =
    "no country is chosen: passcodes go everywhere; choose those that your users are in";

impl Dispatch {
    /// The fraud guard's rules of a virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn guard(&self, vs: VsId) -> Result<GuardView, DirectoryError> {
        let view = self.engine.view.load();
        Ok(shown(server(&view, vs)?))
    }

    /// Puts a virtual server's rules as a whole, or takes them away, so that those above it hold alone. Rules that are there just so
    /// write nothing.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem at once, by its path; [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn put_guard(
        &self,
        actor: &str,
        vs: VsId,
        rules: Option<GuardRules>,
    ) -> Result<GuardView, DirectoryError> {
        let decide = |view: &View| {
            let before = server(view, vs)?.guard_rules.as_ref();
            let change = change(vs, before, rules).map_err(DirectoryError::Invalid)?;
            Ok((change.into_iter().collect(), ()))
        };
        let (view, ()) = self.engine.change(actor, decide).await?;
        Ok(shown(server(&view, vs)?))
    }

    /// Ranges that are blocked, or were released of late, the newest first.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn guard_blocks(&self, vs: VsId) -> Result<Vec<GuardBlockView>, DirectoryError> {
        server(&self.engine.view.load(), vs)?;
        Ok(self.engine.guard.blocks(vs, self.engine.clock.now_ms()))
    }

    /// Releases a blocked range: messages to it are sent again, and for a day it is not blocked by itself.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where it is not blocked, [`DirectoryError::StoreUnavailable`].
    pub async fn release_guard_block(
        &self,
        actor: &str,
        vs: VsId,
        range: &str,
    ) -> Result<(), DirectoryError> {
        let unknown = || DirectoryError::NotFound("this block".into());
        let engine = &self.engine;
        server(&engine.view.load(), vs)?;
        let prefix = range.parse().map_err(|_| unknown())?;
        let now_ms = engine.clock.now_ms();
        let changed = engine.guard.release(vs, prefix, now_ms).ok_or_else(unknown)?;
        let action =
            format!("released numbers that begin with {prefix}: the fraud guard blocks them no longer");
        let note = AuditNote { at_ms: now_ms, actor: actor.to_owned(), vs, action };
        engine.guard_acts(vs, range, false);
        let Changed { put, gone } = changed;
        Ok(engine.store.keep_guard_blocks(put, gone, vec![note]).await?)
    }

    /// What the guard refused, or would have refused, since the program was started.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn guard_report(&self, vs: VsId) -> Result<GuardReport, DirectoryError> {
        server(&self.engine.view.load(), vs)?;
        Ok(self.engine.guard.report(vs))
    }

    /// Tells that the code of a message was entered, where codes are made and checked elsewhere: the fraud guard and the order of gateways go
    /// by it. Only the first time counts, and only for messages of kind `otp`.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Conflict`] for another kind, [`DirectoryError::StoreUnavailable`].
    pub async fn message_converted(&self, vs: VsId, id: MessageId) -> Result<(), DirectoryError> {
        let message = self.engine.store.message(vs, id).await?;
        let message = message.ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        if message.kind != Kind::Otp {
            return Err(DirectoryError::Conflict(
                "only messages of kind otp are converted: their code is entered".into(),
            ));
        }
        self.engine.converted(vs, message.to);
        Ok(())
    }
}

/// The change that puts rules in place of these; none where nothing would be other.
///
/// # Errors
/// Everything that is wrong with them, by path.
pub(super) fn change(
    vs: VsId,
    before: Option<&GuardRules>,
    rules: Option<GuardRules>,
) -> Result<Option<Change>, Vec<Problem>> {
    let rules = rules.map(GuardRules::normal);
    let problems = rules.as_ref().map(GuardRules::problems).unwrap_or_default();
    if !problems.is_empty() {
        return Err(problems);
    }
    if before == rules.as_ref() {
        return Ok(None);
    }
    // Plain words and numbers: they always have a JSON form.
    let json = |rules: &GuardRules| serde_json::to_value(rules).unwrap_or_default();
    let (before, rules) = (before.map(json), rules.as_ref().map(json));
    let difference =
        Difference { before: before.unwrap_or_default(), after: rules.clone().unwrap_or_default() };
    Ok(Some(Change::PutGuardRules { vs, rules, difference }))
}

fn shown(server: &Server) -> GuardView {
    let in_force = match &server.guard {
        Some(rules) => GuardRules::from(&**rules),
        None => GuardRules::from(&Rules::under(&GuardRules::default(), None)),
    };
    let mut notices = Vec::new();
    match in_force.mode {
        GuardMode::Off => notices.push("the fraud guard is off: nothing is judged".to_owned()),
        GuardMode::DryRun => {
            notices.push("this is a dry run: what would be refused is counted, and sent".to_owned());
        }
        GuardMode::On => {}
    }
    // Rules above it that leave no country in common refuse everything, which is no lack of a choice.
    if server.guard.as_ref().is_none_or(|rules| rules.countries.is_none()) {
        notices.push(NO_COUNTRIES.to_owned());
    }
    GuardView { own: server.guard_rules.clone(), in_force, is_for_messages: server.guard.is_some(), notices }
}
