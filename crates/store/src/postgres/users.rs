//! Users in PostgreSQL, and where a virtual server stands in the tree.

use super::command::Failure;
use super::connect::Conn;
use super::entries::{number, small};
use crate::changes::{difference, ends_sessions};
use crate::{Difference, External, Invitation, NewUser, StoreError, UserRecord, UserRole};
use textgate_sms::VsId;
use tokio_postgres::{Error, Row};

macro_rules! columns {
    () => {
        "id, vs, name, role, password, totp, recovery, invitation, invitation_expires_ms, issuer, subject, generation, created_ms"
    };
}

/// All users, by number.
pub(super) const ALL: &str = concat!("SELECT ", columns!(), " FROM person ORDER BY id");
/// ASCII letters in one case, as in the index.
const FOLDED: &str = "translate($1, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')";

/// The user of a row; `None` where its role is none that this version knows, which is logged: such a user cannot sign in.
pub(super) fn read(row: &Row) -> Result<Option<UserRecord>, Error> {
    let id = small(row, 0)?;
    let Some(role) = UserRole::from_code(row.try_get::<_, i16>(3)? as u8) else {
        tracing::error!(
            user = id,
            "the role of a user is none that this version knows; the user is left out"
        );
        return Ok(None);
    };
    let invitation = match (row.try_get::<_, Option<&[u8]>>(7)?, row.try_get::<_, Option<i64>>(8)?) {
        (Some(hash), Some(expires_ms)) => hash.try_into().ok().map(|hash| Invitation { hash, expires_ms }),
        _ => None,
    };
    let external = match (row.try_get::<_, Option<String>>(9)?, row.try_get::<_, Option<String>>(10)?) {
        (Some(issuer), Some(subject)) => Some(External { issuer, subject }),
        _ => None,
    };
    Ok(Some(UserRecord {
        id,
        vs: VsId(small(row, 1)?),
        name: row.try_get(2)?,
        role,
        password: row.try_get(4)?,
        sealed_totp: row.try_get(5)?,
        recovery: row.try_get::<_, &[u8]>(6)?.as_chunks::<32>().0.to_vec(),
        invitation,
        external,
        generation: small(row, 11)?,
        created_ms: row.try_get(12)?,
    }))
}

/// One user.
pub(super) async fn one(conn: &Conn, id: u32) -> Result<Option<UserRecord>, Error> {
    let row =
        conn.row(concat!("SELECT ", columns!(), " FROM person WHERE id = $1"), &[&i64::from(id)]).await?;
    row.as_ref().map(read).transpose().map(Option::flatten)
}

/// The numbers of a virtual server and those above it, the root first: `1.2.7`. One that is not there stands below the root.
pub(super) async fn ancestry(conn: &Conn, vs: VsId) -> Result<String, Error> {
    let rows = conn
        .rows(
            "WITH RECURSIVE above (id, parent, depth) AS (
               SELECT id, parent, 0 FROM virtual_server WHERE id = $1
               UNION ALL SELECT v.id, v.parent, depth + 1 FROM virtual_server AS v JOIN above ON v.id = above.parent
             ) SELECT id FROM above ORDER BY depth DESC",
            &[&i64::from(vs.0)],
        )
        .await?;
    let mut numbers = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    if numbers.is_empty() {
        numbers.push(i64::from(vs.0));
    }
    let root = i64::from(VsId::ROOT.0);
    if numbers.first() != Some(&root) {
        numbers.insert(0, root);
    }
    Ok(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join("."))
}

fn conflict<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Refused(StoreError::Conflict(message.into())))
}

/// Adds or replaces a user. Answers the action and what changed.
pub(super) async fn put(conn: &Conn, at_ms: i64, user: &NewUser) -> Result<(String, Difference), Failure> {
    let before = one(conn, user.id).await?;
    let next = number(conn, "next_user").await?;
    let id = i64::from(user.id);
    if before.is_none() && id < next {
        return conflict(format!("the number {} was given to another user: try again", user.id));
    }
    let taken = format!(
        "SELECT 1 FROM person WHERE translate(name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') = {FOLDED}
         AND id <> $2"
    );
    if conn.row(&taken, &[&user.name, &id]).await?.is_some() {
        return conflict(format!("the name \"{}\" is taken: choose another", user.name));
    }
    let ends = before.as_ref().is_some_and(|before| ends_sessions(before, user));
    let generation = before.as_ref().map_or(0, |before| before.generation + u32::from(ends));
    if ends {
        conn.run("DELETE FROM session WHERE person = $1", &[&id]).await?;
    }
    let (invitation, expires_ms) = user.invitation.map(|it| (it.hash.to_vec(), it.expires_ms)).unzip();
    let (issuer, subject) = user.external.as_ref().map(|it| (&it.issuer, &it.subject)).unzip();
    let sql = concat!(
        "INSERT INTO person (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO UPDATE SET vs = $2, name = $3, role = $4, password = $5, totp = $6, recovery = $7,
         invitation = $8, invitation_expires_ms = $9, issuer = $10, subject = $11, generation = $12"
    );
    conn.run(
        sql,
        &[
            &id,
            &i64::from(user.vs.0),
            &user.name,
            &i16::from(user.role.code()),
            &user.password,
            &user.sealed_totp,
            &user.recovery.concat(),
            &invitation,
            &expires_ms,
            &issuer,
            &subject,
            &i64::from(generation),
            &at_ms,
        ],
    )
    .await?;
    if id >= next {
        conn.run("UPDATE meta SET value = $1 WHERE name = 'next_user'", &[&(id + 1)]).await?;
    }
    let verb = if before.is_some() { "changed" } else { "added" };
    Ok((format!("{verb} user \"{}\"", user.name), difference(before.as_ref(), Some(user))))
}

/// Removes a user with its sessions. Answers the action and what went.
pub(super) async fn remove(conn: &Conn, user: &UserRecord) -> Result<(String, Difference), Failure> {
    let id = i64::from(user.id);
    conn.run("DELETE FROM session WHERE person = $1", &[&id]).await?;
    conn.run("DELETE FROM person WHERE id = $1", &[&id]).await?;
    Ok((format!("removed user \"{}\"", user.name), difference(Some(user), None)))
}
