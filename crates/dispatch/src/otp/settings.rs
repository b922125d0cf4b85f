//! The settings of the passcode service, one record for each virtual server: what they hold, their bounds, and their defaults.

use super::code::{self, CodeAlphabet};
use super::locale;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use textgate_gateway::Problem;

/// Shortest and longest life of a code (s). NIST SP 800-63B (§5.1.3.2) ends at ten minutes; an hour is for who has another threat
/// in mind, and more is no one-time code any more.
pub(crate) const LIFE_S: (u32, u32) = (60, 3_600);
/// Most codes that may be tried.
pub(crate) const ATTEMPTS_MOST: u8 = 10;
/// Most resends, and the longest pause before one (s).
const RESENDS_MOST: usize = 10;
const LONGEST_PAUSE_S: u32 = 3_600;
/// Shortest and longest fixed time until a receipt is missed (s).
const WATCH_S: (u32, u32) = (1, 600);
/// Most characters of an application's name.
const LONGEST_NAME: usize = 40;
/// Most stored apps.
const APPS_MOST: usize = 20;
/// Length of the hash by which Android's SMS Retriever knows an app.
pub(super) const APP_HASH: usize = 11;
/// Longest host name (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253;

/// The settings of the passcode service; what is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtpSettings {
    /// The application's name, as it stands in texts.
    pub app_name: String,
    /// The language where a request names none, or one that there is no text in.
    pub locale: String,
    /// How long a code is (characters).
    pub length: u8,
    /// Which characters it is made of.
    pub alphabet: CodeAlphabet,
    /// How long it is valid (s).
    pub ttl_s: u32,
    /// How many codes may be tried.
    pub attempts: u8,
    /// The pause before each resend (s): as many resends as pauses.
    pub resend_pauses_s: Vec<u32>,
    /// Whether a passcode is sent again, once, by the failover, where no receipt comes in time.
    pub watch: bool,
    /// After how long a receipt is missed (s); `None`: as long as receipts of that gateway and country take, which is learned.
    pub watch_after_s: Option<u32>,
    /// The domain whose pages may read the code from the message (WebOTP, iOS), where a request names none.
    pub domain: String,
    /// Android apps that may read it (SMS Retriever).
    pub apps: Vec<OtpApp>,
}

/// An Android app that may read codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtpApp {
    /// What requests call it.
    pub name: String,
    /// The 11 characters by which the SMS Retriever knows it.
    pub hash: String,
}

impl Default for OtpSettings {
    fn default() -> Self {
        Self {
            app_name: String::new(),
            locale: "en".into(),
            length: 6,
            alphabet: CodeAlphabet::Digits,
            ttl_s: 600,
            attempts: 5,
            resend_pauses_s: vec![30, 60, 120, 240],
            watch: true,
            watch_after_s: None,
            domain: String::new(),
            apps: Vec::new(),
        }
    }
}

impl OtpSettings {
    /// Settings as they are stored. What another version wrote besides is not understood here, and left alone; what cannot be read at
    /// all counts as not set.
    pub(super) fn from_stored(stored: &Value) -> Self {
        let known = serde_json::to_value(Self::default()).unwrap_or_default();
        let mut stored = stored.clone();
        if let (Some(stored), Some(known)) = (stored.as_object_mut(), known.as_object()) {
            stored.retain(|name, _| known.contains_key(name));
        }
        serde_json::from_value(stored).unwrap_or_default()
    }

