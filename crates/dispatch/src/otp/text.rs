//! A passcode's text: which template, in which language, and the last line by which a browser or an app knows it.

use super::code::CodeAlphabet;
use super::languages;
use super::locale::{self, candidates};
use super::settings::{self, OtpSettings};
use super::template::{Values, render};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use textgate_gateway::Problem;
use textgate_sms::{Choices, Encoding, Reference, VsId, choose, count};
use textgate_store::{Directory, OtpTemplate};

/// The purpose where a request names none. Its templates are also those of purposes that have none.
pub(crate) const USUAL_PURPOSE: &str = "verification";
/// The language that is always there.
const LAST_LOCALE: &str = "en";
/// Most octets of a message that Android's SMS Retriever reads.
const RETRIEVER_OCTETS: usize = 140;

/// The passcode service as one virtual server has it set.
#[derive(Debug, Default)]
pub(crate) struct OtpConfig {
    pub(crate) settings: OtpSettings,
    /// Its own templates.
    pub(crate) templates: Vec<OtpTemplate>,
}

/// What the texts of one passcode are made from. It is kept with it, so that it can be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    pub(super) length: u8,
    pub(super) alphabet: CodeAlphabet,
    /// The purpose whose templates are used, where it is another than its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<String>,
    /// The line that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bound: Option<Bound>,
}

/// For whom a message's last line is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bound {
    /// A browser: `@domain #code` (WICG, "Origin-bound one-time codes delivered via SMS", §2).
    Domain(String),
    /// An Android app: the hash by which the SMS Retriever knows it.
    App(String),
}

/// A text, and the language it came out in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Composed {
    pub(super) text: String,
    pub(super) locale: String,
}

/// A template that was found.
enum Found<'a> {
    Own(&'a OtpTemplate),
    Shipped(&'static str, &'static languages::Language),
}

impl OtpConfig {
    /// Those of the virtual servers that have set anything.
    pub(crate) fn all(directory: &Directory) -> HashMap<VsId, Self> {
        let mut all: HashMap<VsId, Self> = HashMap::new();
        for (vs, settings) in &directory.otp_settings {
            all.entry(*vs).or_default().settings = OtpSettings::from_stored(settings);
        }
        for template in &directory.otp_templates {
            all.entry(template.vs).or_default().templates.push(template.clone());
        }
        all
    }

    /// Reads which app or domain a request means. One of both: each wants the last line for itself.
    pub(super) fn bound(&self, app: Option<&str>, domain: Option<&str>) -> Result<Option<Bound>, Problem> {
        let given = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
        match (given(app), given(domain)) {
            (Some(_), Some(_)) => {
                let message = "choose either app or domain: each needs the message's last line for itself";
                Err(Problem::new("app", message))
            }
            (Some(app), None) => match self.settings.apps.iter().find(|known| known.name == app) {
                Some(known) => Ok(Some(Bound::App(known.hash.clone()))),
                None if settings::is_app_hash(&app) => Ok(Some(Bound::App(app))),
                None => {
                    let message = "there is no app of this name in the passcode settings, and it is not a hash of 11 characters";
                    Err(Problem::new("app", message))
                }
            },
            (None, Some(domain)) => match settings::domain(&domain) {
                Some(domain) => Ok(Some(Bound::Domain(domain))),
                None => Err(Problem::new("domain", settings::DOMAIN)),
            },
            (None, None) => {
                let usual = &self.settings.domain;
                Ok((!usual.is_empty()).then(|| Bound::Domain(usual.clone())))
            }
        }
    }

    /// The text of a passcode for this purpose.
    pub(super) fn compose(
        &self,
        purpose: &str,
        recipe: &Recipe,
        code: &str,
        minutes: u32,
    ) -> Result<Composed, Problem> {
        let minutes = minutes.to_string();
        let values = Values { code, minutes: &minutes, app: &self.settings.app_name };
        let line = match &recipe.bound {
            None => String::new(),
            Some(Bound::Domain(domain)) => format!("\n@{domain} #{code}"),
            Some(Bound::App(hash)) => format!("\n{hash}"),
        };
        let is_for_app = matches!(recipe.bound, Some(Bound::App(_)));
        let is_too_long =
            |text: &str| if is_for_app { octets(text) > RETRIEVER_OCTETS } else { segments(text) > 1 };
        let (mut text, locale) = match self.find(purpose, recipe)? {
            Found::Own(template) => (render(&template.text, values), template.locale.as_str()),
            Found::Shipped(tag, language) => {
                let named = |template: &str| {
                    let text = render(template, values);
                    if values.app.is_empty() { text } else { format!("{}: {text}", values.app) }
                };
                let mut text = named(&language.text);
                // What follows is worth more than advice.
                if !line.is_empty() && is_too_long(&format!("{text}{line}")) {
                    text = named(&language.short);
                }
                (text, tag)
            }
        };
        text.push_str(&line);
        if is_for_app && is_too_long(&text) {
            let message = format!(
                "with the app's hash the text takes {} octets, and Android reads at most {RETRIEVER_OCTETS}: shorten the template, or the application's name",
                octets(&text)
            );
            return Err(Problem::new("app", message));
        }
        Ok(Composed { text, locale: locale.to_owned() })
    }

