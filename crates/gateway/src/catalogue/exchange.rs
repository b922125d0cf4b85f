//! A provider's side of one gateway: requests from its file and the gateway's settings, and what comes back.

use super::envelope;
use super::file::{Auth, EnvelopeRule, Feature, ProviderFile};
use super::moment::Moment;
use super::node::{Scalar, Values};
use super::request;
use super::template::{Name, Word};
use super::values::{AccountValues, MessageValues};
use super::{answer, batch, receipts};
use crate::http::{self, Answer, BodyEnd, Call, Exchange, Token};
use crate::{
    Balance, Callback, CallbackError, Field, Outcome, Plan, PlanError, Problem, Received, Settings,
    Submission,
};
use reqwest::Url;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::MessageId;
use textgate_sms::OutcomeClass::Refused;

/// One account at a provider.
pub(crate) struct CatalogueExchange {
    pub(super) file: Arc<ProviderFile>,
    pub(super) fields: Arc<[Field]>,
    pub(super) settings: Settings,
    /// Where the provider reports, if it shall.
    pub(super) callback_url: Option<String>,
    /// Where the provider calls, whether it reports or not: phones' messages come there, too.
    address_for_calls: Option<String>,
    /// Another place for all requests: scheme, host and port.
    pub(super) api_address: Option<Url>,
}

impl CatalogueExchange {
    /// From settings that passed validation. The problem is one that only all of them together have.
    pub fn read(
        file: Arc<ProviderFile>,
        fields: Arc<[Field]>,
        settings: &Settings,
        callback_url: Option<String>,
    ) -> Result<Self, Problem> {
        let address = settings.text("api_address").trim();
        let api_address = if address.is_empty() { None } else { Some(read_address(address)?) };
        let address_for_calls = callback_url.clone();
        let callback_url = callback_url.filter(|_| settings.flag("receipts"));
        Ok(Self { file, fields, settings: settings.clone(), callback_url, address_for_calls, api_address })
    }

    /// What is known without a message.
    pub(super) fn account<'a>(&'a self, moment: &'a Moment) -> AccountValues<'a> {
        AccountValues { exchange: self, moment }
    }

    /// The value of a setting while it applies; none where it is blank.
    pub(super) fn setting(&self, name: &str) -> Option<Scalar> {
        match self.settings.applying(&self.fields, name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(Scalar::Text(text.clone())),
            Value::Number(number) => number.as_i64().map(Scalar::Number),
            Value::Bool(flag) => Some(Scalar::Flag(*flag)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.file.features.get_ref().contains(&feature)
    }

    /// The request of a message at this moment.
    pub fn call_at(
        &self,
        submission: &Submission,
        token: Option<&str>,
        moment: &Moment,
    ) -> Result<Call, Outcome> {
        let values = MessageValues::new(self, submission, moment);
        let request = self.file.send.get_ref();
        request::build(self, request, &values, token, moment).map_err(unmade)
    }

    /// The request of several messages at this moment.
    pub fn batch_call_at(
        &self,
        batch: &[Box<Submission>],
        token: Option<&str>,
        moment: &Moment,
    ) -> Result<Call, Outcome> {
        let all: Vec<MessageValues<'_>> =
            batch.iter().map(|submission| MessageValues::new(self, submission, moment)).collect();
        let Some((first, others)) = all.split_first() else { return Err(unmade("no message".into())) };
        let others: Vec<&dyn Values> = others.iter().map(|values| values as &dyn Values).collect();
        let own = self.file.batch.as_ref().and_then(|rule| rule.get_ref().request.as_ref());
        let request = own.unwrap_or(self.file.send.get_ref());
        request::build_for(self, request, first, &others, token, moment).map_err(unmade)
    }

    /// The request for the balance at this moment.
    pub fn balance_call_at(&self, token: Option<&str>, moment: &Moment) -> Result<Call, Outcome> {
        let balance =
            self.file.balance.as_ref().ok_or_else(|| unmade("this provider cannot be asked".into()))?;
        request::build(self, &balance.get_ref().request, &self.account(moment), token, moment).map_err(unmade)
    }

    /// Reads a call of the provider at this moment, with the certificate that its envelope names.
    pub fn receive_at(
        &self,
        callback: &Callback<'_>,
        certificate: Option<&[u8]>,
        moment: &Moment,
    ) -> Result<Received, CallbackError> {
        let address = self.address_for_calls.as_deref().unwrap_or_default();
        receipts::receive(&self.file, &self.account(moment), address, callback, certificate)
    }

    /// What the file says of the envelope that calls come in.
    fn envelope(&self) -> Option<&EnvelopeRule> {
        self.file.receipt.as_ref()?.get_ref().envelope.as_ref()
    }

    /// The request for a token at this moment.
    pub fn token_call_at(&self, moment: &Moment) -> Result<Call, Outcome> {
        match &self.file.auth {
            Some(Auth::Oauth2(oauth)) => request::token(self, oauth, &self.account(moment)).map_err(unmade),
            _ => Err(unmade("this provider has no tokens".into())),
        }
    }
}

fn unmade(why: String) -> Outcome {
    Outcome::failed(Refused, format!("the request could not be made: {why}"))
}

/// Scheme, host and port of another place for all requests.
fn read_address(text: &str) -> Result<Url, Problem> {
    let wrong = |message: &str| Err(Problem::new("api_address", message));
    let Ok(url) = Url::parse(text) else {
        return wrong("enter a whole address, for example https://api.example.com");
    };
    let is_plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return wrong("begin the address with https:// or http://, and a host");
    }
    if !is_plain || !url.username().is_empty() || url.password().is_some() {
        return wrong("enter only scheme, host and port");
    }
    Ok(url)
}

impl Exchange for CatalogueExchange {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        let plan = http::plan(text)?;
        if plan.encoding != "gsm7" && !self.has(Feature::Unicode) {
            return Err(PlanError("this provider takes only the characters of GSM 03.38".into()));
        }
        if let Some(most) = self.file.max_characters
            && text.chars().count() > most
        {
            return Err(PlanError(format!(
                "this provider takes at most {most} characters; shorten the text"
            )));
        }
        Ok(plan)
    }

