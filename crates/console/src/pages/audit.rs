//! Audit log: who changed what, with what was there before and afterwards.

use crate::answer::{self, Answer};
use crate::console::Console;
use crate::field::Field;
use crate::form::{Form, Problems, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use serde_json::Value;
use std::sync::Arc;
use textgate_store::{AuditEntry, AuditFilter};

/// Entries on a page.
const PAGE: usize = 50;
/// A filter that few entries fit gets short pages; so many are asked for at once to fill one.
const STEPS_MOST: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/console/vs/{vs}/audit", Need::Review, show)]
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    page: Page,
    fields: Vec<Field>,
    is_filtered: bool,
    entries: Vec<Entry>,
    /// The address of the next, older page.
    next: Option<String>,
}

/// One entry as it is shown.
struct Entry {
    id: u64,
    at_ms: i64,
    actor: String,
    path: String,
    action: String,
    changes: Vec<Change>,
}

/// One value that was changed.
struct Change {
    name: String,
    before: String,
    after: String,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let form = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let text = visit.text();
    let mut problems = Problems::none();
    let mut day = |name: &str| {
        let value = form.trimmed(name);
        let day = value.parse::<jiff::civil::Date>().ok();
        if day.is_none() && !value.is_empty() {
            problems.add(name, text.get("audit.day_wrong"));
        }
        day
    };
    let (from, until) = (day("from"), day("until"));
    let midnight = |day: jiff::civil::Date| {
        let at = jiff::tz::Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok();
        at.map(|at| at.as_millisecond())
    };
    let some = |name: &str| Some(form.trimmed(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    let filter = AuditFilter {
        actor: some("actor"),
        action: some("action"),
        from_ms: from.and_then(midnight),
        // The last day counts as well.
        until_ms: until.and_then(|day| day.tomorrow().ok()).and_then(midnight),
        ..AuditFilter::default()
    };
    let mut before = form.get("before").parse().ok();
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..STEPS_MOST {
        let step = console.dispatch.audit(visit.vs, filter.clone(), before, PAGE - found.len()).await?;
        found.extend(step.entries);
        (next, before) = (step.next, step.next);
        if found.len() >= PAGE || next.is_none() {
            break;
        }
    }
    let names = ["actor", "action", "from", "until"];
    let fields = vec![
        Field::text("actor", text.get("table.who")).filled(&form, &problems),
        Field::text("action", text.get("audit.what")).filled(&form, &problems),
        Field::new(crate::field::Control::Date, "from", text.get("audit.from")).filled(&form, &problems),
        Field::new(crate::field::Control::Date, "until", text.get("audit.until")).filled(&form, &problems),
    ];
    let kept: String = names.map(|name| format!("&{name}={}", escaped(form.trimmed(name)))).concat();
    let path = |entry: &AuditEntry| {
        let (branches, _) = console.dispatch.branches(entry.vs, entry.vs, 1);
        // One that was removed has only its number left.
        branches.into_iter().next().map_or_else(|| format!("#{}", entry.vs), |branch| branch.path)
    };
    let page = Page::new(&console, &visit, text.get("nav.audit"))
        .lead(text.get("audit.lead"))
        .problems(&problems, &fields);
    answer::html(&AuditPage {
        page,
        fields,
        is_filtered: names.iter().any(|name| !form.trimmed(name).is_empty()),
        entries: found.iter().map(|entry| Entry::of(entry, path(entry))).collect(),
        next: next.map(|next| format!("{}?before={next}{kept}", visit.to("audit"))),
    })
}

impl Entry {
    fn of(entry: &AuditEntry, path: String) -> Self {
        let mut changes = Vec::new();
        compare("", &entry.difference.before, &entry.difference.after, &mut changes);
        Self {
            id: entry.id,
            at_ms: entry.at_ms,
            actor: entry.actor.clone(),
            path,
            action: entry.action.clone(),
            changes,
        }
    }
}

/// Every value that is not the same before and afterwards, by its path. Lists are compared as a whole where one of them is none.
fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Value::Object(_) | Value::Null, Value::Object(_) | Value::Null) => {
            let names_of = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
            let mut names = names_of(before).unwrap_or_default();
            let more = names_of(after).unwrap_or_default();
            names.extend(more.into_iter().filter(|name| before.get(name).is_none()));
            for name in names {
                compare(&joined(&name), &before[&name], &after[&name], changes);
            }
        }
        (Value::Array(b), Value::Array(a)) => {
            for at in 0..b.len().max(a.len()) {
                let of = |list: &[Value]| list.get(at).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}[{at}]"), &of(b), &of(a), changes);
            }
        }
        _ => changes.push(Change { name: path.to_owned(), before: shown(before), after: shown(after) }),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_changed_is_told_by_its_path() {
        let before = json!({"mode": "default", "gateways": [{"name": "a", "host": "x"}], "same": 1});
        let after =
            json!({"mode": "custom", "gateways": [{"name": "a", "host": "y"}, {"name": "b"}], "same": 1});
        let mut changes = Vec::new();
        compare("", &before, &after, &mut changes);
        let told: Vec<_> = changes.iter().map(|c| (&*c.name, &*c.before, &*c.after)).collect();
        assert_eq!(
            told,
            [("gateways[0].host", "x", "y"), ("gateways[1].name", "", "b"), ("mode", "default", "custom")]
        );
    }
}
