//! One field of a form, with its label, help, message and errors: the same for a form of ours and for a plugin's field list.

use crate::form::{Form, Problems};
use askama::Template;

/// One field. Its control has the id `f-NAME`, which the error summary links to.
#[derive(Debug, Clone, Template)]
#[template(path = "field.html")]
pub struct Field {
    /// Its name in the form.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// How it is filled in.
    pub control: Control,
    /// What is in it.
    pub value: String,
    /// Below the label: what to enter.
    pub help: Option<String>,
    /// Beside the field: what to know about it.
    pub message: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Whether it must be filled in.
    pub is_required: bool,
    /// How browsers fill it in (HTML §4.10.18.7), where they may.
    pub autocomplete: &'static str,
    /// Which keys a phone shows.
    pub inputmode: &'static str,
    /// An example.
    pub placeholder: String,
    /// A mark behind the label, such as "optional".
    pub mark: Option<String>,
    /// Classes of the field, such as `wide`.
    pub class: &'static str,
    /// Its help is in English on a page of another language, and so is its message (WCAG 2.2 §3.1.2).
    pub is_help_foreign: bool,
    /// See [`is_help_foreign`](Self::is_help_foreign).
    pub is_message_foreign: bool,
}

/// How a field is filled in.
#[allow(dead_code, reason = "as above")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// One line.
    Text,
    /// One line of digits.
    Number,
    /// One line that is not shown, and never filled in by us.
    Password,
    /// A day, as `2027-01-31`.
    Date,
    /// Several lines.
    Area,
    /// One of a list, behind a button.
    Select(Vec<Choice>),
    /// One of a few, all in sight.
    Radios(Vec<Choice>),
    /// Yes or no; its value is `on`.
    Check,
}

/// One choice of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// What it means, where there is room for it.
    pub help: Option<String>,
    /// Whether it cannot be chosen.
    pub is_disabled: bool,
}

impl Choice {
    /// A choice without more to say.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), help: None, is_disabled: false }
    }

    /// With what it means.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[allow(dead_code, reason = "a set of components is whole, whichever of them today's pages use")]
impl Field {
    /// A field of this kind, empty.
    pub fn new(control: Control, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            control,
            value: String::new(),
            help: None,
            message: None,
            errors: Vec::new(),
            is_required: false,
            autocomplete: "off",
            inputmode: "",
            placeholder: String::new(),
            mark: None,
            class: "",
            is_help_foreign: false,
            is_message_foreign: false,
        }
    }

    /// One line of text.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Control::Text, name, label)
    }

    /// A whole number.
    pub fn number(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { inputmode: "numeric", ..Self::new(Control::Number, name, label) }
    }

    /// A password.
    pub fn password(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Control::Password, name, label)
    }

    /// Yes or no.
    pub fn check(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Control::Check, name, label)
    }

    /// One of a list.
    pub fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Control::Select(choices), name, label)
    }

    /// One of a few.
    pub fn radios(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Control::Radios(choices), name, label)
    }

    /// With what was typed (never a password), and what is wrong with it.
    #[must_use]
    pub fn filled(mut self, form: &Form, problems: &Problems) -> Self {
        if self.control != Control::Password {
            form.get(&self.name).clone_into(&mut self.value);
        }
        self.errors = problems.of(&self.name).map(str::to_owned).collect();
        self
    }

    /// With this in it.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// With help below its label.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a message beside it.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// With a mark behind its label.
    #[must_use]
    pub fn mark(mut self, mark: impl Into<String>) -> Self {
        self.mark = Some(mark.into());
        self
    }

    /// It must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Browsers fill it in so.
    #[must_use]
    pub fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// With these classes.
    #[must_use]
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    /// The id of its control: its name, with nothing in it that a selector would trip over.
    pub fn id(&self) -> String {
        id_of(&self.name)
    }

    fn kind(&self) -> &'static str {
        match self.control {
            Control::Password => "password",
            Control::Date => "date",
            _ => "text",
        }
    }

    fn is_chosen(&self, choice: &Choice) -> bool {
        self.value == choice.value
    }

    /// What the control is described by, for `aria-describedby`; empty where by nothing.
    fn described_by(&self) -> String {
        let id = self.id();
        let parts = [
            ("help", self.help.is_some()),
            ("message", self.message.is_some()),
            ("error", !self.errors.is_empty()),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(_, is_there)| *is_there).map(|(part, _)| format!("{id}-{part}")).collect();
        parts.join(" ")
    }
}

// Its template escapes what is in it.
impl askama::filters::HtmlSafe for Field {}

/// The id of the control of this name.
pub(crate) fn id_of(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    format!("f-{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_shows_what_was_typed_and_what_is_wrong_with_it_and_escapes_both() {
        let form = Form::read(b"name=%22%3E%3Cscript%3E").unwrap();
        let field = Field::text("name", "<b>Name").help("a & b").filled(&form, &Problems::at("name", "<i>"));
        let html = field.render().unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<i>"), "{html}");
        assert!(html.contains("aria-describedby=\"f-name-help f-name-error\""), "{html}");
        assert!(html.contains("aria-invalid=\"true\""), "{html}");
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let form = Form::read(b"password=hunter2").unwrap();
        let html = Field::password("password", "Password").filled(&form, &Problems::none()).render().unwrap();
        assert!(!html.contains("hunter2"), "{html}");
    }

    #[test]
    fn an_id_has_nothing_that_a_selector_trips_over() {
        assert_eq!(id_of("gateways[0].settings.host"), "f-gateways-0--settings-host");
    }
}
