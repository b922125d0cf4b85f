//! What there is to know of a plugin, as data: `docs/providers.md` and the console's page about providers both write this, each in its way.

use crate::{Feature, Field, Plugin, Provider};
use std::sync::LazyLock;

/// One plugin, as people want to know it before they choose it.
pub struct Facts<'a> {
    /// The name in settings files and the API.
    pub name: &'a str,
    /// The name for people.
    pub label: &'a str,
    /// What is known of the provider; `None` for a plugin that is a protocol.
    pub provider: Option<&'a Provider>,
    /// What it can do.
    pub features: &'a [Feature],
    /// Whether messages can leave through a proxy.
    pub has_proxy: bool,
    /// How many alerts and texts that wait anyway share one request; `None` where each has its own.
    pub at_once: Option<usize>,
    /// How receipts come.
    pub receipts: Receipts<'a>,
    /// Its own settings, in the console's order.
    pub own: Vec<&'a Field>,
    /// The settings that every plugin which speaks HTTP has.
    pub common: Vec<&'a Field>,
}

/// How receipts come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts<'a> {
    /// They do not.
    None,
    /// Over the connection that messages leave by.
    Connection,
    /// To an address that goes with each message.
    WithMessage,
    /// To an address that is made known to the provider so.
    SetUp(&'a str),
}

impl<'a> Facts<'a> {
    /// What there is to know of this plugin.
    pub fn of(plugin: &'a dyn Plugin) -> Self {
        let (provider, features) = (plugin.provider(), plugin.features());
        let receipts = match provider {
            Some(provider) => match provider.receipts.as_deref() {
                None => Receipts::None,
                Some("") => Receipts::WithMessage,
                Some(setup) => Receipts::SetUp(setup),
            },
            None if features.contains(&Feature::Receipts) => Receipts::Connection,
            None => Receipts::None,
        };
        let has_proxy = plugin.fields().iter().any(|field| field.name == "use_proxy");
        // A plugin of another protocol may have a setting of the same name, and it is its own.
        let is_common = |field: &&Field| has_proxy && COMMON.iter().any(|name| *name == field.name);
        let (common, own) = plugin.fields().iter().partition(is_common);
        Self {
            name: plugin.name(),
            label: plugin.label(),
            provider,
            features,
            has_proxy,
            at_once: provider.and_then(|provider| provider.at_once),
            receipts,
            own,
            common,
        }
    }
}

/// The settings that every plugin which speaks HTTP has.
static COMMON: LazyLock<Vec<String>> = LazyLock::new(|| {
    let fields = [crate::http::proxy_fields(), crate::http::connection_fields()].concat();
    let names = fields.iter().map(|field| field.name.to_string());
    names.chain(["api_address".to_owned()]).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenericHttpPlugin, ModemPlugin, SmppPlugin, catalogue};

    #[test]
    fn every_plugin_has_each_of_its_settings_once_and_says_how_receipts_come() {
        let protocols: [&dyn Plugin; 3] =
            [&SmppPlugin::new(), &GenericHttpPlugin::new(), &ModemPlugin::new()];
        let catalogue = catalogue(None).unwrap();
        for plugin in protocols.into_iter().chain(catalogue.iter().map(AsRef::as_ref)) {
            let facts = Facts::of(plugin);
            assert_eq!(facts.own.len() + facts.common.len(), plugin.fields().len(), "{}", facts.name);
            assert_eq!(facts.has_proxy, facts.common.iter().any(|field| field.name == "use_proxy"));
            let has_receipts = facts.features.contains(&Feature::Receipts);
            assert_eq!(has_receipts, facts.receipts != Receipts::None, "{}", facts.name);
        }
        let smpp = SmppPlugin::new();
        assert!(Facts::of(&smpp).own.iter().any(|field| field.name == "ca_certificate"));
        assert_eq!(Facts::of(&smpp).receipts, Receipts::Connection);
    }

    #[test]
    fn a_feature_is_called_in_the_api_as_in_the_lists() {
        for feature in Feature::ALL {
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
        }
    }

    #[test]
    fn what_a_protocol_can_do_is_what_its_settings_offer() {
        let protocols: [&dyn Plugin; 3] =
            [&SmppPlugin::new(), &GenericHttpPlugin::new(), &ModemPlugin::new()];
        for plugin in protocols {
            for (feature, setting) in [
                (Feature::Flash, "flash"),
                (Feature::Overwrite, "overwrite"),
                (Feature::Receipts, "receipts"),
            ] {
                let has_setting = plugin.fields().iter().any(|field| field.name == setting);
                assert_eq!(plugin.features().contains(&feature), has_setting, "{}: {setting}", plugin.name());
            }
        }
    }
}
