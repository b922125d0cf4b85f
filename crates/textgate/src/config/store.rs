//! Which store: the embedded one, or a PostgreSQL database.

use crate::failure::Failure;
use std::fmt;
use std::path::{Path, PathBuf};
use textgate_store::Database;

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreAt {
    /// SQLite, in this file of the data directory.
    Embedded(PathBuf),
    /// A database of others, which several nodes may share.
    Postgres(Box<Database>),
}

impl StoreAt {
    /// From what is configured. A URL holds a password: no error repeats it.
    pub(crate) fn read(store: Option<&str>, data_dir: &Path) -> Result<Self, Failure> {
        match store {
            None | Some("sqlite") => Ok(Self::Embedded(data_dir.join("textgate.db"))),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                let database = Database::parse(url).map_err(|error| {
                    Failure::configuration(format_args!("store (TEXTGATE_STORE): {error}"))
                })?;
                Ok(Self::Postgres(Box::new(database)))
            }
            Some(_) => Err(Failure::configuration(
                "store (TEXTGATE_STORE) must be \"sqlite\", or postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            )),
        }
    }
}

/// Without the password.
impl fmt::Display for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(path) => write!(f, "{}", path.display()),
            Self::Postgres(database) => write!(f, "{database}"),
        }
    }
}
