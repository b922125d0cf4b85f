//! Comms > Alert settings: what textgate watches by itself and whom it tells, quiet hours, escalation; and templates.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Control, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{AlertSettings, AlertTemplateView, DirectoryError, QuietHours, condition_names};
use textgate_sms::Severity;

/// The numbers of the settings, in the order of the form.
const NUMBERS: [&str; 10] = [
    "escalate_after_s",
    "dedup_s",
    "hold_s",
    "credits_percent",
    "balance_below",
    "queue_over",
    "delivery_drop_percent",
    "latency_factor",
    "disk_free_percent",
    "expires_within_days",
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/alert-settings", Need::Read, show),
        Route::post("/console/vs/{vs}/alert-settings", Need::Change, apply),
        Route::post("/console/vs/{vs}/alert-settings/template", Need::Change, put_template),
        Route::post("/console/vs/{vs}/alert-settings/template/remove", Need::Change, remove_template),
    ]
}

#[derive(Template)]
#[template(path = "alert_settings.html")]
struct SettingsPage {
    page: Page,
    fields: Vec<Field>,
    /// One for each condition: on where it is watched.
    conditions: Vec<Field>,
    templates: Vec<AlertTemplateView>,
    template_fields: Vec<Field>,
    may_change: bool,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form = form_of(&console.dispatch.alert_settings(visit.vs));
    answer::html(&page(&console, &visit, &form, &Problems::none()))
}

async fn apply(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let refused = match settings_of(&form, visit.text()) {
        Ok(settings) => console.dispatch.put_alert_settings(&visit.actor(), visit.vs, settings).await.err(),
        Err(problems) => return answer::wrong(&page(&console, &visit, &form, &problems)),
    };
    match refused {
        None => answer::see_with(&visit.to("alert-settings"), &Flash::done("alert_settings_applied", "")),
        Some(error) => {
            let problems = Problems::of_refusal(error, "group", visit.text())?;
            answer::wrong(&page(&console, &visit, &form, &problems))
        }
    }
}

async fn put_template(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.trimmed("name");
    match console.dispatch.put_alert_template(&visit.actor(), visit.vs, name, form.trimmed("text")).await {
        Ok(_) => answer::see_with(&visit.to("alert-settings"), &Flash::done("alert_template_put", name)),
        Err(error) => {
            let problems = Problems::of_refusal(error, "name", visit.text())?;
            let settings = form_of(&console.dispatch.alert_settings(visit.vs));
            let form = settings.or("name", name).or("text", form.get("text"));
            answer::wrong(&page(&console, &visit, &form, &problems))
        }
    }
}

