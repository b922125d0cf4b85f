//! The configuration: a small TOML file, the environment over it, and defaults that work without either.

mod console;
mod store;
mod webhooks;

pub(crate) use console::Console;
pub(crate) use store::StoreAt;

use crate::failure::Failure;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use textgate_dispatch::Limits;
use webhooks::Webhooks;

/// Where the API listens unless told otherwise: only this machine reaches it.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// Larger than any configuration, small enough to read a wrong file by accident.
const LARGEST_FILE: u64 = 1 << 20;

/// Everything that is configured outside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where the store, the key file and the control socket are.
    pub(crate) data_dir: PathBuf,
    /// Where the store is.
    pub(crate) store: StoreAt,
    /// The key file; normally `key` in the data directory.
    pub(crate) key_file: PathBuf,
    /// Where the API listens.
    pub(crate) listen: SocketAddr,
    /// Whether `/metrics` is served there.
    pub(crate) metrics: bool,
    /// The address by which the outside reaches the API, without a slash at its end; providers report there.
    pub(crate) public_url: Option<String>,
    /// Proxies in front of the server, whose `X-Forwarded-For` is believed.
    pub(crate) proxies: Vec<IpNet>,
    /// A folder with providers' files of this installation's own.
    pub(crate) catalogue_dir: Option<PathBuf>,
    /// Special ranges that gateways may connect to all the same.
    pub(crate) allow: Vec<IpNet>,
    /// Devices of this machine that gateways may open; `*` stands for any characters but `/`.
    pub(crate) devices: Vec<String>,
    /// How logs are written.
    pub(crate) log: Log,
    /// The console.
    pub(crate) console: Console,
    /// Bounds.
    pub(crate) bounds: Bounds,
    /// How webhooks are delivered.
    webhooks: Webhooks,
}

/// How logs are written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `text` or `json`.
    pub(crate) format: LogFormat,
    /// The least important event that is written.
    pub(crate) level: LogLevel,
}

/// How one event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least important event that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Bounds, as `Limits` has them, each within what makes sense.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    waiting: usize,
    history_days: u32,
    text_days: u32,
    drain_s: u64,
    leave_s: u64,
    connections: usize,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data_dir: Option<PathBuf>,
    store: Option<String>,
    key_file: Option<PathBuf>,
    catalogue_dir: Option<PathBuf>,
    http: Http,
    network: Network,
    devices: Devices,
    log: Log,
    console: console::File,
    limits: Bounds,
    webhooks: Webhooks,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    listen: SocketAddr,
    metrics: bool,
    public_url: Option<String>,
    trusted_proxies: Vec<IpNet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Network {
    allow: Vec<IpNet>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Devices {
    allow: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: LISTEN, metrics: true, public_url: None, trusted_proxies: Vec::new() }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            waiting: limits.waiting,
            history_days: limits.history_days,
            text_days: limits.text_days,
            drain_s: limits.drain.as_secs(),
            leave_s: 0,
            connections: 4_096,
        }
    }
}

