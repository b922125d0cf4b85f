//! Comms > Contacts: who is told of alerts, alone and in groups.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use std::sync::Arc;
use textgate_dispatch::{ContactInput, ContactView, DirectoryError, GroupView};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/contacts", Need::Read, show),
        Route::post("/console/vs/{vs}/contacts", Need::Change, put),
        Route::post("/console/vs/{vs}/contacts/remove", Need::Change, remove),
        Route::post("/console/vs/{vs}/contacts/group", Need::Change, put_group),
        Route::post("/console/vs/{vs}/contacts/group/remove", Need::Change, remove_group),
    ]
}

#[derive(Template)]
#[template(path = "contacts.html")]
struct ContactsPage {
    page: Page,
    contacts: Vec<ContactView>,
    groups: Vec<GroupView>,
    /// The forms, where the person may change.
    forms: Option<Forms>,
}

struct Forms {
    contact: Vec<Field>,
    group: Vec<Field>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    answer::html(&page(
        &console,
        &visit,
        &Form::default().or("language", visit.text().language().tag()),
        &Problems::none(),
    ))
}

async fn put(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.trimmed("name");
    let input = ContactInput {
        number: form.trimmed("number").to_owned(),
        language: Some(form.get("language").to_owned()),
    };
    match console.dispatch.put_contact(&visit.actor(), visit.vs, name, input).await {
        Ok(_) => answer::see_with(&visit.to("contacts"), &Flash::done("contact_put", name)),
        Err(error) => {
            let problems = Problems::of_refusal(error, "name", visit.text())?;
            answer::wrong(&page(&console, &visit, &form, &problems))
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.get("name");
    match console.dispatch.remove_contact(&visit.actor(), visit.vs, name).await {
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to("contacts"), &Flash::done("contact_removed", name))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

async fn put_group(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.trimmed("group");
    let chosen = form.pairs().iter().filter_map(|(field, value)| {
        let contact = field.strip_prefix("contact[")?.strip_suffix(']')?;
        (value == "on").then(|| contact.to_owned())
    });
    match console.dispatch.put_group(&visit.actor(), visit.vs, name, chosen.collect()).await {
        Ok(_) => answer::see_with(&visit.to("contacts"), &Flash::done("group_put", name)),
        Err(error) => {
            let error = match error {
                // The form has another name for it.
                DirectoryError::Invalid(mut problems) => {
                    problems.iter_mut().filter(|p| p.path == "name").for_each(|p| p.path = "group".into());
                    DirectoryError::Invalid(problems)
                }
                error => error,
            };
            let problems = Problems::of_refusal(error, "group", visit.text())?;
            answer::wrong(&page(&console, &visit, &form, &problems))
        }
    }
}

async fn remove_group(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let name = form.get("name");
    match console.dispatch.remove_group(&visit.actor(), visit.vs, name).await {
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            answer::see_with(&visit.to("contacts"), &Flash::done("group_removed", name))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

fn page(console: &Console, visit: &Visit, form: &Form, problems: &Problems) -> ContactsPage {
    let text = visit.text();
    let contacts = console.dispatch.contacts(visit.vs);
    let forms = visit.person.may_change(&console.dispatch, visit.vs).then(|| {
        let languages = ["en", "de"].map(|tag| Choice::new(tag, text.word("alert_language", tag)));
        let mut number = Field::text("number", text.get("contacts.number"))
            .help(text.get("contacts.number_help"))
            .required();
        number.inputmode = "numeric";
        let contact = vec![
            Field::text("name", text.get("contacts.name")).help(text.get("form.name_help")).required(),
            number,
            Field::select("language", text.get("contacts.language"), languages.into())
                .help(text.get("contacts.language_help")),
        ];
        let mut group = vec![
            Field::text("group", text.get("contacts.group")).help(text.get("contacts.group_help")).required(),
        ];
        let check =
            |contact: &ContactView| Field::check(format!("contact[{}]", contact.name), contact.name.clone());
        group.extend(contacts.iter().map(check));
        let filled =
            |fields: Vec<Field>| fields.into_iter().map(|field| field.filled(form, problems)).collect();
        Forms { contact: filled(contact), group: filled(group) }
    });
    let fields = forms.iter().flat_map(|forms| forms.contact.iter().chain(&forms.group));
    let page = Page::new(console, visit, text.get("nav.contacts"))
        .lead(text.get("contacts.lead"))
        .problems(problems, fields);
    ContactsPage { page, contacts, groups: console.dispatch.groups(visit.vs), forms }
}
