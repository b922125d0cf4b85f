//! A plugin from a provider's file: its fields, and gateways from their values.

use super::check;
use super::exchange::CatalogueExchange;
use super::file::{Feature, FieldFile, FieldKindFile, ProviderFile};
use super::list::CatalogueError;
use super::moment::Moment;
use super::node::{Node, Scalar};
use crate::http::{Driver, Exchange as _, Options, connection_fields, proxy_fields};
use crate::{
    BuildError, Choice, Condition, Environment, Field, FieldKind, Gateway, Overwrite, Plugin, Problem,
    Provider, Routing, Settings, Submission,
};
use reqwest::Url;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_sms::{Kind, MessageId, PhoneNumber, VsId};

/// A preconfigured provider.
#[derive(Clone)]
pub struct CataloguePlugin {
    pub(super) file: Arc<ProviderFile>,
    pub(super) fields: Arc<[Field]>,
    provider: Provider,
}

impl CataloguePlugin {
    /// The provider that a file describes. `file` is its name for errors; its stem is the provider's.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(file: &str, text: &str) -> Result<Self, CatalogueError> {
        let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let wrong = |at: Option<usize>, reason: String| CatalogueError {
            file: file.to_owned(),
            line: at.map(line),
            reason,
        };
        let parsed: ProviderFile = toml::from_str(text)
            .map_err(|error| wrong(error.span().map(|span| span.start), error.message().to_owned()))?;
        let fields = fields(&parsed);
        let stem = file.rsplit(['/', '\\']).next().unwrap_or(file).trim_end_matches(".toml");
        check::check(&parsed, &fields, stem).map_err(|(at, reason)| wrong(Some(at), reason))?;
        let provider = provider(&parsed);
        Ok(Self { file: Arc::new(parsed), fields: fields.into(), provider })
    }

    pub(super) fn exchange(
        &self,
        settings: &Settings,
        callback_url: Option<String>,
    ) -> Result<CatalogueExchange, Problem> {
        CatalogueExchange::read(Arc::clone(&self.file), Arc::clone(&self.fields), settings, callback_url)
    }

    /// What a field's pattern or kind says of its value.
    fn check_fields(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems = Vec::new();
        for field in &self.file.field {
            let field = field.get_ref();
            let value = settings.applying(&self.fields, &field.name);
            let Some(value) = value.and_then(Value::as_str).filter(|value| !value.is_empty()) else {
                continue;
            };
            let value = value.trim();
            let hint = match (&field.pattern, field.kind) {
                (Some(pattern), _) if !pattern.regex.0.is_match(value) => Some(pattern.hint.as_str()),
                (_, FieldKindFile::Url) if !is_url(value) => {
                    Some("enter a whole address, for example https://api.example.com")
                }
                (_, FieldKindFile::Host) if !is_host(value) => {
                    Some("enter only a host's name, for example api.example.com")
                }
                _ => None,
            };
            problems.extend(hint.map(|hint| Problem::new(field.name.as_str(), hint)));
        }
        problems
    }
}

impl Plugin for CataloguePlugin {
    fn name(&self) -> &str {
        self.file.name.get_ref()
    }

    fn label(&self) -> &str {
        &self.file.label
    }

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn check(&self, settings: &Settings) -> Vec<Problem> {
        let mut problems = self.check_fields(settings);
        problems.extend(Options::read(settings).err().into_iter().flatten());
        match self.exchange(settings, None) {
            Err(problem) => problems.push(problem),
            // A message that is never sent shows whether these settings make a request at all.
            Ok(exchange) if problems.is_empty() && settings.is_complete(&self.fields) => {
                let call = if exchange.wants_token() {
                    exchange
                        .token_call_at(&Moment::now())
                        .and_then(|_| exchange.call_at(&sample(), Some("token"), &Moment::now()))
                } else {
                    exchange.call_at(&sample(), None, &Moment::now())
                };
                problems.extend(call.err().map(|outcome| Problem::new("", outcome.detail)));
            }
            Ok(_) => {}
        }
        problems
    }

    fn build(&self, settings: &Settings, environment: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        let unbuilt = |problem: Problem| BuildError(format!("{}: {}", problem.path, problem.message));
        let exchange = self.exchange(settings, environment.callback_url.clone()).map_err(unbuilt)?;
        let options = Options::read(settings).map_err(|problems| {
            let problem = problems.into_iter().next();
            problem.map_or_else(|| BuildError("the settings cannot be used; save them again".into()), unbuilt)
        })?;
        Ok(Arc::new(Driver::new(
            exchange,
            options,
            environment.network.clone(),
            settings.secrets(&self.fields),
        )))
    }

    fn provider(&self) -> Option<&Provider> {
        Some(&self.provider)
    }
}

