//! One-time passcodes: made, checked, sent again and cancelled by programs; their settings and templates.

mod configure;
mod passcodes;
mod shapes;

use crate::problem::{ProblemDetails, ProblemType};
use crate::routes::Route;
pub(crate) use shapes::{PASSCODE, PasscodeShown, SETTINGS_INPUT, TEMPLATE_INPUT};
use textgate_dispatch::{DirectoryError, PasscodeRefusal};

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = passcodes::routes();
    routes.extend(configure::routes());
    routes
}

impl From<PasscodeRefusal> for ProblemDetails {
    fn from(refusal: PasscodeRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            PasscodeRefusal::Refused(refusal) => refusal.into(),
            PasscodeRefusal::NotFound => Self::new(ProblemType::NotFound, detail),
            PasscodeRefusal::NotPending(_) => Self::new(ProblemType::PasscodeNotPending, detail),
            PasscodeRefusal::TooSoon { retry_after_s } => {
                Self::new(ProblemType::ResendTooSoon, detail).retry_after(retry_after_s.max(1))
            }
            PasscodeRefusal::NoMoreResends | PasscodeRefusal::OnItsWay => {
                Self::new(ProblemType::NotResendable, detail)
            }
            PasscodeRefusal::StoreUnavailable(why) => DirectoryError::StoreUnavailable(why).into(),
        }
    }
}