/// The environment, as a function, so that tests need not change the process's own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment. A variable that is empty counts as not set, as shells and container files write it.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Config {
    /// The configuration of this file (or of none), with the environment over it.
    pub(crate) fn load(file: Option<&Path>, environment: Environment<'_>) -> Result<Self, Failure> {
        let text = file.map(|path| read_bounded(path, LARGEST_FILE)).transpose()?.unwrap_or_default();
        let name = file.map_or_else(|| "the defaults".into(), |path| path.display().to_string());
        Self::parse(&name, &text, environment)
    }

    fn parse(name: &str, text: &str, environment: Environment<'_>) -> Result<Self, Failure> {
        let file: File = toml::from_str(text).map_err(|error| wrong_toml(name, text, &error))?;
        let data_dir = environment("TEXTGATE_DATA_DIR")
            .map(PathBuf::from)
            .or(file.data_dir)
            .unwrap_or_else(|| usual_data_dir(environment));
        let store = StoreAt::read(environment("TEXTGATE_STORE").or(file.store).as_deref(), &data_dir)?;
        let key_file = environment("TEXTGATE_KEY_FILE").map(PathBuf::from).or(file.key_file);
        let mut log = file.log;
        if let Some(format) = environment("TEXTGATE_LOG_FORMAT") {
            log.format = word("TEXTGATE_LOG_FORMAT", &format, "text or json")?;
        }
        if let Some(level) = environment("TEXTGATE_LOG_LEVEL") {
            log.level = word("TEXTGATE_LOG_LEVEL", &level, "error, warn, info, debug or trace")?;
        }
        let listen = match environment("TEXTGATE_HTTP_LISTEN") {
            Some(listen) => listen.parse().map_err(|_| {
                wrong_variable("TEXTGATE_HTTP_LISTEN", "an address and a port, for example 127.0.0.1:8080")
            })?,
            None => file.http.listen,
        };
        let allow = match environment("TEXTGATE_NETWORK_ALLOW") {
            Some(ranges) => allowed(&ranges)?,
            None => file.network.allow,
        };
        let devices = match environment("TEXTGATE_DEVICES_ALLOW") {
            Some(devices) => devices.split(',').map(|device| device.trim().to_owned()).collect(),
            None => file.devices.allow,
        };
        if let Some(wrong) = devices.iter().find(|device| !device.starts_with('/')) {
            return Err(Failure::configuration(format_args!(
                "devices.allow (TEXTGATE_DEVICES_ALLOW): {wrong:?} is no path; write devices such as /dev/serial/by-id/*"
            )));
        }
        let public_url = environment("TEXTGATE_HTTP_PUBLIC_URL").or(file.http.public_url);
        let catalogue_dir = environment("TEXTGATE_CATALOGUE_DIR").map(PathBuf::from).or(file.catalogue_dir);
        file.limits.check()?;
        file.webhooks.check()?;
        let console = Console::read(file.console)?;
        if console.oidc.is_some() && public_url.is_none() && !listen.ip().is_loopback() {
            return Err(Failure::configuration(
                "http.public_url must be set for console.oidc: the provider sends browsers back there",
            ));
        }
        Ok(Self {
            key_file: key_file.unwrap_or_else(|| data_dir.join("key")),
            data_dir,
            store,
            listen,
            metrics: file.http.metrics,
            public_url: public_url.as_deref().map(public).transpose()?,
            proxies: file.http.trusted_proxies,
            catalogue_dir,
            allow,
            devices,
            log,
            console,
            bounds: file.limits,
            webhooks: file.webhooks,
        })
    }

    /// For dispatch.
    pub(crate) fn limits(&self) -> Limits {
        let Console { session_idle, session_life, .. } = self.console;
        let webhooks = self.webhooks.limits();
        Limits { session_idle, session_life, webhooks, ..self.bounds.limits() }
    }

    /// The socket by which commands reach the running server.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

impl Bounds {
    fn check(&self) -> Result<(), Failure> {
        let wrong = |key: &str, range: &str| {
            Err(Failure::configuration(format_args!("limits.{key} must be {range}; correct it")))
        };
        match self {
            Self { waiting, .. } if !(1..=50_000_000).contains(waiting) => {
                wrong("waiting", "between 1 and 50000000")
            }
            Self { history_days, .. } if !(1..=36_500).contains(history_days) => {
                wrong("history_days", "between 1 and 36500")
            }
            Self { text_days, .. } if *text_days > 36_500 => wrong("text_days", "between 0 and 36500"),
            Self { drain_s, .. } if *drain_s > 600 => wrong("drain_s", "between 0 and 600"),
            Self { leave_s, .. } if *leave_s > 600 => wrong("leave_s", "between 0 and 600"),
            Self { connections, .. } if !(1..=1_000_000).contains(connections) => {
                wrong("connections", "between 1 and 1000000")
            }
            _ => Ok(()),
        }
    }

    /// For dispatch.
    fn limits(&self) -> Limits {
        Limits {
            waiting: self.waiting,
            history_days: self.history_days,
            text_days: self.text_days,
            drain: self.drain(),
            ..Limits::default()
        }
    }

    /// How long what is under way may take on shutdown.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }

    /// How long requests are still taken after the first signal to stop, while `/readyz` says no.
    pub(crate) fn leave(&self) -> Duration {
        Duration::from_secs(self.leave_s)
    }

    /// Most connections to the API at once.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }
}

