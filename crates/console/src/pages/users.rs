//! Users: who may sign in to the page's virtual server and those below it. A link to set a password is shown once, in the answer to the
//! form that made it.

use crate::answer::{self, Answer, Failure};
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::flash::Flash;
use crate::form::{Form, Problems};
use crate::page::Page;
use crate::routes::{Need, Route};
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State};
use std::collections::HashMap;
use std::sync::Arc;
use textgate_dispatch::{InvitationLink, UserChange, UserInput, UserRole, UserView};
use textgate_sms::VsId;

/// Most rows on the page; more are looked at from further down the tree.
const ROWS_MOST: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/users", Need::Review, show),
        Route::post("/console/vs/{vs}/users", Need::Administer, add),
        Route::get("/console/vs/{vs}/users/{user}", Need::Administer, edit),
        Route::post("/console/vs/{vs}/users/{user}", Need::Administer, change),
        Route::post("/console/vs/{vs}/users/{user}/invite", Need::Administer, invite),
        Route::post("/console/vs/{vs}/users/{user}/reset", Need::Administer, reset),
        Route::post("/console/vs/{vs}/users/{user}/remove", Need::Administer, remove),
    ]
}

/// A link that was made just now.
struct Made {
    name: String,
    address: String,
    /// The address is whole: it needs nothing before it.
    is_whole: bool,
    expires_ms: i64,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    page: Page,
    users: Vec<UserView>,
    has_more: bool,
    /// The form, where the person may add.
    fields: Option<Vec<Field>>,
    made: Option<Made>,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    page: Page,
    user: UserView,
    fields: Vec<Field>,
    /// Nobody takes their own role or account away.
    is_self: bool,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    answer::html(&list(&console, &visit, &fresh(&visit), Problems::none(), None)?)
}

/// The form as it is at first.
fn fresh(visit: &Visit) -> Form {
    Form::default().or("role", UserRole::Administrator.name()).or("vs", visit.vs.to_string())
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let vs = VsId(form.get("vs").parse().map_err(|_| Failure::NotFound)?);
    // A user is added where the page is, or below it: both are this person's to administer.
    if !console.dispatch.is_within(vs, visit.vs) || !visit.person.may_administer(&console.dispatch, vs) {
        return Err(Failure::NotFound);
    }
    let role = role_of(&form).ok_or(Failure::NotFound)?;
    let input = UserInput { name: form.trimmed("name").to_owned(), role, password: None };
    match console.dispatch.add_user(&visit.actor(), vs, input).await {
        Ok(added) => {
            let made = added.link.map(|link| Made::of(&console, &visit, &added.user.name, &link));
            answer::html(&list(&console, &visit, &fresh(&visit), Problems::none(), made)?)
        }
        Err(error) => answer::wrong(&list(
            &console,
            &visit,
            &form,
            Problems::of_refusal(error, "name", visit.text())?,
            None,
        )?),
    }
}

async fn edit(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let user = console.dispatch.user(visit.vs, number(&path)?)?;
    let form = Form::default().or("name", &*user.name).or("role", user.role.name());
    answer::html(&editor(&console, &visit, user, &form, &Problems::none()))
}

async fn change(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
    form: Form,
) -> Answer {
    let user = console.dispatch.user(visit.vs, number(&path)?)?;
    let input = UserChange { name: Some(form.trimmed("name").to_owned()), role: role_of(&form) };
    match console.dispatch.change_user(&visit.actor(), visit.vs, user.id, input).await {
        Ok(user) => answer::see_with(&visit.to("users"), &Flash::done("user_changed", &user.name)),
        Err(error) => answer::wrong(&editor(
            &console,
            &visit,
            user,
            &form,
            &Problems::of_refusal(error, "name", visit.text())?,
        )),
    }
}

