//! `apply`: brings the directory to what a manifest says, all or nothing, and says what that takes.

use super::api_keys::{self, MOST_KEYS};
use super::draft::{Above, Current, Draft};
use super::servers::DEEPEST;
use super::{credits, guard, names, users};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::guard::GuardRules;
use crate::otp::{self, OtpSettings};
use crate::view::View;
use crate::words::{
    Applied, DirectoryError, Manifest, ManifestKey, ManifestServer, ManifestTemplate, ManifestUser, Mode,
    SettingsInput,
};
use std::collections::{BTreeSet, HashMap};
use textgate_gateway::Problem;
use textgate_sms::VsId;
use textgate_store::{Allocation, ApiKeyRecord, Change, Credits, NewApiKey, NewUser, Role};

/// The remark in the ledger.
const NOTE: &str = "textgate apply";

impl Dispatch {
    /// Brings virtual servers, settings, allocations and keys to what the manifest says, all or nothing: makes what is missing,
    /// changes what differs, and leaves what is not named. With `dry_run` only says what would change.
    ///
    /// A second time there is nothing to change: secrets that are the stored ones, blank or left out are no change, nor is a key
    /// without a secret that is there.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem at once, by its path
    /// (`virtual_server[2].sms_settings.gateways[0].settings.host`), [`DirectoryError::Conflict`] where credits were used meanwhile,
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn apply(
        &self,
        actor: &str,
        manifest: Manifest,
        dry_run: bool,
    ) -> Result<Applied, DirectoryError> {
        let decide = |view: &View, credits: &HashMap<VsId, Credits>| {
            let (changes, mut applied) = Plan::make(&self.engine, view, credits, manifest)?;
            if dry_run {
                // They would be others when it is done.
                applied.generated.clear();
                applied.invitations.clear();
            }
            Ok((if dry_run { Vec::new() } else { changes }, applied))
        };
        let (_, applied) = self.engine.change_by_credits(actor, decide).await?;
        Ok(applied)
    }
}

/// A virtual server of the manifest, found or to be made.
struct Target {
    /// Where it stands in the manifest: `virtual_server[2]`.
    at: String,
    /// Its path in one form: without slashes at its ends, `/` for the root.
    path: String,
    depth: usize,
    vs: VsId,
    /// Whose child it is, where it is to be made.
    made_under: Option<VsId>,
    said: ManifestServer,
}

/// The change from what is there to what the manifest says.
struct Plan<'a> {
    engine: &'a Engine,
    view: &'a View,
    credits: &'a HashMap<VsId, Credits>,
    keys: HashMap<VsId, HashMap<&'a str, &'a ApiKeyRecord>>,
    /// Whose each secret will be.
    owners: HashMap<[u8; 32], (VsId, String)>,
    /// Parents of the virtual servers to be made.
    parents: HashMap<VsId, VsId>,
    /// Whether those whose settings are in the manifest will have gateways of their own.
    is_custom: HashMap<VsId, bool>,
    next_gateway: u32,
    next_user: u32,
    /// Names of users to be made, in lower case.
    made_users: BTreeSet<String>,
    problems: Vec<Problem>,
    changes: Vec<Change>,
    applied: Applied,
}

impl<'a> Plan<'a> {
    fn make(
        engine: &'a Engine,
        view: &'a View,
        credits: &'a HashMap<VsId, Credits>,
        manifest: Manifest,
    ) -> Result<(Vec<Change>, Applied), DirectoryError> {
        let mut plan = Self {
            engine,
            view,
            credits,
            keys: HashMap::new(),
            owners: HashMap::new(),
            parents: HashMap::new(),
            is_custom: HashMap::new(),
            next_gateway: view.directory.next_gateway,
            next_user: view.directory.next_user,
            made_users: BTreeSet::new(),
            problems: Vec::new(),
            changes: Vec::new(),
            applied: Applied::default(),
        };
        for key in &view.directory.api_keys {
            plan.keys.entry(key.vs).or_default().insert(&key.name, key);
            plan.owners.insert(key.hash, (key.vs, key.name.clone()));
        }
        let targets = plan.targets(manifest);
        // All that is said, before any of it is judged: a child may be in mode Default by its parent's new gateway.
        for target in &targets {
            if let Some(parent) = target.made_under {
                plan.parents.insert(target.vs, parent);
            }
            if let Some(settings) = &target.said.sms_settings {
                plan.is_custom.insert(target.vs, settings.mode == Mode::Custom);
            }
        }
        for target in targets {
            plan.server(target)?;
        }
        if plan.problems.is_empty() {
            Ok((plan.changes, plan.applied))
        } else {
            Err(DirectoryError::Invalid(plan.problems))
        }
    }

