//! Comms > Communications > SMS Settings: Default or Custom, the gateways with their plugins' own fields, a preview and a test.
//!
//! One form holds all of it. Its buttons (`do`) apply it, change it (another gateway, another row, another plugin) and show it again, or
//! ask something of it (a preview, a balance). A script only spares the way to the server for what it can do itself.

mod draft;
mod fields;
mod kept;
mod page;
mod test;

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use axum::extract::State;
use draft::{Draft, Gateway, Row};
use http::Uri;
pub(crate) use kept::Owned;
use page::{Aside, SettingsPage};
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, PreviewInput, Refusal, SettingsView};
use textgate_gateway::Problem;

const PAGE: &str = "sms-settings";

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/console/vs/{vs}/sms-settings", Need::Read, show),
        Route::post("/console/vs/{vs}/sms-settings", Need::Change, change),
    ];
    routes.extend(test::routes());
    routes
}

/// What a button of the form does.
#[derive(Debug, PartialEq, Eq)]
enum Action<'a> {
    Apply,
    Test,
    Update,
    Add,
    Remove(usize),
    Up(usize),
    Down(usize),
    AddRow(usize, &'a str),
    RemoveRow(usize, &'a str, usize),
    Preview(usize),
    Balance(usize),
}

impl<'a> Action<'a> {
    /// `remove:1`, `add-row:0:parameters`; what is none of them only shows the form again.
    fn of(button: &'a str) -> Self {
        let mut parts = button.split(':');
        let (word, gateway) = (parts.next().unwrap_or_default(), parts.next().and_then(|n| n.parse().ok()));
        let (field, row) = (parts.next(), parts.next().and_then(|n| n.parse().ok()));
        match (word, gateway, field, row) {
            ("apply", None, ..) => Self::Apply,
            ("test", None, ..) => Self::Test,
            ("add", None, ..) => Self::Add,
            ("remove", Some(gateway), ..) => Self::Remove(gateway),
            ("up", Some(gateway), ..) => Self::Up(gateway),
            ("down", Some(gateway), ..) => Self::Down(gateway),
            ("add-row", Some(gateway), Some(field), _) => Self::AddRow(gateway, field),
            ("remove-row", Some(gateway), Some(field), Some(row)) => Self::RemoveRow(gateway, field, row),
            ("preview", Some(gateway), ..) => Self::Preview(gateway),
            ("balance", Some(gateway), ..) => Self::Balance(gateway),
            _ => Self::Update,
        }
    }
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let saved = console.dispatch.settings(visit.vs).await?;
    let mut draft = Draft::of(&saved);
    let question = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let wanted = console.dispatch.plugins().get(question.get("plugin"));
    // From the plugin's own page.
    let wanted = wanted.filter(|_| visit.person.may_change(&console.dispatch, visit.vs));
    let chosen = wanted.and_then(|plugin| draft.choose(plugin.name()));
    let mut page = SettingsPage::new(&console, &visit, &saved, &draft, &Problems::none(), None);
    (page.chosen, page.is_unsaved) = (chosen, chosen.is_some());
    answer::html(&page)
}

async fn change(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let plugins = console.dispatch.plugins();
    let secrets = console.typed.look(form.get("ticket"), |owned| {
        let is_own = owned.session == visit.person.session && owned.vs == visit.vs;
        is_own.then(|| owned.secrets.clone())
    });
    let (mut draft, lost) = Draft::read(plugins, &form, &secrets.unwrap_or_default());
    let saved = console.dispatch.settings(visit.vs).await?;
    if draft.mode.is_empty() {
        // A choice that cannot be made is not sent by browsers: nothing was chosen instead.
        draft.mode = Draft::of(&saved).mode;
    }
    let action = Action::of(form.get("do"));
    if matches!(action, Action::Apply | Action::Test) {
        return apply(&console, &visit, &saved, draft, lost, action == Action::Test).await;
    }
    let (mut problems, mut aside) = (Problems::none(), None);
    match action {
        Action::Add => draft.gateways.push(Gateway::default()),
        Action::Remove(at) if at < draft.gateways.len() => drop(draft.gateways.remove(at)),
        Action::Up(at) if at > 0 && at < draft.gateways.len() => draft.gateways.swap(at - 1, at),
        Action::Down(at) if at + 1 < draft.gateways.len() => draft.gateways.swap(at, at + 1),
        Action::AddRow(at, field) => {
            if let Some(gateway) = draft.gateways.get_mut(at) {
                gateway.rows.entry(field.to_owned()).or_default().push(Row::default());
            }
        }
        Action::RemoveRow(at, field, row) => {
            let rows = draft.gateways.get_mut(at).and_then(|gateway| gateway.rows.get_mut(field));
            if let Some(rows) = rows.filter(|rows| row < rows.len()) {
                rows.remove(row);
            }
        }
        Action::Preview(at) => match preview(&console, &visit, &draft, at) {
            Ok(shown) => aside = Some(shown),
            Err(found) => problems = named(&draft, &visit, at_gateway(found, at)),
        },
        Action::Balance(at) => aside = balance(&console, &visit, &draft, at).await,
        _ => {}
    }
    if draft.gateways.is_empty() {
        draft.gateways.push(Gateway::default());
    }
    let is_asked = matches!(Action::of(form.get("do")), Action::Preview(_) | Action::Balance(_));
    let is_unsaved = !is_asked || form.get("unsaved") == "on";
    let page = shown(&console, &visit, &saved, &draft, &problems, aside, is_unsaved)?;
    if problems.is_empty() { answer::html(&page) } else { answer::wrong(&page) }
}

/// Puts the settings in force, and sends a test message by them where that is wanted.
async fn apply(
    console: &Console,
    visit: &Visit,
    saved: &SettingsView,
    mut draft: Draft,
    lost: Vec<String>,
    is_test: bool,
) -> Answer {
    let text = visit.text();
    let mut problems = Problems::none();
    lost.iter().for_each(|control| problems.add(control, text.get("sms_settings.lost")));
    if is_test && draft.test_number.is_empty() {
        problems.add("test_number", text.get("sms_settings.enter_number"));
    }
    draft.drop_blank();
    if problems.is_empty() {
        let input = draft.input(console.dispatch.plugins());
        match console.dispatch.put_settings(&visit.actor(), visit.vs, input).await {
            Ok(_) if is_test => return test::send(console, visit, &draft).await,
            Ok(_) => return answer::see_with(&visit.to(PAGE), &Flash::done("settings_applied", "")),
            Err(DirectoryError::Invalid(found)) => problems = named(&draft, visit, found),
            Err(error) => return Err(error.into()),
        }
    }
    if draft.gateways.is_empty() {
        draft.gateways.push(Gateway::default());
    }
    answer::wrong(&shown(console, visit, saved, &draft, &problems, None, true)?)
}

/// The page of what was sent, with its secrets kept.
fn shown(
    console: &Console,
    visit: &Visit,
    saved: &SettingsView,
    draft: &Draft,
    problems: &Problems,
    aside: Option<Aside>,
    is_unsaved: bool,
) -> Result<SettingsPage, Failure> {
    let mut page = SettingsPage::new(console, visit, saved, draft, problems, aside);
    let secrets = draft.secrets();
    if !secrets.is_empty() {
        let owned = Owned { session: visit.person.session, vs: visit.vs, secrets };
        page.ticket = Some(console.typed.keep(owned).ok_or(Failure::Unavailable)?);
    }
    page.is_unsaved = is_unsaved;
    Ok(page)
}

/// What one gateway of the form would send.
fn preview(console: &Console, visit: &Visit, draft: &Draft, at: usize) -> Result<Aside, Vec<Problem>> {
    let gateway = draft.gateways.get(at).ok_or_else(Vec::new)?;
    let input = PreviewInput {
        gateway: gateway.input(console.dispatch.plugins()),
        number: Some(draft.test_number.clone()),
        text: Some(draft.preview_text.clone()),
    };
    match console.dispatch.preview(visit.vs, input) {
        Ok(preview) => Ok(Aside::Preview(at, preview)),
        Err(DirectoryError::Invalid(problems)) => Err(problems),
        Err(error) => Err(vec![Problem::new("gateway", error.to_string())]),
    }
}

/// What is left at the provider of a saved gateway.
async fn balance(console: &Console, visit: &Visit, draft: &Draft, at: usize) -> Option<Aside> {
    let name = &draft.gateways.get(at)?.name;
    let answer = console.dispatch.balance(visit.vs, name).await;
    let shown = answer.map(|balance| format!("{} {}", balance.amount, balance.unit).trim().to_owned());
    Some(Aside::Balance(at, shown.map_err(|refusal| refusal.to_string())))
}

/// A preview's problems as those of the form's controls.
fn at_gateway(problems: Vec<Problem>, position: usize) -> Vec<Problem> {
    let path = |path: String| match path.strip_prefix("gateway") {
        Some(rest) => format!("{}{rest}", draft::prefix(position)),
        None if path == "number" => "test_number".to_owned(),
        None if path == "text" => "preview_text".to_owned(),
        None => path,
    };
    problems.into_iter().map(|problem| Problem { path: path(problem.path), ..problem }).collect()
}

/// Problems in the page's words: where no plugin was chosen yet, choosing one is what to do.
fn named(draft: &Draft, visit: &Visit, problems: Vec<Problem>) -> Problems {
    let text = visit.text();
    let mut named = Problems::none();
    for problem in problems {
        let of_gateway = |(at, gateway): (usize, &Gateway)| {
            gateway.plugin.is_empty() && problem.path == format!("{}.plugin", draft::prefix(at))
        };
        let message = match draft.gateways.iter().enumerate().any(of_gateway) {
            true => text.get("sms_settings.choose_plugin").into(),
            false => sentence(text, &problem.message),
        };
        named.add(&problem.path, message);
    }
    named
}

/// What a room below says is wrong, as a sentence.
fn sentence(text: Text, problem: &str) -> String {
    let problem = text.problem(problem);
    let mut characters = problem.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    // Behind a number or a value to be copied, a full stop would be taken for a part of it.
    let end = if problem.ends_with(|last: char| last.is_alphabetic()) { "." } else { "" };
    format!("{first}{}{end}", characters.as_str())
}

/// What keeps a test message from being sent, in words.
fn refusal(text: Text, refusal: Refusal) -> String {
    match refusal {
        Refusal::Invalid(problems) => {
            problems.iter().map(|problem| sentence(text, &problem.message)).collect::<Vec<_>>().join(" ")
        }
        other => sentence(text, &other.to_string()),
    }
}
