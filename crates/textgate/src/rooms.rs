//! The wiring: which store, which plugins, which bounds make up the engine.

use crate::config::{Config, StoreAt};
use crate::failure::Failure;
use crate::key_file;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use textgate_dispatch::{Dispatch, Limits, Metrics, Parts, StartError};
use textgate_gateway::{
    DeviceGuard, Environment, GenericHttpPlugin, ModemPlugin, NetworkGuard, PinNotes, Plugins, SmppPlugin,
    catalogue,
};
use textgate_store::{
    CommitStats, Database, Observer, PostgresOptions, PostgresStore, Sealer, SqliteOptions, SqliteStore,
    Store, StoreError,
};

/// Starts the engine on the configured store.
pub(crate) async fn start(config: &Config, limits: Limits) -> Result<Dispatch, Failure> {
    Dispatch::start(parts(config, limits).await?).await.map_err(not_started)
}

/// Opens the engine for a command on the store itself: no gateway is started, and nothing is sent.
pub(crate) async fn start_offline(config: &Config) -> Result<Dispatch, Failure> {
    Dispatch::open(parts(config, config.limits()).await?).await.map_err(not_started)
}

/// Everything the engine is made of. Makes the data directory and the key file where there are none yet.
async fn parts(config: &Config, limits: Limits) -> Result<Parts, Failure> {
    make_data_dir(&config.data_dir)?;
    let metrics = Arc::new(Metrics::default());
    let (store, sealer) = open_store(config, &metrics).await?;
    let environment = Environment {
        network: NetworkGuard::allowing(config.allow.iter().copied()),
        devices: DeviceGuard::allowing(config.devices.iter().cloned()),
        pins: pin_notes(config, &sealer)?,
        public_url: config.public_url.clone(),
        ..Environment::default()
    };
    Ok(Parts { store, sealer, plugins: plugins(config)?, environment, limits, metrics })
}

/// Which PINs SIMs were sent: beside the store, under a key of its own.
fn pin_notes(config: &Config, sealer: &Sealer) -> Result<PinNotes, Failure> {
    let path = config.data_dir.join("modem-pins");
    PinNotes::open(&path, &sealer.digest(&[b"textgate modem pins 1"])).map_err(|error| {
        Failure::configuration(format_args!("{} cannot be read: {error}; make it readable", path.display()))
    })
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::WrongKey | StartError::NoSuchKey(_) => Failure::configuration(error),
        StartError::Store(_) => Failure::failed(error),
    }
}

/// Every kind of gateway, in the order the console lists them: preconfigured providers by their labels, then the others.
pub(crate) fn plugins(config: &Config) -> Result<Plugins, Failure> {
    let mut plugins = catalogue(config.catalogue_dir.as_deref()).map_err(Failure::configuration)?;
    plugins.push(Arc::new(SmppPlugin::new()));
    plugins.push(Arc::new(GenericHttpPlugin::new()));
    plugins.push(Arc::new(ModemPlugin::new()));
    Ok(Plugins::new(plugins))
}

/// The store, and the key to it.
async fn open_store(config: &Config, metrics: &Arc<Metrics>) -> Result<(Arc<dyn Store>, Sealer), Failure> {
    let metrics = Arc::clone(metrics);
    let observer: Observer = Arc::new(move |stats: CommitStats| metrics.on_commit(stats));
    match &config.store {
        StoreAt::Embedded(path) => {
            let sealer = key_file::sealer(&config.key_file, !path.exists())?;
            let path = path.clone();
            let options = SqliteOptions { observer, ..SqliteOptions::default() };
            Ok((opened(move || SqliteStore::open(path, options)).await?, sealer))
        }
        StoreAt::Postgres(database) => {
            let store = open_postgres(config, Database::clone(database), observer).await?;
            // Only a database without anything in it tells that no other node has the key.
            let sealer = match store.is_new().await {
                Ok(is_new) => key_file::sealer(&config.key_file, is_new),
                Err(error) => Err(Failure::failed(error)),
            };
            match sealer {
                Ok(sealer) => Ok((store, sealer)),
                Err(failure) => {
                    let _ = store.close().await;
                    Err(failure)
                }
            }
        }
    }
}

async fn open_postgres(
    config: &Config,
    database: Database,
    observer: Observer,
) -> Result<Arc<PostgresStore>, Failure> {
    let options = PostgresOptions { observer, node: node_name(config), ..PostgresOptions::default() };
    opened(move || PostgresStore::open(database, options)).await
}

/// What this node is known by: the same after a restart, and another's on every other machine or data directory.
fn node_name(config: &Config) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), config.data_dir.display())
}

/// Opening blocks: it may have to go through the log of a process that was killed, or to wait for a database.
async fn opened<S: Send + Sync + 'static>(
    open: impl FnOnce() -> Result<S, StoreError> + Send + 'static,
) -> Result<Arc<S>, Failure> {
    let opened = tokio::task::spawn_blocking(open).await.map_err(Failure::failed)?;
    opened.map(Arc::new).map_err(Failure::failed)
}

/// The data directory, for its owner only where it is new.
fn make_data_dir(path: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        Failure::configuration(format_args!(
            "the data directory {} cannot be made: {error}; set data_dir or TEXTGATE_DATA_DIR to a place where this user may write",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn preconfigured_providers_come_first_and_by_label() {
        let config = Config::load(None, &|_| None).unwrap();
        let plugins = plugins(&config).unwrap();
        let labels: Vec<&str> = plugins.iter().map(|plugin| plugin.label()).collect();
        let (providers, others) = labels.split_at(labels.len() - 3);
        assert_eq!(others, ["SMPP", "Generic HTTP(s)", "SMS modem"]);
        assert!(
            providers.contains(&"Clickatell") && providers.is_sorted_by_key(|label| label.to_lowercase())
        );
    }

    #[test]
    fn a_wrong_file_of_the_installation_is_a_configuration_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad.toml"), "name = \"bad\"\nlabel = 1").unwrap();
        let folder = dir.path().display().to_string();
        let config =
            Config::load(None, &|name| (name == "TEXTGATE_CATALOGUE_DIR").then(|| folder.clone())).unwrap();
        let error = plugins(&config).err().unwrap().to_string();
        assert!(error.contains("bad.toml, line 2"), "{error}");
    }

    #[test]
    fn a_new_data_directory_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        make_data_dir(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        make_data_dir(&path).unwrap();
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = make_data_dir(&file.join("data")).unwrap_err().to_string();
        assert!(error.contains("file/data") && error.contains("data_dir"), "{error}");
    }
}