/// The whole of a text file that must not be larger than this.
pub(crate) fn read_bounded(path: &Path, largest: u64) -> Result<String, Failure> {
    use std::io::Read;
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::configuration(format_args!("{} cannot be read: {why}", path.display()))
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(largest + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    if text.len() as u64 > largest {
        return Err(cannot(&format_args!("it is larger than {} KiB", largest >> 10)));
    }
    Ok(text)
}

/// What is wrong with a TOML file, and in which line. The line itself is left out: it may hold a secret.
pub(crate) fn wrong_toml(name: &str, text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Failure::configuration(format_args!("{name}, line {line}: {}", error.message()))
}

/// Where the data is unless told otherwise: what systemd gives, or the user's own place (XDG Base Directory).
fn usual_data_dir(environment: Environment<'_>) -> PathBuf {
    if let Some(path) = environment("STATE_DIRECTORY") {
        return path.into();
    }
    if let Some(path) = environment("XDG_DATA_HOME") {
        return Path::new(&path).join("textgate");
    }
    match environment("HOME") {
        Some(home) => Path::new(&home).join(".local/share/textgate"),
        None => PathBuf::from("/var/lib/textgate"),
    }
}

/// The public address without a slash at its end.
fn public(url: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::configuration(
            "http.public_url (TEXTGATE_HTTP_PUBLIC_URL) must be the address by which providers reach this server, for example https://sms.example.com",
        )
    };
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    let is_plain = parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty();
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() || !is_plain {
        return Err(wrong());
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

fn allowed(ranges: &str) -> Result<Vec<IpNet>, Failure> {
    let ranges = ranges.split(',').map(str::trim).filter(|range| !range.is_empty());
    ranges
        .map(|range| range.parse::<IpNet>().or_else(|_| range.parse::<IpAddr>().map(IpNet::from)))
        .collect::<Result<_, _>>()
        .map_err(|_| wrong_variable("TEXTGATE_NETWORK_ALLOW", "ranges such as 127.0.0.0/8,10.0.0.0/8"))
}

fn word<T: for<'a> Deserialize<'a>>(name: &str, value: &str, choices: &str) -> Result<T, Failure> {
    let value = serde_json::Value::String(value.to_lowercase());
    serde_json::from_value(value).map_err(|_| wrong_variable(name, choices))
}

fn wrong_variable(name: &str, what: &str) -> Failure {
    Failure::configuration(format_args!("the environment variable {name} must be {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Cause;

    const NOTHING: Environment<'static> = &|_| None;

    #[test]
    fn a_provider_that_signs_people_in_has_to_know_where_to_send_them_back_to() {
        let oidc = "[console.oidc]\nissuer = \"https://id.example.com\"\nclient_id = \"x\"\nclient_secret = \"y\"\n\
                    [[console.oidc.role]]\nvalue = \"a\"\nvirtual_server = \"/\"\nrole = \"auditor\"\n";
        assert!(parse(oidc).is_ok(), "on loopback it is the listener's address");
        let public = format!("[http]\nlisten = \"0.0.0.0:80\"\n{oidc}");
        assert!(parse(&public).unwrap_err().to_string().contains("http.public_url"));
        let named = public.replacen("[http]\n", "[http]\npublic_url = \"https://sms.example.com\"\n", 1);
        assert!(parse(&named).is_ok());
    }

    fn parse(text: &str) -> Result<Config, Failure> {
        Config::parse("textgate.toml", text, NOTHING)
    }

    #[test]
    fn devices_are_allowed_by_path_and_none_unless_they_are() {
        assert!(parse("").unwrap().devices.is_empty());
        let config = parse("[devices]\nallow = [\"/dev/serial/by-id/*\"]").unwrap();
        assert_eq!(config.devices, ["/dev/serial/by-id/*"]);
        let environment: Environment<'_> =
            &|name| (name == "TEXTGATE_DEVICES_ALLOW").then(|| "/dev/ttyUSB0, /dev/ttyACM*".to_owned());
        let config = Config::parse("textgate.toml", "", environment).unwrap();
        assert_eq!(config.devices, ["/dev/ttyUSB0", "/dev/ttyACM*"]);
        assert!(parse("[devices]\nallow = [\"ttyUSB0\"]").unwrap_err().to_string().contains("devices.allow"));
    }

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Failure> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::parse("textgate.toml", text, &find)
    }

    #[test]
    fn without_a_file_everything_has_a_value_that_works() {
        let config = with("", &[("HOME", "/home/me")]).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.data_dir, Path::new("/home/me/.local/share/textgate"));
        assert_eq!(config.key_file, Path::new("/home/me/.local/share/textgate/key"));
        assert_eq!((config.allow.len(), config.log.format), (0, LogFormat::Text));
        assert_eq!((config.proxies.len(), config.console.enabled), (0, true));
        assert_eq!(config.limits().waiting, Limits::default().waiting);
        assert_eq!(config.limits().session_idle, Limits::default().session_idle);
    }

    #[test]
    fn every_key_of_the_contract_is_read() {
        let config = parse(
            r#"
            data_dir = "/srv/textgate"
            store = "sqlite"
            key_file = "/etc/textgate/key"
            catalogue_dir = "/etc/textgate/catalogue"
            [http]
            listen = "[::1]:0"
            metrics = false
            public_url = "https://sms.example.com/gate/"
            trusted_proxies = ["10.1.2.3/32"]
            [network]
            allow = ["127.0.0.0/8", "fd00::/8"]
            [log]
            format = "json"
            level = "debug"
            [limits]
            waiting = 10
            history_days = 1
            text_days = 0
            drain_s = 2
            connections = 5
            [console]
            enabled = false
            session_idle_minutes = 5
            session_hours = 2
        "#,
        )
        .unwrap();
        assert_eq!(config.control_socket(), Path::new("/srv/textgate/control.sock"));
        assert_eq!(config.key_file, Path::new("/etc/textgate/key"));
        assert_eq!((config.listen.port(), config.metrics, config.allow.len()), (0, false, 2));
        assert_eq!(config.public_url.as_deref(), Some("https://sms.example.com/gate"));
        assert_eq!(config.catalogue_dir.as_deref(), Some(Path::new("/etc/textgate/catalogue")));
        assert_eq!((config.proxies.len(), config.console.enabled), (1, false));
        assert_eq!(config.log, Log { format: LogFormat::Json, level: LogLevel::Debug });
        let limits = config.limits();
        assert_eq!((limits.waiting, limits.text_days, limits.drain), (10, 0, Duration::from_secs(2)));
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!((limits.session_idle, limits.session_life), (minutes(5), minutes(120)));
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let file = "data_dir = \"/a\"\nstore = \"postgres://u:p@h/d\"\n[http]\nlisten = \"127.0.0.1:1\"\n[network]\nallow = [\"10.0.0.0/8\"]";
        let config = with(
            file,
            &[
                ("TEXTGATE_DATA_DIR", "/b"),
                ("TEXTGATE_STORE", "sqlite"),
                ("TEXTGATE_HTTP_LISTEN", "0.0.0.0:2"),
                ("TEXTGATE_NETWORK_ALLOW", "127.0.0.0/8, 192.168.1.7,"),
                ("TEXTGATE_LOG_LEVEL", "WARN"),
                ("TEXTGATE_HTTP_PUBLIC_URL", "http://gate.example:8080"),
                ("TEXTGATE_CATALOGUE_DIR", "/c"),
            ],
        )
        .unwrap();
        assert_eq!((config.data_dir.as_path(), config.listen.port()), (Path::new("/b"), 2));
        assert_eq!(
            config.allow,
            ["127.0.0.0/8".parse().unwrap(), "192.168.1.7/32".parse::<IpNet>().unwrap()]
        );
        assert_eq!(config.log.level, LogLevel::Warn);
        assert_eq!(config.public_url.as_deref(), Some("http://gate.example:8080"));
        assert_eq!(config.catalogue_dir.as_deref(), Some(Path::new("/c")));
    }

    #[test]
    fn an_unknown_key_is_named() {
        for (text, key) in [
            ("dat_dir = \"/a\"", "dat_dir"),
            ("[http]\nlistn = \"127.0.0.1:1\"", "listn"),
            ("[limits]\nwaitng = 1", "waitng"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
            assert!(!error.to_string().contains("127.0.0.1"), "no source line is repeated: {error}");
            assert_eq!(error.cause(), Cause::Configuration);
        }
    }

    #[test]
    fn a_wrong_value_is_refused_by_its_name_and_a_store_url_is_not_repeated() {
        for name in ["TEXTGATE_HTTP_LISTEN", "TEXTGATE_NETWORK_ALLOW", "TEXTGATE_LOG_FORMAT"] {
            let error = with("", &[(name, "nonsense")]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        for wrong in ["postgres://user:hunter2@host:port/db", "mysql://user:hunter2@host/db"] {
            let error = parse(&format!("store = \"{wrong}\"")).unwrap_err().to_string();
            assert!(error.contains("postgres://") && !error.contains("hunter2"), "{error}");
        }
        let right = parse("store = \"postgres://user:hunter2@host/db\"").unwrap();
        assert!(!format!("{right:?}").contains("hunter2"));
        for wrong in ["sms.example.com", "ftp://a", "https://a/?q", "https://u@a", "https://"] {
            let error = with("", &[("TEXTGATE_HTTP_PUBLIC_URL", wrong)]).unwrap_err().to_string();
            assert!(error.contains("public_url"), "{error}");
        }
        let error = parse("[limits]\nwaiting = 0").unwrap_err().to_string();
        assert!(error.contains("limits.waiting"), "{error}");
    }

    #[test]
    fn a_file_that_is_missing_or_too_large_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        let error = Config::load(Some(&path), NOTHING).unwrap_err().to_string();
        assert!(error.contains("c.toml"), "{error}");
        std::fs::write(&path, vec![b'#'; (LARGEST_FILE + 1) as usize]).unwrap();
        let error = Config::load(Some(&path), NOTHING).unwrap_err().to_string();
        assert!(error.contains("larger than"), "{error}");
    }
}
