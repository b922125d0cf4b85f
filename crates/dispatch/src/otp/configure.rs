//! Settings and templates of the passcode service: shown, put, and tried before they are saved.

use super::code::CodeAlphabet;
use super::languages;
use super::locale;
use super::settings::{self, OtpSettings, WORD};
use super::template;
use super::text::{OtpConfig, Recipe, USUAL_PURPOSE, read_locale, segments};
use super::words::{OtpSettingsView, PreviewRequest, ShippedView, TemplateView, TextPreview};
use crate::accept::plan;
use crate::dispatch::Dispatch;
use crate::view::View;
use crate::words::DirectoryError;
use serde_json::Value;
use textgate_gateway::Problem;
use textgate_sms::{Choices, VsId, choose};
use textgate_store::{Change, OtpTemplate};

/// Most templates of one virtual server.
pub(crate) const TEMPLATES_MOST: usize = 500;
/// Codes for previews.
const DIGITS: &str = "1234567890";
const LETTERS: &str = "BCDFGHJKLM";

impl Dispatch {
    /// The passcode service's settings of a virtual server.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn otp_settings(&self, vs: VsId) -> Result<OtpSettingsView, DirectoryError> {
        let view = self.engine.view.load();
        there(&view, vs)?;
        let is_own = view.directory.otp_settings.iter().any(|(of, _)| *of == vs);
        Ok(OtpSettingsView { settings: view.otp(vs).settings.clone(), is_own })
    }

    /// Puts them as a whole. What is there just so writes nothing.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem at its field, [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn put_otp_settings(
        &self,
        actor: &str,
        vs: VsId,
        settings: OtpSettings,
    ) -> Result<OtpSettingsView, DirectoryError> {
        let (_, ()) = self
            .engine
            .change(actor, |view| {
                there(view, vs)?;
                let change = change_of_settings(view, vs, settings).map_err(DirectoryError::Invalid)?;
                Ok((change.into_iter().collect(), ()))
            })
            .await?;
        self.otp_settings(vs)
    }

    /// The templates of a virtual server by purpose and locale, each with what it comes out as.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn otp_templates(&self, vs: VsId) -> Result<Vec<TemplateView>, DirectoryError> {
        let view = self.engine.view.load();
        there(&view, vs)?;
        Ok(view.otp(vs).templates.iter().map(|template| shown(&view, template)).collect())
    }

    /// The texts that are shipped, by language.
    pub fn otp_languages(&self) -> Vec<ShippedView> {
        let text = |locale| Some(ShippedView { locale, text: &languages::shipped(locale)?.text });
        languages::tags().filter_map(text).collect()
    }

    /// Adds a template, or replaces the one of its purpose and locale.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `purpose`, `locale` or `text`, [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn put_otp_template(
        &self,
        actor: &str,
        vs: VsId,
        purpose: &str,
        locale: &str,
        text: &str,
    ) -> Result<TemplateView, DirectoryError> {
        let (view, template) = self
            .engine
            .change(actor, |view| {
                there(view, vs)?;
                let config = view.otp(vs);
                let template = checked(vs, config, purpose, locale, text).map_err(DirectoryError::Invalid)?;
                if config.templates.contains(&template) {
                    return Ok((Vec::new(), template));
                }
                let is_new = !config.templates.iter().any(|other| is_same(other, &template));
                if is_new && config.templates.len() >= TEMPLATES_MOST {
                    let message = format!("there are {TEMPLATES_MOST} templates already: remove some first");
                    return Err(DirectoryError::Conflict(message));
                }
                Ok((vec![Change::PutOtpTemplate(template.clone())], template))
            })
            .await?;
        Ok(shown(&view, &template))
    }

    /// Removes a template.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where there is none of this purpose and locale, [`DirectoryError::StoreUnavailable`].
    pub async fn remove_otp_template(
        &self,
        actor: &str,
        vs: VsId,
        purpose: &str,
        locale: &str,
    ) -> Result<(), DirectoryError> {
        let decide = |view: &View| {
            there(view, vs)?;
            let locale = locale::canonical(locale).unwrap_or_default();
            let is_it = |template: &&OtpTemplate| template.purpose == purpose && template.locale == locale;
            let none = || DirectoryError::NotFound("this template".into());
            let OtpTemplate { purpose, locale, .. } =
                view.otp(vs).templates.iter().find(is_it).ok_or_else(none)?.clone();
            Ok((vec![Change::RemoveOtpTemplate { vs, purpose, locale }], ()))
        };
        self.engine.change(actor, decide).await.map(|_| ())
    }

    /// What a passcode's text would be, with a made-up code.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with what is wrong, [`DirectoryError::NotFound`].
    pub fn preview_otp_text(&self, vs: VsId, request: PreviewRequest) -> Result<TextPreview, DirectoryError> {
        let view = self.engine.view.load();
        there(&view, vs)?;
        preview(&view, vs, &request).map_err(|problem| DirectoryError::Invalid(vec![problem]))
    }
}

/// The change that puts these settings; `None` where they are there just so.
fn change_of_settings(view: &View, vs: VsId, settings: OtpSettings) -> Result<Option<Change>, Vec<Problem>> {
    let settings = settings.checked()?;
    let is_own = view.directory.otp_settings.iter().any(|(of, _)| *of == vs);
    if is_own && view.otp(vs).settings == settings {
        return Ok(None);
    }
    let settings = serde_json::to_value(settings).unwrap_or_default();
    Ok(Some(Change::PutOtpSettings { vs, settings }))
}