    /// The template for a purpose, in the language that comes nearest: that of the request, the virtual server's, English.
    fn find(&self, purpose: &str, recipe: &Recipe) -> Result<Found<'_>, Problem> {
        let asked = recipe.locale.as_deref();
        let tags: Vec<&str> = asked
            .into_iter()
            .chain([self.settings.locale.as_str(), LAST_LOCALE])
            .flat_map(candidates)
            .collect();
        let own = |purpose: &str, tag: &str| {
            self.templates.iter().find(|template| template.purpose == purpose && template.locale == tag)
        };
        if let Some(wanted) = &recipe.template {
            // Who names a template wants that one, in whatever language there is.
            let found = tags.iter().find_map(|tag| own(wanted, tag));
            let any = || self.templates.iter().find(|template| template.purpose == *wanted);
            let shipped = || (wanted == USUAL_PURPOSE).then(|| self.shipped(&tags)).flatten();
            return match (found, shipped()) {
                (Some(template), _) => Ok(Found::Own(template)),
                (None, Some(shipped)) => Ok(shipped),
                (None, None) => any().map(Found::Own).ok_or_else(|| {
                    Problem::new(
                        "template",
                        "there is no template of this purpose; GET /v1/otp/templates lists them",
                    )
                }),
            };
        }
        for tag in &tags {
            if let Some(template) = own(purpose, tag).or_else(|| own(USUAL_PURPOSE, tag)) {
                return Ok(Found::Own(template));
            }
            if let Some(shipped) = self.shipped(&[tag]) {
                return Ok(shipped);
            }
        }
        // English is always there: never reached.
        Err(Problem::new("locale", settings::LOCALE))
    }

    fn shipped(&self, tags: &[&str]) -> Option<Found<'static>> {
        tags.iter().find_map(|tag| {
            let tag = languages::tags().find(|known| known == tag)?;
            Some(Found::Shipped(tag, languages::shipped(tag)?))
        })
    }
}

/// A locale in its usual form, or what is wrong with it.
pub(super) fn read_locale(given: Option<&str>) -> Result<Option<String>, Problem> {
    match given.filter(|given| !given.is_empty()) {
        None => Ok(None),
        Some(given) => {
            locale::canonical(given).map(Some).ok_or_else(|| Problem::new("locale", settings::LOCALE))
        }
    }
}

/// Segments as plain GSM 7 bit or UCS-2 carries the text; what a gateway makes of it may be less.
pub(super) fn segments(text: &str) -> u8 {
    count(text, choose(text, Choices::default()), Reference::default()).unwrap_or(u8::MAX)
}

