//! The page: what its template shows.

use super::draft::{Draft, Gateway, prefix};
use super::fields::{Block, Maker, More};
use super::sentence;
use crate::console::Console;
use crate::field::{Choice, Field};
use crate::form::Problems;
use crate::lines::{Line, lines};
use crate::page::Page;
use crate::text::Text;
use crate::visit::Visit;
use askama::Template;
use textgate_dispatch::{GatewayView, SettingsView};
use textgate_gateway::{Feature, Preview, Provider};

/// Most gateways of a virtual server: dispatch's bound.
pub(super) const MOST_GATEWAYS: usize = 8;

#[derive(Template)]
#[template(path = "sms_settings.html")]
pub(super) struct SettingsPage {
    pub(super) page: Page,
    pub(super) mode: Field,
    pub(super) test_number: Field,
    pub(super) advanced: Vec<Field>,
    /// Something is wrong in it, or was changed from what is usual.
    pub(super) is_advanced_open: bool,
    pub(super) cards: Vec<Card>,
    pub(super) plugins: Vec<PluginChoice>,
    pub(super) preview_text: Field,
    /// The ticket of the secrets that were typed.
    pub(super) ticket: Option<String>,
    /// The form has something in it that is not saved.
    pub(super) is_unsaved: bool,
    pub(super) may_change: bool,
    pub(super) may_add: bool,
    /// The gateway that is to be in sight.
    pub(super) chosen: Option<usize>,
    /// Nothing is configured: a newcomer's first look.
    pub(super) is_new: bool,
}

/// One gateway.
pub(super) struct Card {
    pub(super) position: usize,
    pub(super) at: String,
    /// Primary, Failover, Failover 2.
    pub(super) title: String,
    /// Its name, where it is saved.
    pub(super) name: String,
    pub(super) plugin: String,
    pub(super) plugin_label: String,
    /// What is wrong with it as a whole, or with the choice of its plugin.
    pub(super) errors: Vec<String>,
    pub(super) provider: Option<Provider>,
    pub(super) blocks: Vec<Block>,
    pub(super) rare: Vec<Block>,
    pub(super) receipt_url: Option<String>,
    pub(super) state: Option<State>,
    /// Its modems, where it is saved and has any.
    pub(super) lines: Vec<Line>,
    pub(super) has_balance: bool,
    pub(super) balance: Option<Result<String, String>>,
    pub(super) preview: Option<Preview>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

/// How a saved gateway is now.
pub(super) struct State {
    pub(super) kind: &'static str,
    pub(super) word: String,
    pub(super) reason: Option<String>,
}

/// One plugin in the list.
pub(super) struct PluginChoice {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) is_preconfigured: bool,
}

/// What stands on a gateway's card besides its settings.
pub(super) enum Aside {
    Balance(usize, Result<String, String>),
    Preview(usize, Preview),
}

