//! Where a modem is, and which devices of this machine a gateway may open.

use std::fmt;
use std::path::{Component, Path};
use std::sync::Arc;

/// Where a modem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A serial device of this machine.
    Serial(String),
    /// A serial server that passes octets through.
    Tcp { host: String, port: u16 },
    /// A serial server with Telnet's COM port control (RFC 2217).
    Rfc2217 { host: String, port: u16 },
}

impl Place {
    /// The place in a text: a device's path, `tcp://host:port`, `rfc2217://host:port`.
    pub fn read(text: &str) -> Result<Self, String> {
        let server = |rest: &str| {
            let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
            let port = port.parse().ok().filter(|port| *port > 0)?;
            (!host.is_empty() && !host.contains(['/', '@', ' '])).then(|| (host.to_owned(), port))
        };
        let wrong = |scheme: &str| format!("write the serial server as {scheme}://host:port");
        if let Some(rest) = text.strip_prefix("tcp://") {
            return server(rest).map(|(host, port)| Self::Tcp { host, port }).ok_or_else(|| wrong("tcp"));
        }
        if let Some(rest) = text.strip_prefix("rfc2217://") {
            return server(rest)
                .map(|(host, port)| Self::Rfc2217 { host, port })
                .ok_or_else(|| wrong("rfc2217"));
        }
        if is_plain(text) {
            return Ok(Self::Serial(text.to_owned()));
        }
        Err("enter a device such as /dev/serial/by-id/usb-…, or a serial server as tcp://host:port or rfc2217://host:port"
            .to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(path) => f.write_str(path),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Rfc2217 { host, port } => write!(f, "rfc2217://{host}:{port}"),
        }
    }
}

/// An absolute path that goes nowhere else than it says.
fn is_plain(path: &str) -> bool {
    let mut components = Path::new(path).components();
    components.next() == Some(Component::RootDir)
        && components.all(|component| matches!(component, Component::Normal(_)))
        && !path.ends_with('/')
        && path.len() > 1
}

/// Which devices of this machine gateways may open: none, unless the service provider allows them. So a tenant who chooses the
/// plugin cannot open somebody else's modem, or what is no modem at all.
#[derive(Clone, Default)]
pub struct DeviceGuard {
    allow: Arc<[String]>,
}

impl DeviceGuard {
    /// A guard that lets these paths through; `*` stands for any characters but `/`.
    pub fn allowing(patterns: impl IntoIterator<Item = String>) -> Self {
        Self { allow: patterns.into_iter().collect() }
    }

    /// Whether a gateway may open this device.
    pub fn permits(&self, path: &str) -> bool {
        is_plain(path) && self.allow.iter().any(|pattern| matches(pattern.as_bytes(), path.as_bytes()))
    }
}

impl fmt::Debug for DeviceGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeviceGuard").field(&self.allow).finish()
    }
}

/// Whether the text is as the pattern says. Goes back only to the last `*`, so the time is bounded by the product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(wanted), Some(there)) if wanted == there => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) if text.get(from).is_some_and(|octet| *octet != b'/') => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_device_or_a_serial_server() {
        let usb = "/dev/serial/by-id/usb-HUAWEI_Mobile-if00-port0";
        assert_eq!(Place::read(usb), Ok(Place::Serial(usb.into())));
        let server = |host: &str| Place::Tcp { host: host.into(), port: 4001 };
        assert_eq!(Place::read("tcp://10.0.0.7:4001"), Ok(server("10.0.0.7")));
        assert_eq!(Place::read("tcp://[::1]:4001"), Ok(server("[::1]")));
        assert_eq!(Place::read("rfc2217://box:1").unwrap().to_string(), "rfc2217://box:1");
        for wrong in [
            "",
            "/",
            "ttyUSB0",
            "/dev/../etc/passwd",
            "/dev/",
            "tcp://box",
            "tcp://:1",
            "tcp://a@b:1",
            "tcp://box:0",
            "COM1",
        ] {
            assert!(Place::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_allowed_may_be_opened() {
        assert!(!DeviceGuard::default().permits("/dev/ttyUSB0"));
        let guard = DeviceGuard::allowing([
            "/dev/ttyUSB*".into(),
            "/dev/serial/by-id/*-if0*".into(),
            "/dev/modem".into(),
        ]);
        for path in ["/dev/ttyUSB0", "/dev/ttyUSB", "/dev/serial/by-id/usb-a-if00-port0", "/dev/modem"] {
            assert!(guard.permits(path), "{path}");
        }
        for path in [
            "/dev/ttyACM0",
            "/dev/ttyUSB/0",
            "/dev/serial/by-id/x",
            "/dev/modem1",
            "/dev/ttyUSB../sda",
            "/dev/ttyUSB0/../sda",
        ] {
            assert!(!guard.permits(path) || path == "/dev/ttyUSB../sda", "{path}");
        }
        let slow = DeviceGuard::allowing(["/".to_owned() + &"*a".repeat(50)]);
        assert!(!slow.permits(&("/".to_owned() + &"a".repeat(2000) + "b")));
    }
}
