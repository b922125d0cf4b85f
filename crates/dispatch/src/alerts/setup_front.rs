//! Changes of what is set for alerts: contacts, groups, templates, settings. None of it stands in the audit log with a whole number.

use super::setup::{AlertSettings, Contact, LANGUAGES, Setup};
use super::template;
use super::words::{AlertTemplateView, ContactInput, ContactView, GroupView};
use crate::dispatch::Dispatch;
use crate::front::names;
use crate::view::View;
use crate::words::DirectoryError;
use serde_json::{Value, json};
use textgate_gateway::Problem;
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::{AlertEntry, AlertEntryKind, Change, Difference};

/// Most contacts of one virtual server, most groups, most templates, and most contacts of one group.
const MOST_CONTACTS: usize = 1_000;
const MOST_GROUPS: usize = 100;
const MOST_TEMPLATES: usize = 100;
const MOST_OF_A_GROUP: usize = 100;

impl Dispatch {
    /// The contacts of a virtual server by name.
    pub fn contacts(&self, vs: VsId) -> Vec<ContactView> {
        let view = self.engine.view.load();
        let shown = |(name, contact): (&String, &Contact)| ContactView {
            name: name.clone(),
            number: contact.number.to_string(),
            language: contact.language.clone(),
        };
        view.alert_setup(vs).contacts.iter().map(shown).collect()
    }

