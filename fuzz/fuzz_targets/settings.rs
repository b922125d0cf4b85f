//! A gateway's settings, of every plugin: checked, built, and asked how they would send a text.
#![no_main]

use std::sync::{Arc, LazyLock};
use textgate_gateway::{Environment, GenericHttpPlugin, Plugin, Plugins, SmppPlugin};

static PLUGINS: LazyLock<Plugins> = LazyLock::new(|| {
    let plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(SmppPlugin::new()), Arc::new(GenericHttpPlugin::new())];
    Plugins::new(plugins)
});

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Ok(given) = serde_json::from_slice(octets) else { return };
    for plugin in PLUGINS.iter() {
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
