//! The control socket: only its owner can open it, at no moment anybody else.

use crate::failure::Failure;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Longest path of a Unix socket (`sun_path`, with its closing NUL).
const LONGEST: usize = 107;

/// The file of a listening control socket; removed when dropped.
pub(crate) struct ControlSocket(PathBuf);

/// Listens there. Whatever lies there already is stale: who holds the store's lock is the only server.
pub(crate) fn listen(path: &Path) -> Result<(UnixListener, ControlSocket), Failure> {
    let cannot = |error: io::Error| {
        Failure::failed(format_args!("the control socket {} cannot be made: {error}", path.display()))
    };
    if path.as_os_str().len() > LONGEST {
        return Err(Failure::configuration(format_args!(
            "the path of the control socket {} is longer than {LONGEST} octets; choose a shorter data_dir",
            path.display()
        )));
    }
    // A socket's mode comes with its bind and is changed after it. So that nobody slips in between, it is bound inside
    // a folder that is closed to all others, and moved out when it is closed, too. The move also replaces a stale one.
    let private = path.with_file_name(".control");
    let _ = fs::remove_dir_all(&private);
    DirBuilder::new().mode(0o700).create(&private).map_err(cannot)?;
    let bound = private.join("s");
    let listener = UnixListener::bind(&bound).map_err(cannot)?;
    fs::set_permissions(&bound, Permissions::from_mode(0o600)).map_err(cannot)?;
    fs::rename(&bound, path).map_err(cannot)?;
    let _ = fs::remove_dir(&private);
    Ok((listener, ControlSocket(path.into())))
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // A socket that is left behind does no harm: the next server replaces it.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn only_the_owner_can_open_it_and_a_stale_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        // Left behind by a server that was killed: nobody listens any more.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(UnixStream::connect(&path).await.is_err());
        let (listener, socket) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let (accepted, connected) = tokio::join!(listener.accept(), UnixStream::connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_told_with_what_to_do() {
        let path = Path::new("/tmp").join("x".repeat(120)).join("control.sock");
        assert!(listen(&path).err().unwrap().to_string().contains("data_dir"));
    }
}