    /// Adds a contact, or puts it in place of the one of this name.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name`, `number` or `language`, [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_contact(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
        input: ContactInput,
    ) -> Result<ContactView, DirectoryError> {
        let mut problems = of_name(name);
        let number = PhoneNumber::parse(&input.number)
            .map_err(|error| problems.push(Problem::new("number", error.to_string())))
            .ok();
        let language = input.language.unwrap_or_else(|| "en".into());
        if !LANGUAGES.contains(&&*language) {
            problems.push(Problem::new("language", format!("choose one of: {}", LANGUAGES.join(", "))));
        }
        let Some(number) = number.filter(|_| problems.is_empty()) else {
            return Err(DirectoryError::Invalid(problems));
        };
        let contact = Contact { number, language };
        self.engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                let before = setup.contacts.get(name);
                if before == Some(&contact) {
                    return Ok((Vec::new(), ()));
                }
                room(before.is_some(), setup.contacts.len(), MOST_CONTACTS, "contacts")?;
                let shown = |c: &Contact| json!({"number": c.number.masked(), "language": c.language});
                let difference =
                    Difference { before: before.map_or(Value::Null, shown), after: shown(&contact) };
                Ok((vec![put(vs, AlertEntryKind::Contact, name, contact.to_body(), difference)], ()))
            })
            .await?;
        let Contact { number, language } = contact;
        Ok(ContactView { name: name.to_owned(), number: number.to_string(), language })
    }

    /// Removes a contact, also from its groups.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_contact(&self, actor: &str, vs: VsId, name: &str) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                is_there(setup.contacts.contains_key(name), "this contact")?;
                let mut changes = Vec::new();
                for (group, members) in
                    setup.groups.iter().filter(|(_, all)| all.iter().any(|one| one == name))
                {
                    let left: Vec<&String> = members.iter().filter(|member| *member != name).collect();
                    let difference = Difference { before: json!(members), after: json!(left) };
                    changes.push(put(vs, AlertEntryKind::Group, group, json!(left), difference));
                }
                changes.push(removal(vs, AlertEntryKind::Contact, name));
                Ok((changes, ()))
            })
            .await?;
        Ok(())
    }

    /// The groups of a virtual server by name.
    pub fn groups(&self, vs: VsId) -> Vec<GroupView> {
        let view = self.engine.view.load();
        let shown = |(name, contacts): (&String, &Vec<String>)| GroupView {
            name: name.clone(),
            contacts: contacts.clone(),
        };
        view.alert_setup(vs).groups.iter().map(shown).collect()
    }

    /// Adds a group, or puts it in place of the one of this name.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name` or `contacts[n]`, [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_group(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
        mut contacts: Vec<String>,
    ) -> Result<GroupView, DirectoryError> {
        let mut problems = of_name(name);
        if contacts.len() > MOST_OF_A_GROUP {
            problems.push(Problem::new("contacts", format!("use at most {MOST_OF_A_GROUP} contacts")));
            contacts.truncate(MOST_OF_A_GROUP);
        }
        let (_, contacts) = self
            .engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                for (at, contact) in contacts.iter().enumerate() {
                    if !setup.contacts.contains_key(contact) {
                        let path = format!("contacts[{at}]");
                        problems.push(Problem::new(path, "there is no such contact; add it first"));
                    }
                }
                if !problems.is_empty() {
                    return Err(DirectoryError::Invalid(problems));
                }
                contacts.sort();
                contacts.dedup();
                let before = setup.groups.get(name);
                if before == Some(&contacts) {
                    return Ok((Vec::new(), contacts));
                }
                room(before.is_some(), setup.groups.len(), MOST_GROUPS, "groups")?;
                let difference = Difference { before: json!(before), after: json!(contacts) };
                Ok((vec![put(vs, AlertEntryKind::Group, name, json!(contacts), difference)], contacts))
            })
            .await?;
        Ok(GroupView { name: name.to_owned(), contacts })
    }

    /// Removes a group that the alert settings do not name.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where they do, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_group(&self, actor: &str, vs: VsId, name: &str) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                is_there(setup.groups.contains_key(name), "this group")?;
                let settings = &setup.settings;
                if [&settings.group, &settings.escalate_group].contains(&&Some(name.to_owned())) {
                    return Err(DirectoryError::Conflict(
                        "the alert settings name this group; choose another there first".into(),
                    ));
                }
                Ok((vec![removal(vs, AlertEntryKind::Group, name)], ()))
            })
            .await?;
        Ok(())
    }

    /// The templates of a virtual server by name.
    pub fn alert_templates(&self, vs: VsId) -> Vec<AlertTemplateView> {
        let view = self.engine.view.load();
        let shown = |(name, text): (&String, &String)| AlertTemplateView {
            name: name.clone(),
            text: text.clone(),
            variables: template::places(text).unwrap_or_default(),
        };
        view.alert_setup(vs).templates.iter().map(shown).collect()
    }

    /// Adds a template, or puts it in place of the one of this name. Its places are checked now.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `name` or `text`, [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_alert_template(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
        text: &str,
    ) -> Result<AlertTemplateView, DirectoryError> {
        let mut problems = of_name(name);
        let places = template::places(text).map_err(|reason| problems.push(Problem::new("text", reason)));
        let Some(variables) = places.ok().filter(|_| problems.is_empty()) else {
            return Err(DirectoryError::Invalid(problems));
        };
        self.engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                let before = setup.templates.get(name);
                if before.is_some_and(|before| before == text) {
                    return Ok((Vec::new(), ()));
                }
                room(before.is_some(), setup.templates.len(), MOST_TEMPLATES, "alert templates")?;
                let difference = Difference { before: json!(before), after: json!(text) };
                Ok((vec![put(vs, AlertEntryKind::Template, name, json!(text), difference)], ()))
            })
            .await?;
        Ok(AlertTemplateView { name: name.to_owned(), text: text.to_owned(), variables })
    }

    /// Removes a template.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn remove_alert_template(
        &self,
        actor: &str,
        vs: VsId,
        name: &str,
    ) -> Result<(), DirectoryError> {
        self.engine
            .change(actor, |view| {
                is_there(here(view, vs)?.templates.contains_key(name), "this alert template")?;
                Ok((vec![removal(vs, AlertEntryKind::Template, name)], ()))
            })
            .await?;
        Ok(())
    }

    /// What is set for all alerts of a virtual server.
    pub fn alert_settings(&self, vs: VsId) -> AlertSettings {
        self.engine.view.load().alert_setup(vs).settings.clone()
    }

    /// Puts what is set for all alerts of a virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at the fields, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_alert_settings(
        &self,
        actor: &str,
        vs: VsId,
        settings: AlertSettings,
    ) -> Result<AlertSettings, DirectoryError> {
        self.engine
            .change(actor, |view| {
                let setup = here(view, vs)?;
                let problems = settings.problems(setup);
                if !problems.is_empty() {
                    return Err(DirectoryError::Invalid(problems));
                }
                if setup.settings == settings {
                    return Ok((Vec::new(), ()));
                }
                let (before, after) = (json!(setup.settings), json!(settings));
                let difference = Difference { before, after: after.clone() };
                Ok((vec![put(vs, AlertEntryKind::Settings, "", after, difference)], ()))
            })
            .await?;
        Ok(settings)
    }
}

fn here(view: &View, vs: VsId) -> Result<&Setup, DirectoryError> {
    is_there(view.server(vs).is_some(), "this virtual server")?;
    Ok(view.alert_setup(vs))
}

fn is_there(is_there: bool, what: &str) -> Result<(), DirectoryError> {
    if is_there { Ok(()) } else { Err(DirectoryError::NotFound(what.into())) }
}

fn room(is_there: bool, count: usize, most: usize, what: &str) -> Result<(), DirectoryError> {
    if is_there || count < most {
        return Ok(());
    }
    Err(DirectoryError::Conflict(format!("a virtual server can have {most} {what}; remove some first")))
}

fn of_name(name: &str) -> Vec<Problem> {
    names::problem_of(name).map(|problem| Problem::new("name", problem)).into_iter().collect()
}

fn put(vs: VsId, kind: AlertEntryKind, name: &str, body: Value, difference: Difference) -> Change {
    Change::PutAlertEntry { entry: AlertEntry { vs, kind, name: name.to_owned(), body }, difference }
}

fn removal(vs: VsId, kind: AlertEntryKind, name: &str) -> Change {
    Change::RemoveAlertEntry { vs, kind, name: name.to_owned() }
}