/// The same for a manifest, with a sentence about what changes. The virtual server need not be there yet.
pub(crate) fn planned_settings(
    view: &View,
    vs: VsId,
    settings: Option<OtpSettings>,
) -> Result<Option<(String, Change)>, Vec<Problem>> {
    let Some(settings) = settings else { return Ok(None) };
    let change = change_of_settings(view, vs, settings)?;
    Ok(change.map(|change| {
        let before = serde_json::to_value(&view.otp(vs).settings).unwrap_or_default();
        let names = match &change {
            Change::PutOtpSettings { settings: Value::Object(after), .. } => {
                let other = after.iter().filter(|(name, value)| before.get(name.as_str()) != Some(*value));
                other.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        let names = if names.is_empty() { "as by default".to_owned() } else { names };
        (format!("passcode settings: {names}"), change)
    }))
}

/// The change that puts a template of a manifest, whose settings may be in the same manifest; `None` where it is there just so.
pub(crate) fn planned_template(
    view: &View,
    vs: VsId,
    settings: Option<&OtpSettings>,
    purpose: &str,
    locale: &str,
    text: &str,
) -> Result<Option<(String, Change)>, Vec<Problem>> {
    let settings = settings.unwrap_or(&view.otp(vs).settings).clone();
    let config = OtpConfig { settings, templates: Vec::new() };
    let template = checked(vs, &config, purpose, locale, text)?;
    if view.otp(vs).templates.contains(&template) {
        return Ok(None);
    }
    let is_there = view.otp(vs).templates.iter().any(|other| is_same(other, &template));
    let verb = if is_there { "change" } else { "add" };
    let sentence = format!("{verb} passcode template {} ({})", template.purpose, template.locale);
    Ok(Some((sentence, Change::PutOtpTemplate(template))))
}

fn there(view: &View, vs: VsId) -> Result<(), DirectoryError> {
    let none = || DirectoryError::NotFound("this virtual server".into());
    view.server(vs).map(|_| ()).ok_or_else(none)
}

fn is_same(one: &OtpTemplate, other: &OtpTemplate) -> bool {
    one.purpose == other.purpose && one.locale == other.locale
}

fn checked(
    vs: VsId,
    config: &OtpConfig,
    purpose: &str,
    locale: &str,
    text: &str,
) -> Result<OtpTemplate, Vec<Problem>> {
    let mut problems = Vec::new();
    if !settings::is_word(purpose) {
        problems.push(Problem::new("purpose", WORD));
    }
    let tag = locale::canonical(locale);
    if tag.is_none() {
        problems.push(Problem::new("locale", settings::LOCALE));
    }
    if let Err(problem) = problem_of(config, text) {
        problems.push(problem);
    }
    match tag {
        Some(locale) if problems.is_empty() => {
            Ok(OtpTemplate { vs, purpose: purpose.to_owned(), locale, text: text.to_owned() })
        }
        _ => Err(problems),
    }
}

fn problem_of(config: &OtpConfig, text: &str) -> Result<(), Problem> {
    template::check(text).map_err(|message| Problem::new("text", message))?;
    if template::uses(text, "app") && config.settings.app_name.is_empty() {
        let message =
            "the passcode settings have no app_name for {app}: set it first, or write the name itself";
        return Err(Problem::new("text", message));
    }
    Ok(())
}

fn shown(view: &View, template: &OtpTemplate) -> TemplateView {
    let request = PreviewRequest {
        text: Some(template.text.clone()),
        purpose: Some(template.purpose.clone()),
        locale: Some(template.locale.clone()),
        ..PreviewRequest::default()
    };
    let preview = preview(view, template.vs, &request);
    TemplateView {
        purpose: template.purpose.clone(),
        locale: template.locale.clone(),
        text: template.text.clone(),
        // One that was good and is not any more, as the application's name was taken away, is shown as it stands.
        preview: preview
            .unwrap_or_else(|_| measured(view, template.vs, template.text.clone(), &template.locale)),
    }
}

fn preview(view: &View, vs: VsId, request: &PreviewRequest) -> Result<TextPreview, Problem> {
    let config = view.otp(vs);
    let settings = &config.settings;
    let purpose = request.purpose.as_deref().filter(|purpose| !purpose.is_empty()).unwrap_or(USUAL_PURPOSE);
    if !settings::is_word(purpose) {
        return Err(Problem::new("purpose", WORD));
    }
    let recipe = Recipe {
        length: settings.length,
        alphabet: settings.alphabet,
        template: None,
        locale: read_locale(request.locale.as_deref())?,
        bound: config.bound(request.app.as_deref(), request.domain.as_deref())?,
    };
    let sample = if recipe.alphabet == CodeAlphabet::Digits { DIGITS } else { LETTERS };
    let code = sample.get(..usize::from(recipe.length)).unwrap_or(sample);
    let minutes = settings.ttl_s / 60;
    let composed = match &request.text {
        None => config.compose(purpose, &recipe, code, minutes)?,
        Some(text) => {
            problem_of(config, text)?;
            let locale = recipe.locale.clone().unwrap_or_else(|| settings.locale.clone());
            let text = text.clone();
            let draft = OtpTemplate { vs, purpose: purpose.to_owned(), locale, text };
            let draft = OtpConfig { settings: settings.clone(), templates: vec![draft] };
            draft.compose(purpose, &recipe, code, minutes)?
        }
    };
    Ok(measured(view, vs, composed.text, &composed.locale))
}

/// The text with what it takes by the first gateway that can send it; by none, as plain GSM 7 bit or UCS-2 carries it.
fn measured(view: &View, vs: VsId, text: String, locale: &str) -> TextPreview {
    let planned = view.route(vs).and_then(|route| plan(route, &text).ok());
    let (segments, encoding) = match planned {
        Some(plan) => (plan.segments, plan.encoding.to_owned()),
        None => (segments(&text), choose(&text, Choices::default()).name().to_owned()),
    };
    TextPreview { text, locale: locale.to_owned(), segments, encoding }
}
