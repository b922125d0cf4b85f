//! What the bodies of the passcode service look like, in and out.

mod passcode;
mod settings;
mod template;

pub(super) use passcode::*;
pub(crate) use passcode::{PASSCODE, PasscodeShown};
pub(crate) use settings::SETTINGS_INPUT;
pub(super) use settings::{SETTINGS, SettingsShown};
pub(crate) use template::TEMPLATE_INPUT;
pub(super) use template::*;

use crate::shape::Shape;
use textgate_dispatch::CodeAlphabet;

fn alphabets() -> Vec<&'static str> {
    CodeAlphabet::ALL.iter().map(|alphabet| alphabet.name()).collect()
}

const WORD: Shape = Shape::Text(32);
const LOCALE: Shape = Shape::Text(20);
const DOMAIN: Shape = Shape::Text(253);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::shape::Object;
    use serde::Serialize;
    use textgate_dispatch::{
        CheckView, OtpApp, OtpSettings, OtpSettingsView, PasscodeView, PasscodesPage, ShippedView,
        TemplateView, TextPreview,
    };
    use textgate_sms::{MessageId, PasscodeState};

    fn fits(value: &impl Serialize, object: &Object) {
        let mut problems = Vec::new();
        object.check(&serde_json::to_value(value).unwrap(), "", &mut problems);
        assert_eq!(problems, [], "{}", object.name);
    }

    fn passcode() -> PasscodeView {
        PasscodeView {
            id: MessageId::from_u64(1),
            status: PasscodeState::Pending,
            to: "15550100100".into(),
            purpose: "login".into(),
            created_ms: 1,
            expires_ms: 2,
            changed_ms: 3,
            attempts_left: 5,
            resends: 1,
            resend_after_ms: Some(4),
            messages: vec![MessageId::from_u64(1), MessageId::from_u64(2)],
        }
    }

    #[test]
    fn what_is_shown_is_what_is_described() {
        fits(&SentShown::from(&passcode()), &SENT);
        fits(&PasscodeShown::from(passcode()), &PASSCODE);
        fits(&PasscodesShown::from(PasscodesPage { passcodes: vec![passcode()], next: None }), &PASSCODES);
        let view = CheckView { status: PasscodeState::Approved, attempts_left: 4 };
        fits(&CheckedShown::new("0000000000001".into(), view), &CHECKED);
        let apps = vec![OtpApp { name: "droid".into(), hash: "FA+9qCX9VSu".into() }];
        let settings = OtpSettings { apps, watch_after_s: Some(9), ..OtpSettings::default() };
        fits(&SettingsShown::from(OtpSettingsView { settings, is_own: true }), &SETTINGS);
        let preview =
            || TextPreview { text: "x".into(), locale: "en".into(), segments: 1, encoding: "gsm7".into() };
        let template = TemplateView {
            purpose: "login".into(),
            locale: "en".into(),
            text: "{code}".into(),
            preview: preview(),
        };
        let shipped = ShippedView { locale: "de", text: "{code}" };
        let all = TemplatesShown { templates: vec![template.into()], shipped: vec![shipped.into()] };
        fits(&all, &TEMPLATES);
        fits(&PreviewShown::from(preview()), &PREVIEW);
    }

    #[test]
    fn bodies_fit_their_descriptions() {
        let whole = br#"{"to":"15550100100","purpose":"login","template":"t","locale":"de","length":8,"alphabet":"letters",
            "ttl_s":300,"app":"droid","domain":"example.com","ip":"192.0.2.1"}"#;
        let body: PasscodeBody = body::parse(whole, &REQUEST).unwrap();
        assert_eq!(
            (body.to.as_str(), body.length, body.alphabet),
            ("15550100100", Some(8), Some(CodeAlphabet::Letters))
        );
        let settings: OtpSettings = body::parse(
            br#"{"length":8,"watch_after_s":null,"apps":[{"name":"a","hash":"b"}]}"#,
            &SETTINGS_INPUT,
        )
        .unwrap();
        assert_eq!((settings.length, settings.ttl_s, settings.apps.len()), (8, 600, 1));
        assert!(body::parse::<OtpSettings>(br#"{"attempts":256}"#, &SETTINGS_INPUT).is_err());
        assert!(body::parse::<CheckBody>(br#"{"code":123456}"#, &CHECK).is_err(), "a number loses its zeros");
        assert!(body::parse::<PasscodeBody>(br#"{"to":"1","code":"123456"}"#, &REQUEST).is_err());
    }
}
