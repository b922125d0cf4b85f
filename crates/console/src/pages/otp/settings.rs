//! The passcode service's settings.

use super::{Tab, tabs};
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Control, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::{Phrase, Text};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{CodeAlphabet, DirectoryError, OtpApp, OtpSettings};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/passcodes/settings", Need::Change, show),
        Route::post("/console/vs/{vs}/passcodes/settings", Need::Change, put),
    ]
}

#[derive(Template)]
#[template(path = "otp_settings.html")]
struct SettingsPage {
    page: Page,
    tabs: Vec<Tab>,
    groups: Vec<Group>,
}

/// Fields under one heading.
struct Group {
    title: Phrase,
    fields: Vec<Field>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let settings = console.dispatch.otp_settings(visit.vs)?.settings;
    answer::html(&page(&console, &visit, &written(&settings), Problems::none()))
}

async fn put(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    match console.dispatch.put_otp_settings(&visit.actor(), visit.vs, read(&form)).await {
        Ok(_) => answer::see_with(&visit.to("passcodes/settings"), &Flash::done("otp_settings_applied", "")),
        Err(error) => {
            let problems = problems(error, visit.text())?;
            answer::wrong(&page(&console, &visit, &form, problems))
        }
    }
}

/// The settings as a form has them.
fn written(settings: &OtpSettings) -> Form {
    let pauses: Vec<String> = settings.resend_pauses_s.iter().map(ToString::to_string).collect();
    let apps: Vec<String> = settings.apps.iter().map(|app| format!("{} {}", app.name, app.hash)).collect();
    let form = Form::default()
        .or("app_name", settings.app_name.as_str())
        .or("locale", settings.locale.as_str())
        .or("length", settings.length.to_string())
        .or("alphabet", settings.alphabet.name())
        .or("ttl_s", settings.ttl_s.to_string())
        .or("attempts", settings.attempts.to_string())
        .or("resend_pauses_s", pauses.join(", "))
        .or("watch_after_s", settings.watch_after_s.map(|after| after.to_string()).unwrap_or_default())
        .or("domain", settings.domain.as_str())
        .or("apps", apps.join("\n"));
    if settings.watch { form.or("watch", "on") } else { form }
}

/// The settings of a form. What is no number is as wrong as 0, and told together with what else is wrong.
fn read(form: &Form) -> OtpSettings {
    let number = |name: &str| form.trimmed(name).parse::<u32>().unwrap_or(0);
    let small = |name: &str| u8::try_from(number(name)).unwrap_or(0);
    let words = |value: &str| {
        let parts = value.split([',', ' ', ';']).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap_or(0)).collect()
    };
    let app = |line: &str| {
        let (name, hash) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        OtpApp { name: name.to_owned(), hash: hash.trim().to_owned() }
    };
    OtpSettings {
        app_name: form.trimmed("app_name").to_owned(),
        locale: form.trimmed("locale").to_owned(),
        length: small("length"),
        alphabet: if form.get("alphabet") == CodeAlphabet::Letters.name() {
            CodeAlphabet::Letters
        } else {
            CodeAlphabet::Digits
        },
        ttl_s: number("ttl_s"),
        attempts: small("attempts"),
        resend_pauses_s: words(form.get("resend_pauses_s")),
        watch: form.has("watch"),
        watch_after_s: Some(form.trimmed("watch_after_s"))
            .filter(|after| !after.is_empty())
            .map(|after| after.parse().unwrap_or(0)),
        domain: form.trimmed("domain").to_owned(),
        apps: form.get("apps").lines().filter(|line| !line.trim().is_empty()).map(app).collect(),
    }
}

/// What is wrong, at the form's fields: the apps are one.
fn problems(error: DirectoryError, text: Text) -> Result<Problems, Failure> {
    let found = Problems::of_refusal(error, "app_name", text)?;
    let mut problems = Problems::none();
    for problem in found.all() {
        let field = problem.path.split('[').next().unwrap_or_default();
        problems.add(field, problem.message.clone());
    }
    Ok(problems)
}

fn page(console: &Console, visit: &Visit, form: &Form, problems: Problems) -> SettingsPage {
    let text = visit.text();
    let groups = groups(text, form, &problems);
    let page = Page::new(console, visit, text.get("otp.settings"))
        .lead(text.get("otp.settings_lead"))
        .problems(&problems, groups.iter().flat_map(|group| &group.fields));
    SettingsPage { tabs: tabs(&page, "passcodes/settings", true), page, groups }
}

fn groups(text: Text, form: &Form, problems: &Problems) -> Vec<Group> {
    let alphabets = CodeAlphabet::ALL.map(|alphabet| {
        let name = alphabet.name();
        Choice::new(name, text.word("alphabet", name)).help(text.word("alphabet_help", name))
    });
    let codes = vec![
        Field::number("length", text.get("otp.length")).help(text.get("otp.length_help")),
        Field::radios("alphabet", text.get("otp.alphabet"), alphabets.into()),
        Field::number("ttl_s", text.get("otp.ttl")).help(text.get("otp.ttl_help")),
        Field::number("attempts", text.get("otp.attempts")).help(text.get("otp.attempts_help")),
    ];
    let texts = vec![
        Field::text("app_name", text.get("otp.app_name"))
            .help(text.get("otp.app_name_help"))
            .mark(text.get("form.optional")),
        Field::text("locale", text.get("otp.locale")).help(text.get("otp.usual_locale_help")),
        Field::text("domain", text.get("otp.domain"))
            .help(text.get("otp.domain_help"))
            .mark(text.get("form.optional")),
        Field::new(Control::Area, "apps", text.get("otp.apps"))
            .help(text.get("otp.apps_help"))
            .mark(text.get("form.optional")),
    ];
    let delivery = vec![
        Field::text("resend_pauses_s", text.get("otp.pauses")).help(text.get("otp.pauses_help")),
        Field::check("watch", text.get("otp.watch")).help(text.get("otp.watch_help")),
        Field::number("watch_after_s", text.get("otp.watch_after"))
            .help(text.get("otp.watch_after_help"))
            .mark(text.get("form.optional")),
    ];
    let group = |title, fields: Vec<Field>| {
        let fields = fields.into_iter().map(|field| field.filled(form, problems)).collect();
        Group { title, fields }
    };
    vec![
        group(text.get("otp.codes"), codes),
        group(text.get("otp.texts"), texts),
        group(text.get("otp.delivery"), delivery),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_from_the_form_as_they_were() {
        let apps = vec![OtpApp { name: "droid".into(), hash: "FA+9qCX9VSu".into() }];
        let all = OtpSettings {
            app_name: "Acme".into(),
            alphabet: CodeAlphabet::Letters,
            watch: false,
            watch_after_s: Some(9),
            domain: "example.com".into(),
            apps,
            ..OtpSettings::default()
        };
        for settings in [OtpSettings::default(), all] {
            assert_eq!(read(&written(&settings)), settings);
        }
    }

    #[test]
    fn what_is_no_number_is_left_for_dispatch_to_refuse() {
        let form =
            Form::default().or("length", "six").or("resend_pauses_s", "30, soon").or("watch_after_s", "x");
        let settings = read(&form);
        assert_eq!((settings.length, settings.watch_after_s), (0, Some(0)));
        assert_eq!(settings.resend_pauses_s, [30, 0]);
    }
}