    /// The manifest's virtual servers, parents before children.
    fn targets(&mut self, manifest: Manifest) -> Vec<Target> {
        let mut named: HashMap<String, usize> = HashMap::new();
        let mut targets = Vec::with_capacity(manifest.virtual_server.len());
        for (index, said) in manifest.virtual_server.into_iter().enumerate() {
            let at = format!("virtual_server[{index}]");
            let inner = said.path.trim_matches('/');
            let path = if inner.is_empty() { "/" } else { inner }.to_owned();
            let depth = inner.split('/').filter(|name| !name.is_empty()).count();
            let problem = if said.path.is_empty() {
                Some("enter the path: acme, acme/sales, or / for the root".to_owned())
            } else if let Some(first) = named.get(&path) {
                Some(format!("virtual_server[{first}] is the same; say everything about it there"))
            } else if self.view.at_path(&path).is_none() && depth > DEEPEST {
                Some(format!("virtual servers can be {DEEPEST} levels deep"))
            } else {
                let problem = inner.split('/').find_map(names::problem_of);
                problem.filter(|_| self.view.at_path(&path).is_none()).map(str::to_owned)
            };
            named.entry(path.clone()).or_insert(index);
            match problem {
                Some(problem) => self.problems.push(Problem::new(format!("{at}.path"), problem)),
                None => targets.push(Target { at, path, depth, vs: VsId(0), made_under: None, said }),
            }
        }
        targets.sort_by_key(|target| target.depth);
        let mut next_vs = self.view.directory.next_vs;
        let mut made: HashMap<String, VsId> = HashMap::new();
        targets.retain_mut(|target| {
            if let Some(vs) = self.view.at_path(&target.path) {
                target.vs = vs;
                return true;
            }
            let parent = target.path.rsplit_once('/').map_or("/", |(parent, _)| parent);
            let Some(under) = made.get(parent).copied().or_else(|| self.view.at_path(parent)) else {
                // Where the file does name the parent, its own problem was told.
                if !named.contains_key(parent) {
                    let message = format!("there is no {parent}, and the file does not name it");
                    self.problems.push(Problem::new(format!("{}.path", target.at), message));
                }
                return false;
            };
            (target.vs, target.made_under) = (VsId(next_vs), Some(under));
            next_vs = next_vs.saturating_add(1);
            made.insert(target.path.clone(), target.vs);
            true
        });
        targets
    }

    fn server(&mut self, target: Target) -> Result<(), DirectoryError> {
        let Target { at, path, vs, made_under, said, .. } = target;
        if let Some(parent) = made_under {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            self.change(&path, "make the virtual server", Change::AddVirtualServer { id: vs, parent, name });
        }
        let credits = self.credits.get(&vs).copied().unwrap_or_default();
        if let Some(total) = said.credits {
            self.allocation(&at, &path, vs, credits, total);
        }
        if let Some(input) = said.sms_settings {
            self.settings(&at, &path, vs, said.credits.unwrap_or(credits.allocated), input);
        }
        if let Some(rules) = said.guard {
            self.guard(&at, &path, vs, rules);
        }
        let mut named = BTreeSet::new();
        let mut count = self.keys.get(&vs).map_or(0, HashMap::len);
        for (index, key) in said.api_key.into_iter().enumerate() {
            let at = format!("{at}.api_key[{index}]");
            if !named.insert(key.name.clone()) {
                self.problems.push(Problem::new(format!("{at}.name"), "this key is named twice"));
                continue;
            }
            if !self.keys.get(&vs).is_some_and(|keys| keys.contains_key(key.name.as_str())) {
                count += 1;
                if count > MOST_KEYS {
                    self.problems.push(Problem::new(at, api_keys::too_many()));
                    break;
                }
            }
            self.key(&at, &path, vs, key)?;
        }
        for (index, user) in said.user.into_iter().enumerate() {
            self.user(&format!("{at}.user[{index}]"), &path, vs, user)?;
        }
        self.otp(&at, &path, vs, said.otp_settings, said.otp_template);
        Ok(())
    }

