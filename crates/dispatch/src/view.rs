//! The directory as dispatch reads it: one immutable snapshot, swapped whole at each change, so that the way of a message
//! takes no lock and meets no half-made change.

use crate::alerts::Setup;
use crate::guard::{GuardRules, Rules};
use crate::otp::OtpConfig;
use crate::station::Station;
use crate::words::{Caller, GatewayOrder, Mode, OnUncertain};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use textgate_sms::{GatewayId, PhoneNumber, VsId};
use textgate_store::{Directory, SmsSettings, UserRecord, VirtualServer, WebhookRecord};

/// How long a gateway may be silent where the settings do not say.
pub(crate) const FAILOVER_AFTER_MS: u32 = 3_000;

/// One state of the directory, with everything looked up in it ready to be found.
#[derive(Default)]
pub(crate) struct View {
    /// The records themselves, as the store gave them.
    pub(crate) directory: Directory,
    servers: HashMap<VsId, Server>,
    by_path: HashMap<String, VsId>,
    callers: HashMap<[u8; 32], Caller>,
    /// What is set for alerts, where anything is.
    alert_setups: BTreeMap<VsId, Setup>,
    /// By name in lower case: where it stands in the directory.
    users: HashMap<String, usize>,
    /// The passcode service where nothing is set.
    usual_otp: Arc<OtpConfig>,
    /// Every gateway that is configured, always in the same order: what happens to all of them happens in an order that repeats.
    pub(crate) stations: BTreeMap<GatewayId, Arc<Station>>,
}

/// One virtual server.
pub(crate) struct Server {
    /// Its number.
    pub(crate) id: VsId,
    /// Its parent's number; `None` for the root.
    pub(crate) parent: Option<VsId>,
    /// Its own name.
    pub(crate) name: String,
    /// Names from the root down with `/` between; `/` for the root.
    pub(crate) path: String,
    /// Its settings; those of a new virtual server where it has none.
    pub(crate) settings: Settings,
    /// Its own gateways, primary first (kept also in mode Default, where they are not used).
    pub(crate) gateways: Vec<GatewayId>,
    /// The passcode service as it is set here.
    pub(crate) otp: Arc<OtpConfig>,
    /// Where its messages leave; `None` where no gateway is configured for it or above it.
    pub(crate) route: Option<Arc<Route>>,
    /// Its own rules for the fraud guard, where it has any.
    pub(crate) guard_rules: Option<GuardRules>,
    /// The fraud guard's rules in force; `None` where neither it nor one above it has any.
    pub(crate) guard: Option<Arc<Rules>>,
}

/// SMS settings but for the gateways, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) test_number: Option<PhoneNumber>,
    pub(crate) failover_after_ms: u32,
    pub(crate) on_uncertain: OnUncertain,
    pub(crate) gateway_order: GatewayOrder,
}

/// Where messages leave, and who pays for them.
#[derive(Debug)]
pub(crate) struct Route {
    /// Whose gateways these are.
    pub(crate) gateways_of: VsId,
    /// Primary first; at least one, at most 8.
    pub(crate) stations: SmallVec<[Arc<Station>; 2]>,
    /// The virtual servers that each pay one credit a segment: all in mode Default on the way up.
    pub(crate) payers: SmallVec<[VsId; 2]>,
    /// Tells this list of gateways from another one.
    pub(crate) order: u16,
    /// How long a gateway may be silent before the next one is tried.
    pub(crate) failover_after: Duration,
    /// What happens to a message without an answer.
    pub(crate) on_uncertain: OnUncertain,
    /// Whether the gateway that goes first is chosen for each message.
    pub(crate) is_adaptive: bool,
}

/// What [`SmsSettings::more`] holds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct More {
    on_uncertain: OnUncertain,
    gateway_order: GatewayOrder,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Default,
            test_number: None,
            failover_after_ms: FAILOVER_AFTER_MS,
            on_uncertain: OnUncertain::default(),
            gateway_order: GatewayOrder::default(),
        }
    }
}

impl Settings {
    /// As the store keeps them.
    pub(crate) fn to_record(&self) -> SmsSettings {
        let more = More { on_uncertain: self.on_uncertain, gateway_order: self.gateway_order };
        SmsSettings {
            is_custom: self.mode == Mode::Custom,
            test_number: self.test_number.map(PhoneNumber::as_u64),
            failover_after_ms: self.failover_after_ms,
            more: serde_json::to_value(more).unwrap_or_default(),
        }
    }