fn is_url(value: &str) -> bool {
    Url::parse(value).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_host(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
}

/// A message of no one to no one.
fn sample() -> Submission {
    let now = Instant::now();
    Submission {
        id: MessageId::first_at(0),
        to: PhoneNumber::from_u64(15_550_100_199)
            .unwrap_or_else(|| unreachable!("a number of eleven digits")),
        kind: Kind::Text,
        text: "sample".into(),
        sender: None,
        flash: None,
        overwrite: Overwrite::AsSet,
        valid_until: now + Duration::from_secs(300),
        answer_by: now,
        is_test: false,
        routing: Routing::new(VsId::ROOT, VsId::ROOT, 1, now, i64::MAX),
    }
}

fn provider(file: &ProviderFile) -> Provider {
    let receipts = file.receipt.as_ref().map(|rule| rule.get_ref().setup.clone().unwrap_or_default());
    Provider {
        site: file.site.get_ref().clone(),
        documentation: file.documentation.get_ref().clone(),
        countries: file.countries.clone(),
        features: file.features.get_ref().clone(),
        experimental: file.experimental.clone(),
        note: file.note.clone(),
        receipts,
        inbound: file.inbound.as_ref().map(|rule| rule.get_ref().setup.clone()),
        at_once: file.batch.as_ref().map(|rule| rule.get_ref().most),
        sources: file.source.iter().map(|source| source.get_ref().clone()).collect(),
    }
}

// === fields ===

/// The file's fields, then those that every provider has, and those that its features bring, in the page's order.
fn fields(file: &ProviderFile) -> Vec<Field> {
    let mut fields: Vec<Field> = file.field.iter().map(|field| field_of(field.get_ref())).collect();
    let has = |feature| file.features.get_ref().contains(&feature);
    fields.extend(proxy_fields());
    if has(Feature::Flash) {
        let help = "Shows messages at once, and the phone does not store them.";
        fields.push(Field::new("flash", "Use Flash SMS", FieldKind::Flag, help).with_default(false));
    }
    if has(Feature::Overwrite) {
        let help = "Each message replaces the one before it on the phone.";
        fields.push(Field::new("overwrite", "Use Overwrite SMS", FieldKind::Flag, help).with_default(false));
    }
    if has(Feature::Receipts) {
        let help =
            "Lets the provider report what became of messages, to the receipt address that is shown here.";
        fields.push(Field::new("receipts", "Delivery Receipts", FieldKind::Flag, help).with_default(true));
    }
    fields.extend(connection_fields());
    fields.push(Field::new(
        "api_address",
        "API Address",
        FieldKind::Text { max: 255 },
        "Where requests go instead of the provider's own address: scheme, host and port. Blank, but for tests and relays.",
    ));
    fields
}

fn field_of(file: &FieldFile) -> Field {
    let size = |usual: usize| file.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usual);
    let kind = match file.kind {
        FieldKindFile::Text => FieldKind::Text { max: size(256) },
        FieldKindFile::Url => FieldKind::Text { max: size(512) },
        FieldKindFile::Host => FieldKind::Text { max: size(255) },
        FieldKindFile::LongText => FieldKind::LongText { max: size(16_384) },
        FieldKindFile::Secret => FieldKind::Secret { max: size(1_024) },
        FieldKindFile::Flag => FieldKind::Flag,
        FieldKindFile::Number => {
            FieldKind::Number { min: file.min.unwrap_or(0), max: file.max.unwrap_or(i64::from(i32::MAX)) }
        }
        FieldKindFile::Choice => {
            let choice = |c: &super::file::ChoiceFile| Choice {
                value: c.value.clone().into(),
                label: c.label.clone().into(),
            };
            FieldKind::Choice { choices: file.choices.iter().map(choice).collect(), other: None }
        }
    };
    let default = match (&file.default, file.kind) {
        (Some(node), _) => json_of(node),
        // A flag is never neither.
        (None, FieldKindFile::Flag) => Value::Bool(false),
        (None, _) => Value::Null,
    };
    Field {
        name: file.name.clone().into(),
        label: file.label.clone().into(),
        kind,
        default,
        required: file.required,
        help: file.help.clone().into(),
        message: file.message.clone().map(Into::into),
        shown_when: file.shown_when.as_ref().map(|condition| Condition {
            field: condition.field.clone().into(),
            is: condition.is.iter().map(json_of).collect(),
        }),
    }
}

/// A fixed value; null for what is none.
pub(super) fn json_of(node: &Node) -> Value {
    match node {
        Node::Fixed(Scalar::Text(text)) => Value::String(text.clone()),
        Node::Fixed(Scalar::Number(number)) => (*number).into(),
        Node::Fixed(Scalar::Flag(flag)) => Value::Bool(*flag),
        _ => Value::Null,
    }
}