    fn allocation(&mut self, at: &str, path: &str, vs: VsId, credits: Credits, total: u64) {
        let refusal = if vs == VsId::ROOT {
            Some(credits::NOT_FOR_THE_ROOT.to_owned())
        } else if total > credits::MOST {
            Some(credits::too_many())
        } else {
            credits::below_used(credits, total.into())
        };
        if let Some(refusal) = refusal {
            self.problems.push(Problem::new(format!("{at}.credits"), refusal));
        } else if total != credits.allocated {
            let sentence = format!("set allocation {} → {total} SMS credits", credits.allocated);
            let allocation = Allocation::Total(total);
            self.change(path, &sentence, Change::Allocate { vs, allocation, note: NOTE.into() });
        }
    }

    fn settings(&mut self, at: &str, path: &str, vs: VsId, allocated: u64, input: SettingsInput) {
        let above = match vs {
            VsId::ROOT => Above::Nobody,
            _ if !self.has_gateway_above(vs) => Above::NoGateway,
            _ => Above::Gateway { allocated },
        };
        let current = match self.view.server(vs) {
            Some(server) => Current::of(self.view, server),
            None => Current::default(),
        };
        match Draft::read(&self.engine.plugins, &current, above, input) {
            Ok(draft) => {
                let differences = draft.differences(&current);
                if !differences.is_empty() {
                    let change = draft.into_change(self.engine, vs, &current, &mut self.next_gateway);
                    self.change(path, &format!("SMS settings: {}", differences.join(", ")), change);
                }
            }
            Err(found) => {
                let at = format!("{at}.sms_settings");
                self.problems.extend(found.into_iter().map(|problem| problem.under(&at)));
            }
        }
    }

    fn guard(&mut self, at: &str, path: &str, vs: VsId, rules: GuardRules) {
        let before = self.view.server(vs).and_then(|server| server.guard_rules.as_ref());
        match guard::change(vs, before, Some(rules)) {
            Ok(Some(change)) => self.change(path, "put the fraud guard's rules", change),
            Ok(None) => {}
            Err(found) => {
                let at = format!("{at}.guard");
                self.problems.extend(found.into_iter().map(|problem| problem.under(&at)));
            }
        }
    }

    /// Whether a virtual server above this one will have gateways of its own.
    fn has_gateway_above(&self, vs: VsId) -> bool {
        let parent = |vs: &VsId| self.parents.get(vs).copied().or_else(|| self.view.server(*vs)?.parent);
        let is_custom = |vs: VsId| match (self.is_custom.get(&vs), self.view.server(vs)) {
            (Some(is_custom), _) => *is_custom,
            (None, Some(server)) => server.settings.mode == Mode::Custom && !server.gateways.is_empty(),
            (None, None) => false,
        };
        std::iter::successors(parent(&vs), parent).any(is_custom)
    }

    fn key(&mut self, at: &str, path: &str, vs: VsId, said: ManifestKey) -> Result<(), DirectoryError> {
        let ManifestKey { name, secret, role, rate } = said;
        let problems = api_keys::problems_of(&name, secret.as_deref(), rate);
        if !problems.is_empty() {
            self.problems.extend(problems.into_iter().map(|problem| problem.under(at)));
            return Ok(());
        }
        let there = self.keys.get(&vs).and_then(|keys| keys.get(name.as_str()).copied());
        let hash = match (&secret, there) {
            (Some(secret), _) => api_keys::hash(secret),
            (None, Some(there)) => there.hash,
            (None, None) => {
                let secret = api_keys::generate()?;
                let hash = api_keys::hash(&secret);
                self.applied.generated.push((path.to_owned(), name.clone(), secret));
                hash
            }
        };
        let mine = (vs, name.clone());
        if self.owners.insert(hash, mine.clone()).is_some_and(|owner| owner != mine) {
            self.problems.push(Problem::new(format!("{at}.secret"), api_keys::TAKEN));
            return Ok(());
        }
        let key = NewApiKey { vs, name, hash, role: role.unwrap_or(Role::Full), rate };
        let sentence = match there {
            Some(there) if api_keys::is_as(there, &key) => return Ok(()),
            Some(there) => format!("change API key {}: {}", key.name, differences(there, &key)),
            None => format!("add API key {}", key.name),
        };
        self.change(path, &sentence, Change::PutApiKey(key));
        Ok(())
    }

