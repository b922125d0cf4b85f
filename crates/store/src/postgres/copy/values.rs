//! One value on its way from one store to the other.

use rusqlite::Row as Here;
use sha2::{Digest, Sha256};
use tokio_postgres::Row as There;
use tokio_postgres::types::{ToSql, Type};

/// What a column holds in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Short,
    Int,
    Long,
    Bool,
    Text,
    Octets,
    /// Text in SQLite, octets in PostgreSQL, whose text cannot hold every character.
    TextAsOctets,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Short(Option<i16>),
    Int(Option<i32>),
    Long(Option<i64>),
    Bool(Option<bool>),
    Text(Option<String>),
    Octets(Option<Vec<u8>>),
}

/// Rows and a checksum that does not depend on their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    digest: u128,
}

impl Kind {
    pub(super) fn ty(self) -> Type {
        match self {
            Self::Short => Type::INT2,
            Self::Int => Type::INT4,
            Self::Long => Type::INT8,
            Self::Bool => Type::BOOL,
            Self::Text => Type::TEXT,
            Self::Octets | Self::TextAsOctets => Type::BYTEA,
        }
    }

    pub(super) fn read_here(self, row: &Here<'_>, at: usize) -> rusqlite::Result<Value> {
        Ok(match self {
            Self::Short => Value::Short(row.get(at)?),
            Self::Int => Value::Int(row.get(at)?),
            Self::Long => Value::Long(row.get(at)?),
            Self::Bool => Value::Bool(row.get(at)?),
            Self::Text => Value::Text(row.get(at)?),
            Self::Octets => Value::Octets(row.get(at)?),
            Self::TextAsOctets => Value::Octets(row.get::<_, Option<String>>(at)?.map(String::into_bytes)),
        })
    }

    pub(super) fn read_there(self, row: &There, at: usize) -> Result<Value, tokio_postgres::Error> {
        Ok(match self {
            Self::Short => Value::Short(row.try_get(at)?),
            Self::Int => Value::Int(row.try_get(at)?),
            Self::Long => Value::Long(row.try_get(at)?),
            Self::Bool => Value::Bool(row.try_get(at)?),
            Self::Text => Value::Text(row.try_get(at)?),
            Self::Octets | Self::TextAsOctets => Value::Octets(row.try_get(at)?),
        })
    }
}

impl Value {
    pub(super) fn to_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Short(value) => value,
            Self::Int(value) => value,
            Self::Long(value) => value,
            Self::Bool(value) => value,
            Self::Text(value) => value,
            Self::Octets(value) => value,
        }
    }

    /// As SQLite reads it in a statement; `is_text` where the octets are a text there.
    pub(super) fn literal(&self, is_text: bool) -> String {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        match self {
            Self::Short(value) => value.unwrap_or_default().to_string(),
            Self::Int(value) => value.unwrap_or_default().to_string(),
            Self::Long(value) => value.unwrap_or_default().to_string(),
            Self::Bool(value) => i32::from(value.unwrap_or_default()).to_string(),
            Self::Text(value) => {
                format!("CAST(x'{}' AS TEXT)", hex(value.as_deref().unwrap_or_default().as_bytes()))
            }
            Self::Octets(value) if is_text => {
                format!("CAST(x'{}' AS TEXT)", hex(value.as_deref().unwrap_or_default()))
            }
            Self::Octets(value) => format!("x'{}'", hex(value.as_deref().unwrap_or_default())),
        }
    }

    fn hash(&self, hash: &mut Sha256) {
        let mut octets = |tag: u8, octets: Option<&[u8]>| {
            hash.update([tag, u8::from(octets.is_some())]);
            let octets = octets.unwrap_or_default();
            hash.update((octets.len() as u64).to_be_bytes());
            hash.update(octets);
        };
        match self {
            Self::Short(value) => {
                octets(0, value.map(|value| value.to_be_bytes()).as_ref().map(|v| v.as_slice()))
            }
            Self::Int(value) => {
                octets(1, value.map(|value| value.to_be_bytes()).as_ref().map(|v| v.as_slice()))
            }
            Self::Long(value) => {
                octets(2, value.map(|value| value.to_be_bytes()).as_ref().map(|v| v.as_slice()))
            }
            Self::Bool(value) => {
                octets(3, value.map(|value| [u8::from(value)]).as_ref().map(|v| v.as_slice()))
            }
            Self::Text(value) => octets(4, value.as_ref().map(String::as_bytes)),
            Self::Octets(value) => octets(5, value.as_deref()),
        }
    }
}

impl Sum {
    /// One row more.
    pub(super) fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        row.iter().for_each(|value| value.hash(&mut hash));
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        self.rows += 1;
        self.digest = self.digest.wrapping_add(u128::from_be_bytes(half));
    }
}
