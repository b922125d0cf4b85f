//! Where the guard is asked and told: what follows from its answer for the store, the log, the metrics and the caller.

use super::{Changed, GuardMode, GuardRules, Question, Rules, Verdict};
use crate::engine::Engine;
use crate::view::View;
use crate::words::Refusal;
use std::sync::{Arc, LazyLock};
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::{AuditNote, GuardBlock, StoreError};

/// Who does what the guard does, for the audit log.
pub(crate) const ACTOR: &str = "fraud guard";

impl Engine {
    /// Whether a message of kind `otp` may be accepted. Where nobody has put rules, nothing is judged: codes made elsewhere may be
    /// checked without a word to the guard.
    pub(crate) fn judge_message(
        self: &Arc<Self>,
        view: &View,
        question: &Question<'_>,
    ) -> Result<(), Refusal> {
        match view.guard(question.vs) {
            Some(rules) => self.judge(rules, question),
            None => Ok(()),
        }
    }

    /// Whether a passcode may be made. Where nobody has put rules, the default ones hold.
    pub(crate) fn judge_passcode(
        self: &Arc<Self>,
        view: &View,
        question: &Question<'_>,
    ) -> Result<(), Refusal> {
        self.judge(rules_of(view, question.vs), question)
    }

    /// Another node let this through: it counts here as if it had been asked here.
    pub(crate) fn count_elsewhere(&self, view: &View, question: &Question<'_>) {
        self.guard.count_elsewhere(rules_of(view, question.vs), question);
    }

    fn judge(self: &Arc<Self>, rules: &Rules, question: &Question<'_>) -> Result<(), Refusal> {
        let Verdict { refused, is_dry_run, changed } = self.guard.judge(rules, question);
        if let Some(changed) = changed {
            self.blocked(changed, question, rules.mode);
        }
        let Some(refused) = refused else {
            self.exchange.sent(question);
            return Ok(());
        };
        self.metrics.on_guard(refused.reason, is_dry_run);
        match refused.retry_after_s {
            _ if is_dry_run => Ok(()),
            Some(retry_after_s) => Err(Refusal::TooManyPasscodes { retry_after_s }),
            None => Err(Refusal::NumberRefused),
        }
    }

    /// The code that was sent to this number was checked successfully.
    pub(crate) fn converted(self: &Arc<Self>, vs: VsId, number: PhoneNumber) {
        self.statistics.converted(vs, number, self.clock.now_ms());
        self.exchange.converted(vs, number);
        let changed = self.guard.converted(vs, number, self.clock.now_ms());
        if changed != Changed::default() {
            self.keep_blocks(changed, Vec::new());
        }
    }

    /// The same on another node, which keeps what follows from it.
    pub(crate) fn converted_elsewhere(&self, vs: VsId, number: PhoneNumber) {
        let _kept_there = self.guard.converted(vs, number, self.clock.now_ms());
    }

    /// Puts in force what another node blocked or released.
    pub(crate) async fn reread_guard_blocks(&self) -> Result<(), StoreError> {
        let kept = self.store.guard_blocks().await?;
        self.guard.follow(&kept, self.clock.now_ms());
        Ok(())
    }

    /// A range was blocked: it is an event for the operator, kept in the store and told by the audit log.
    fn blocked(self: &Arc<Self>, changed: Changed, question: &Question<'_>, mode: GuardMode) {
        let mut notes = Vec::new();
        for block in &changed.put {
            let GuardBlock { vs, range, times, .. } = *block;
            let minutes = (block.until_ms - block.began_ms) / 60_000;
            let is_dry_run = mode == GuardMode::DryRun;
            self.metrics.guard_ranges_blocked.inc();
            tracing::warn!(
                virtual_server = vs.0,
                range,
                times,
                minutes,
                is_dry_run,
                "fraud guard: messages to a range of numbers are not answered; the range is blocked"
            );
            if !is_dry_run {
                self.guard_acts(vs, &range.to_string(), true);
            }
            let after = if is_dry_run { " (dry run: nothing is refused)" } else { "" };
            let action = format!(
                "blocked numbers that begin with {range} for {minutes} minutes: their codes are not entered{after}"
            );
            notes.push(AuditNote { at_ms: question.now_ms, actor: ACTOR.to_owned(), vs, action });
        }
        self.keep_blocks(changed, notes);
    }

    /// Hands blocks to the store, which has them when this returns. Nobody waits: they are in force already.
    pub(crate) fn keep_blocks(self: &Arc<Self>, changed: Changed, notes: Vec<AuditNote>) {
        let kept = self.store.keep_guard_blocks(changed.put, changed.gone, notes);
        tokio::spawn(async move {
            if let Err(error) = kept.await {
                tracing::warn!(%error, "blocked ranges could not be stored; they are in force until a restart");
            }
        });
    }
}

/// The rules in force for a virtual server's passcodes.
fn rules_of(view: &View, vs: VsId) -> &Rules {
    static DEFAULT: LazyLock<Rules> = LazyLock::new(|| Rules::under(&GuardRules::default(), None));
    view.guard(vs).unwrap_or(&DEFAULT)
}