    fn from_record(record: &SmsSettings) -> Self {
        // What a newer version wrote besides is not understood here, and left alone.
        let more: More = serde_json::from_value(record.more.clone()).unwrap_or_default();
        Self {
            mode: if record.is_custom { Mode::Custom } else { Mode::Default },
            test_number: record.test_number.and_then(PhoneNumber::from_u64),
            failover_after_ms: record.failover_after_ms,
            on_uncertain: more.on_uncertain,
            gateway_order: more.gateway_order,
        }
    }
}

// === impl View ===

impl View {
    /// The snapshot of this directory. `stations` has every gateway of it.
    pub(crate) fn new(directory: Directory, stations: BTreeMap<GatewayId, Arc<Station>>) -> Self {
        let alert_setups = Setup::of_all(&directory.alert_entries);
        let mut view = Self { stations, alert_setups, ..Self::default() };
        let parents: HashMap<VsId, &VirtualServer> =
            directory.virtual_servers.iter().map(|server| (server.id, server)).collect();
        for record in &directory.virtual_servers {
            let path = path(record, &parents);
            view.by_path.insert(path.clone(), record.id);
            let server = Server {
                id: record.id,
                parent: record.parent,
                name: record.name.clone(),
                path,
                settings: Settings::default(),
                gateways: Vec::new(),
                otp: Arc::clone(&view.usual_otp),
                route: None,
                guard_rules: None,
                guard: None,
            };
            view.servers.insert(record.id, server);
        }
        for (vs, settings) in &directory.sms_settings {
            if let Some(server) = view.servers.get_mut(vs) {
                server.settings = Settings::from_record(settings);
            }
        }
        for (vs, config) in OtpConfig::all(&directory) {
            if let Some(server) = view.servers.get_mut(&vs) {
                server.otp = Arc::new(config);
            }
        }
        let mut gateways: Vec<_> = directory.gateways.iter().collect();
        gateways.sort_by_key(|gateway| gateway.position);
        for gateway in gateways {
            if let Some(server) = view.servers.get_mut(&gateway.vs) {
                server.gateways.push(gateway.id);
            }
        }
        for (vs, rules) in &directory.guard_rules {
            if let Some(server) = view.servers.get_mut(vs) {
                // Rules that this version cannot read are the strictest it knows.
                server.guard_rules = Some(serde_json::from_value(rules.clone()).unwrap_or_default());
            }
        }
        if !directory.guard_rules.is_empty() {
            let guards: Vec<_> = view.servers.keys().map(|vs| (*vs, view.find_guard(*vs))).collect();
            for (vs, guard) in guards {
                if let Some(server) = view.servers.get_mut(&vs) {
                    server.guard = guard.map(Arc::new);
                }
            }
        }
        let routes: Vec<(VsId, Route)> =
            view.servers.keys().filter_map(|vs| Some((*vs, view.find_route(*vs)?))).collect();
        for (vs, route) in routes {
            if let Some(server) = view.servers.get_mut(&vs) {
                server.route = Some(Arc::new(route));
            }
        }
        for key in &directory.api_keys {
            let at = view.servers.get(&key.vs).map_or("?", |server| server.path.as_str());
            let caller = Caller {
                vs: key.vs,
                key: key.id,
                actor: format!("key {}/{}", at.trim_end_matches('/'), key.name),
                role: key.role,
                rate: key.rate,
            };
            view.callers.insert(key.hash, caller);
        }
        for (place, user) in directory.users.iter().enumerate() {
            view.users.insert(user.name.to_ascii_lowercase(), place);
        }
        view.directory = directory;
        view
    }

    /// One virtual server.
    pub(crate) fn server(&self, vs: VsId) -> Option<&Server> {
        self.servers.get(&vs)
    }

