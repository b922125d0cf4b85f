//! `textgate store copy`: an installation moves from the embedded store to PostgreSQL.

use crate::cli::{Secret, StoreCommand, StoreCopy};
use crate::config::{Config, StoreAt};
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use textgate_store::{CopyProgress, Database, PostgresStore};

/// How wide the bar is, in characters.
const WIDTH: usize = 30;
/// Between two pictures of the bar.
const FRAME: Duration = Duration::from_millis(100);

pub(super) async fn run(
    config: impl Fn() -> Result<Config, Failure>,
    command: StoreCommand,
    output: &mut Output,
) -> Done {
    let StoreCommand::Copy(StoreCopy { from, to }) = command;
    let to = match to {
        Some(Secret(url)) => Database::parse(&url).map_err(Failure::usage)?,
        None => match config()?.store {
            StoreAt::Postgres(database) => *database,
            StoreAt::Embedded(_) => {
                return Err(Failure::usage(
                    "to which database? name its URL behind the file, or as `store` in the configuration (TEXTGATE_STORE)",
                ));
            }
        },
    };
    let mut bar = Bar::new();
    let copied = PostgresStore::copy(&from, &to, |progress| bar.show(progress)).await;
    bar.clear();
    let copied = copied.map_err(Failure::failed)?;
    let rows = copied.tables.iter().map(|(table, rows)| vec![(*table).to_owned(), rows.to_string()]);
    output.table(&["table", "rows"], rows.collect())?;
    if copied.before > 0 {
        output.line(format_args!("{} rows were there from a copy that was interrupted", copied.before))?;
    }
    output.line(output.tone(Tone::Good, format_args!("{to} has all of it: counts and checksums agree")))?;
    output.line("set `store` to it, keep the key file, and start; the embedded store is as it was")?;
    Ok(())
}

/// How far it is, where somebody looks on.
struct Bar {
    is_seen: bool,
    began: Instant,
    next: Instant,
}

impl Bar {
    fn new() -> Self {
        let now = Instant::now();
        Self { is_seen: io::stderr().is_terminal(), began: now, next: now }
    }

    fn show(&mut self, progress: CopyProgress) {
        let now = Instant::now();
        if !self.is_seen || now < self.next {
            return;
        }
        self.next = now + FRAME;
        // A picture that cannot be drawn is none.
        let _ = write!(io::stderr(), "\r\x1b[K{}", picture(progress, self.began.elapsed()));
    }

    fn clear(&self) {
        if self.is_seen {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn picture(progress: CopyProgress, since: Duration) -> String {
    let CopyProgress { table, is_compared, done, of } = progress;
    let part = if of == 0 { 1.0 } else { done as f64 / of as f64 };
    let filled = (part * WIDTH as f64) as usize;
    let left = if part > 0.01 {
        format!(", {} s left", (since.as_secs_f64() * (1.0 / part - 1.0)) as u64)
    } else {
        String::new()
    };
    let verb = if is_compared { "comparing" } else { "copying" };
    format!(
        "[{}{}] {:3.0} %  {verb} {table}{left}",
        "#".repeat(filled.min(WIDTH)),
        " ".repeat(WIDTH.saturating_sub(filled)),
        part * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_from_nothing_to_all() {
        let at = |done, of| CopyProgress { table: "message", is_compared: false, done, of };
        assert_eq!(
            picture(at(0, 10), Duration::ZERO),
            format!("[{}]   0 %  copying message", " ".repeat(30))
        );
        let half = picture(at(5, 10), Duration::from_secs(8));
        assert!(half.contains(" 50 %") && half.ends_with(", 8 s left"), "{half}");
        assert!(
            picture(at(10, 10), Duration::from_secs(8)).starts_with(&format!("[{}] 100 %", "#".repeat(30)))
        );
        assert!(picture(at(0, 0), Duration::ZERO).contains("100 %"));
    }
}
