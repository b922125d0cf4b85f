//! Generic HTTP(s): any provider whose request is a form and whose success is a string in the answer.

use super::driver::Driver;
use super::exchange::{Answer, BodyEnd, Call, Exchange};
use super::form::{Form, Space};
use super::options::{Options, connection_fields, proxy_fields};
use super::{segments, status};
use crate::{
    BuildError, Environment, Feature, Field, FieldKind, Gateway, Outcome, Plan, PlanError, Plugin, Problem,
    Settings, Submission,
};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use smallvec::SmallVec;
use std::sync::Arc;
use textgate_sms::MessageId;
use textgate_sms::OutcomeClass::{Refused, Uncertain};

/// The plugin `generic-http`.
pub struct GenericHttpPlugin {
    fields: Vec<Field>,
}

/// One account's request and success rule, from its settings.
pub(super) struct GenericExchange {
    method: Method,
    url: Url,
    space: Space,
    destination_parameter: String,
    message_parameter: String,
    sender_parameter: Option<String>,
    /// The additional parameters, in order.
    parameters: Vec<(String, String)>,
    /// What the answer contains where the provider took the message; empty where every 2xx says so.
    success_contains: String,
}

// === impl GenericHttpPlugin ===

impl Default for GenericHttpPlugin {
    fn default() -> Self {
        Self::new()
    }
}

impl GenericHttpPlugin {
    /// The plugin.
    pub fn new() -> Self {
        let name = |name, label, help| Field::new(name, label, FieldKind::Text { max: 128 }, help);
        let mut fields = vec![
            Field::new(
                "method",
                "Method Name",
                FieldKind::choice(&[("GET", "GET"), ("POST", "POST")]),
                "GET sends the parameters in the URL, POST in the body.",
            )
            .with_default("GET")
            .required(),
            Field::new(
                "plus_for_spaces",
                "Add parameters to URL",
                FieldKind::Flag,
                "True writes a space as +, False as %20. Most providers read both.",
            )
            .with_default(true),
            Field::new(
                "url",
                "SMS URL",
                FieldKind::Text { max: 2048 },
                "Where the provider takes messages, for example https://api.example.com/http/sendmsg. It may have one \
                 query parameter of its own, which stays first.",
            )
            .required(),
            name(
                "destination_parameter",
                "Destination Parameter Name",
                "The provider's name for the parameter with the phone number.",
            )
            .required(),
            name(
                "message_parameter",
                "Message Parameter Name",
                "The provider's name for the parameter with the text.",
            )
            .required(),
            Field::new(
                "success_contains",
                "Success Message Contains String",
                FieldKind::Text { max: 256 },
                "What the provider's answer contains when it took the message, in this very spelling. Blank: every \
                 answer with an HTTP status 200 to 299 is a success.",
            ),
        ];
        fields.extend(proxy_fields());
        fields.push(Field::new(
            "parameters",
            "Add Parameter",
            FieldKind::Pairs { max: 64 },
            "More parameters, sent after the others in this order. Is Password hides the value.",
        ));
        fields.push(name(
            "sender_parameter",
            "Sender Parameter Name",
            "The provider's name for the parameter with the sender, for messages that ask for one. A parameter of \
             this name above is the sender of all others.",
        ));
        fields.extend(connection_fields());
        Self { fields }
    }
}

impl Plugin for GenericHttpPlugin {
    fn name(&self) -> &str {
        "generic-http"
    }

    fn label(&self) -> &str {
        "Generic HTTP(s)"
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn features(&self) -> &[Feature] {
        &[Feature::Unicode, Feature::Sender]
    }

    fn check(&self, settings: &Settings) -> Vec<Problem> {
        let url = read_url(settings.text("url")).err();
        let options = Options::read(settings).err();
        url.into_iter().chain(options.into_iter().flatten()).collect()
    }

    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        let unbuilt = |problem: &Problem| BuildError(format!("{}: {}", problem.path, problem.message));
        let exchange = GenericExchange::read(settings).map_err(|problem| unbuilt(&problem))?;
        let options = Options::read(settings).map_err(|problems| match problems.first() {
            Some(problem) => unbuilt(problem),
            None => BuildError("the settings cannot be used; save them again".to_owned()),
        })?;
        Ok(Arc::new(Driver::new(
            exchange,
            options,
            environment.network.clone(),
            settings.secrets(&self.fields),
        )))
    }
}

