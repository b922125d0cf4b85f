//! The disk fails in each of its ways: told to callers, survived, over by itself, and nothing lost that was answered with 202.

use crate::kit::{Api, PHONE, Server, eventually, manifest, metric, smpp, smsc};
use crate::shim::{EIO, ENOSPC, EROFS, Shim, Word};
use serde_json::json;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::Duration;
use textgate_simulator::{Command, Smsc};

/// A server with a gateway, on a disk that can be told to fail.
struct Patient {
    server: Server,
    shim: Shim,
    smsc: Smsc,
    api: Api,
    /// Ids and texts that were answered with 202.
    accepted: Vec<(String, String)>,
    /// Texts that were refused.
    refused: Vec<String>,
    next: usize,
}

impl Patient {
    async fn new() -> Self {
        let smsc = smsc().await;
        let mut server = Server::stopped();
        server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
        let shim = Shim::new(&server);
        server.serve_by(shim.command(&server)).await;
        let api = server.api();
        api.until_gateway("main", "up").await;
        Self { server, shim, smsc, api, accepted: Vec::new(), refused: Vec::new(), next: 0 }
    }

    /// Asks for one more message. Only two answers are right: 202, or 503 that says when to come again.
    async fn ask(&mut self) -> u16 {
        self.next += 1;
        let text = format!("message {}{}", self.next, " and so on".repeat(40));
        let answer = self.api.post_message(json!({"to": PHONE, "text": text})).await;
        match answer.status {
            202 => self.accepted.push((answer.body["id"].as_str().unwrap().to_owned(), text)),
            _ => {
                assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1, "{}", answer.text);
                answer.expect_problem(503, "store-unavailable");
                self.refused.push(text);
                return 503;
            }
        }
        202
    }

    /// Asks until one is refused.
    async fn until_refused(&mut self) {
        for _ in 0..200 {
            if self.ask().await == 503 {
                return;
            }
        }
        panic!("200 messages were accepted on a disk that fails");
    }

    /// It says that it is not ready, is alive all the same, and answers what needs no disk.
    async fn assert_ill(&mut self) {
        self.until_refused().await;
        let api = self.api.clone();
        eventually("it says so", async || {
            let ready = api.get("/readyz").await;
            (ready.status == 503).then(|| ready.expect_problem(503, "not-ready"))
        })
        .await;
        self.api.get("/healthz").await.expect(200);
        assert!(self.server.is_alive());
    }

    /// It recovers without being told, and everything that was accepted arrives, once, and nothing else.
    async fn assert_recovers(&mut self) {
        let api = self.api.clone();
        eventually("it is ready", async || (api.get("/readyz").await.status == 200).then_some(())).await;
        assert_eq!(self.ask().await, 202);
        self.assert_all_there().await;
        // And so it is for the next process that reads the disk.
        assert!(self.server.terminate().await, "{}", self.server.log());
        self.server.serve_by(self.shim.command(&self.server)).await;
        self.api = self.server.api();
        self.assert_all_there().await;
    }

    async fn assert_all_there(&self) {
        for (id, _) in &self.accepted {
            self.api.until(id, "delivered").await;
        }
        let arrived: Vec<String> = self.smsc.messages().iter().map(|message| message.text.clone()).collect();
        let texts: HashSet<&String> = arrived.iter().collect();
        assert_eq!(texts.len(), arrived.len(), "nothing arrived twice");
        assert!(self.accepted.iter().all(|(_, text)| texts.contains(text)));
        assert!(self.refused.iter().all(|text| !texts.contains(text)), "what was refused is not sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_writes_and_syncs_are_told_survived_and_over_by_themselves() {
    for (word, errno, each) in [
        (Word::WriteErrno, ENOSPC, 0),
        (Word::WriteErrno, EIO, 0),
        (Word::WriteErrno, EROFS, 0),
        (Word::SyncErrno, EIO, 0),
        (Word::SyncErrno, ENOSPC, 0),
        // Now and then.
        (Word::WriteErrno, EIO, 3),
        (Word::SyncErrno, EIO, 2),
    ] {
        let mut patient = Patient::new().await;
        for _ in 0..5 {
            assert_eq!(patient.ask().await, 202);
        }
        patient.shim.set(Word::StrikeEach, each);
        patient.shim.set(word, errno);
        if each == 0 {
            patient.assert_ill().await;
        } else {
            for _ in 0..30 {
                patient.ask().await;
            }
        }
        assert!(patient.shim.get(Word::Struck) > 0, "{word:?} {errno} struck");
        patient.shim.set(word, 0);
        patient.assert_recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_disk_fails_it_has_what_it_acknowledged() {
    let mut patient = Patient::new().await;
    patient.shim.set(Word::StrikeEach, 4);
    patient.shim.set(Word::SyncErrno, EIO);
    for _ in 0..40 {
        patient.ask().await;
    }
    patient.server.kill();
    patient.shim.set(Word::SyncErrno, 0);
    patient.server.serve_by(patient.shim.command(&patient.server)).await;
    patient.api = patient.server.api();
    for (id, text) in &patient.accepted {
        patient.api.until(id, "delivered").await;
        assert!(patient.smsc.messages().iter().any(|message| message.text == *text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_while_the_disk_failed_is_recorded_when_it_does_not() {
    let mut patient = Patient::new().await;
    // It is under way when the disk goes: its outcome and its receipt find no place.
    patient.smsc.change(|behaviour| behaviour.answer_delay = Duration::from_millis(500));
    assert_eq!(patient.ask().await, 202);
    let smsc = &patient.smsc;
    smsc.wait_for_submits(crate::kit::PATIENCE, |all| !all.is_empty()).await.unwrap();
    patient.shim.set(Word::WriteErrno, ENOSPC);
    patient.smsc.change(|behaviour| behaviour.redeliver_after = Some(Duration::from_millis(200)));
    eventually("the SMSC has answered", async || {
        let seen = patient.smsc.counters();
        (seen.answered > 0 && seen.answered == seen.submits).then_some(())
    })
    .await;
    patient.assert_ill().await;
    patient.shim.set(Word::WriteErrno, 0);
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_refused_and_had_not_left_does_not_leave_later() {
    let mut patient = Patient::new().await;
    patient.smsc.stop().await;
    patient.api.until_gateway("main", "down").await;
    // The first write that fails: until then the store is well, and a code need not wait for its commit.
    patient.shim.set(Word::WriteErrno, ENOSPC);
    let code = json!({"to": PHONE, "text": "refused code", "kind": "otp"});
    patient.api.post_message(code).await.expect_problem(503, "store-unavailable");
    patient.refused.push("refused code".into());
    patient.shim.set(Word::WriteErrno, 0);
    patient.smsc.start_again().await.unwrap();
    patient.api.until_gateway("main", "up").await;
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_writes_and_slow_syncs_are_no_errors() {
    let mut patient = Patient::new().await;
    patient.shim.set(Word::ShortWrites, 1);
    for _ in 0..20 {
        assert_eq!(patient.ask().await, 202);
    }
    patient.shim.set(Word::ShortWrites, 0);
    patient.shim.set(Word::SyncDelayUs, 300_000);
    // Those that wait share a sync: ten at once take no longer than two or three one after the other.
    let syncs = std::time::Instant::now();
    assert_eq!(patient.ask().await, 202);
    let one = syncs.elapsed();
    let together = std::time::Instant::now();
    let asks =
        (0..20).map(|n| {
            let api = patient.api.clone();
            async move {
                api.post_message(json!({"to": PHONE, "text": format!("together {n}")})).await.expect(202)
            }
        });
    let all = futures_util::future::join_all(asks).await;
    assert!(together.elapsed() < one * 10, "20 at once took {:?}, one {one:?}", together.elapsed());
    patient.shim.set(Word::SyncDelayUs, 0);
    for answer in all {
        patient.api.until(answer["id"].as_str().unwrap(), "delivered").await;
    }
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_reads_fail_messages_cannot_be_read_and_nothing_else_happens() {
    let mut patient = Patient::new().await;
    assert_eq!(patient.ask().await, 202);
    let id = patient.accepted[0].0.clone();
    patient.api.until(&id, "delivered").await;
    patient.shim.set(Word::ReadErrno, EIO);
    // From the page cache of SQLite, or not at all, but never wrong.
    let answer = patient.api.get(&format!("/v1/messages/{id}")).await;
    assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
    patient.ask().await;
    patient.shim.set(Word::ReadErrno, 0);
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_find_no_place_on_disk_wait_unacknowledged_and_fill_no_memory() {
    let mut patient = Patient::new().await;
    patient.shim.set(Word::WriteErrno, ENOSPC);
    patient.assert_ill().await;
    let before = patient.server.resident();
    let (count, each) = (6_000_u32, 500);
    for begin in (0..count).step_by(each) {
        let octets: Vec<u8> =
            (begin..begin + each as u32).flat_map(crate::provider::flood::receipt).collect();
        eventually("the SMSC sends more", async || {
            (patient.smsc.command(&Command::Send(octets.clone())) > 0).then_some(())
        })
        .await;
    }
    // None is acknowledged before it is on disk. A bounded number is held, and the rest stays with the SMSC.
    let pdus = patient.smsc.counters().pdus;
    patient.assert_ill().await;
    assert!(patient.smsc.counters().pdus < pdus + 50, "{pdus} PDUs and more");
    let more = patient.server.resident().saturating_sub(before);
    assert!(more < 48 << 20, "{} MiB more", more >> 20);
    patient.shim.set(Word::WriteErrno, 0);
    eventually("all are kept", async || {
        let unmatched = metric(&patient.server.metrics().await, "textgate_receipts_unmatched_total", &[]);
        (unmatched >= f64::from(count)).then_some(())
    })
    .await;
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_the_disk_fails_it_ends_within_its_bound_and_has_what_it_acknowledged() {
    let mut patient = Patient::new().await;
    for _ in 0..5 {
        patient.ask().await;
    }
    patient.shim.set(Word::SyncErrno, EIO);
    patient.assert_ill().await;
    // Whether with status 0 or not: it has no place for what it knows.
    patient.server.terminate().await;
    patient.shim.set(Word::SyncErrno, 0);
    patient.server.serve_by(patient.shim.command(&patient.server)).await;
    patient.api = patient.server.api();
    for (id, _) in &patient.accepted {
        patient.api.until(id, "delivered").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_damaged_or_none_ends_the_start_with_the_reason() {
    for (place, octets) in [(0, 4096), (100, 16), (4096, 60_000)] {
        let mut patient = Patient::new().await;
        patient.ask().await;
        assert!(patient.server.terminate().await);
        let database =
            File::options().write(true).open(patient.server.data_dir().join("textgate.db")).unwrap();
        database.write_all_at(&vec![0xA5; octets], place).unwrap();
        let mut server = patient.shim.command(&patient.server).stderr(Stdio::piped()).spawn().unwrap();
        let ended = eventually("it ends or listens", async || {
            let ended = server.try_wait().unwrap();
            (ended.is_some() || patient.server.path("data/control.sock").exists()).then_some(ended)
        })
        .await;
        let _ = server.kill();
        let told = server.wait_with_output().unwrap().stderr;
        let told = String::from_utf8_lossy(&told);
        assert!(!told.contains("panicked"), "{told}");
        assert!(ended.is_none_or(|status| !status.success()) && told.len() > 20, "{told}");
        assert!(ended.is_some(), "damage of {octets} octets at {place} is noticed:\n{told}");
    }
}

/// A file system that is really full: a small tmpfs, which only root can mount.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_file_system_that_is_full_it_refuses_and_goes_on_when_there_is_room() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let data = server.data_dir();
    std::fs::create_dir_all(&data).unwrap();
    let is_done =
        |command: &mut std::process::Command| command.output().is_ok_and(|output| output.status.success());
    if !is_done(
        std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs"])
            .arg(&data),
    ) {
        eprintln!("skipped: a tmpfs cannot be mounted here (only root can)");
        return;
    }
    struct Mounted(std::path::PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            // Lazily: the server on it ends after this.
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let _mounted = Mounted(data.clone());
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let shim = Shim::new(&server);
    server.serve_by(shim.command(&server)).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let mut patient = Patient { server, shim, smsc, api, accepted: Vec::new(), refused: Vec::new(), next: 0 };
    assert_eq!(patient.ask().await, 202);
    // Somebody else fills it.
    let ballast = data.join("ballast");
    let fill = std::process::Command::new("dd")
        .args(["if=/dev/zero", "bs=4k"])
        .arg(format!("of={}", ballast.display()))
        .output();
    assert!(!fill.unwrap().status.success(), "until it is full");
    patient.assert_ill().await;
    std::fs::remove_file(&ballast).unwrap();
    patient.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_cannot_be_written_ends_the_start_with_the_reason() {
    let server = Server::stopped();
    std::fs::create_dir_all(server.data_dir()).unwrap();
    // Not a directory's permissions, which mean nothing to root: a file where the directory should be.
    let in_the_way = server.path("file");
    std::fs::write(&in_the_way, "").unwrap();
    let mut command = server.command(&["serve"]);
    let output = command.env("TEXTGATE_DATA_DIR", in_the_way.join("data")).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("data") && !told.contains("panicked"), "{told}");
    // And a disk on which nothing can be made.
    let shim = Shim::new(&server);
    shim.set(Word::WriteErrno, EROFS);
    let output = shim.command(&server).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("panicked") && told.contains("textgate.db"), "{told}");
}
