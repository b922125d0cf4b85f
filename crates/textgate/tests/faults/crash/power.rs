//! The power fails: what was written and never synced is gone, or some of it is, or half of a write.

use super::load::{Book, tenants};
use crate::kit::{Server, smsc_that};
use crate::run::{Dice, rounds};
use crate::shim::{Shim, Word};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// One note of the journal that `shim.c` writes.
struct Note {
    kind: u64,
    ino: u64,
    /// Where it was written, or cut; of a sync, how far the journal was when it began.
    at: u64,
    size: u64,
    before: Vec<u8>,
    after: Vec<u8>,
    /// Where the note ends.
    end: u64,
}

const WRITE: u64 = 1;
const SYNC: u64 = 3;

fn read(journal: &Path) -> Vec<Note> {
    let octets = std::fs::read(journal).unwrap();
    let (mut notes, mut at) = (Vec::new(), 0);
    let word = |at: usize| Some(u64::from_ne_bytes(octets.get(at..at + 8)?.try_into().ok()?));
    // The last may be cut: its write was never begun.
    while let (Some(kind), Some(before), Some(after)) = (word(at), word(at + 32), word(at + 40)) {
        let begin = at + 48;
        let middle = begin + before as usize;
        let end = middle + after as usize;
        let (Some(before), Some(after)) = (octets.get(begin..middle), octets.get(middle..end)) else { break };
        let (ino, place, size) = (word(at + 8).unwrap(), word(at + 16).unwrap(), word(at + 24).unwrap());
        let (before, after) = (before.to_vec(), after.to_vec());
        notes.push(Note { kind, ino, at: place, size, before, after, end: end as u64 });
        at = end;
    }
    notes
}

/// Leaves the files as a power cut may: every change since its file's last sync is undone, and then some of them are made
/// again, whole or half, in their order. Answers how many were lost.
fn cut_the_power(server: &Server, shim: &Shim, dice: &mut Dice) -> usize {
    let notes = read(&shim.journal);
    let mut synced: HashMap<u64, u64> = HashMap::new();
    for note in notes.iter().filter(|note| note.kind == SYNC) {
        synced.insert(note.ino, note.at);
    }
    let mut files: HashMap<u64, File> = HashMap::new();
    for entry in std::fs::read_dir(server.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with("-shm") {
            // Never synced, and made anew by whoever opens the database first.
            std::fs::remove_file(&path).unwrap();
        } else if name.starts_with("textgate.db") {
            let file = File::options().read(true).write(true).open(&path).unwrap();
            files.insert(file.metadata().unwrap().ino(), file);
        }
    }
    let unsynced: Vec<&Note> = notes
        .iter()
        .filter(|note| note.kind != SYNC && note.end > synced.get(&note.ino).copied().unwrap_or(0))
        .filter(|note| files.contains_key(&note.ino))
        .collect();
    for note in unsynced.iter().rev() {
        let file = &files[&note.ino];
        file.write_all_at(&note.before, note.at).unwrap();
        file.set_len(note.size).unwrap();
    }
    let keeps = dice.below(3);
    let mut lost = 0;
    for note in &unsynced {
        let is_kept = keeps == 2 || keeps == 1 && dice.below(2) == 0;
        if note.kind == WRITE && is_kept {
            let length = if dice.below(8) == 0 { note.after.len() / 2 } else { note.after.len() };
            files[&note.ino].write_all_at(&note.after[..length], note.at).unwrap();
        } else {
            lost += 1;
        }
    }
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn after_power_cuts_every_202_is_still_on_disk_and_arrives() {
    let mut dice = Dice::thrown();
    let smsc = smsc_that(super::behaviour()).await;
    let mut server = Server::stopped();
    server.apply(&tenants(smsc.address()));
    let shim = Shim::new(&server);
    let mut book = Book::default();
    let rounds = rounds(6);
    let mut lost = 0;
    for _ in 0..rounds {
        server.serve_by(shim.command_with_journal(&server)).await;
        let calls = book.begin(&server, 6);
        calls.until_accepted(1 + dice.below(80) as u64).await;
        tokio::time::sleep(dice.ms(15)).await;
        server.kill();
        book.end(calls).await;
        lost += cut_the_power(&server, &shim, &mut dice);
    }
    server.serve_by(shim.command(&server)).await;
    book.ask_again(&server).await;
    let audit = book.audit(&server, &smsc).await;
    book.audit_credits(&server).await;
    book.audit_keys(&server, 1 + book.asked.len() / 200).await;
    assert!(shim.get(Word::Writes) > 0, "the library is in force");
    assert!(lost > 0, "there was something to lose");
    eprintln!(
        "{rounds} power cuts: {lost} writes lost, {} accepted, {} arrived, {} doubles, 0 lost",
        book.accepted(),
        audit.texts,
        audit.doubles
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_half_of_a_write_done_it_goes_on_from_what_is_whole() {
    let mut dice = Dice::thrown();
    let smsc = smsc_that(super::behaviour()).await;
    let mut server = Server::stopped();
    server.apply(&tenants(smsc.address()));
    let shim = Shim::new(&server);
    let mut book = Book::default();
    let rounds = rounds(5);
    for _ in 0..rounds {
        server.serve_by(shim.command(&server)).await;
        let calls = book.begin(&server, 6);
        calls.until_accepted(1 + dice.below(20) as u64).await;
        shim.set(Word::TearAt, 1 + dice.below(40) as i64);
        book.end(calls).await;
        crate::kit::eventually("it has died of it", async || (!server.is_alive()).then_some(())).await;
        server.kill();
        shim.set(Word::TearAt, 0);
    }
    server.serve_by(shim.command(&server)).await;
    book.ask_again(&server).await;
    let audit = book.audit(&server, &smsc).await;
    book.audit_credits(&server).await;
    eprintln!(
        "{rounds} torn writes: {} accepted, {} arrived, {} doubles, 0 lost",
        book.accepted(),
        audit.texts,
        audit.doubles
    );
}