/// Octets of a text as the SMS Retriever counts them, on the safe side: one for each octet of UTF-8 where GSM 7 bit carries it, two
/// for each unit of UTF-16 otherwise.
fn octets(text: &str) -> usize {
    match choose(text, Choices::default()) {
        Encoding::Gsm7(_) => text.len(),
        _ => text.encode_utf16().count() * 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::OtpApp;
    use super::*;

    fn template(purpose: &str, locale: &str, text: &str) -> OtpTemplate {
        OtpTemplate { vs: VsId(2), purpose: purpose.into(), locale: locale.into(), text: text.into() }
    }

    fn config() -> OtpConfig {
        let apps = vec![OtpApp { name: "droid".into(), hash: "FA+9qCX9VSu".into() }];
        OtpConfig {
            settings: OtpSettings { app_name: "Acme".into(), apps, ..OtpSettings::default() },
            templates: Vec::new(),
        }
    }

    fn recipe(locale: Option<&str>) -> Recipe {
        Recipe {
            length: 6,
            alphabet: CodeAlphabet::Digits,
            template: None,
            locale: locale.map(Into::into),
            bound: None,
        }
    }

    fn text(config: &OtpConfig, purpose: &str, recipe: &Recipe) -> String {
        config.compose(purpose, recipe, "493817", 10).unwrap().text
    }

    #[test]
    fn without_a_template_the_shipped_text_is_sent_in_the_nearest_language() {
        let config = config();
        let locale = |asked| config.compose("login", &recipe(asked), "493817", 10).unwrap().locale;
        assert_eq!(locale(None), "en");
        assert_eq!(locale(Some("de-AT")), "de");
        assert_eq!(locale(Some("zh-HK")), "zh-TW");
        assert_eq!(locale(Some("eo")), "en", "no text in it");
        let text = text(&config, "login", &recipe(Some("de")));
        assert!(text.starts_with("Acme: 493817 ist Ihr") && text.contains("10 Min."), "{text}");
        let french = OtpConfig {
            settings: OtpSettings { locale: "fr".into(), ..config.settings },
            ..OtpConfig::default()
        };
        assert_eq!(french.compose("login", &recipe(Some("eo")), "493817", 10).unwrap().locale, "fr");
    }

    #[test]
    fn without_a_name_of_the_application_none_stands_before_the_text() {
        assert!(text(&OtpConfig::default(), "login", &recipe(None)).starts_with("493817 is your"));
    }

    #[test]
    fn own_templates_go_before_shipped_ones_and_the_purposes_own_before_the_usual() {
        let templates = vec![
            template("login", "de", "Anmeldung {code}"),
            template(USUAL_PURPOSE, "de", "Code {code}"),
            template(USUAL_PURPOSE, "en", "code {code}"),
        ];
        let config = OtpConfig { templates, ..config() };
        assert_eq!(text(&config, "login", &recipe(Some("de-CH"))), "Anmeldung 493817");
        assert_eq!(text(&config, "payment", &recipe(Some("de"))), "Code 493817");
        assert_eq!(text(&config, "login", &recipe(None)), "code 493817", "the virtual server's language");
        assert!(text(&config, "login", &recipe(Some("fr"))).contains("votre code"), "the reader's language");
        let named = Recipe { template: Some("login".into()), ..recipe(Some("fr")) };
        assert_eq!(text(&config, "payment", &named), "Anmeldung 493817", "who names one gets that one");
        let unknown = Recipe { template: Some("other".into()), ..recipe(None) };
        assert_eq!(config.compose("payment", &unknown, "1", 1).unwrap_err().path, "template");
    }

    #[test]
    fn a_browsers_line_is_the_last_and_holds_domain_and_code() {
        let config = config();
        let bound = config.bound(None, Some("Login.Example.com")).unwrap();
        let text = text(&config, "login", &Recipe { bound, ..recipe(None) });
        assert_eq!(text.lines().last(), Some("@login.example.com #493817"));
        assert_eq!(segments(&text), 1, "{text}");
        let usual = OtpSettings { domain: "example.com".into(), ..OtpSettings::default() };
        let config = OtpConfig { settings: usual, ..OtpConfig::default() };
        assert_eq!(config.bound(None, None), Ok(Some(Bound::Domain("example.com".into()))));
        assert_eq!(config.bound(None, Some("https://example.com")).unwrap_err().path, "domain");
    }

    #[test]
    fn an_apps_hash_ends_the_message_which_stays_within_140_octets() {
        let config = config();
        for locale in languages::tags() {
            let bound = config.bound(Some("droid"), None).unwrap();
            let text = text(&config, "login", &Recipe { bound, ..recipe(Some(locale)) });
            assert!(text.ends_with("\nFA+9qCX9VSu"), "{text}");
            assert!(octets(&text) <= 140, "{text}");
        }
        assert_eq!(config.bound(Some("AbCdEfGhIj+"), None), Ok(Some(Bound::App("AbCdEfGhIj+".into()))));
        assert_eq!(config.bound(Some("unknown"), None).unwrap_err().path, "app");
        assert_eq!(config.bound(Some("droid"), Some("example.com")).unwrap_err().path, "app");
        let long = format!("{} {{code}}", "x".repeat(140));
        let config = OtpConfig { templates: vec![template("login", "en", &long)], ..config };
        let bound = config.bound(Some("droid"), None).unwrap();
        let problem = config.compose("login", &Recipe { bound, ..recipe(None) }, "493817", 10).unwrap_err();
        assert!(problem.path == "app" && problem.message.contains("shorten"), "{problem:?}");
    }

    #[test]
    fn a_recipe_reads_back() {
        let whole = Recipe {
            template: Some("login".into()),
            bound: Some(Bound::Domain("example.com".into())),
            ..recipe(Some("de"))
        };
        for recipe in [recipe(None), whole] {
            let json = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
        }
    }
}
