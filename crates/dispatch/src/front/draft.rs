//! SMS settings on their way in: what is there, what is asked for, everything that is wrong with it, and the change it makes.

use super::difference::{self, Gateway};
use super::{names, secrets};
use crate::built::Built;
use crate::engine::Engine;
use crate::view::{FAILOVER_AFTER_MS, Server, Settings, View};
use crate::words::{GatewayInput, GatewayOrder, Mode, OnUncertain, SettingsInput};
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use textgate_gateway::{Plugins, Problem};
use textgate_sms::{GatewayId, PhoneNumber, VsId};
use textgate_store::{Change, Difference, NewGateway};

/// Most gateways of one virtual server.
pub(super) const MOST_GATEWAYS: usize = 8;
/// How long a gateway may be silent (ms).
const FAILOVER_AFTER: RangeInclusive<u32> = 100..=600_000;

/// SMS settings as they are in force.
#[derive(Default)]
pub(super) struct Current {
    settings: Settings,
    gateways: Vec<CurrentGateway>,
}

struct CurrentGateway {
    id: GatewayId,
    built: Arc<Built>,
}

/// What decides whether mode Default can be selected.
#[derive(Debug, Clone, Copy)]
pub(super) enum Above {
    /// The root: nobody is above it.
    Nobody,
    /// No virtual server above has a gateway.
    NoGateway,
    /// There is a way up, and so many SMS credits are allocated.
    Gateway { allocated: u64 },
}

/// SMS settings as they are to be: valid.
pub(super) struct Draft {
    settings: Settings,
    gateways: Vec<DraftGateway>,
}

struct DraftGateway {
    /// Its number, where one of its name is there already.
    id: Option<GatewayId>,
    name: String,
    plugin: String,
    settings: textgate_gateway::Settings,
    /// Which settings of a gateway that is there already are to be others.
    changed: Vec<String>,
}

// === impl Current ===

impl Current {
    /// What is in force for this virtual server. A new one's are the default.
    pub(super) fn of(view: &View, server: &Server) -> Self {
        let gateway = |id: &GatewayId| {
            Some(CurrentGateway { id: *id, built: Arc::clone(&view.stations.get(id)?.built()) })
        };
        Self {
            settings: server.settings.clone(),
            gateways: server.gateways.iter().filter_map(gateway).collect(),
        }
    }

    fn gateway(&self, name: &str) -> Option<&CurrentGateway> {
        self.gateways.iter().find(|gateway| gateway.built.name == name)
    }
}

// === impl Above ===

impl Above {
    /// Why mode Default cannot be selected, where it cannot.
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Nobody => Some(
                "the root is the service provider's own and has nobody above it: select Custom and add a gateway",
            ),
            Self::NoGateway => Some(
                "no SMS gateway is configured above this virtual server: select Custom and add a gateway, or ask your service provider",
            ),
            Self::Gateway { allocated: 0 } => Some(
                "your service provider has not allocated SMS credits to this virtual server: ask for some, or select Custom and add a gateway",
            ),
            Self::Gateway { .. } => None,
        }
    }
}

// === impl Draft ===

impl Draft {
    /// Reads settings as a whole.
    ///
    /// # Errors
    /// Every problem at once, by its path.
    pub(super) fn read(
        plugins: &Plugins,
        current: &Current,
        above: Above,
        input: SettingsInput,
    ) -> Result<Self, Vec<Problem>> {
        let SettingsInput { mode, test_number, failover_after_ms, on_uncertain, gateway_order, mut gateways } =
            input;
        let mut problems = Vec::new();
        // A virtual server is born in mode Default: what else is set there may be changed before there is a way up.
        let is_selected = mode == Mode::Default && current.settings.mode != Mode::Default;
        if (is_selected || matches!((mode, above), (Mode::Default, Above::Nobody)))
            && let Some(refusal) = above.refusal()
        {
            problems.push(Problem::new("mode", refusal));
        }
        let number =
            test_number.filter(|number| !number.is_empty()).map(|number| PhoneNumber::parse(&number));
        let test_number = number.transpose().unwrap_or_else(|error| {
            problems.push(Problem::new("test_number", error.to_string()));
            None
        });
        let failover_after_ms = failover_after_ms.unwrap_or(FAILOVER_AFTER_MS);
        if !FAILOVER_AFTER.contains(&failover_after_ms) {
            let message = "enter 100 to 600000 (milliseconds)";
            problems.push(Problem::new("failover_after_ms", message));
        }
        if mode == Mode::Custom && gateways.is_empty() {
            problems.push(Problem::new("gateways", "add a gateway, or select Default"));
        }
        if gateways.len() > MOST_GATEWAYS {
            problems.push(Problem::new("gateways", format!("use at most {MOST_GATEWAYS} gateways")));
            gateways.truncate(MOST_GATEWAYS);
        }
        let gateways = read_gateways(plugins, current, gateways, &mut problems);
        let settings = Settings { mode, test_number, failover_after_ms, on_uncertain, gateway_order };
        if problems.is_empty() { Ok(Self { settings, gateways }) } else { Err(problems) }
    }

