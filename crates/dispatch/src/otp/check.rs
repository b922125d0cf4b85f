//! Checking a code: counted and decided in one transaction of the store.

use super::code;
use super::words::{CheckView, PasscodeRefusal};
use crate::dispatch::Dispatch;
use textgate_gateway::Problem;
use textgate_sms::{MessageId, PasscodeState, VsId};
use textgate_store::PasscodeCheck;

/// What is said of what can be no code.
const NO_CODE: &str = "enter the code as it was received: 4 to 10 digits or letters";

impl Dispatch {
    /// Checks a code that somebody typed. Each call counts as an attempt, whatever was typed, as long as it can be a code at all.
    /// Answers [`PasscodeState::Approved`] once for each passcode, however many ask at once.
    ///
    /// # Errors
    /// [`PasscodeRefusal::Refused`] for what can be no code, [`PasscodeRefusal::NotFound`], [`PasscodeRefusal::StoreUnavailable`];
    /// [`PasscodeRefusal::NotPending`] for a passcode that was approved before: an answer that says `approved` is always a success.
    pub async fn check_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        given: &str,
    ) -> Result<CheckView, PasscodeRefusal> {
        let engine = &self.engine;
        let given =
            code::typed(given).ok_or_else(|| PasscodeRefusal::invalid(Problem::new("code", NO_CODE)))?;
        let passcode = engine.store.passcode(vs, id).await?.ok_or(PasscodeRefusal::NotFound)?;
        let digest = code::digest(&engine.sealer, id, passcode.number, &given);
        let at_ms = engine.clock.now_ms();
        let checked = engine.store.check_passcode(PasscodeCheck { vs, id, digest, at_ms }).await?;
        let checked = checked.ok_or(PasscodeRefusal::NotFound)?;
        if checked.state == PasscodeState::Approved && !checked.is_now {
            return Err(PasscodeRefusal::NotPending(checked.state));
        }
        engine.metrics.passcodes.checked(checked.state);
        if checked.state == PasscodeState::Approved {
            engine.converted(vs, passcode.number);
        }
        Ok(CheckView { status: checked.state, attempts_left: checked.attempts_left })
    }
}
