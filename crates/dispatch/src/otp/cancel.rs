//! Calling a passcode back.

use super::show::shown;
use super::words::{PasscodeRefusal, PasscodeView};
use crate::accept::CarriedThrough;
use crate::dispatch::Dispatch;
use std::sync::Arc;
use textgate_sms::{MessageId, PasscodeState, VsId};

impl Dispatch {
    /// Cancels a passcode: no code is right for it any more, and a message of it that no gateway has taken is called back. One that is
    /// cancelled already stays so.
    ///
    /// # Errors
    /// [`PasscodeRefusal::NotFound`], [`PasscodeRefusal::NotPending`], [`PasscodeRefusal::StoreUnavailable`].
    pub async fn cancel_passcode(&self, vs: VsId, id: MessageId) -> Result<PasscodeView, PasscodeRefusal> {
        let engine = Arc::clone(&self.engine);
        let cancelled = CarriedThrough::new(async move {
            let now_ms = engine.clock.now_ms();
            let cancelled = engine.store.cancel_passcode(vs, id, now_ms).await?;
            let (passcode, is_changed) = cancelled.ok_or(PasscodeRefusal::NotFound)?;
            if is_changed {
                engine.metrics.passcodes.cancelled.inc();
                for message in &passcode.messages {
                    // One that a gateway has, or that is finished, stays as it is; a store that fails here changes nothing about
                    // the passcode.
                    let _ = engine.cancel(vs, *message).await;
                }
            }
            Ok::<_, PasscodeRefusal>(shown(passcode, now_ms))
        });
        let view = cancelled.await?;
        match view.status {
            PasscodeState::Cancelled => Ok(view),
            other => Err(PasscodeRefusal::NotPending(other)),
        }
    }
}