    /// What would be other than it is, in words without a value that could be secret; empty where nothing would.
    pub(super) fn differences(&self, current: &Current) -> Vec<String> {
        let (to, from) = (&self.settings, &current.settings);
        let mut found = Vec::new();
        if to.mode != from.mode {
            found.push(match to.mode {
                Mode::Default => "mode default".to_owned(),
                Mode::Custom => "mode custom".to_owned(),
            });
        }
        if to.test_number != from.test_number {
            found.push(to.test_number.map_or_else(
                || "no test number".to_owned(),
                |number| format!("test number {}", number.masked()),
            ));
        }
        if to.failover_after_ms != from.failover_after_ms {
            found.push(format!("failover after {} → {} ms", from.failover_after_ms, to.failover_after_ms));
        }
        if to.on_uncertain != from.on_uncertain {
            found.push(match to.on_uncertain {
                OnUncertain::Failover => "on uncertain failover".to_owned(),
                OnUncertain::Sent => "on uncertain sent".to_owned(),
            });
        }
        if to.gateway_order != from.gateway_order {
            found.push(match to.gateway_order {
                GatewayOrder::Fixed => "fixed order of gateways".to_owned(),
                GatewayOrder::Adaptive => "adaptive order of gateways".to_owned(),
            });
        }
        let is_same_list = self.gateways.len() == current.gateways.len()
            && std::iter::zip(&self.gateways, &current.gateways)
                .all(|(to, from)| (to.id, to.plugin.as_str()) == (Some(from.id), from.built.plugin.as_str()));
        if !is_same_list {
            let list: Vec<String> =
                self.gateways.iter().map(|to| format!("{} ({})", to.name, to.plugin)).collect();
            found.push(match list.as_slice() {
                [] => "no gateways".to_owned(),
                list => format!("gateways {}", list.join(", ")),
            });
        }
        for gateway in self.gateways.iter().filter(|gateway| !gateway.changed.is_empty()) {
            found.push(format!("{} of {}", gateway.changed.join(", "), gateway.name));
        }
        found
    }

    /// The same for the audit log.
    fn difference(&self, engine: &Engine, current: &Current) -> Difference {
        let after: Vec<Value> = self.gateways.iter().map(|gateway| gateway.settings.to_json()).collect();
        let after: Vec<Gateway<'_>> = std::iter::zip(&self.gateways, &after)
            .map(|(to, settings)| Gateway { name: &to.name, plugin: &to.plugin, settings })
            .collect();
        let before = current.gateways.iter().map(|gateway| {
            let Built { name, plugin, settings, .. } = &*gateway.built;
            Gateway { name, plugin, settings }
        });
        let before: Vec<Gateway<'_>> = before.collect();
        difference::of_settings(&engine.plugins, (&current.settings, &before), (&self.settings, &after))
    }

