//! What the tests share: a simulated modem on a pseudo-terminal, and the bench with this gateway.

pub use crate::test_bench::{Bench, PATIENCE, in_ms, local, soon};
pub(crate) use crate::test_message::message;

use crate::modem::gateway::Modem as Gateway;
use crate::modem::settings::{Modems, Timing};
use crate::{DeviceGuard, Environment, Health, ModemPlugin, PinNotes, Plugins, Submission};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use textgate_simulator::{Modem, ModemBehaviour, ModemOptions, ModemPort};
use textgate_sms::PhoneNumber;

/// A modem on a pseudo-terminal, whose link is in a directory of its own.
pub struct Desk {
    pub modem: Modem,
    pub device: String,
    _dir: TempDir,
}

pub async fn desk(behaviour: ModemBehaviour) -> Desk {
    desk_with(ModemOptions { behaviour, ..ModemOptions::default() }).await
}

pub async fn desk_with(mut options: ModemOptions) -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    options.ports.push(ModemPort::Pty(link.clone()));
    let modem = Modem::start(options).await.unwrap();
    Desk { modem, device: link.display().to_string(), _dir: dir }
}

/// Fast, because the other side is a program.
pub fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        sync: ms(500),
        command: ms(2000),
        slow: ms(2000),
        prompt: ms(1000),
        network: ms(3000),
        settle: ms(500),
        look: ms(500),
        look_unregistered: ms(50),
        search_after: ms(300),
        reset_after: ms(60_000),
        boot: ms(200),
        retry: ms(20),
    }
}

pub fn plugins() -> Plugins {
    Plugins::new(vec![Arc::new(ModemPlugin::new())])
}

/// The modems of these settings, at a program's pace and without a limit on the rate.
pub fn modems(devices: &str, more: Value) -> Modems {
    let mut settings = json!({ "devices": devices, "rate": 0 });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = plugins().check("modem", &settings).unwrap();
    let modems = Modems::read(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    Modems { timing: timing(), ..modems }
}

/// Lets everything of this machine be opened.
pub fn environment(pins: PinNotes) -> Environment {
    Environment {
        network: local(),
        devices: DeviceGuard::allowing(["/tmp/*/modem".into(), "/dev/shm/*/modem".into()]),
        pins,
        ..Environment::default()
    }
}

pub fn bench_of(modems: Modems) -> Bench {
    Bench::with(Arc::new(Gateway::new(modems, &environment(PinNotes::default()))))
}

pub fn bench(desk: &Desk, more: Value) -> Bench {
    bench_of(modems(&desk.device, more))
}

/// A bench whose only line is up.
pub async fn up(desk: &Desk, more: Value) -> Bench {
    let bench = bench(desk, more);
    is_up(&bench).await;
    bench
}

pub async fn is_up(bench: &Bench) {
    bench.work.until(|health| matches!(health, Health::Up { .. })).await;
}

/// Waits until this holds; what it looks at changes without telling.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub fn to(number: u64, text: &str) -> Submission {
    Submission { to: PhoneNumber::from_u64(number).unwrap(), ..message(text) }
}