    /// These settings in their usual form; or every problem of them, each at its field.
    pub(super) fn checked(mut self) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |path: &str, message: String| problems.push(Problem::new(path, message));
        self.app_name = self.app_name.trim().to_owned();
        if self.app_name.chars().count() > LONGEST_NAME || self.app_name.chars().any(char::is_control) {
            wrong("app_name", format!("use at most {LONGEST_NAME} characters, in one line"));
        }
        match locale::canonical(&self.locale) {
            Some(tag) => self.locale = tag,
            None => wrong("locale", LOCALE.into()),
        }
        if let Some(problem) = problem_of_length(self.length.into()) {
            wrong("length", problem);
        }
        if let Some(problem) = problem_of_ttl(self.ttl_s) {
            wrong("ttl_s", problem);
        }
        if !(1..=ATTEMPTS_MOST).contains(&self.attempts) {
            wrong("attempts", format!("choose 1 to {ATTEMPTS_MOST}"));
        }
        if self.resend_pauses_s.len() > RESENDS_MOST {
            wrong("resend_pauses_s", format!("use at most {RESENDS_MOST} pauses: each is for one resend"));
        } else if self.resend_pauses_s.iter().any(|pause| !(1..=LONGEST_PAUSE_S).contains(pause)) {
            wrong("resend_pauses_s", format!("choose pauses of 1 to {LONGEST_PAUSE_S} seconds"));
        } else if !self.resend_pauses_s.is_sorted() {
            wrong("resend_pauses_s", "let no pause be shorter than the one before".into());
        }
        if self.watch_after_s.is_some_and(|after| !(WATCH_S.0..=WATCH_S.1).contains(&after)) {
            let message =
                format!("choose {} to {} seconds, or leave it out: it is learned", WATCH_S.0, WATCH_S.1);
            wrong("watch_after_s", message);
        }
        if !self.domain.is_empty() {
            match domain(&self.domain) {
                Some(domain) => self.domain = domain,
                None => wrong("domain", DOMAIN.into()),
            }
        }
        if self.apps.len() > APPS_MOST {
            wrong("apps", format!("use at most {APPS_MOST} apps"));
        }
        for (n, app) in self.apps.iter().enumerate().take(APPS_MOST) {
            if !is_word(&app.name) {
                wrong(&format!("apps[{n}].name"), WORD.into());
            } else if self.apps.iter().take(n).any(|other| other.name == app.name) {
                wrong(&format!("apps[{n}].name"), "another app has this name".into());
            }
            if !is_app_hash(&app.hash) {
                wrong(&format!("apps[{n}].hash"), HASH.into());
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }
}

/// What is said of a locale that is none.
pub(super) const LOCALE: &str = "enter a language tag, for example de or pt-BR";
/// What is said of a domain that is none.
pub(super) const DOMAIN: &str =
    "enter a domain alone, without https:// and path, for example login.example.com";
/// What is said of a name that cannot be one.
pub(super) const WORD: &str = "use 1 to 32 lower-case letters, digits, - and _";
/// What is said of a hash that is none.
const HASH: &str = "enter the 11 characters of the app's hash, for example FA+9qCX9VSu";

/// What is wrong with a length, if anything is.
pub(super) fn problem_of_length(length: u32) -> Option<String> {
    let (least, most) = (code::SHORTEST, code::LONGEST);
    (!(u32::from(least)..=u32::from(most)).contains(&length)).then(|| format!("choose {least} to {most}"))
}

/// What is wrong with a life, if anything is.
pub(super) fn problem_of_ttl(ttl_s: u32) -> Option<String> {
    let (least, most) = LIFE_S;
    (!(least..=most).contains(&ttl_s)).then(|| format!("choose {least} to {most} seconds"))
}

/// Whether this can be the name of a purpose or an app.
pub(super) fn is_word(name: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether this can be an app's hash: the first 11 characters of a SHA-256 in Base64.
pub(super) fn is_app_hash(hash: &str) -> bool {
    hash.len() == APP_HASH && hash.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/'))
}

/// The domain in its usual form: a host name in lower case (RFC 1123 §2.1), of at least two labels, not an address. What is not
/// ASCII has to be given as browsers give it on (`xn--…`).
pub(super) fn domain(given: &str) -> Option<String> {
    let domain = given.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next()?;
    let is_good = domain.len() <= LONGEST_HOST
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && !last.bytes().all(|c| c.is_ascii_digit());
    is_good.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(settings: OtpSettings) -> Vec<String> {
        let problems = settings.checked().err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn the_defaults_are_good_and_as_nist_has_them() {
        let settings = OtpSettings::default();
        assert_eq!(settings.clone().checked(), Ok(settings.clone()));
        assert!(settings.length >= 6 && settings.ttl_s <= 600 && settings.attempts <= 5);
    }

    #[test]
    fn every_problem_is_told_at_its_field() {
        let app = |name: &str, hash: &str| OtpApp { name: name.into(), hash: hash.into() };
        let wrong = OtpSettings {
            app_name: "x\ny".into(),
            locale: "german".into(),
            length: 11,
            ttl_s: 59,
            attempts: 0,
            resend_pauses_s: vec![60, 30],
            watch_after_s: Some(0),
            domain: "https://example.com".into(),
            apps: vec![app("a", "FA+9qCX9VSu"), app("a", "short"), app("B", "FA+9qCX9VSu")],
            ..OtpSettings::default()
        };
        assert_eq!(
            paths(wrong),
            [
                "app_name",
                "locale",
                "length",
                "ttl_s",
                "attempts",
                "resend_pauses_s",
                "watch_after_s",
                "domain",
                "apps[1].name",
                "apps[1].hash",
                "apps[2].name"
            ]
        );
        assert_eq!(
            paths(OtpSettings { resend_pauses_s: vec![0], ..OtpSettings::default() }),
            ["resend_pauses_s"]
        );
        assert_eq!(
            paths(OtpSettings { resend_pauses_s: vec![1; 11], ..OtpSettings::default() }),
            ["resend_pauses_s"]
        );
        assert!(paths(OtpSettings { resend_pauses_s: Vec::new(), ..OtpSettings::default() }).is_empty());
    }

    #[test]
    fn a_domain_is_a_host_name_and_nothing_besides() {
        assert_eq!(domain("Login.Example.COM").as_deref(), Some("login.example.com"));
        assert_eq!(domain("xn--bcher-kva.example").as_deref(), Some("xn--bcher-kva.example"));
        for wrong in [
            "",
            "example",
            "localhost",
            "example.com/",
            "example.com:443",
            "https://example.com",
            "-a.example",
            "a-.example",
            "a..example",
            ".example.com",
            "example.com.",
            "192.0.2.1",
            "bücher.example",
            "a b.example",
            "a.example #1",
            "a\n.example",
        ] {
            assert_eq!(domain(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn settings_of_another_version_are_read_as_far_as_they_are_known() {
        let read = OtpSettings::from_stored(&serde_json::json!({"length": 8, "later": true}));
        assert_eq!(read, OtpSettings { length: 8, ..OtpSettings::default() });
        assert_eq!(OtpSettings::from_stored(&serde_json::json!("nonsense")), OtpSettings::default());
        let all =
            serde_json::to_value(OtpSettings { watch_after_s: Some(9), ..OtpSettings::default() }).unwrap();
        assert_eq!(OtpSettings::from_stored(&all).watch_after_s, Some(9));
        assert!(serde_json::from_str::<OtpSettings>(r#"{"lenght": 8}"#).is_err(), "a slip is told");
    }
}
