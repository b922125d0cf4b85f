//! The key file: the keys that seal message texts and gateway settings. Without it the store cannot be read.
//!
//! Two forms. The first has one key: `textgate-key-1:` and 64 hexadecimal digits. The second is written by the first change of keys:
//!
//! ```text
//! textgate-keys-2
//! derive <64 hexadecimal digits>
//! key <number> <when it was made, or -> <opens or seals> <64 hexadecimal digits>
//! ```

use crate::failure::Failure;
use jiff::Timestamp;
use std::fmt::{Display, Write as _};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use textgate_store::{KeyFile, Keys, Octets, Sealer, SealingKey};

/// The first form, so that a wrong file is recognised as one.
const ONE: &str = "textgate-key-1:";
/// The second.
const SEVERAL: &str = "textgate-keys-2";
/// Larger than any key file (octets).
const LARGEST: u64 = 64 << 10;

/// The sealer of this key file, which is made if it is not there and the store is not there either.
pub(crate) fn sealer(path: &Path, is_new_store: bool) -> Result<Sealer, Failure> {
    let keys = match OpenOptions::new().read(true).open(path) {
        Ok(file) => read(path, file).map_err(Failure::configuration)?,
        // A new key for an old store would only hide what is wrong: the right one is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_new_store => {
            make(path).map_err(Failure::configuration)?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::configuration(wrong(
                path,
                "is missing, and the store cannot be read without it; restore it from your backup",
            )));
        }
        Err(error) => {
            return Err(Failure::configuration(wrong(path, format_args!("cannot be read: {error}"))));
        }
    };
    Sealer::kept_in(Arc::new(OnDisk(path.into())), keys).map_err(Failure::failed)
}

/// The key file of a running program.
struct OnDisk(PathBuf);

impl KeyFile for OnDisk {
    fn read(&self) -> Result<Keys, String> {
        let file =
            File::open(&self.0).map_err(|error| wrong(&self.0, format_args!("cannot be read: {error}")))?;
        read(&self.0, file)
    }

    fn write(&self, keys: &Keys) -> Result<(), String> {
        replace(&self.0, keys).map_err(|error| {
            wrong(
                &self.0,
                format_args!(
                    "cannot be written: {error}; its folder must be writable for the server's user; nothing was changed"
                ),
            )
        })
    }
}

fn read(path: &Path, file: File) -> Result<Keys, String> {
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
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| wrong(path, error))?;
    parse(&text).ok_or_else(|| wrong(path, "is not a textgate key file; restore it from your backup"))
}

fn parse(text: &str) -> Option<Keys> {
    if let Some(digits) = text.trim_end().strip_prefix(ONE) {
        return Some(Keys::first(*octets(digits)?, None));
    }
    let mut lines = text.lines();
    if lines.next()? != SEVERAL {
        return None;
    }
    let derivation = octets(lines.next()?.strip_prefix("derive ")?)?;
    let (mut keys, mut sealing) = (Vec::new(), None);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let ["key", id, made, r#use, digits] = words.as_slice() else { return None };
        let id = id.parse().ok()?;
        let made_ms = match *made {
            "-" => None,
            made => Some(made.parse::<Timestamp>().ok()?.as_millisecond()),
        };
        match *r#use {
            "opens" => {}
            // One only.
            "seals" if sealing.is_none() => sealing = Some(id),
            _ => return None,
        }
        keys.push(SealingKey { id, made_ms, master: octets(digits)? });
    }
    Keys::new(derivation, keys, sealing?).ok()
}

fn octets(digits: &str) -> Option<Octets> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut octets = Octets::new([0; 32]);
    for (octet, pair) in octets.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *octet = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    rest.is_empty().then_some(octets)
}

fn digits(octets: &[u8; 32]) -> String {
    octets.iter().fold(String::with_capacity(64), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    })
}

