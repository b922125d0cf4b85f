//! `textgate check`: whether the configuration and the key file are right. Changes nothing.

use crate::client;
use crate::config::{Config, Console, LogFormat, StoreAt};
use crate::failure::{Done, Failure};
use crate::key_file;
use crate::output::{Output, Tone};
use crate::rooms;
use textgate_store::PostgresStore;

pub(super) async fn run(config: &Config, output: &mut Output) -> Done {
    let allow: Vec<String> = config.allow.iter().map(ToString::to_string).collect();
    let format = match config.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    let is_new = matches!(&config.store, StoreAt::Embedded(path) if !path.exists());
    let is_keyed = config.key_file.exists();
    // Whether a database is new, and a key file is made at the first start, is seen when it is looked at.
    let is_made = is_new || matches!(&config.store, StoreAt::Postgres(_));
    let mut sealer = (is_keyed || !is_made).then(|| key_file::sealer(&config.key_file, false));
    let keys = match &sealer {
        None => " (made at the first start)".to_owned(),
        Some(Ok(sealer)) if sealer.keys().iter().count() > 1 => {
            format!(" ({} keys)", sealer.keys().iter().count())
        }
        Some(_) => String::new(),
    };
    let lines = [
        ("data_dir", config.data_dir.display().to_string()),
        ("store", format!("{}{}", config.store, if is_new { " (made at the first start)" } else { "" })),
        ("key_file", format!("{}{keys}", config.key_file.display())),
        ("http.listen", config.listen.to_string()),
        (
            "http.public_url",
            config.public_url.clone().unwrap_or_else(|| "(none: providers cannot report)".into()),
        ),
        (
            "catalogue_dir",
            config.catalogue_dir.as_ref().map_or_else(|| "(none)".into(), |path| path.display().to_string()),
        ),
        ("network.allow", if allow.is_empty() { "(public addresses only)".into() } else { allow.join(", ") }),
        ("log", format!("{format}, {:?}", config.log.level).to_lowercase()),
    ];
    let Console { enabled, session_idle, session_life, oidc } = &config.console;
    let sessions =
        format!("idle {} min, at most {} h", session_idle.as_secs() / 60, session_life.as_secs() / 3600);
    let sign_in = match oidc {
        Some(oidc) => {
            format!(
                "by password, or at {}, {} (claim {}, {} roles)",
                oidc.label,
                oidc.issuer,
                oidc.claim,
                oidc.roles.len()
            )
        }
        None => "by password".into(),
    };
    let sign_in = if *enabled { sign_in } else { "(there is no console)".into() };
    let console = [("sessions", sessions), ("sign-in", sign_in)];
    for (name, value) in lines.into_iter().chain(console) {
        output.line(format_args!("{name:<15} {value}"))?;
    }
    rooms::plugins(config)?;
    if let StoreAt::Postgres(database) = &config.store {
        let found = PostgresStore::look(database).await.map_err(Failure::failed)?;
        output.line(format_args!("{:<15} {}", "database", found.words()))?;
        if sealer.is_none() && !found.is_new() {
            sealer = Some(key_file::sealer(&config.key_file, false));
        }
    }
    sealer.transpose()?;
    let is_running = client::is_running(&config.control_socket()).await?;
    output.line(format_args!("{:<15} {}", "server", if is_running { "running" } else { "not running" }))?;
    output.line(output.tone(Tone::Good, "the configuration is right"))?;
    Ok(())
}
