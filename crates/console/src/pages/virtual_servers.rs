//! Virtual servers: the tree from the page's one on, where to add, rename and remove.

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
use textgate_dispatch::{Mode, VirtualServerView};
use textgate_sms::VsId;

/// Most rows on the page; a larger tree is looked at from further down.
const ROWS_MOST: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/console/vs/{vs}/virtual-servers", Need::Review, show),
        Route::post("/console/vs/{vs}/virtual-servers", Need::Administer, add),
        Route::get("/console/vs/{vs}/virtual-servers/edit", Need::Administer, edit),
        Route::post("/console/vs/{vs}/virtual-servers/edit", Need::Administer, rename),
        Route::post("/console/vs/{vs}/virtual-servers/remove", Need::Administer, remove),
    ]
}

/// A row of the tree.
struct Row {
    server: VirtualServerView,
    depth: usize,
}

#[derive(Template)]
#[template(path = "virtual_servers.html")]
struct TreePage {
    page: Page,
    rows: Vec<Row>,
    has_more: bool,
    /// The form, where the person may add.
    fields: Option<Vec<Field>>,
}

#[derive(Template)]
#[template(path = "virtual_server.html")]
struct EditPage {
    page: Page,
    server: VirtualServerView,
    field: Field,
    has_below: bool,
    back: String,
}

async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let form = Form::default().or("parent", visit.vs.to_string());
    answer::html(&tree(&console, &visit, &form, Problems::none()).await?)
}

async fn add(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    let parent = VsId(form.get("parent").parse().map_err(|_| Failure::NotFound)?);
    if !visit.person.may_administer(&console.dispatch, parent) {
        return Err(Failure::NotFound);
    }
    match console.dispatch.add_virtual_server(&visit.actor(), parent, form.trimmed("name")).await {
        Ok(made) => {
            answer::see_with(&visit.to("virtual-servers"), &Flash::done("virtual_server_added", &made.path))
        }
        Err(error) => answer::wrong(
            &tree(&console, &visit, &form, Problems::of_refusal(error, "name", visit.text())?).await?,
        ),
    }
}

async fn edit(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    let server = console.dispatch.virtual_server(visit.vs).await?;
    let form = Form::default().or("name", server.name);
    answer::html(&editor(&console, &visit, &form, Problems::none()).await?)
}

async fn rename(State(console): State<Arc<Console>>, visit: Visit, form: Form) -> Answer {
    match console.dispatch.rename_virtual_server(&visit.actor(), visit.vs, form.trimmed("name")).await {
        Ok(server) => {
            let flash = Flash::done("virtual_server_renamed", &server.path);
            answer::see_with(&above(&console, &visit).await, &flash)
        }
        Err(error) => answer::wrong(
            &editor(&console, &visit, &form, Problems::of_refusal(error, "name", visit.text())?).await?,
        ),
    }
}

async fn remove(State(console): State<Arc<Console>>, visit: Visit) -> Answer {
    // Nobody removes the ground they stand on.
    if visit.vs == visit.person.vs {
        return Err(Failure::Forbidden);
    }
    let server = console.dispatch.virtual_server(visit.vs).await?;
    let back = above(&console, &visit).await;
    console.dispatch.remove_virtual_server(&visit.actor(), visit.vs).await?;
    answer::see_with(&back, &Flash::done("virtual_server_removed", &server.path))
}

/// The tree that this virtual server is a branch of, as far up as the person sees.
async fn above(console: &Console, visit: &Visit) -> String {
    let parent = console.dispatch.virtual_server(visit.vs).await.ok().and_then(|server| server.parent);
    let parent = parent.filter(|parent| visit.person.may_read(&console.dispatch, *parent));
    format!("/console/vs/{}/virtual-servers", parent.unwrap_or(visit.person.vs))
}

async fn tree(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
) -> Result<TreePage, Failure> {
    let text = visit.text();
    let servers = console.dispatch.virtual_servers(visit.vs).await?;
    let depth_of =
        |server: &VirtualServerView| server.path.split('/').filter(|name| !name.is_empty()).count();
    let top = servers.first().map_or(0, depth_of);
    let has_more = servers.len() > ROWS_MOST;
    let rows: Vec<Row> = servers
        .into_iter()
        .take(ROWS_MOST)
        .map(|server| Row { depth: depth_of(&server) - top, server })
        .collect();
    let fields = visit.person.may_administer(&console.dispatch, visit.vs).then(|| {
        let named = |row: &Row| match row.server.path.as_str() {
            "/" => text.get("layout.root").into(),
            path => path.to_owned(),
        };
        let parents = rows.iter().map(|row| Choice::new(row.server.id.to_string(), named(row))).collect();
        vec![
            Field::text("name", text.get("virtual_servers.name"))
                .help(text.get("form.name_help"))
                .required()
                .filled(form, &problems),
            Field::select("parent", text.get("virtual_servers.parent"), parents).filled(form, &problems),
        ]
    });
    let page = Page::new(console, visit, text.get("nav.virtual_servers"))
        .lead(text.get("virtual_servers.lead"))
        .problems(&problems, fields.iter().flatten());
    Ok(TreePage { page, rows, has_more, fields })
}

async fn editor(
    console: &Console,
    visit: &Visit,
    form: &Form,
    problems: Problems,
) -> Result<EditPage, Failure> {
    let text = visit.text();
    let server = console.dispatch.virtual_server(visit.vs).await?;
    let field = Field::text("name", text.get("virtual_servers.name"))
        .help(text.get("form.name_help"))
        .required()
        .filled(form, &problems);
    let (branches, _) = console.dispatch.branches(visit.vs, visit.vs, 1);
    let title = text.get("virtual_servers.edit_title").with("name", &server.path);
    let page = Page::new(console, visit, title).problems(&problems, [&field]);
    let has_below = branches.len() > 1 || console.dispatch.branches(visit.vs, visit.vs, 1).1;
    Ok(EditPage { page, has_below, field, back: above(console, visit).await, server })
}