    fn call(&self, submission: &Submission, token: Option<&str>) -> Result<Call, Outcome> {
        self.call_at(submission, token, &Moment::now())
    }

    fn outcome(&self, answer: &Answer, id: MessageId, segments: u8) -> Outcome {
        answer::outcome(&self.file, answer, id, segments)
    }

    fn most_at_once(&self) -> usize {
        self.file.batch.as_ref().map_or(1, |rule| rule.get_ref().most)
    }

    fn goes_with(&self, batch: &[Box<Submission>], one: &Submission) -> bool {
        let is_by_number = self.file.batch.as_ref().is_some_and(|rule| rule.get_ref().to.is_some());
        !is_by_number || batch.iter().all(|other| other.to != one.to)
    }

    fn batch_call(&self, batch: &[Box<Submission>], token: Option<&str>) -> Result<Call, Outcome> {
        self.batch_call_at(batch, token, &Moment::now())
    }

    fn batch_outcomes(&self, answer: &Answer, batch: &[Box<Submission>]) -> Option<Vec<Outcome>> {
        batch::outcomes(&self.file, answer, batch)
    }

    fn wants_token(&self) -> bool {
        matches!(self.file.auth, Some(Auth::Oauth2(_)))
    }

    fn token_call(&self) -> Result<Call, Outcome> {
        self.token_call_at(&Moment::now())
    }

    fn token(&self, answer: &Answer) -> Result<Token, Outcome> {
        let Some(Auth::Oauth2(oauth)) = &self.file.auth else { return Err(unmade("no tokens".into())) };
        if !answer.status.is_success() {
            return Err(http::status_outcome(answer.status, &answer.headers));
        }
        let document = super::extract::Document::new(&answer.headers, &answer.body);
        let Some(text) = document.find_long(&oauth.token, None, 16_384) else {
            return Err(Outcome::failed(Refused, "the answer has no token"));
        };
        let seconds = document.find(&oauth.expires_in, None).and_then(|text| text.parse::<u64>().ok());
        Ok(Token { text, lasts: Duration::from_secs(seconds.unwrap_or(300)) })
    }

    fn certificate_call(&self, callback: &Callback<'_>) -> Result<Option<Call>, CallbackError> {
        let Some(rule) = self.envelope() else { return Ok(None) };
        let url = envelope::certificate_url(rule, &self.account(&Moment::now()), callback)?;
        request::get(self, url).map(Some).map_err(CallbackError::NotNow)
    }

    fn certificate(&self, callback: &Callback<'_>, answer: &Answer) -> Result<Vec<u8>, String> {
        if !answer.status.is_success() {
            return Err(http::status_outcome(answer.status, &answer.headers).detail.into_owned());
        }
        if answer.end != BodyEnd::Whole {
            return Err("the signer's certificate did not come whole".to_owned());
        }
        let certificate = envelope::certificate(callback, &answer.body);
        certificate.ok_or_else(|| "what was fetched is not the signer's certificate".to_owned())
    }

    fn receive(
        &self,
        callback: &Callback<'_>,
        certificate: Option<&[u8]>,
    ) -> Result<Received, CallbackError> {
        self.receive_at(callback, certificate, &Moment::now())
    }

    fn confirmation_call(&self, callback: &Callback<'_>) -> Option<Call> {
        self.envelope()?;
        request::get(self, envelope::confirmation_url(callback)?).ok()
    }

    fn has_balance(&self) -> bool {
        self.file.balance.is_some()
    }

    fn balance_call(&self, token: Option<&str>) -> Result<Call, Outcome> {
        self.balance_call_at(token, &Moment::now())
    }

    fn balance(&self, answer: &Answer) -> Result<Balance, String> {
        let rule = self.file.balance.as_ref().ok_or("this provider cannot be asked")?.get_ref();
        if !answer.status.is_success() || answer.end != BodyEnd::Whole {
            return Err(http::status_outcome(answer.status, &answer.headers).detail.into_owned());
        }
        let document = super::extract::Document::new(&answer.headers, &answer.body);
        let amount =
            document.find(&rule.amount, None).and_then(|text| text.replace(',', "").parse::<f64>().ok());
        let amount = amount.filter(|amount| amount.is_finite()).ok_or("the answer has no balance")?;
        let told = rule.unit_at.as_ref().and_then(|unit| document.find(unit, None));
        let told = told.filter(|unit| unit.len() <= 16 && unit.chars().all(|c| c.is_ascii_alphabetic()));
        Ok(Balance { amount, unit: told.or_else(|| rule.unit.clone()).unwrap_or_default() })
    }
}

impl Values for AccountValues<'_> {
    fn value(&self, name: &Name) -> Option<Scalar> {
        match name {
            Name::Setting(setting) => self.exchange.setting(setting),
            Name::Word(Word::Host) => {
                self.exchange.file.host.as_ref().and_then(|host| host.text(self)).map(Scalar::Text)
            }
            Name::Word(word) => self.moment_value(*word),
            Name::Param(_) | Name::Header(_) | Name::Pointer(_) => None,
        }
    }
}