/// The SMS URL, or what is wrong with it. Never repeats any of it: its query may hold a token.
fn read_url(text: &str) -> Result<Url, Problem> {
    let wrong = |message: String| Err(Problem::new("url", message));
    let text = text.trim();
    let Ok(url) = Url::parse(text) else {
        return wrong("enter a whole URL, for example https://api.example.com/http/sendmsg".into());
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("begin the URL with https:// or http://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("remove the user name and password before the @; add them as parameters".into());
    }
    if url.fragment().is_some() {
        return wrong("remove the # and everything after it: it is never sent".into());
    }
    if url.port() == Some(0) {
        return wrong("there is no port 0".into());
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    if query.split('&').filter(|parameter| !parameter.is_empty()).count() > 1 {
        let message = "keep at most one query parameter in the URL, and add the others as parameters below";
        return wrong(message.into());
    }
    // It goes out as it was typed or not at all: what would be changed on the way is refused here.
    if let Some(bad) = query.chars().find(|c| !c.is_ascii_graphic() || "\"'<>".contains(*c)) {
        let mut octets = [0; 4];
        let encoded: String = bad.encode_utf8(&mut octets).bytes().map(|b| format!("%{b:02X}")).collect();
        return wrong(format!("write {bad:?} as {encoded} in the URL's query parameter"));
    }
    Ok(url)
}

// === impl GenericExchange ===

impl GenericExchange {
    pub(super) fn read(settings: &Settings) -> Result<Self, Problem> {
        let name = |field| settings.text(field).trim().to_owned();
        let success_contains = settings.text("success_contains");
        Ok(Self {
            method: if settings.text("method") == "POST" { Method::POST } else { Method::GET },
            url: read_url(settings.text("url"))?,
            space: if settings.flag("plus_for_spaces") { Space::Plus } else { Space::Percent },
            destination_parameter: name("destination_parameter"),
            message_parameter: name("message_parameter"),
            sender_parameter: Some(name("sender_parameter")).filter(|name| !name.is_empty()),
            parameters: settings.pairs("parameters").into_iter().map(|p| (p.name, p.value)).collect(),
            success_contains: if success_contains.trim().is_empty() { "" } else { success_contains }
                .to_owned(),
        })
    }

    /// Destination, message, the sender where one was asked for, and the additional parameters.
    fn fill(&self, form: &mut Form, submission: &Submission) {
        form.push(&self.destination_parameter, &submission.to.to_string());
        form.push(&self.message_parameter, &submission.text);
        let asked = self.sender_parameter.as_deref().zip(submission.sender.as_deref());
        // The message's own sender stands where the gateway's would.
        let has_place = asked.is_some_and(|(own, _)| self.parameters.iter().any(|(name, _)| name == own));
        if let Some((name, sender)) = asked.filter(|_| !has_place) {
            form.push(name, sender);
        }
        for (name, value) in &self.parameters {
            let own = asked.filter(|(own, _)| own == name).map(|(_, sender)| sender);
            form.push(name, own.unwrap_or(value));
        }
    }
}

impl Exchange for GenericExchange {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        segments::plan(text)
    }

    fn call(&self, submission: &Submission, _: Option<&str>) -> Result<Call, Outcome> {
        let mut url = self.url.clone();
        let mut headers = HeaderMap::new();
        if self.method == Method::POST {
            let mut form = Form::after("", self.space);
            self.fill(&mut form, submission);
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(CONTENT_TYPE, kind);
            return Ok(Call {
                method: Method::POST,
                url,
                headers,
                body: form.finish().into(),
                signature: None,
            });
        }
        let mut form = Form::after(url.query().unwrap_or_default(), self.space);
        self.fill(&mut form, submission);
        url.set_query(Some(&form.finish()));
        Ok(Call { method: Method::GET, url, headers, body: Bytes::new(), signature: None })
    }

    fn outcome(&self, answer: &Answer, _: MessageId, segments: u8) -> Outcome {
        if !answer.status.is_success() {
            return status::outcome(answer.status, &answer.headers);
        }
        let wanted = self.success_contains.as_bytes();
        // What came of a broken answer counts, too: the provider said so before the connection broke.
        if wanted.is_empty() || answer.body.windows(wanted.len()).any(|part| part == wanted) {
            return Outcome::sent(SmallVec::new(), segments);
        }
        let code = answer.status.as_u16();
        match answer.end {
            BodyEnd::Whole => Outcome::failed(
                Refused,
                format!("HTTP {code}: the answer does not contain the success string"),
            ),
            BodyEnd::CutOff => Outcome::failed(
                Refused,
                format!("HTTP {code}: the answer's first 64 KiB do not contain the success string"),
            ),
            BodyEnd::Broken => Outcome::failed(Uncertain, format!("HTTP {code}: the answer broke off")),
        }
    }
}