    /// The change that puts them. New gateways take their numbers from `next_gateway` on.
    pub(super) fn into_change(
        self,
        engine: &Engine,
        vs: VsId,
        current: &Current,
        next_gateway: &mut u32,
    ) -> Change {
        let difference = self.difference(engine, current);
        let gateway = |draft: DraftGateway| {
            let id = draft.id.unwrap_or_else(|| {
                let id = GatewayId(*next_gateway);
                *next_gateway = next_gateway.saturating_add(1);
                id
            });
            let sealed_settings = engine.seal_settings(id, &draft.settings);
            NewGateway { id, name: draft.name, plugin: draft.plugin, sealed_settings }
        };
        let gateways = self.gateways.into_iter().map(gateway).collect();
        Change::PutSmsSettings { vs, settings: self.settings.to_record(), gateways, difference }
    }
}

fn read_gateways(
    plugins: &Plugins,
    current: &Current,
    inputs: Vec<GatewayInput>,
    problems: &mut Vec<Problem>,
) -> Vec<DraftGateway> {
    // A form sends a name that was left blank as "".
    let given = |input: &GatewayInput| input.name.clone().filter(|name| !name.is_empty());
    let mut taken: HashSet<String> = inputs.iter().filter_map(given).collect();
    let mut seen = HashSet::new();
    let mut drafts = Vec::with_capacity(inputs.len());
    for (position, input) in inputs.into_iter().enumerate() {
        let at = format!("gateways[{position}]");
        let name = given(&input).unwrap_or_else(|| {
            let name = names::of_gateway(position, |name| taken.contains(name));
            taken.insert(name.clone());
            name
        });
        if let Some(problem) = names::problem_of(&name) {
            problems.push(Problem::new(format!("{at}.name"), problem));
        } else if !seen.insert(name.clone()) {
            let message = "another gateway has this name; give each its own";
            problems.push(Problem::new(format!("{at}.name"), message));
        }
        match read_gateway(plugins, current.gateway(&name), name, input) {
            Ok(draft) => drafts.push(draft),
            Err(found) => problems.extend(found.into_iter().map(|problem| problem.under(&at))),
        }
    }
    drafts
}

/// Reads one gateway by itself: its number where one of its name is there, and its settings with the secrets that are left blank.
pub(super) fn read_one(
    plugins: &Plugins,
    current: &Current,
    input: GatewayInput,
) -> Result<(Option<GatewayId>, textgate_gateway::Settings), Vec<Problem>> {
    let name = input.name.clone().unwrap_or_default();
    let read = read_gateway(plugins, current.gateway(&name), name, input)?;
    Ok((read.id, read.settings))
}

/// Reads one gateway; `there` is the one of its name. With another plugin it keeps its number, but nothing of its settings.
fn read_gateway(
    plugins: &Plugins,
    there: Option<&CurrentGateway>,
    name: String,
    input: GatewayInput,
) -> Result<DraftGateway, Vec<Problem>> {
    let Some(plugin) = plugins.get(&input.plugin) else {
        let known: Vec<&str> = plugins.iter().map(|plugin| plugin.name()).collect();
        let message = format!("there is no such plugin; choose one of: {}", known.join(", "));
        return Err(vec![Problem::new("plugin", message)]);
    };
    let same = there.filter(|there| there.built.plugin == input.plugin);
    let merged = secrets::merge(plugin.fields(), input.settings, same.map(|same| &same.built.settings));
    let settings = plugins
        .check(&input.plugin, &merged)
        .map_err(|found| found.into_iter().map(|problem| problem.under("settings")).collect::<Vec<_>>())?;
    let changed = match same {
        Some(same) => differing(plugins, &same.built, &settings.to_json()),
        None => Vec::new(), // the list of gateways says that it is new
    };
    Ok(DraftGateway { id: there.map(|there| there.id), name, plugin: input.plugin, settings, changed })
}

/// Which settings differ from those in the store, by name.
fn differing(plugins: &Plugins, there: &Built, settings: &Value) -> Vec<String> {
    // Read again, so that a field that a newer version has besides does not look like a change.
    let read = plugins.check(&there.plugin, &there.settings).map(|read| read.to_json());
    let stored = read.as_ref().unwrap_or(&there.settings);
    let empty = serde_json::Map::new();
    let (to, from) = (settings.as_object().unwrap_or(&empty), stored.as_object().unwrap_or(&empty));
    let names: BTreeSet<&String> = to.keys().chain(from.keys()).collect();
    names.into_iter().filter(|name| to.get(*name) != from.get(*name)).cloned().collect()
}