async fn invite(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let user = console.dispatch.user(visit.vs, number(&path)?)?;
    let link = console.dispatch.invite(&visit.actor(), visit.vs, user.id).await?;
    let made = Some(Made::of(&console, &visit, &user.name, &link));
    answer::html(&list(&console, &visit, &fresh(&visit), Problems::none(), made)?)
}

async fn reset(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let user = console.dispatch.user(visit.vs, number(&path)?)?;
    // It would end the session that shows the link.
    if user.id == visit.person.user {
        return Err(Failure::Forbidden);
    }
    let link = console.dispatch.reset_user(&visit.actor(), visit.vs, user.id).await?;
    let made = Some(Made::of(&console, &visit, &user.name, &link));
    answer::html(&list(&console, &visit, &fresh(&visit), Problems::none(), made)?)
}

async fn remove(
    State(console): State<Arc<Console>>,
    visit: Visit,
    Path(path): Path<HashMap<String, String>>,
) -> Answer {
    let user = console.dispatch.user(visit.vs, number(&path)?)?;
    console.dispatch.remove_user(&visit.actor(), visit.vs, user.id).await?;
    answer::see_with(&visit.to("users"), &Flash::done("user_removed", &user.name))
}

fn number(path: &HashMap<String, String>) -> Result<u32, Failure> {
    path.get("user").and_then(|user| user.parse().ok()).ok_or(Failure::NotFound)
}

fn role_of(form: &Form) -> Option<UserRole> {
    UserRole::ALL.into_iter().find(|role| role.name() == form.get("role"))
}

fn fields_of(visit: &Visit, form: &Form, problems: &Problems) -> Vec<Field> {
    let text = visit.text();
    let roles = UserRole::ALL.map(|role| {
        Choice::new(role.name(), text.word("role", role.name())).help(text.word("role_help", role.name()))
    });
    vec![
        Field::text("name", text.get("users.name"))
            .help(text.get("users.name_help"))
            .required()
            .filled(form, problems),
        Field::radios("role", text.get("users.role"), roles.into()).filled(form, problems),
    ]
}

fn list(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
    made: Option<Made>,
) -> Result<UsersPage, Failure> {
    let text = visit.text();
    let mut users = console.dispatch.users(visit.vs)?;
    let has_more = users.len() > ROWS_MOST;
    users.truncate(ROWS_MOST);
    let fields = visit.person.may_administer(&console.dispatch, visit.vs).then(|| {
        let mut fields = fields_of(visit, form, &problems);
        let (branches, _) = console.dispatch.branches(visit.vs, visit.vs, ROWS_MOST);
        if branches.len() > 1 {
            let named = |path: String| if path == "/" { text.get("layout.root").into() } else { path };
            let choices =
                branches.into_iter().map(|b| Choice::new(b.id.to_string(), named(b.path))).collect();
            fields.push(
                Field::select("vs", text.get("layout.virtual_server"), choices).filled(form, &problems),
            );
        }
        fields
    });
    let page = Page::new(console, visit, text.get("nav.users"))
        .lead(text.get("users.lead"))
        .problems(&problems, fields.iter().flatten());
    Ok(UsersPage { page, users, has_more, fields, made })
}

fn editor(console: &Console, visit: &Visit, user: UserView, form: &Form, problems: &Problems) -> UserPage {
    let fields = fields_of(visit, form, problems);
    let page = Page::new(console, visit, visit.text().get("users.edit_title").with("name", &user.name))
        .problems(problems, &fields);
    UserPage { page, is_self: user.id == visit.person.user, user, fields }
}

impl Made {
    /// By the public address; where none is configured, by the one at which the browser that asked for the link reaches this console.
    fn of(console: &Console, visit: &Visit, name: &str, link: &InvitationLink) -> Self {
        let path = link.path();
        let public = console.dispatch.outside(&path);
        let here = visit.guest.origin.as_deref().unwrap_or_default();
        let address = if public == path { format!("{here}{path}") } else { public };
        Self { name: name.to_owned(), is_whole: address != path, address, expires_ms: link.expires_ms }
    }
}
