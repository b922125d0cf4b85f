//! What a gateway that is not saved would send.

use super::draft::Current;
use super::{draft, invalid, server};
use crate::accept::problem_of_text;
use crate::dispatch::{Dispatch, TEST_TEXT};
use crate::words::{DirectoryError, PreviewInput};
use std::time::Duration;
use textgate_gateway::{
    Environment, Overwrite, Preview, PreviewError, Problem, Routing, Submission, preview,
};
use textgate_sms::{GatewayId, Kind, MessageId, PhoneNumber, VsId};

/// Nobody's number (fictional use, North American Numbering Plan).
const NOBODY: &str = "15550100199";
/// How long a previewed passcode is of use.
const VALIDITY: Duration = Duration::from_secs(300);

impl Dispatch {
    /// What the gateway would send for a passcode of this text: the very requests or PDUs, with a name in place of each secret.
    /// Nothing is saved and nobody is asked. Blank secrets are those of the saved gateway of the same name.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem by its path (`gateway.settings.host`, `number`, `text`),
    /// [`DirectoryError::NotFound`].
    pub fn preview(&self, vs: VsId, input: PreviewInput) -> Result<Preview, DirectoryError> {
        let engine = &self.engine;
        let view = engine.view.load_full();
        let server = server(&view, vs)?;
        let PreviewInput { gateway, number, text } = input;
        let mut problems = Vec::new();
        let plugin = engine.plugins.get(&gateway.plugin).map(std::sync::Arc::clone);
        let read = draft::read_one(&engine.plugins, &Current::of(&view, server), gateway);
        let read = read.map_err(|found| problems.extend(found.into_iter().map(|p| p.under("gateway"))));
        let number = number.filter(|number| !number.is_empty());
        let to = match (number, server.settings.test_number) {
            (Some(number), _) => PhoneNumber::parse(&number),
            (None, Some(number)) => Ok(number),
            (None, None) => PhoneNumber::parse(NOBODY),
        };
        let to = to.map_err(|error| problems.push(Problem::new("number", error.to_string())));
        let text = text.filter(|text| !text.is_empty()).unwrap_or_else(|| TEST_TEXT.to_owned());
        problems.extend(problem_of_text(&text).map(|problem| Problem::new("text", problem)));
        let (Ok((id, settings)), Ok(to), Some(plugin), true) = (read, to, plugin, problems.is_empty()) else {
            return Err(DirectoryError::Invalid(problems));
        };
        let submission = self.previewed(vs, to, text);
        preview(&*plugin, &settings, &self.environment_of(id), &submission).map_err(|error| match error {
            PreviewError::Text(error) => invalid("text", error.to_string()),
            PreviewError::Settings(reason) => invalid("gateway", reason),
        })
    }

    fn previewed(&self, vs: VsId, to: PhoneNumber, text: String) -> Submission {
        let (now, now_ms) = (self.engine.clock.now(), self.engine.clock.now_ms());
        let expires_ms = now_ms.saturating_add(i64::try_from(VALIDITY.as_millis()).unwrap_or_default());
        Submission {
            id: MessageId::first_at(now_ms),
            to,
            kind: Kind::Otp,
            text: text.into_boxed_str(),
            sender: None,
            flash: None,
            overwrite: Overwrite::AsSet,
            valid_until: now + VALIDITY,
            answer_by: now + VALIDITY,
            is_test: false,
            routing: Routing::new(vs, vs, 1, now, expires_ms),
        }
    }

    /// What a gateway gets, whose number may still have to be assigned.
    fn environment_of(&self, id: Option<GatewayId>) -> Environment {
        let mut environment = self.engine.environment.clone();
        environment.callback_url = environment.public_url.as_ref().map(|base| match id {
            Some(id) => self.engine.receipt_url(id),
            None => format!("{base}/receipts/assigned-when-applied"),
        });
        environment
    }
}