async fn remove_template(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.get("name");
    match console.dispatch.remove_alert_template(&visit.actor(), visit.vs, name).await {
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to("alert-settings"), &Flash::done("alert_template_removed", name))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

/// The settings as the form shows them.
fn form_of(settings: &AlertSettings) -> Form {
    let value = serde_json::to_value(settings).unwrap_or_default();
    let mut form = Form::default()
        .or("group", settings.group.clone().unwrap_or_default())
        .or("escalate_group", settings.escalate_group.clone().unwrap_or_default());
    for name in NUMBERS {
        form = form.or(name, value[name].to_string());
    }
    if let Some(quiet) = &settings.quiet_hours {
        form = form
            .or("quiet_hours.from", &quiet.from)
            .or("quiet_hours.to", &quiet.to)
            .or("quiet_hours.time_zone", &quiet.time_zone)
            .or("below", quiet.below.name());
    }
    for name in condition_names() {
        if !settings.off.iter().any(|off| off == name) {
            form = form.or(&format!("watch[{name}]"), "on");
        }
    }
    form.or("below", Severity::Critical.name())
}

/// The settings that the form asks for.
fn settings_of(form: &Form, text: Text) -> Result<AlertSettings, Problems> {
    let mut problems = Problems::none();
    let some = |name: &str| Some(form.trimmed(name).to_owned()).filter(|value| !value.is_empty());
    let mut value = serde_json::Map::new();
    for name in NUMBERS {
        match form.trimmed(name).parse::<u32>() {
            Ok(number) => drop(value.insert(name.to_owned(), number.into())),
            Err(_) => problems.add(name, text.get("alert_settings.number_wrong")),
        }
    }
    let numbers = serde_json::from_value::<AlertSettings>(value.into());
    let Ok(numbers) = numbers else {
        // A number that is too large for its field: which one is told by the bounds.
        problems.add("escalate_after_s", text.get("alert_settings.number_wrong"));
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let names = ["quiet_hours.from", "quiet_hours.to", "quiet_hours.time_zone"];
    let quiet_hours = names.iter().any(|name| some(name).is_some()).then(|| QuietHours {
        from: form.trimmed("quiet_hours.from").to_owned(),
        to: form.trimmed("quiet_hours.to").to_owned(),
        time_zone: form.trimmed("quiet_hours.time_zone").to_owned(),
        below: Severity::from_name(form.get("below")).unwrap_or(Severity::Critical),
    });
    let off = condition_names().into_iter().filter(|name| !form.has(&format!("watch[{name}]")));
    Ok(AlertSettings {
        group: some("group"),
        escalate_group: some("escalate_group"),
        quiet_hours,
        off: off.map(str::to_owned).collect(),
        ..numbers
    })
}

fn page(console: &Console, visit: &Visit, form: &Form, problems: &Problems) -> SettingsPage {
    let text = visit.text();
    let groups: Vec<String> = console.dispatch.groups(visit.vs).into_iter().map(|group| group.name).collect();
    let choices = || {
        let none = Choice::new("", text.get("alert_settings.nobody"));
        std::iter::once(none).chain(groups.iter().map(|name| Choice::new(name, name))).collect()
    };
    let severities = Severity::ALL
        .iter()
        .map(|severity| Choice::new(severity.name(), text.word("severity", severity.name())));
    let label = |name| text.word("alert_setting", name);
    let mut fields = vec![
        Field::select("group", label("group"), choices())
            .help(text.get("alert_settings.group_help"))
            .class("pair"),
        Field::select("escalate_group", label("escalate_group"), choices())
            .help(text.get("alert_settings.escalate_help"))
            .class("pair"),
    ];
    fields.extend(NUMBERS.map(|name| Field::number(name, label(name)).class("pair")));
    let time = |name: &'static str, key: &'static str, example: &str| {
        let mut field = Field::text(name, label(key)).mark(text.get("form.optional")).class("pair");
        field.placeholder = example.to_owned();
        field
    };
    fields.push(time("quiet_hours.from", "quiet_from", "22:00"));
    fields.push(time("quiet_hours.to", "quiet_to", "07:00"));
    fields.push(time("quiet_hours.time_zone", "time_zone", "Europe/Berlin"));
    fields.push(
        Field::select("below", label("below"), severities.collect())
            .help(text.get("alert_settings.below_help"))
            .class("pair"),
    );
    let conditions = condition_names()
        .into_iter()
        .map(|name| Field::check(format!("watch[{name}]"), text.word("condition", name)).class("pair"));
    let template_fields = vec![
        Field::text("name", text.get("alert_settings.template_name"))
            .help(text.get("form.name_help"))
            .required(),
        Field::new(Control::Area, "text", text.get("alert_settings.template_text"))
            .help(text.get("alert_settings.template_help"))
            .required(),
    ];
    let filled = |field: Field| field.filled(form, problems);
    let fields: Vec<Field> = fields.into_iter().map(filled).collect();
    let template_fields: Vec<Field> = template_fields.into_iter().map(filled).collect();
    let page = Page::new(console, visit, text.get("nav.alert_settings"))
        .lead(text.get("alert_settings.lead"))
        .problems(problems, fields.iter().chain(&template_fields));
    SettingsPage {
        page,
        fields,
        conditions: conditions.map(filled).collect(),
        templates: console.dispatch.alert_templates(visit.vs),
        template_fields,
        may_change: visit.person.may_change(&console.dispatch, visit.vs),
    }
}
