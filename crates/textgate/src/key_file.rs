//! The key file: 32 random octets that seal message texts and gateway settings. Without it the store cannot be read.

use crate::failure::Failure;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use textgate_store::Sealer;

/// The form: `textgate-key-1:` and 64 hexadecimal digits, so that a wrong file is recognised as one.
const PREFIX: &str = "textgate-key-1:";

/// The sealer of this key file, which is made if it is not there and the store is not there either.
pub(crate) fn sealer(path: &Path, is_new_store: bool) -> Result<Sealer, Failure> {
    let master = match OpenOptions::new().read(true).open(path) {
        Ok(file) => read(path, file)?,
        // A new key for an old store would only hide what is wrong: the right one is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_new_store => make(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong(
                path,
                "is missing, and the store cannot be read without it; restore it from your backup",
            ));
        }
        Err(error) => return Err(wrong(path, format_args!("cannot be read: {error}"))),
    };
    Sealer::new(&master).map_err(Failure::failed)
}

fn read(path: &Path, file: File) -> Result<[u8; 32], Failure> {
    let metadata = file.metadata().map_err(|error| wrong(path, error))?;
    // Group readers are refused as well as all others: mode 0600 is what it was made with.
    if metadata.mode() & 0o077 != 0 {
        return Err(wrong(
            path,
            format_args!(
                "may be read or written by other users (mode {:03o}); run: chmod 600 {}",
                metadata.mode() & 0o777,
                path.display()
            ),
        ));
    }
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).map_err(|error| wrong(path, error))?;
    parse(&text).ok_or_else(|| wrong(path, "is not a textgate key file; restore it from your backup"))
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.trim_end().strip_prefix(PREFIX)?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut master = [0; 32];
    for (octet, pair) in master.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *octet = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    rest.is_empty().then_some(master)
}

fn make(path: &Path) -> Result<[u8; 32], Failure> {
    let cannot = |error: io::Error| wrong(path, format_args!("cannot be made: {error}"));
    let mut master = [0; 32];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut master)).map_err(cannot)?;
    let digits: String = master.iter().map(|octet| format!("{octet:02x}")).collect();
    // Written whole under another name, then linked: half a key is never found, and nobody's key is replaced.
    let draft = path.with_extension("new");
    let _ = std::fs::remove_file(&draft);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(cannot)?;
    file.write_all(format!("{PREFIX}{digits}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(cannot)?;
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    linked.map_err(cannot)?;
    if let Some(folder) = path.parent() {
        // What is sealed with the key is synced; so must be the name it is found by.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot)?;
    }
    Ok(master)
}

fn wrong(path: &Path, what: impl Display) -> Failure {
    Failure::configuration(format_args!("the key file {} {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use textgate_store::Purpose;

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = sealer(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let again = sealer(&path, false).unwrap();
        let sealed = first.seal(Purpose::Text, 1, b"x");
        assert_eq!(again.unseal(Purpose::Text, 1, &sealed).unwrap(), b"x");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        sealer(&path, true).unwrap();
        for mode in [0o644, 0o640, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = sealer(&path, false).err().unwrap().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(sealer(&path, false).is_ok());
    }

    #[test]
    fn a_store_without_its_key_gets_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let error = sealer(&path, false).err().unwrap().to_string();
        assert!(error.contains("backup"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn only_a_key_is_a_key() {
        let key = format!("{PREFIX}{}", "0a".repeat(32));
        assert_eq!(parse(&format!("{key}\n")), Some([10; 32]));
        for wrong in [
            "",
            "0a",
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}00"),
            &format!("{PREFIX}{}", "zz".repeat(32)),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