/// The second form.
fn written(keys: &Keys) -> String {
    let mut text = format!("{SEVERAL}\nderive {}\n", digits(keys.derivation()));
    for key in keys.iter() {
        let made = key.made_ms.and_then(|made| Timestamp::from_millisecond(made).ok());
        let made = made.map_or_else(|| "-".to_owned(), |made| format!("{made:.0}"));
        let r#use = if key.id == keys.sealing() { "seals" } else { "opens" };
        let _ = writeln!(text, "key {} {made} {} {}", key.id, r#use, digits(&key.master));
    }
    text
}

fn make(path: &Path) -> Result<Keys, String> {
    let cannot = |error: io::Error| wrong(path, format_args!("cannot be made: {error}"));
    let mut master = Octets::new([0; 32]);
    getrandom::fill(&mut master[..]).map_err(|error| wrong(path, format_args!("cannot be made: {error}")))?;
    // Written whole under another name, then linked: half a key is never found, and nobody's key is replaced.
    let draft = path.with_extension("new");
    write_draft(&draft, &format!("{ONE}{}\n", digits(&master)), None).map_err(cannot)?;
    let linked = fs::hard_link(&draft, path);
    let _ = fs::remove_file(&draft);
    linked.map_err(cannot)?;
    sync_folder(path).map_err(cannot)?;
    Ok(Keys::first(*master, None))
}

/// Puts these keys in the place of those in the file, whole or not at all; its owner and mode stay as they are.
fn replace(path: &Path, keys: &Keys) -> io::Result<()> {
    // Where it is a link, what it points to is replaced and not the link.
    let path = fs::canonicalize(path)?;
    let draft = path.with_extension("new");
    let written = write_draft(&draft, &written(keys), Some(&fs::metadata(&path)?))
        .and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_folder(&path)
}

/// A whole file beside the key file, on disk.
fn write_draft(draft: &Path, text: &str, like: Option<&fs::Metadata>) -> io::Result<()> {
    let _ = fs::remove_file(draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    if let Some(like) = like {
        // Root may change the file of the server's user, who must be able to read it afterwards.
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
    }
    file.sync_all()
}

/// What is sealed with a key is synced; so must be the name it is found by.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn wrong(path: &Path, what: impl Display) -> String {
    format!("the key file {} {what}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let key = format!("{ONE}{}", "0a".repeat(32));
        assert_eq!(parse(&format!("{key}\n")), Some(Keys::first([10; 32], None)));
        for wrong in [
            "",
            "0a",
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}00"),
            &format!("{ONE}{}", "zz".repeat(32)),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn several_keys_are_read_back_as_they_were_written() {
        let first = Keys::first([10; 32], None);
        let several = first.with_new(1_800_000_000_000).unwrap();
        for keys in
            [several.clone(), several.sealing_by_newest(), several.sealing_by_newest().without_older().0]
        {
            assert_eq!(parse(&written(&keys)), Some(keys));
        }
        let text = written(&several);
        assert!(
            text.contains("key 0 - seals 0a0a") && text.contains("key 1 2027-01-15T08:00:00Z opens "),
            "{text}"
        );
        for wrong in [
            text.replace("seals", "opens"),
            text.replace("opens", "seals"),
            text.replace("derive", "derives"),
            text.replace("key 1", "key 0"),
            text.replace("key 1", "key 65536"),
            text.replace("2027-01-15T08:00:00Z", "now"),
            text.replace("keys-2", "keys-3"),
            text.replace("opens ", "opens 0"),
            format!("{text}more"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_are_put_in_the_place_of_others_with_the_mode_and_behind_the_link_they_had() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("real"), dir.path().join("key"));
        sealer(&path, true).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let file = sealer(&link, false).unwrap().file().unwrap();
        // Left behind by a process that was killed.
        fs::write(dir.path().join("real.new"), "half").unwrap();
        let keys = file.read().unwrap().with_new(0).unwrap();
        file.write(&keys).unwrap();
        assert_eq!(file.read().unwrap(), keys);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o400);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn keys_that_cannot_be_written_leave_those_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let file = sealer(&path, true).unwrap().file().unwrap();
        let before = fs::read(&path).unwrap();
        let keys = file.read().unwrap().with_new(0).unwrap();
        // A folder in the draft's place: also root cannot write over it.
        fs::create_dir(dir.path().join("key.new")).unwrap();
        let error = file.write(&keys).unwrap_err();
        assert!(error.contains("nothing was changed"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
