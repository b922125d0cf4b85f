//! Passcodes as their owners see them.

use super::words::{PasscodeRefusal, PasscodeView, PasscodesPage};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use textgate_sms::{MessageId, PasscodeState, PhoneNumber, VsId};
use textgate_store::{PasscodeFilter, PasscodeRecord};

/// Most passcodes of one page.
const PAGE_MOST: usize = 200;

impl Dispatch {
    /// One passcode.
    ///
    /// # Errors
    /// [`PasscodeRefusal::NotFound`] also for another virtual server's, and for one that was made a week ago;
    /// [`PasscodeRefusal::StoreUnavailable`].
    pub async fn passcode(&self, vs: VsId, id: MessageId) -> Result<PasscodeView, PasscodeRefusal> {
        self.engine.passcode_of(vs, id).await
    }

    /// A page of passcodes, the newest first, older than `before`: to this number, in this state.
    ///
    /// # Errors
    /// [`PasscodeRefusal::StoreUnavailable`].
    pub async fn passcodes(
        &self,
        vs: VsId,
        to: Option<PhoneNumber>,
        state: Option<PasscodeState>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<PasscodesPage, PasscodeRefusal> {
        let now_ms = self.engine.clock.now_ms();
        let filter = PasscodeFilter { to, state, now_ms };
        let page = self.engine.store.passcodes(vs, filter, before, limit.clamp(1, PAGE_MOST)).await?;
        let passcodes = page.passcodes.into_iter().map(|passcode| shown(passcode, now_ms)).collect();
        Ok(PasscodesPage { passcodes, next: page.next })
    }
}

impl Engine {
    /// One passcode.
    pub(super) async fn passcode_of(&self, vs: VsId, id: MessageId) -> Result<PasscodeView, PasscodeRefusal> {
        let passcode = self.store.passcode(vs, id).await?.ok_or(PasscodeRefusal::NotFound)?;
        Ok(shown(passcode, self.clock.now_ms()))
    }
}

/// A passcode for people, as of this moment.
pub(crate) fn shown(passcode: PasscodeRecord, now_ms: i64) -> PasscodeView {
    let status = passcode.state_at(now_ms);
    let is_pending = status == PasscodeState::Pending;
    let is_past = status != passcode.state;
    PasscodeView {
        id: passcode.id,
        status,
        to: passcode.number.to_string(),
        purpose: passcode.purpose.to_string(),
        created_ms: passcode.id.accepted_ms(),
        expires_ms: passcode.expires_ms,
        changed_ms: if is_past { passcode.expires_ms } else { passcode.changed_ms },
        attempts_left: if is_pending { passcode.attempts_left() } else { 0 },
        resends: passcode.resends,
        resend_after_ms: passcode.resend_after_ms.filter(|_| is_pending),
        messages: passcode.messages.to_vec(),
    }
}
