//! Which PINs were sent to which SIMs, so that a wrong one is never sent twice: three block the SIM.
//!
//! A note is on disk before its PIN leaves, and holds over starts. It is a keyed digest of SIM and PIN, because a PIN has too few
//! digits to hide behind a digest without a key.

use ring::hmac;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Most notes; far more than SIMs.
const MOST: usize = 1000;
/// As many tries as a SIM gives (TS 31.101 §9.5.1).
const ALL_TRIES: u8 = 3;

/// The notes. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct PinNotes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    path: Option<PathBuf>,
    key: Vec<u8>,
    notes: Mutex<BTreeMap<String, Note>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// Sent, and no answer was seen.
    Sent,
    Refused,
}

impl PinNotes {
    /// The notes in this file, under this key.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn open(path: &Path, key: &[u8]) -> io::Result<Self> {
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => drop(file.take(1 << 20).read_to_string(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let note = |line: &str| {
            let (word, digest) = line.split_once(' ')?;
            let note = if word == "sent" { Note::Sent } else { Note::Refused };
            Some((digest.to_owned(), note))
        };
        let notes = text.lines().filter_map(note).take(MOST).collect();
        Ok(Self(Arc::new(Inner { path: Some(path.to_owned()), key: key.to_vec(), notes: Mutex::new(notes) })))
    }

    /// Whether the PIN may be sent to the SIM, which has so many tries left where it is known. Notes it as sent.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn may_send(&self, sim: &str, pin: &str, left: Option<u8>) -> Result<(), String> {
        if let Some(left @ 0..=1) = left {
            return Err(format!(
                "the SIM has {left} tries left for its PIN, and none is risked; enter the PIN in a phone, then start the modem again"
            ));
        }
        let digest = self.digest(sim, pin);
        let mut notes = self.0.notes.lock().unwrap_or_else(PoisonError::into_inner);
        match notes.get(&digest) {
            Some(Note::Refused) => {
                return Err("the SIM refused this PIN, so it is not sent again; change SIM PIN".to_owned());
            }
            // All tries are left, so it was not refused: the modem was lost before it was sent.
            Some(Note::Sent) if left.is_none_or(|left| left < ALL_TRIES) => {
                return Err(
                    "this PIN was sent to the SIM and no answer came, so it is not sent again; unlock the SIM in a phone".to_owned()
                );
            }
            _ => {}
        }
        notes.insert(digest, Note::Sent);
        self.save(&notes)
            .map_err(|error| format!("the PIN is not sent, because that cannot be noted: {error}"))
    }

    /// What the SIM answered.
    pub(super) fn answered(&self, sim: &str, pin: &str, is_accepted: bool) {
        let digest = self.digest(sim, pin);
        let mut notes = self.0.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if is_accepted {
            notes.remove(&digest);
        } else {
            notes.insert(digest, Note::Refused);
        }
        if let Err(error) = self.save(&notes) {
            tracing::warn!(%error, "what became of a PIN cannot be noted");
        }
    }

    fn digest(&self, sim: &str, pin: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0.key);
        let tag = hmac::sign(&key, format!("{sim}\0{pin}").as_bytes());
        super::reply::hexadecimal(tag.as_ref().get(..16).unwrap_or_default())
    }

    /// Writes the notes in place of the old ones, whole or not at all.
    fn save(&self, notes: &BTreeMap<String, Note>) -> io::Result<()> {
        let Some(path) = &self.0.path else { return Ok(()) };
        let line = |(digest, note): (&String, &Note)| match note {
            Note::Sent => format!("sent {digest}\n"),
            Note::Refused => format!("refused {digest}\n"),
        };
        let text: String = notes.iter().map(line).collect();
        let next = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&next, path)?;
        path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_pin_is_not_sent_again_even_after_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("modem-pins");
        let open = || PinNotes::open(&path, b"key").unwrap();
        let notes = open();
        notes.may_send("sim", "1234", Some(3)).unwrap();
        notes.answered("sim", "1234", false);
        assert!(open().may_send("sim", "1234", Some(2)).unwrap_err().contains("refused"));
        assert!(open().may_send("sim", "1235", Some(2)).is_ok());
        assert!(open().may_send("other sim", "1234", None).is_ok());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("123"), "{text}");
    }

    #[test]
    fn a_pin_without_an_answer_is_sent_again_only_while_all_tries_are_left() {
        let notes = PinNotes::default();
        notes.may_send("sim", "1234", None).unwrap();
        assert!(notes.may_send("sim", "1234", None).is_err());
        assert!(notes.may_send("sim", "1234", Some(2)).is_err());
        assert!(notes.may_send("sim", "1234", Some(3)).is_ok());
        notes.answered("sim", "1234", true);
        assert!(notes.may_send("sim", "1234", None).is_ok());
    }

    #[test]
    fn the_last_try_is_left_to_a_person() {
        assert!(PinNotes::default().may_send("sim", "1234", Some(1)).unwrap_err().contains("1 tries left"));
        assert!(PinNotes::default().may_send("sim", "1234", Some(2)).is_ok());
    }

    #[test]
    fn what_cannot_be_noted_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let notes = PinNotes::open(&dir.path().join("gone/modem-pins"), b"key").unwrap();
        assert!(notes.may_send("sim", "1234", Some(3)).unwrap_err().contains("cannot be noted"));
    }
}
