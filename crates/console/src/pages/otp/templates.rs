//! Texts of passcodes: own templates with what they come out as, a form to try and save one, and the texts that are shipped.

use super::{Tab, tabs};
use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Control, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::State;
use http::Uri;
use std::sync::Arc;
use textgate_dispatch::{DirectoryError, PreviewRequest, ShippedView, TemplateView, TextPreview};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/passcodes/templates", Need::Read, show),
        Route::post("/console/vs/{vs}/passcodes/templates", Need::Change, put),
        Route::post("/console/vs/{vs}/passcodes/templates/remove", Need::Change, remove),
    ]
}

#[derive(Template)]
#[template(path = "otp_templates.html")]
struct TemplatesPage {
    page: Page,
    tabs: Vec<Tab>,
    templates: Vec<TemplateView>,
    shipped: Vec<ShippedView>,
    /// The form, where the person may change.
    fields: Option<Vec<Field>>,
    /// What the text in the form comes out as.
    preview: Option<TextPreview>,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit, uri: Uri) -> Answer {
    // A template's link fills the form with it.
    let asked = Form::read(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let (purpose, locale) = (asked.get("purpose"), asked.get("locale"));
    let templates = console.dispatch.otp_templates(visit.vs)?;
    let there = templates.iter().find(|template| template.purpose == purpose && template.locale == locale);
    let form = match there {
        Some(template) => Form::default()
            .or("purpose", template.purpose.as_str())
            .or("locale", template.locale.as_str())
            .or("text", template.text.as_str()),
        None => Form::default().or("purpose", "verification"),
    };
    answer::html(&page(&console, &visit, &form, Problems::none(), None)?)
}

async fn put(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let (purpose, locale) = (form.trimmed("purpose"), form.trimmed("locale"));
    // Browsers send line breaks as two characters.
    let template = form.get("text").replace("\r\n", "\n");
    let text = visit.text();
    if form.has("preview") {
        let of = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let request = PreviewRequest {
            text: Some(template),
            purpose: of(purpose),
            locale: of(locale),
            ..PreviewRequest::default()
        };
        return match console.dispatch.preview_otp_text(visit.vs, request) {
            Ok(preview) => answer::html(&page(&console, &visit, &form, Problems::none(), Some(preview))?),
            Err(error) => {
                let problems = Problems::of_refusal(error, "text", text)?;
                answer::wrong(&page(&console, &visit, &form, problems, None)?)
            }
        };
    }
    match console.dispatch.put_otp_template(&visit.actor(), visit.vs, purpose, locale, &template).await {
        Ok(saved) => {
            let name = format!("{} ({})", saved.purpose, saved.locale);
            answer::see_with(&visit.to("passcodes/templates"), &Flash::done("template_saved", &name))
        }
        Err(error) => {
            let problems = Problems::of_refusal(error, "text", text)?;
            answer::wrong(&page(&console, &visit, &form, problems, None)?)
        }
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let (purpose, locale) = (form.get("purpose"), form.get("locale"));
    match console.dispatch.remove_otp_template(&visit.actor(), visit.vs, purpose, locale).await {
        // Removed by somebody else meanwhile is removed all the same.
        Ok(()) | Err(DirectoryError::NotFound(_)) => {
            let name = format!("{purpose} ({locale})");
            answer::see_with(&visit.to("passcodes/templates"), &Flash::done("template_removed", &name))
        }
        Err(error) => Err(Failure::from(error)),
    }
}

fn page(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
    preview: Option<TextPreview>,
) -> Result<TemplatesPage, Failure> {
    let text = visit.text();
    let fields = visit.person.may_change(&console.dispatch, visit.vs).then(|| {
        vec![
            Field::text("purpose", text.get("otp.purpose"))
                .help(text.get("otp.purpose_help"))
                .required()
                .filled(form, &problems),
            Field::text("locale", text.get("otp.locale"))
                .help(text.get("otp.locale_help"))
                .required()
                .filled(form, &problems),
            Field::new(Control::Area, "text", text.get("otp.text"))
                .help(text.get("otp.text_help"))
                .required()
                .filled(form, &problems),
        ]
    });
    let page = Page::new(console, visit, text.get("otp.templates"))
        .lead(text.get("otp.templates_lead"))
        .problems(&problems, fields.iter().flatten());
    Ok(TemplatesPage {
        tabs: tabs(&page, "passcodes/templates", fields.is_some()),
        page,
        templates: console.dispatch.otp_templates(visit.vs)?,
        shipped: console.dispatch.otp_languages(),
        fields,
        preview,
    })
}
