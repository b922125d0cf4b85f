//! Comms > Inbound: what phones sent, and the rules that say whose it is.

use super::messages::may_read_texts;
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems, escaped};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::collections::HashMap;
use std::sync::Arc;
use textgate_dispatch::{InboundRule, InboundView};
use textgate_sms::{MessageId, VsId};

/// Messages on one page.
const PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/inbound", Need::Read, show),
        Route::post("/console/vs/{vs}/inbound/rules", Need::Administer, add),
        Route::post("/console/vs/{vs}/inbound/rules/remove", Need::Administer, remove),
    ]
}

#[derive(Template)]
#[template(path = "inbound.html")]
struct InboundPage {
    page: Page,
    field: Field,
    is_filtered: bool,
    messages: Vec<Row>,
    /// The address of the next, older page.
    next: Option<String>,
    rules: Vec<RuleRow>,
    /// The form for another rule, where the person may set rules, and there is somebody to give messages to.
    fields: Option<Vec<Field>>,
}

/// One message.
struct Row {
    message: InboundView,
    /// Whether this person may read its text.
    is_text_shown: bool,
}

/// One rule.
struct RuleRow {
    /// From 1.
    position: usize,
    number: String,
    keyword: String,
    server: String,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    let form = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    answer::html(&page(&console, &visit, &form, &Form::default(), &Problems::none()).await?)
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let dispatch = &console.dispatch;
    let mut rules = dispatch.inbound_rules(visit.vs)?;
    let said = |name: &str| Some(form.trimmed(name).to_owned()).filter(|text| !text.is_empty());
    let virtual_server = VsId(form.get("virtual_server").parse().map_err(|_| Failure::NotFound)?);
    let at = rules.len();
    rules.push(InboundRule { number: said("number"), keyword: said("keyword"), virtual_server });
    match dispatch.put_inbound_rules(&visit.actor(), visit.vs, rules).await {
        Ok(_) => answer::see_with(&visit.to("inbound"), &Flash::done("inbound_rule_added", "")),
        Err(error) => {
            let error = of_form(error, at);
            let problems = Problems::of_refusal(error, "number", visit.text())?;
            answer::wrong(&page(&console, &visit, &Form::default(), &form, &problems).await?)
        }
    }
}

/// The form has the new rule only.
fn of_form(error: textgate_dispatch::DirectoryError, at: usize) -> textgate_dispatch::DirectoryError {
    let textgate_dispatch::DirectoryError::Invalid(mut problems) = error else { return error };
    let prefix = format!("rules[{at}].");
    for problem in &mut problems {
        if let Some(name) = problem.path.strip_prefix(&prefix) {
            problem.path = name.to_owned();
        } else {
            // What became of rules that were there before stands at the first field.
            problem.path = "number".to_owned();
        }
    }
    textgate_dispatch::DirectoryError::Invalid(problems)
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let dispatch = &console.dispatch;
    let rules = dispatch.inbound_rules(visit.vs)?;
    // By what it says, as others may have changed the list meanwhile.
    let is_it = |rule: &InboundRule| {
        rule.number.as_deref().unwrap_or_default() == form.get("number")
            && rule.keyword.as_deref().unwrap_or_default() == form.get("keyword")
    };
    let left = rules.into_iter().filter(|rule| !is_it(rule)).collect();
    dispatch.put_inbound_rules(&visit.actor(), visit.vs, left).await?;
    answer::see_with(&visit.to("inbound"), &Flash::done("inbound_rule_removed", ""))
}

async fn page(
    console: &Console,
    visit: &Visit,
    question: &Form,
    form: &Form,
    problems: &Problems,
) -> Result<InboundPage, Failure> {
    let (dispatch, text) = (&console.dispatch, visit.text());
    let before = MessageId::parse(question.get("before"));
    let from: String = question.trimmed("from").chars().take(64).collect();
    let asked = Some(from.as_str()).filter(|from| !from.is_empty());
    let found = dispatch.inbound(visit.vs, asked, before, PAGE).await?;
    let kept = if from.is_empty() { String::new() } else { format!("&from={}", escaped(&from)) };
    let is_text_shown = may_read_texts(visit);
    let row = |message| Row { message, is_text_shown };

    let servers = dispatch.virtual_servers(visit.vs).await?;
    let paths: HashMap<VsId, &str> = servers.iter().map(|server| (server.id, server.path.as_str())).collect();
    let rule_row = |(at, rule): (usize, InboundRule)| RuleRow {
        position: at + 1,
        number: rule.number.unwrap_or_default(),
        keyword: rule.keyword.unwrap_or_default(),
        server: paths.get(&rule.virtual_server).copied().unwrap_or("?").to_owned(),
    };
    let rules = dispatch.inbound_rules(visit.vs)?.into_iter().enumerate().map(rule_row).collect();
    let may = visit.person.may_administer(dispatch, visit.vs) && servers.len() > 1;
    let fields = may.then(|| {
        let choice = |server: &textgate_dispatch::VirtualServerView| {
            Choice::new(server.id.to_string(), server.path.clone())
        };
        let mut number =
            Field::text("number", text.get("inbound.number")).help(text.get("inbound.number_help"));
        number.inputmode = "tel";
        let fields = vec![
            number,
            Field::text("keyword", text.get("inbound.keyword")).help(text.get("inbound.keyword_help")),
            Field::select("virtual_server", text.get("inbound.server"), servers.iter().map(choice).collect())
                .help(text.get("inbound.server_help")),
        ];
        fields.into_iter().map(|field| field.filled(form, problems)).collect::<Vec<_>>()
    });
    let mut field = Field::text("from", text.get("inbound.from"));
    field.value = from;
    field.inputmode = "tel";
    Ok(InboundPage {
        page: Page::new(console, visit, text.get("nav.inbound"))
            .lead(text.get("inbound.lead"))
            .problems(problems, fields.iter().flatten()),
        field,
        is_filtered: !kept.is_empty(),
        messages: found.messages.into_iter().map(row).collect(),
        next: found.next.map(|next| format!("{}?before={next}{kept}", visit.to("inbound"))),
        rules,
        fields,
    })
}
