//! The service manager, where there is one: told that the server is ready, alive, stopping (sd_notify(3)), and asked for sockets
//! that it holds (sd_listen_fds(3)), so that they stay open while the server restarts.

use crate::failure::Failure;
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Who started this process and wants to hear of it; nobody, in most terminals.
#[derive(Clone, Default)]
pub(crate) struct Service {
    address: Option<Arc<SocketAddr>>,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
}

impl Service {
    /// As the environment says (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`).
    pub(crate) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        Self {
            address: variable("NOTIFY_SOCKET").and_then(|name| address(&name)).map(Arc::new),
            watchdog: watchdog(
                variable("WATCHDOG_USEC").as_deref().and_then(OsStr::to_str),
                variable("WATCHDOG_PID").as_deref().and_then(OsStr::to_str),
                std::process::id(),
            ),
        }
    }

    /// Requests are served from now on.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Starting, and alive: a large store may take its time.
    pub(crate) fn starting(&self) {
        self.tell("STATUS=opening the store\nEXTEND_TIMEOUT_USEC=60000000");
    }

    /// The key file is read anew; [`ready`](Self::ready) says when that is done.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// No more is accepted from now on.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what is under way");
    }

    /// Says twice in each of the manager's intervals that the process gets on. Ends with the runtime.
    pub(crate) fn keep_alive(&self) -> Option<JoinHandle<()>> {
        let interval = self.watchdog? / 2;
        let service = self.clone();
        Some(tokio::spawn(async move {
            loop {
                service.tell("WATCHDOG=1");
                tokio::time::sleep(interval).await;
            }
        }))
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.address else { return };
        let told = UnixDatagram::unbound().and_then(|socket| {
            // A manager that does not read must not hold up the server.
            socket.set_nonblocking(true)?;
            socket.send_to_addr(state.as_bytes(), address)
        });
        if let Err(error) = told {
            tracing::warn!(%error, "the service manager cannot be told: check NOTIFY_SOCKET");
        }
    }
}

/// A socket by its path, or by its abstract name after an `@`.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest).ok(),
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        // Others (vsock) are for the managers of virtual machines.
        _ => None,
    }
}

fn watchdog(micros: Option<&str>, for_pid: Option<&str>, pid: u32) -> Option<Duration> {
    let is_for_us = for_pid.is_none_or(|for_pid| for_pid.parse() == Ok(pid));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0 && is_for_us)?;
    Some(Duration::from_micros(micros))
}

/// The TCP sockets that the service manager holds for this process (`LISTEN_FDS`, `LISTEN_PID`); none without one.
pub(crate) fn held_listeners() -> Result<Vec<TcpListener>, Failure> {
    let mut held = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for at in 0..held.len() {
        match held.take_tcp_listener(at) {
            Ok(Some(listener)) => {
                listener.set_nonblocking(true).map_err(Failure::failed)?;
                listeners.push(listener);
            }
            Ok(None) => {}
            Err(error) => {
                return Err(Failure::configuration(format_args!(
                    "socket {at} from the service manager cannot be used ({error}); write ListenStream= with an address \
                     and a port into its socket unit"
                )));
            }
        }
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut octets = [0; 512];
        let length = socket.recv(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }

    fn told(name: &OsStr) -> Service {
        Service { address: address(name).map(Arc::new), watchdog: Some(Duration::from_millis(20)) }
    }

    #[tokio::test]
    async fn the_manager_hears_of_each_step_at_a_path_and_at_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("textgate-test-{}", std::process::id());
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (socket, service) in
            [(by_path, told(path.as_os_str())), (by_name, told(OsStr::new(&format!("@{name}"))))]
        {
            service.starting();
            assert!(heard(&socket).contains("EXTEND_TIMEOUT_USEC="));
            service.ready("listening on 127.0.0.1:8080");
            assert_eq!(heard(&socket), "READY=1\nSTATUS=listening on 127.0.0.1:8080");
            service.reloading();
            let reloading = heard(&socket);
            let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(micros.parse::<u64>().unwrap() > 0);
            service.stopping();
            assert!(heard(&socket).starts_with("STOPPING=1\n"));
            let alive = service.keep_alive().unwrap();
            let twice = tokio::task::spawn_blocking(move || [heard(&socket), heard(&socket)]);
            assert_eq!(twice.await.unwrap(), ["WATCHDOG=1", "WATCHDOG=1"]);
            alive.abort();
        }
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_one_that_went_harms_nothing() {
        Service::default().ready("x");
        told(OsStr::new("/nowhere/notify")).stopping();
        assert!(address(OsStr::new("vsock:2:1234")).is_none());
    }

    #[test]
    fn a_watchdog_is_for_one_process() {
        assert_eq!(watchdog(Some("30000000"), None, 7), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(Some("30000000"), Some("7"), 7), Some(Duration::from_secs(30)));
        for (micros, pid) in
            [(Some("30000000"), Some("8")), (Some("0"), None), (Some("x"), None), (None, None)]
        {
            assert_eq!(watchdog(micros, pid, 7), None);
        }
    }
}
