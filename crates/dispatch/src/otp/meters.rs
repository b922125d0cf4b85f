//! What is counted of passcodes.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use textgate_sms::PasscodeState;

type Labels = Vec<(&'static str, &'static str)>;

/// Counters of the passcode service.
pub(crate) struct PasscodeMeters {
    pub(crate) created: Counter,
    pub(crate) resent_on_request: Counter,
    pub(crate) resent_by_watch: Counter,
    pub(crate) cancelled: Counter,
    checks: [Counter; PasscodeState::ALL.len()],
}

impl PasscodeMeters {
    /// New ones, in this registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let (created, cancelled) = (Counter::default(), Counter::default());
        registry.register("passcodes_created", "Passcodes made", created.clone());
        registry.register("passcodes_cancelled", "Passcodes cancelled on request", cancelled.clone());
        let mut family = |name: &str, help: &str| {
            let family = Family::<Labels, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let resent = family("passcodes_resent", "Messages with a passcode's code again, by what led to it");
        let checks = family("passcode_checks", "Codes checked, by what the passcode came to");
        let one = |family: &Family<Labels, Counter>, label, value| {
            family.get_or_create(&vec![(label, value)]).clone()
        };
        Self {
            created,
            cancelled,
            resent_on_request: one(&resent, "by", "request"),
            resent_by_watch: one(&resent, "by", "watch"),
            checks: std::array::from_fn(|n| one(&checks, "status", PasscodeState::ALL[n].name())),
        }
    }

    /// A code was checked, and the passcode came to this.
    pub(super) fn checked(&self, state: PasscodeState) {
        self.checks[usize::from(state.code())].inc();
    }
}
