//! `textgate migrate`: the tables of a PostgreSQL store, brought to this version ahead of a start.

use crate::config::{Config, StoreAt};
use crate::failure::{Done, Failure};
use crate::output::Output;
use textgate_store::PostgresStore;

pub(super) async fn run(config: &Config, output: &mut Output) -> Done {
    let StoreAt::Postgres(database) = &config.store else {
        output.line(
            "the embedded store is brought to this version when it is opened; there is nothing to do",
        )?;
        return Ok(());
    };
    let done = PostgresStore::migrate(database).await.map_err(Failure::failed)?;
    match (done.from, done.to) {
        (from, to) if from == to => output.line(format_args!("{database} has version {to} already"))?,
        (0, to) => output.line(format_args!("{database}: made the tables, version {to}"))?,
        (from, to) => output.line(format_args!("{database}: from version {from} to {to}"))?,
    }
    Ok(())
}
