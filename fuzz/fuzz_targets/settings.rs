//! A gateway's settings, of every plugin: checked, built, and asked how they would send a text.
#![no_main]

use std::sync::{Arc, LazyLock};
use textgate_gateway::{Environment, GenericHttpPlugin, Plugin, Plugins, SmppPlugin, catalogue};

/// The preconfigured providers first, then these two.
const OWN: usize = 2;

static PLUGINS: LazyLock<Plugins> = LazyLock::new(|| {
    let mut plugins = catalogue(None).unwrap();
    let own: [Arc<dyn Plugin>; OWN] = [Arc::new(SmppPlugin::new()), Arc::new(GenericHttpPlugin::new())];
    plugins.extend(own);
    Plugins::new(plugins)
});

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Ok(given) = serde_json::from_slice(octets) else { return };
    // Each provider has its turn, by the input's length: all of them for each input would be slow.
    let providers = PLUGINS.iter().count() - OWN;
    let turn = octets.len() % providers;
    for plugin in PLUGINS.iter().skip(turn).take(1).chain(PLUGINS.iter().skip(providers)) {
        let Ok(settings) = PLUGINS.check(plugin.name(), &given) else { continue };
        // What was accepted is accepted again, as it was kept.
        let kept = settings.to_json();
        let again = PLUGINS.check(plugin.name(), &kept).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(again.to_json(), kept);
        if let Ok(gateway) = plugin.build(&settings, &Environment::default()) {
            let _ = gateway.plan("Your code is 1234 – ✓");
        }
    }
});
