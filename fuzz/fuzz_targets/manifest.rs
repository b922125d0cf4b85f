//! The files that people write: the manifest of `apply`, the configuration.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../crates/textgate/src/config/mod.rs"]
mod config;
#[path = "../../crates/textgate/src/failure.rs"]
mod failure;
#[path = "../../crates/textgate/src/manifest.rs"]
mod manifest;

use textgate_dispatch::Manifest;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let environment = |name: &str| (name == "SECRET").then(|| "a-secret-of-the-environment".to_owned());
    // Nothing is read from a file: a name could be one of this machine's.
    if text.contains("file") {
        return;
    }
    let secrets = manifest::Secrets { environment: &environment, folder: "/nowhere".as_ref() };
    match manifest::parse::<Manifest>("manifest", text, &secrets) {
        Ok(manifest) => {
            let json = serde_json::to_string(&manifest).expect("it can be sent");
            serde_json::from_str::<Manifest>(&json).expect("and read");
        }
        Err(failure) => assert!(!failure.to_string().contains("a-secret-of")),
    }
});
