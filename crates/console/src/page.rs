//! What the layout shows around every page.

use crate::assets;
use crate::console::Console;
use crate::field::{Field, id_of};
use crate::form::Problems;
use crate::nav::{self, Link, Section};
use crate::text::{Language, Moment, Phrase, Text, Whole};
use crate::visit::{Guest, Theme, Visit};
use textgate_dispatch::Branch;
use textgate_dispatch::UserRole;
use textgate_gateway::Problem;
use textgate_sms::{Country, VsId};

/// Most virtual servers in the switcher; beyond it, those near the one that is shown.
const MOST_SERVERS: usize = 100;

/// The frame of a page.
pub struct Page {
    /// What the page is called: its heading, and the window's title.
    pub title: String,
    /// Below the heading: what the page is for.
    pub lead: String,
    /// Where the page is in the product: `Comms`, `Communications`.
    pub crumbs: Vec<String>,
    /// The token for the page's forms.
    pub csrf: String,
    /// Path and query of this page.
    pub here: String,
    /// What happened before.
    pub notice: Option<String>,
    /// What is wrong with the page's form: the id of each control, and the message.
    pub summary: Vec<Summary>,
    /// Who is signed in.
    pub seat: Option<Seat>,
    text: Text,
    theme: Theme,
}

/// One line of the error summary.
pub struct Summary {
    /// The control's id; empty where the problem is of no field that is shown.
    pub id: String,
    /// The field's label; empty likewise.
    pub label: String,
    /// What is wrong.
    pub message: String,
}

/// Who is signed in, and where.
pub struct Seat {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// Their own virtual server.
    pub top: VsId,
    /// The virtual server of the page.
    pub vs: VsId,
    /// Its path.
    pub path: String,
    /// Where they may go.
    pub servers: Vec<Branch>,
    /// Whether there are more than the list shows.
    pub has_more_servers: bool,
    /// How many alerts of the virtual server nobody has acknowledged.
    pub open_alerts: usize,
    /// The navigation.
    pub sections: Vec<Section>,
}

impl Seat {
    /// The page of the navigation that is shown, or that the shown one is below.
    fn here(&self) -> Option<&Link> {
        self.sections.iter().flat_map(|section| &section.links).find(|link| link.is_here)
    }
}

impl Page {
    /// The frame of a page of a virtual server. Where it is in the product follows from its address.
    pub(crate) fn new(console: &Console, visit: &Visit, title: Phrase) -> Self {
        let (person, vs, text) = (&visit.person, visit.vs, visit.text());
        let (mut servers, has_more_servers) = console.dispatch.branches(person.vs, vs, MOST_SERVERS);
        // Operators see exactly one.
        servers.retain(|server| person.may_read(&console.dispatch, server.id));
        let open_alerts = console.dispatch.open_alerts(vs);
        let seat = Seat {
            open_alerts,
            name: person.name.clone(),
            role: person.role,
            top: person.vs,
            vs,
            path: servers
                .iter()
                .find(|server| server.id == vs)
                .map(|server| server.path.clone())
                .unwrap_or_default(),
            servers,
            has_more_servers,
            sections: nav::sections(text, vs, person.role, &visit.guest.here, open_alerts),
        };
        let title = String::from(title);
        let here = seat.here();
        let mut crumbs = here.map(|link| link.crumbs.clone()).unwrap_or_default();
        // A page below one of the navigation's.
        crumbs.extend(here.map(|link| link.title.clone()).filter(|above| *above != title));
        Self { crumbs, seat: Some(seat), title, ..Self::outside(&visit.guest, Phrase::default()) }
    }

    /// The frame of a page for somebody who is not signed in.
    pub(crate) fn outside(guest: &Guest, title: Phrase) -> Self {
        Self {
            title: title.into(),
            lead: String::new(),
            crumbs: Vec::new(),
            csrf: guest.csrf.clone(),
            here: guest.here.clone(),
            notice: guest.flash.as_ref().map(|flash| flash.phrase(guest.text).into()),
            summary: Vec::new(),
            seat: None,
            text: guest.text,
            theme: guest.theme,
        }
    }

    /// With what the page is for.
    #[must_use]
    pub fn lead(mut self, lead: Phrase) -> Self {
        self.lead = lead.into();
        self
    }

    /// With a summary of what is wrong, which links to these fields.
    #[must_use]
    pub fn problems<'a>(mut self, problems: &Problems, fields: impl IntoIterator<Item = &'a Field>) -> Self {
        let fields: Vec<&Field> = fields.into_iter().collect();
        let line = |problem: &Problem| {
            let at = fields.iter().position(|field| field.name == problem.path);
            let field = at.and_then(|at| fields.get(at));
            let summary = Summary {
                id: field.map(|field| id_of(&field.name)).unwrap_or_default(),
                label: field.map(|field| field.label.clone()).unwrap_or_default(),
                message: problem.message.clone(),
            };
            (at.unwrap_or(usize::MAX), summary)
        };
        // In the order of the form, whatever that in which they were found.
        let mut lines: Vec<_> = problems.all().iter().map(line).collect();
        lines.sort_by_key(|(at, _)| *at);
        self.summary.extend(lines.into_iter().map(|(_, line)| line));
        self
    }

    /// How many alerts of the virtual server nobody has acknowledged.
    pub fn open_alerts(&self) -> usize {
        self.seat.as_ref().map_or(0, |seat| seat.open_alerts)
    }

    /// The address of one of the virtual server's pages.
    pub fn to(&self, page: &str) -> String {
        self.seat.as_ref().map(|seat| format!("/console/vs/{}/{page}", seat.vs)).unwrap_or_default()
    }

    /// The virtual server's number.
    pub fn vs(&self) -> String {
        self.seat.as_ref().map(|seat| seat.vs.to_string()).unwrap_or_default()
    }

    /// Whether the virtual server of the page is the person's own.
    pub fn is_own(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.vs == seat.top)
    }

    /// The page of the navigation that this one is, or is below: where another virtual server's is shown.
    pub fn section(&self) -> &str {
        self.seat.as_ref().and_then(Seat::here).map_or("allocation", |link| link.page)
    }

    /// The text of this key.
    pub fn t(&self, key: &'static str) -> Phrase {
        self.text.get(key)
    }

    /// The text of a word of a list.
    pub fn word(&self, list: &'static str, word: &str) -> Phrase {
        self.text.word(list, word)
    }

    /// A country.
    pub fn country(&self, country: &Country) -> Phrase {
        self.text.country(*country)
    }

    /// A whole number.
    pub fn number(&self, number: impl Whole) -> String {
        self.text.number(number)
    }

    /// A moment (Unix time, ms).
    pub fn time(&self, ms: &i64) -> Moment {
        self.text.time(*ms)
    }

    /// A moment to the millisecond.
    pub fn time_ms(&self, ms: &i64) -> Moment {
        self.text.time_ms(*ms)
    }

    /// Where a file is.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    /// The language's tag.
    pub fn language(&self) -> &'static str {
        self.text.language().tag()
    }

    /// All languages: tag, name, whether it is this one.
    pub fn languages(&self) -> Vec<(&'static str, &'static str, bool)> {
        let all = Language::ALL.into_iter();
        all.map(|language| (language.tag(), language.name(), language == self.text.language())).collect()
    }

    /// The theme's name.
    pub fn theme(&self) -> &'static str {
        self.theme.name()
    }

    /// All themes: name, whether it is this one.
    pub fn themes(&self) -> Vec<(&'static str, bool)> {
        Theme::ALL.into_iter().map(|theme| (theme.name(), theme == self.theme)).collect()
    }
}
