//! A setting as its file writes it.

use crate::catalogue::extract::Pattern;
use crate::catalogue::node::Node;
use serde::Deserialize;

/// One setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldFile {
    /// Its name in settings files and the API.
    pub name: String,
    /// Its label in the console, the provider's own word.
    pub label: String,
    /// What values it takes.
    #[serde(default)]
    pub kind: FieldKindFile,
    /// Most characters; of a number the most it may be.
    #[serde(default)]
    pub max: Option<i64>,
    /// The least a number may be.
    #[serde(default)]
    pub min: Option<i64>,
    /// Its value where none is given.
    #[serde(default)]
    pub default: Option<Node>,
    /// Whether it must have a value.
    #[serde(default)]
    pub required: bool,
    /// What to enter, in a sentence.
    pub help: String,
    /// A message shown beside it.
    #[serde(default)]
    pub message: Option<String>,
    /// Of a choice.
    #[serde(default)]
    pub choices: Vec<ChoiceFile>,
    /// What it has to look like, with what to say where it does not.
    #[serde(default)]
    pub pattern: Option<PatternFile>,
    /// It only applies while another has one of these values.
    #[serde(default)]
    pub shown_when: Option<ConditionFile>,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldKindFile {
    /// A line of text.
    #[default]
    Text,
    /// Text of several lines.
    LongText,
    /// Written and never read back.
    Secret,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// One of a list.
    Choice,
    /// A whole URL such as `https://abc.api.example.com`; may stand at the beginning of a request's URL.
    Url,
    /// A host name; may stand as the host of a request's URL.
    Host,
}

/// One entry of a choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoiceFile {
    /// Its value in settings.
    pub value: String,
    /// Its label in the console.
    pub label: String,
}

/// What a setting has to look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternFile {
    /// The pattern, which finds something in it.
    pub regex: Pattern,
    /// What to do where it does not.
    pub hint: String,
}

/// When a setting applies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionFile {
    /// The other setting.
    pub field: String,
    /// Its values; `true` or `false` as they stand for a flag.
    pub is: Vec<Node>,
}
