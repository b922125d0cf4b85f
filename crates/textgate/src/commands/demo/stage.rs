//! What runs for the demo: the server on a store of its own, the simulated providers, and the phone's page.

use super::PHONE;
use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use crate::server::Server;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use textgate_dispatch::{Happening, Manifest, UserInput, UserRole};
use textgate_simulator::{
    Handset, HandsetEvents, HttpOptions, HttpProvider, Modem, ModemOptions, Phones, Smsc, SmscOptions,
};
use textgate_sms::VsId;
use tokio::sync::broadcast;

/// The console's user.
pub(super) const USER: &str = "demo";
/// Where the API listens if nobody else does.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Any free port of this machine.
const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Everything that runs for the demo.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) smsc: Smsc,
    pub(super) provider: HttpProvider,
    pub(super) modem: Modem,
    /// The page that shows the phones.
    pub(super) phones: Phones,
    pub(super) client: Client,
    pub(super) key: String,
    /// The password of the console's user `demo`, another one at each start.
    pub(super) password: String,
    pub(super) happenings: broadcast::Receiver<Arc<Happening>>,
    pub(super) phone: HandsetEvents,
    _dir: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn set() -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("textgate-demo-").tempdir().map_err(|error| {
            Failure::failed(format_args!("no temporary directory for the demo's store: {error}"))
        })?;
        let handset = Handset::new();
        let phone = handset.events();
        let phones = Phones::start(LOCALHOST, &handset).await.map_err(simulator)?;
        let options = SmscOptions { handset: handset.clone(), ..SmscOptions::default() };
        let smsc = Smsc::start(options).await.map_err(simulator)?;
        let options = HttpOptions { handset: handset.clone(), ..HttpOptions::default() };
        let provider = HttpProvider::start(options).await.map_err(simulator)?;
        let device = dir.path().join("modem");
        let options = ModemOptions { handset, ..ModemOptions::on_pty(&device) };
        let modem = Modem::start(options).await.map_err(simulator)?;
        let server = Server::start(&config(dir.path().join("data"), &device)?, Vec::new()).await?;
        let happenings = server.dispatch().subscribe();
        let manifest = manifest(smsc.address(), provider.address(), &device)?;
        let applied = server
            .dispatch()
            .apply("demo", manifest, false)
            .await
            .map_err(|e| crate::commands::apply::refused(&e))?;
        let key = applied.generated.into_iter().next().map(|(_, _, secret)| secret).unwrap_or_default();
        let password = password()?;
        let user =
            UserInput { name: USER.into(), role: UserRole::Administrator, password: Some(password.clone()) };
        server
            .dispatch()
            .add_user("demo", VsId::ROOT, user)
            .await
            .map_err(|e| crate::commands::apply::refused(&e))?;
        let client = Client::remote(&format!("http://{}", server.address()), key.clone())?;
        // Connected once, so that the first message shows what a message takes and not what a connection does.
        client.get("/readyz").await?;
        Ok(Self {
            server,
            smsc,
            provider,
            modem,
            phones,
            client,
            key,
            password,
            happenings,
            phone,
            _dir: dir,
        })
    }

    pub(super) async fn clear(self) {
        self.server.shutdown().await;
        self.smsc.shutdown().await;
        self.provider.shutdown().await;
        self.modem.shutdown().await;
        self.phones.shutdown().await;
    }
}

pub(super) fn simulator(error: std::io::Error) -> Failure {
    Failure::failed(format_args!("a simulator cannot listen on this machine: {error}"))
}

/// The usual port if it is free, otherwise any; a store that goes with the demo; simulators on this machine may be reached.
fn config(data_dir: PathBuf, device: &Path) -> Result<Config, Failure> {
    let listen = match std::net::TcpListener::bind(USUAL) {
        Ok(_) => USUAL,
        Err(_) => LOCALHOST,
    };
    let environment = |name: &str| match name {
        "TEXTGATE_DATA_DIR" => Some(data_dir.display().to_string()),
        "TEXTGATE_HTTP_LISTEN" => Some(listen.to_string()),
        "TEXTGATE_DEVICES_ALLOW" => Some(device.display().to_string()),
        "TEXTGATE_NETWORK_ALLOW" => Some("127.0.0.0/8".to_owned()),
        _ => None,
    };
    Config::load(None, &environment)
}

fn manifest(smsc: SocketAddr, provider: SocketAddr, device: &Path) -> Result<Manifest, Failure> {
    let manifest = json!({"virtual_server": [{
        "path": "acme",
        "sms_settings": {
            "mode": "custom",
            "test_number": PHONE,
            "gateways": [
                {"name": "main", "plugin": "smpp", "settings": {
                    "system_id": "esme", "password": "secret", "host": smsc.ip(), "port": smsc.port(),
                    "sender": "Acme",
                }},
                {"name": "backup", "plugin": "generic-http", "settings": {
                    "method": "POST", "url": format!("http://{provider}/sms"),
                    "destination_parameter": "to", "message_parameter": "text", "success_contains": "OK",
                }},
                {"name": "modem", "plugin": "modem", "settings": {"devices": device.display().to_string()}},
            ],
        },
        "api_key": [{"name": "demo"}],
    }]});
    serde_json::from_value(manifest).map_err(Failure::failed)
}

/// A password that nobody guesses, of letters and digits that nobody mixes up.
fn password() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|_| Failure::failed("the system's random number generator failed"))?;
    Ok(random.iter().map(|octet| char::from(LETTERS[usize::from(octet & 31)])).collect())
}
