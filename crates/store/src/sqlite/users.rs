//! Users in SQLite, and where a virtual server stands in the tree.

use super::command::Failure;
use super::entries::number;
use crate::changes::{difference, ends_sessions};
use crate::{Difference, External, Invitation, NewUser, StoreError, UserRecord, UserRole};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::VsId;

const COLUMNS: &str =
    "id, vs, name, role, password, totp, recovery, invitation, invitation_expires_ms, issuer, subject,
                       generation, created_ms";

fn read(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    let damaged = |column, what: &str| {
        let reason = format!("the {what} of a user is none that this version knows");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, reason.into())
    };
    let recovery: Vec<u8> = row.get(6)?;
    let invitation = match (row.get::<_, Option<[u8; 32]>>(7)?, row.get::<_, Option<i64>>(8)?) {
        (Some(hash), Some(expires_ms)) => Some(Invitation { hash, expires_ms }),
        _ => None,
    };
    let external = match (row.get::<_, Option<String>>(9)?, row.get::<_, Option<String>>(10)?) {
        (Some(issuer), Some(subject)) => Some(External { issuer, subject }),
        _ => None,
    };
    Ok(UserRecord {
        id: row.get(0)?,
        vs: VsId(row.get(1)?),
        name: row.get(2)?,
        role: UserRole::from_code(row.get(3)?).ok_or_else(|| damaged(3, "role"))?,
        password: row.get(4)?,
        sealed_totp: row.get(5)?,
        recovery: recovery.as_chunks::<32>().0.to_vec(),
        invitation,
        external,
        generation: row.get(11)?,
        created_ms: row.get(12)?,
    })
}

/// All users, by number.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<UserRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM user ORDER BY id");
    connection.prepare_cached(&sql)?.query_map([], read)?.collect()
}

/// One user.
pub(super) fn one(connection: &Connection, id: u32) -> rusqlite::Result<Option<UserRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM user WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([id], read).optional()
}

/// The numbers of a virtual server and those above it, the root first: `1.2.7`. One that is not there stands below the root.
pub(super) fn ancestry(connection: &Connection, vs: VsId) -> rusqlite::Result<String> {
    let mut statement = connection.prepare_cached("SELECT parent FROM virtual_server WHERE id = ?1")?;
    let (mut numbers, mut at) = (vec![vs.0.to_string()], vs.0);
    while let Some(parent) =
        statement.query_row([at], |row| row.get::<_, Option<u32>>(0)).optional()?.flatten()
    {
        numbers.push(parent.to_string());
        at = parent;
    }
    if at != VsId::ROOT.0 {
        numbers.push(VsId::ROOT.to_string());
    }
    numbers.reverse();
    Ok(numbers.join("."))
}

fn conflict<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message.into())))
}

/// Adds or replaces a user. Answers the action and what changed.
pub(super) fn put(
    connection: &Connection,
    at_ms: i64,
    user: &NewUser,
) -> Result<(String, Difference), Failure> {
    let before = one(connection, user.id)?;
    let next = number(connection, "next_user")?;
    if before.is_none() && i64::from(user.id) < next {
        return conflict(format!("the number {} was given to another user: try again", user.id));
    }
    let is_taken = connection
        .prepare_cached("SELECT 1 FROM user WHERE name = ?1 COLLATE NOCASE AND id <> ?2")?
        .exists(params![user.name, user.id])?;
    if is_taken {
        return conflict(format!("the name \"{}\" is taken: choose another", user.name));
    }
    let ends_sessions = before.as_ref().is_some_and(|before| ends_sessions(before, user));
    let generation = before.as_ref().map_or(0, |before| before.generation + u32::from(ends_sessions));
    if ends_sessions {
        connection.prepare_cached("DELETE FROM session WHERE user = ?1")?.execute([user.id])?;
    }
    let (invitation, expires_ms) = user.invitation.map(|it| (it.hash, it.expires_ms)).unzip();
    let (issuer, subject) = user.external.as_ref().map(|it| (&it.issuer, &it.subject)).unzip();
    connection
        .prepare_cached(&format!(
            "INSERT INTO user ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (id) DO UPDATE SET vs = ?2, name = ?3, role = ?4, password = ?5, totp = ?6, recovery = ?7,
             invitation = ?8, invitation_expires_ms = ?9, issuer = ?10, subject = ?11, generation = ?12"
        ))?
        .execute(params![
            user.id,
            user.vs.0,
            user.name,
            user.role.code(),
            user.password,
            user.sealed_totp,
            user.recovery.concat(),
            invitation,
            expires_ms,
            issuer,
            subject,
            generation,
            at_ms,
        ])?;
    if i64::from(user.id) >= next {
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'next_user'")?
            .execute([i64::from(user.id) + 1])?;
    }
    let verb = if before.is_some() { "changed" } else { "added" };
    Ok((format!("{verb} user \"{}\"", user.name), difference(before.as_ref(), Some(user))))
}

/// Removes a user with its sessions. Answers the action and what went.
pub(super) fn remove(connection: &Connection, user: &UserRecord) -> Result<(String, Difference), Failure> {
    connection.prepare_cached("DELETE FROM session WHERE user = ?1")?.execute([user.id])?;
    connection.prepare_cached("DELETE FROM user WHERE id = ?1")?.execute([user.id])?;
    Ok((format!("removed user \"{}\"", user.name), difference(Some(user), None)))
}