impl SettingsPage {
    /// The page of a draft. `saved` is what is in force.
    pub(super) fn new(
        console: &Console,
        visit: &Visit,
        saved: &SettingsView,
        draft: &Draft,
        problems: &Problems,
        aside: Option<Aside>,
    ) -> Self {
        let text = visit.text();
        let plugins = console.dispatch.plugins();
        let mut cards: Vec<Card> = draft
            .gateways
            .iter()
            .enumerate()
            .map(|(position, gateway)| {
                let is_of = |view: &&GatewayView| !gateway.name.is_empty() && view.name == gateway.name;
                Card::new(console, text, position, gateway, saved.gateways.iter().find(is_of), problems)
            })
            .collect();
        if let Some(last) = cards.last_mut() {
            last.is_last = true;
        }
        match aside {
            Some(Aside::Balance(at, balance)) => {
                cards.get_mut(at).into_iter().for_each(|card| card.balance = Some(balance.clone()));
            }
            Some(Aside::Preview(at, preview)) => {
                cards.get_mut(at).into_iter().for_each(|card| card.preview = Some(preview.clone()));
            }
            None => {}
        }
        let listed = |plugin: &std::sync::Arc<dyn textgate_gateway::Plugin>| PluginChoice {
            name: plugin.name().to_owned(),
            label: text.plugin(plugin.label()),
            is_preconfigured: plugin.provider().is_some(),
        };
        let may_change = visit.person.role != textgate_dispatch::UserRole::Auditor;
        let at = |mut field: Field| {
            field.errors = problems.of(&field.name).map(|problem| text.problem(problem)).collect();
            field
        };
        let advanced = advanced(text, draft).map(at);
        let (mode, test_number) = (at(mode(text, saved, draft)), at(test_number(text, draft)));
        let preview_text = at(Field::text("preview_text", text.get("sms_settings.preview_text"))
            .help(text.get("sms_settings.preview_text_help"))
            .value(draft.preview_text.clone()));
        // In the page's order.
        let mut named: Vec<Field> = vec![mode.clone(), test_number.clone()];
        named.extend(cards.iter().flat_map(Card::controls));
        named.push(preview_text.clone());
        named.extend(advanced.iter().cloned());
        Self {
            page: Page::new(console, visit, text.get("nav.sms_settings"))
                .lead(text.get("sms_settings.lead"))
                .problems(problems, &named),
            mode,
            test_number,
            is_advanced_open: advanced.iter().any(|field| !field.errors.is_empty()),
            advanced: advanced.into(),
            plugins: plugins.iter().map(listed).collect(),
            preview_text,
            ticket: None,
            is_unsaved: false,
            chosen: None,
            may_change,
            may_add: cards.len() < MOST_GATEWAYS,
            is_new: saved.gateways.is_empty(),
            cards,
        }
    }

    /// The list's first group.
    fn preconfigured(&self) -> impl Iterator<Item = &PluginChoice> {
        self.plugins.iter().filter(|plugin| plugin.is_preconfigured)
    }

    /// Its second one.
    fn protocols(&self) -> impl Iterator<Item = &PluginChoice> {
        self.plugins.iter().filter(|plugin| !plugin.is_preconfigured)
    }

    /// The field of a control: `parameters` of `gateways[0].settings.parameters`.
    fn field_of<'a>(&self, control: &'a str) -> &'a str {
        control.rsplit('.').next().unwrap_or(control)
    }
}

impl Card {
    fn new(
        console: &Console,
        text: Text,
        position: usize,
        gateway: &Gateway,
        saved: Option<&GatewayView>,
        problems: &Problems,
    ) -> Self {
        let at = prefix(position);
        let plugin = console.dispatch.plugins().get(&gateway.plugin);
        let same = saved.filter(|saved| saved.plugin == gateway.plugin);
        let none = Vec::new();
        let (blocks, rare) = plugin.map_or_else(Default::default, |plugin| {
            Maker {
                text,
                plugin: &**plugin,
                gateway,
                problems,
                at: &at,
                secrets_set: same.map_or(&none, |same| &same.secrets_set),
            }
            .blocks()
        });
        let whole = [format!("{at}.plugin"), at.clone(), format!("{at}.settings"), format!("{at}.name")];
        let errors = whole.iter().flat_map(|path| problems.of(path)).map(|problem| text.problem(problem));
        let provider = plugin.and_then(|plugin| plugin.provider()).cloned();
        Self {
            position,
            title: title(text, position),
            name: gateway.name.clone(),
            plugin: gateway.plugin.clone(),
            plugin_label: plugin.map_or_else(String::new, |plugin| text.plugin(plugin.label())),
            errors: errors.collect(),
            blocks,
            rare,
            receipt_url: same.and_then(|same| same.receipt_url.clone()),
            state: saved.map(|saved| State::of(text, saved)),
            lines: same.map(|same| lines(text, &same.status.lines)).unwrap_or_default(),
            has_balance: same.is_some()
                && provider.as_ref().is_some_and(|provider| provider.features.contains(&Feature::Balance)),
            provider,
            balance: None,
            preview: None,
            is_first: position == 0,
            is_last: false,
            at,
        }
    }

