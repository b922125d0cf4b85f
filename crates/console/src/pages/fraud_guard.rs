//! Comms > Fraud guard: its rules, the ranges it has blocked with their release, and what it refused or would have.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{
    DirectoryError, GuardBlockView, GuardLimit, GuardMode, GuardReport, GuardRules, GuardView, Per,
};
use textgate_sms::Country;

const PAGE: &str = "fraud-guard";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/fraud-guard", Need::Read, show),
        Route::post("/console/vs/{vs}/fraud-guard", Need::Change, change),
        Route::post("/console/vs/{vs}/fraud-guard/remove", Need::Change, remove),
        Route::post("/console/vs/{vs}/fraud-guard/release", Need::Change, release),
    ]
}

#[derive(Template)]
#[template(path = "fraud_guard.html")]
struct GuardPage {
    page: Page,
    guard: GuardView,
    blocks: Vec<GuardBlockView>,
    report: GuardReport,
    /// The form, where this person may change.
    fields: Option<Vec<Field>>,
    may_change: bool,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let rules = console.dispatch.guard(visit.vs)?;
    let form = form_of(rules.own.as_ref().unwrap_or(&rules.in_force));
    answer::html(&page(&console, &visit, &form, Problems::none())?)
}

async fn change(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let text = visit.text();
    let rules = match rules_of(&form, text) {
        Ok(rules) => rules,
        Err(problems) => return answer::wrong(&page(&console, &visit, &form, problems)?),
    };
    match console.dispatch.put_guard(&visit.actor(), visit.vs, Some(rules)).await {
        Ok(_) => answer::see_with(&visit.to(PAGE), &Flash::done("guard_applied", "")),
        Err(error) => {
            let mut problems = Problems::none();
            for problem in Problems::of_refusal(error, "limits", text)?.all() {
                // All limits stand in one field.
                let path = if problem.path.starts_with("limits") { "limits" } else { &problem.path };
                problems.add(path, problem.message.clone());
            }
            answer::wrong(&page(&console, &visit, &form, problems)?)
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    console.dispatch.put_guard(&visit.actor(), visit.vs, None).await?;
    answer::see_with(&visit.to(PAGE), &Flash::done("guard_removed", ""))
}

async fn release(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let range = form.trimmed("range");
    match console.dispatch.release_guard_block(&visit.actor(), visit.vs, range).await {
        // Ended by itself, or by somebody else meanwhile, is ended all the same.
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to(PAGE), &Flash::done("range_released", range))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

fn page(console: &Console, visit: &Visit, form: &Form, problems: Problems) -> Result<GuardPage, Failure> {
    let (dispatch, text) = (&console.dispatch, visit.text());
    let may_change = visit.person.may_change(dispatch, visit.vs);
    let fields = may_change.then(|| fields(form, &problems, text));
    let page = Page::new(console, visit, text.get("nav.fraud_guard"))
        .lead(text.get("guard.lead"))
        .problems(&problems, fields.iter().flatten());
    Ok(GuardPage {
        page,
        guard: dispatch.guard(visit.vs)?,
        blocks: dispatch.guard_blocks(visit.vs)?,
        report: dispatch.guard_report(visit.vs)?,
        fields,
        may_change,
    })
}

fn fields(form: &Form, problems: &Problems, text: Text) -> Vec<Field> {
    let modes = ["on", "dry_run", "off"].map(|mode| {
        Choice::new(mode, text.word("guard_mode", mode)).help(text.word("guard_mode_help", mode))
    });
    let limits = Field::new(crate::field::Control::Area, "limits", text.get("guard.limits"));
    vec![
        Field::radios("mode", text.get("guard.mode"), modes.into()),
        Field::text("countries", text.get("guard.countries"))
            .help(text.get("guard.countries_help"))
            .class("wide"),
        Field::check("refuse_premium", text.get("guard.refuse_premium")),
        Field::check("refuse_unallocated", text.get("guard.refuse_unallocated")),
        Field::check("block_ranges", text.get("guard.block_ranges")),
        limits.help(text.get("guard.limits_help")),
        Field::number("block_s", text.get("guard.block_s")).help(text.get("guard.block_s_help")),
        Field::number("longest_block_s", text.get("guard.longest_block_s")),
    ]
    .into_iter()
    .map(|field| field.filled(form, problems))
    .collect()
}

/// The form that shows these rules.
fn form_of(rules: &GuardRules) -> Form {
    let countries: Vec<&str> = rules.countries.iter().map(Country::as_str).collect();
    let line = |limit: &GuardLimit| {
        let per = Per::ALL.iter().find(|(per, _)| *per == limit.per).map_or("", |(_, name)| name);
        format!("{per} {} {}", limit.limit, limit.window_s)
    };
    let limits: Vec<String> = rules.limits.iter().map(line).collect();
    let checks = [
        ("refuse_premium", rules.refuse_premium),
        ("refuse_unallocated", rules.refuse_unallocated),
        ("block_ranges", rules.block_ranges),
    ];
    let form = Form::default()
        .or("mode", rules.mode.name())
        .or("countries", countries.join(" "))
        .or("limits", limits.join("\n"))
        .or("block_s", rules.block_s.to_string())
        .or("longest_block_s", rules.longest_block_s.to_string());
    checks.iter().filter(|(_, is_on)| *is_on).fold(form, |form, (name, _)| form.or(name, "on"))
}

/// The rules that this form says.
fn rules_of(form: &Form, text: Text) -> Result<GuardRules, Problems> {
    let mut problems = Problems::none();
    let mode = GuardMode::ALL.iter().find(|(_, name)| *name == form.get("mode")).map(|(mode, _)| *mode);
    let countries = countries_of(form, text, &mut problems);
    let mut limits = Vec::new();
    for line in form.get("limits").lines().map(str::trim).filter(|line| !line.is_empty()) {
        match limit_of(line) {
            Some(limit) => limits.push(limit),
            None => problems.add("limits", text.get("guard.no_limit").with("name", line)),
        }
    }
    // What is no number is out of every bound.
    let seconds = |name: &str| form.trimmed(name).parse().unwrap_or(0);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(GuardRules {
        mode: mode.unwrap_or(GuardMode::On),
        countries,
        refuse_premium: form.has("refuse_premium"),
        refuse_unallocated: form.has("refuse_unallocated"),
        limits,
        block_ranges: form.has("block_ranges"),
        block_s: seconds("block_s"),
        longest_block_s: seconds("longest_block_s"),
    })
}

/// The countries in the field `countries`, by two letters each; what is none is a problem there.
pub(super) fn countries_of(form: &Form, text: Text, problems: &mut Problems) -> Vec<Country> {
    let mut countries = Vec::new();
    for word in form.get("countries").split([' ', ',', ';', '\t']).filter(|word| !word.is_empty()) {
        match Country::parse(word) {
            Ok(country) => countries.push(country),
            Err(_) => problems.add("countries", text.get("guard.no_country").with("name", word)),
        }
    }
    countries
}

/// A limit as it stands in a line: `number 5 600`.
fn limit_of(line: &str) -> Option<GuardLimit> {
    let mut words = line.split_whitespace();
    let (per, limit, window) = (words.next()?, words.next()?, words.next()?);
    let per = Per::ALL.iter().find(|(_, name)| *name == per)?.0;
    let limit = GuardLimit { per, limit: limit.parse().ok()?, window_s: window.parse().ok()? };
    words.next().is_none().then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    #[test]
    fn a_form_says_the_rules_that_it_shows() {
        let text = Text::new(Language::En);
        let rules = GuardRules {
            mode: GuardMode::DryRun,
            countries: vec![Country::parse("DE").unwrap()],
            refuse_premium: false,
            ..GuardRules::default()
        };
        assert_eq!(rules_of(&form_of(&rules), text).unwrap(), rules);
        assert_eq!(rules_of(&form_of(&GuardRules::default()), text).unwrap(), GuardRules::default());
    }

    #[test]
    fn what_is_no_country_and_no_limit_is_told() {
        let form =
            Form::default().or("countries", "de, XX fr").or("limits", "number 5 600\nphone 1 2\nip x 3\n");
        let problems = rules_of(&form, Text::new(Language::En)).unwrap_err();
        assert_eq!((problems.of("countries").count(), problems.of("limits").count()), (1, 2));
    }
}
