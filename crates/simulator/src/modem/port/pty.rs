//! A pseudo-terminal with a symbolic link to it, as udev makes one to a modem.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::run::{End, run};
use crate::modem::session::Session;
use crate::modem::shared::Shared;

/// How often it looks whether a terminal came: the kernel has no event for that which could be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A pseudo-terminal; dropped, it is gone and its link with it.
pub(in crate::modem) struct Pty {
    master: Option<OwnedFd>,
    slave: PathBuf,
    link: PathBuf,
}

impl Pty {
    /// Makes one; a symbolic link that stands at the path already is replaced.
    ///
    /// # Errors
    /// There is no pseudo-terminal left, or the link cannot be made.
    pub(in crate::modem) fn open(link: &Path) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = PathBuf::from(name.to_str().map_err(io::Error::other)?);
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
        let pty = Self { master: Some(master), slave, link: link.to_owned() };
        pty.settle()?;
        match std::fs::symlink_metadata(link) {
            Ok(found) if !found.is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} is there and no symbolic link", link.display()),
                ));
            }
            Ok(_) => std::fs::remove_file(link)?,
            Err(_) => {}
        }
        std::os::unix::fs::symlink(&pty.slave, link)?;
        Ok(pty)
    }

    /// Opens and closes the terminal's side: raw, and with nothing left in it from the terminal before. From then on the kernel
    /// tells when nobody has it open.
    fn settle(&self) -> io::Result<()> {
        let slave = rustix::fs::open(
            self.slave.as_path(),
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        )?;
        let mut attributes = tcgetattr(&slave)?;
        attributes.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &attributes)?;
        tcflush(&slave, QueueSelector::IOFlush)?;
        Ok(())
    }

    /// Waits until a terminal has it open; gives back what it has sent already.
    async fn wait_for_terminal(&self) -> Vec<u8> {
        let mut first = [0; 256];
        loop {
            let Some(master) = &self.master else { return std::future::pending().await };
            match rustix::io::read(master, &mut first) {
                Ok(count) if count > 0 => return first.get(..count).unwrap_or_default().to_vec(),
                Err(Errno::AGAIN) => return Vec::new(),
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if std::fs::read_link(&self.link).is_ok_and(|slave| slave == self.slave) {
            // Where it cannot be removed, nothing is behind it any more.
            let _ = std::fs::remove_file(&self.link);
        }
    }
}

/// The modem's side while a terminal has the other one open.
struct Master(AsyncFd<OwnedFd>);

impl AsyncRead for Master {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let free = buffer.initialize_unfilled();
            match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *free)?)) {
                Ok(Ok(count)) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                // EIO: nobody has the other side open any more.
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Master {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            if let Ok(written) = guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), octets)?)) {
                return Poll::Ready(written);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Serves terminals one after the other, and makes the device anew after each unplugging, until `stop` says so.
pub(in crate::modem) async fn serve(shared: Arc<Shared>, port: usize, first: Pty, stop: CancellationToken) {
    let mut session = Session::new(Arc::clone(&shared), port);
    let link = first.link.clone();
    let mut next = Some(first);
    let mut power = shared.power.subscribe();
    loop {
        let opened = match next.take() {
            Some(pty) => Ok(pty),
            None => Pty::open(&link),
        };
        if let Ok(pty) = opened {
            shared.set_there(port, true);
            let end = serve_device(&shared, &mut session, pty, &stop).await;
            shared.set_there(port, false);
            if end == End::Stopped {
                return;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            plugged = power.wait_for(|power| power.is_plugged) => if plugged.is_err() { return },
        }
        // Where the link cannot be made it is tried again, and not in a hurry.
        if next.is_none() && !link.parent().is_some_and(Path::is_dir) {
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
    }
}

async fn serve_device(shared: &Shared, session: &mut Session, mut pty: Pty, stop: &CancellationToken) -> End {
    let mut power = shared.power.subscribe();
    loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopped,
            _ = power.wait_for(|power| !power.is_plugged) => return End::Unplugged,
            first = pty.wait_for_terminal() => first,
        };
        let Some(master) = pty.master.take() else { return End::Unplugged };
        // It is registered anew for each terminal: once the last one is gone the kernel's event stays for ever.
        #[expect(deprecated, reason = "unsound for descriptors that change; an OwnedFd keeps its own")]
        let Ok(master) = AsyncFd::new(master) else { return End::Unplugged };
        let mut master = Master(master);
        session.opened();
        let end = run(session, &mut master, None, first, stop).await;
        session.closed();
        pty.master = Some(master.0.into_inner());
        if end != End::Closed {
            return end;
        }
        // What the terminal did not read is gone, as in a serial line.
        let _ = pty.settle();
    }
}