    fn user(&mut self, at: &str, path: &str, vs: VsId, said: ManifestUser) -> Result<(), DirectoryError> {
        let ManifestUser { name, role } = said;
        let at = format!("{at}.name");
        let key = name.to_ascii_lowercase();
        if let Some(problem) = users::problem_of_name(&name) {
            self.problems.push(Problem::new(at, problem));
            return Ok(());
        }
        match self.view.user_named(&key) {
            // Not where: that may be another tenant.
            Some(there) if there.vs != vs => self.problems.push(Problem::new(at, users::taken(&name))),
            Some(there) if there.role == role => {}
            Some(there) => {
                let sentence = format!("change user {name}: role {} → {}", there.role.name(), role.name());
                self.change(path, &sentence, Change::PutUser(NewUser { role, ..there.clone().into() }));
            }
            None if !self.made_users.insert(key) => {
                self.problems.push(Problem::new(at, "this user is named twice"));
            }
            None => {
                let (link, invitation) = users::invitation(self.engine)?;
                let new = users::new_record(self.view, vs, &name, role);
                let new = NewUser { id: self.next_user, invitation: Some(invitation), ..new };
                self.next_user = self.next_user.saturating_add(1);
                self.applied.invitations.push((path.to_owned(), name.clone(), link.path()));
                let sentence = format!("add user {name} as {}", role.name());
                self.change(path, &sentence, Change::PutUser(new));
            }
        }
        Ok(())
    }

    /// The passcode service: its settings, and the templates that are named.
    fn otp(
        &mut self,
        at: &str,
        path: &str,
        vs: VsId,
        settings: Option<OtpSettings>,
        templates: Vec<ManifestTemplate>,
    ) {
        match otp::planned_settings(self.view, vs, settings.clone()) {
            Ok(None) => {}
            Ok(Some((sentence, change))) => self.change(path, &sentence, change),
            Err(problems) => {
                let at = format!("{at}.otp_settings");
                self.problems.extend(problems.into_iter().map(|problem| problem.under(&at)));
            }
        }
        for (index, template) in templates.into_iter().enumerate() {
            let ManifestTemplate { purpose, locale, text } = template;
            match otp::planned_template(self.view, vs, settings.as_ref(), &purpose, &locale, &text) {
                Ok(None) => {}
                Ok(Some((sentence, change))) => self.change(path, &sentence, change),
                Err(problems) => {
                    let at = format!("{at}.otp_template[{index}]");
                    self.problems.extend(problems.into_iter().map(|problem| problem.under(&at)));
                }
            }
        }
    }

    fn change(&mut self, path: &str, sentence: &str, change: Change) {
        self.applied.changes.push(format!("{path}: {sentence}"));
        self.changes.push(change);
    }
}

/// What of a key changes, in words.
fn differences(there: &ApiKeyRecord, key: &NewApiKey) -> String {
    let role = |role: Role| match role {
        Role::Full => "full",
        Role::Send => "send",
    };
    let rate = |rate: Option<u32>| rate.map_or_else(|| "unlimited".to_owned(), |rate| format!("{rate}/s"));
    let mut found = Vec::new();
    if there.hash != key.hash {
        found.push("another secret".to_owned());
    }
    if there.role != key.role {
        found.push(format!("role {} → {}", role(there.role), role(key.role)));
    }
    if there.rate != key.rate {
        found.push(format!("rate {} → {}", rate(there.rate), rate(key.rate)));
    }
    found.join(", ")
}
