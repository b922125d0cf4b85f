//! How opt-outs are heeded: words, answers, and what they end.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Control, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, OptOutScope, OptOutSettings, OptOutTexts, opt_out_languages};
use textgate_gateway::Problem;

const ADDRESS: &str = "opt-outs/settings";
const WORDS: [&str; 3] = ["stop_words", "start_words", "help_words"];
const TEXTS: [&str; 3] = ["stopped", "started", "help"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/opt-outs/settings", Need::Change, show),
        Route::post("/console/vs/{vs}/opt-outs/settings", Need::Change, put),
    ]
}

#[derive(Template)]
#[template(path = "opt_out_settings.html")]
struct SettingsPage {
    page: Page,
    fields: Vec<Field>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form = form_of(&console.dispatch.opt_out_settings(visit.vs)?);
    answer::html(&page(&console, &visit, &form, &Problems::none()))
}

async fn put(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let settings = settings_of(&form, console.dispatch.opt_out_settings(visit.vs)?);
    match console.dispatch.put_opt_out_settings(&visit.actor(), visit.vs, settings).await {
        Ok(_) => answer::see_with(&visit.to(ADDRESS), &Flash::done("opt_out_settings_applied", "")),
        Err(error) => {
            let problems = problems_of(error, &visit)?;
            answer::wrong(&page(&console, &visit, &form, &problems))
        }
    }
}

/// What is wrong, at the fields of the form: all words of a list stand in one, and texts are of the one language that is shown.
fn problems_of(error: DirectoryError, visit: &Visit) -> Result<Problems, Failure> {
    let error = match error {
        DirectoryError::Invalid(problems) => DirectoryError::Invalid(
            problems
                .into_iter()
                .map(|problem| {
                    let path = problem.path.split('[').next().unwrap_or_default();
                    Problem::new(path.rsplit('.').next().unwrap_or_default(), problem.message)
                })
                .collect(),
        ),
        error => error,
    };
    Problems::of_refusal(error, "language", visit.text())
}

/// The settings as the form shows them.
fn form_of(settings: &OptOutSettings) -> Form {
    let scope = if settings.scope == OptOutScope::Sender { "sender" } else { "virtual_server" };
    let mut form = Form::default()
        .or("scope", scope)
        .or("language", &settings.language)
        .or("stop_words", settings.stop_words.join("\n"))
        .or("start_words", settings.start_words.join("\n"))
        .or("help_words", settings.help_words.join("\n"));
    let checks = [
        ("listen", settings.listen),
        ("reply", settings.reply),
        ("refuse_passcodes", settings.refuse_passcodes),
    ];
    for (name, _) in checks.iter().filter(|(_, is_on)| *is_on) {
        form = form.or(name, "on");
    }
    if let Some(texts) = settings.texts.get(&settings.language) {
        for (name, text) in TEXTS.iter().zip([&texts.stopped, &texts.started, &texts.help]) {
            form = form.or(name, text.clone().unwrap_or_default());
        }
    }
    form
}

/// The settings that the form asks for; answers in other languages stay as they are.
fn settings_of(form: &Form, before: OptOutSettings) -> OptOutSettings {
    let words = |name: &str| {
        let lines = form.get(name).lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let some = |name: &str| Some(form.trimmed(name).to_owned()).filter(|text| !text.is_empty());
    let language = form.get("language").to_owned();
    let mut texts = before.texts;
    let own = OptOutTexts { stopped: some("stopped"), started: some("started"), help: some("help") };
    if own == OptOutTexts::default() {
        texts.remove(&language);
    } else {
        texts.insert(language.clone(), own);
    }
    OptOutSettings {
        listen: form.has("listen"),
        scope: if form.get("scope") == "sender" { OptOutScope::Sender } else { OptOutScope::VirtualServer },
        refuse_passcodes: form.has("refuse_passcodes"),
        reply: form.has("reply"),
        language,
        stop_words: words("stop_words"),
        start_words: words("start_words"),
        help_words: words("help_words"),
        texts,
    }
}

fn page(console: &Console, visit: &Visit, form: &Form, problems: &Problems) -> SettingsPage {
    let text = visit.text();
    let label = |name| text.word("opt_out_setting", name);
    let help = |name| text.word("opt_out_setting_help", name);
    let scopes =
        ["virtual_server", "sender"].map(|scope| Choice::new(scope, text.word("opt_out_scope", scope)));
    let languages = opt_out_languages().into_iter().map(|tag| Choice::new(tag, tag)).collect();
    let mut fields = vec![
        Field::check("listen", label("listen")),
        Field::radios("scope", label("scope"), scopes.into()),
        Field::check("refuse_passcodes", label("refuse_passcodes")),
        Field::check("reply", label("reply")),
        Field::select("language", label("language"), languages).help(help("language")),
    ];
    fields.extend(WORDS.map(|name| Field::new(Control::Area, name, label(name)).help(help("words"))));
    fields.extend(TEXTS.map(|name| {
        Field::new(Control::Area, name, label(name)).help(help("texts")).mark(text.get("form.optional"))
    }));
    let fields: Vec<Field> = fields.into_iter().map(|field| field.filled(form, problems)).collect();
    let page = Page::new(console, visit, text.get("opt_outs.settings_title"))
        .lead(text.get("opt_outs.settings_lead"))
        .problems(problems, &fields);
    SettingsPage { page, fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_the_settings_that_it_shows_and_keeps_other_languages() {
        let texts = OptOutTexts { stopped: Some("Aus.".into()), ..OptOutTexts::default() };
        let settings = OptOutSettings {
            scope: OptOutScope::Sender,
            refuse_passcodes: true,
            language: "de".into(),
            stop_words: vec!["Genug".into(), "Nie wieder".into()],
            texts: [("de".to_owned(), texts.clone()), ("fr".to_owned(), texts)].into(),
            ..OptOutSettings::default()
        };
        assert_eq!(settings_of(&form_of(&settings), settings.clone()), settings);
        let usual = OptOutSettings::default();
        assert_eq!(settings_of(&form_of(&usual), usual.clone()), usual);
    }
}