    /// All virtual servers, in no order.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.values()
    }

    /// Where this virtual server's messages leave.
    pub(crate) fn route(&self, vs: VsId) -> Option<&Arc<Route>> {
        self.servers.get(&vs)?.route.as_ref()
    }

    /// The passcode service as this virtual server has it set.
    pub(crate) fn otp(&self, vs: VsId) -> &OtpConfig {
        self.servers.get(&vs).map_or(&self.usual_otp, |server| &server.otp)
    }

    /// The fraud guard's rules that somebody has put for this virtual server, or above it.
    pub(crate) fn guard(&self, vs: VsId) -> Option<&Rules> {
        self.servers.get(&vs)?.guard.as_deref()
    }

    /// What is set for a virtual server's alerts; as nothing is where it has nothing.
    pub(crate) fn alert_setup(&self, vs: VsId) -> &Setup {
        static NOTHING: LazyLock<Setup> = LazyLock::new(Setup::default);
        self.alert_setups.get(&vs).unwrap_or(&NOTHING)
    }

    /// The virtual server of this path; slashes at its ends do not matter.
    pub(crate) fn at_path(&self, path: &str) -> Option<VsId> {
        let inner = path.trim_matches('/');
        self.by_path.get(if inner.is_empty() { "/" } else { inner }).copied()
    }

    /// Whether `vs` is `within` or below it.
    pub(crate) fn is_within(&self, vs: VsId, within: VsId) -> bool {
        self.up(vs).any(|server| server.id == within)
    }

    /// The caller whose key hashes to this.
    pub(crate) fn caller(&self, hash: &[u8; 32]) -> Option<&Caller> {
        self.callers.get(hash)
    }

    /// The user of this name in lower case.
    pub(crate) fn user_named(&self, name: &str) -> Option<&UserRecord> {
        self.directory.users.get(*self.users.get(name)?)
    }

    /// One user.
    pub(crate) fn user(&self, id: u32) -> Option<&UserRecord> {
        let users = &self.directory.users;
        users.get(users.binary_search_by_key(&id, |user| user.id).ok()?)
    }

    /// One webhook endpoint.
    pub(crate) fn webhook(&self, id: u32) -> Option<&WebhookRecord> {
        let webhooks = &self.directory.webhooks;
        webhooks.get(webhooks.binary_search_by_key(&id, |webhook| webhook.id).ok()?)
    }

    /// A virtual server and its ancestors, upwards.
    pub(crate) fn up(&self, vs: VsId) -> impl Iterator<Item = &Server> {
        std::iter::successors(self.servers.get(&vs), |server| self.servers.get(&server.parent?))
    }

    /// The fraud guard's rules of a virtual server: its own, bounded by those above it.
    fn find_guard(&self, vs: VsId) -> Option<Rules> {
        let own: Vec<&GuardRules> = self.up(vs).filter_map(|server| server.guard_rules.as_ref()).collect();
        own.into_iter().rev().fold(None, |above, own| Some(Rules::under(own, above.as_ref())))
    }

    /// Climbs to the first virtual server with gateways of its own; every one on the way pays.
    fn find_route(&self, vs: VsId) -> Option<Route> {
        let mut payers = SmallVec::new();
        for server in self.up(vs) {
            if server.settings.mode == Mode::Default {
                payers.push(server.id);
                continue;
            }
            let found = server.gateways.iter().filter_map(|id| self.stations.get(id).cloned());
            let stations: SmallVec<[Arc<Station>; 2]> = found.collect();
            return (!stations.is_empty()).then(|| Route {
                gateways_of: server.id,
                order: order(&stations),
                is_adaptive: server.settings.gateway_order == GatewayOrder::Adaptive && stations.len() > 1,
                stations,
                payers,
                failover_after: Duration::from_millis(server.settings.failover_after_ms.into()),
                on_uncertain: server.settings.on_uncertain,
            });
        }
        None
    }
}

/// A number for a list of gateways (FNV-1a); never 0, which is the number of none.
fn order(stations: &[Arc<Station>]) -> u16 {
    let mix = |hash: u32, octet: u8| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
    let hash = stations.iter().flat_map(|station| station.id.0.to_le_bytes()).fold(0x811C_9DC5, mix);
    ((hash >> 16) as u16 ^ hash as u16).max(1)
}

fn path(record: &VirtualServer, all: &HashMap<VsId, &VirtualServer>) -> String {
    let mut names = Vec::new();
    let mut at = Some(record);
    while let Some(server) = at {
        if server.parent.is_some() {
            names.push(server.name.as_str());
        }
        at = server.parent.and_then(|parent| all.get(&parent).copied());
    }
    names.reverse();
    if names.is_empty() { "/".to_owned() } else { names.join("/") }
}