    /// Its controls by the names that the summary of problems shows.
    fn controls(&self) -> Vec<Field> {
        let named = |name: &str, label: &str| Field::text(name, format!("{}: {label}", self.title));
        let whole = [format!("{}.plugin", self.at), self.at.clone(), format!("{}.settings", self.at)];
        let mut all: Vec<Field> = whole.iter().map(|name| Field::text(name, self.title.clone())).collect();
        let blocks = self.blocks.iter().chain(&self.rare);
        let fields = blocks.flat_map(|block| &block.fields).flat_map(super::fields::FieldView::controls);
        all.extend(fields.map(|field| named(&field.name, &field.label)));
        all
    }

    /// Whether something is wrong in it.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty() || self.blocks.iter().chain(&self.rare).any(Block::has_errors)
    }

    /// Whether something is wrong in what few need.
    pub(super) fn is_rare_open(&self) -> bool {
        self.rare.iter().any(Block::has_errors)
    }

    /// How receipts are set up at the provider, where they come over HTTP; empty where their address goes along by itself.
    pub(super) fn receipt_setup(&self) -> Option<&str> {
        self.provider.as_ref()?.receipts.as_deref()
    }

    /// How the provider is told where messages of phones go, where it brings any.
    pub(super) fn inbound_setup(&self) -> Option<&str> {
        self.provider.as_ref()?.inbound.as_deref()
    }
}

impl State {
    fn of(text: Text, gateway: &GatewayView) -> Self {
        let status = &gateway.status;
        let (kind, word) = match (status.breaker, status.health) {
            ("open", _) => ("bad", "open"),
            (_, "down") => ("bad", "down"),
            ("half_open", _) => ("warn", "half_open"),
            (_, "up") => ("good", "up"),
            _ => ("info", "connecting"),
        };
        Self { kind, word: text.word("gateway_state", word).into(), reason: status.reason.clone() }
    }
}

/// Primary, Failover, Failover 2.
fn title(text: Text, position: usize) -> String {
    match position {
        0 => text.get("sms_settings.primary").into(),
        1 => text.get("sms_settings.failover").into(),
        more => text.get("sms_settings.failover_more").with("number", more).into(),
    }
}

fn mode(text: Text, saved: &SettingsView, draft: &Draft) -> Field {
    let credits =
        text.get("sms_settings.default_help").with("remaining", text.number(saved.credits.remaining));
    let reason = saved.default_unavailable.as_ref();
    let default = Choice {
        is_disabled: reason.is_some(),
        ..Choice::new("default", text.get("mode.default"))
            .help(reason.map_or_else(|| credits.into(), |reason| sentence(text, reason)))
    };
    let custom = Choice::new("custom", text.get("mode.custom")).help(text.get("sms_settings.custom_help"));
    Field::radios("mode", text.get("sms_settings.mode"), vec![default, custom]).value(draft.mode.clone())
}

fn test_number(text: Text, draft: &Draft) -> Field {
    let mut field = Field::text("test_number", text.get("sms_settings.test_number"))
        .help(text.get("sms_settings.test_number_help"))
        .value(draft.test_number.clone());
    field.inputmode = "tel";
    field.placeholder = "15550100100".into();
    field
}

fn advanced(text: Text, draft: &Draft) -> [Field; 3] {
    let orders = ["fixed", "adaptive"].map(|word| {
        Choice::new(word, text.word("gateway_order", word)).help(text.word("gateway_order_help", word))
    });
    let choices = ["failover", "sent"].map(|word| {
        Choice::new(word, text.word("on_uncertain", word)).help(text.word("on_uncertain_help", word))
    });
    [
        Field::number("failover_after_ms", text.get("sms_settings.failover_after"))
            .help(text.get("sms_settings.failover_after_help"))
            .value(draft.failover_after_ms.clone())
            .class("short"),
        Field::radios("on_uncertain", text.get("sms_settings.on_uncertain"), choices.into())
            .value(draft.on_uncertain.clone()),
        Field::radios("gateway_order", text.get("sms_settings.gateway_order"), orders.into())
            .value(draft.gateway_order.clone()),
    ]
}
