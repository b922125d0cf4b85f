//! Going through what is sealed, and putting it back under another key.

use super::command::Failure;
use super::entries::number;
use super::session::Session;
use crate::seal::key_of;
use crate::{Resealed, Sealed, SealedPage, SealedPlace};
use rusqlite::{Connection, params};
use textgate_sms::{GatewayId, MessageId};

/// Most rows looked at for one page: some milliseconds of a reader's time.
const LOOK: usize = 5_000;

/// What is sealed under another key than this, after a place; of one kind, and at most `limit`.
pub(super) fn page(
    connection: &Connection,
    not_under: u16,
    after: SealedPlace,
    limit: usize,
) -> rusqlite::Result<SealedPage> {
    // Each answers id, owner and octets.
    let (sql, id) = match after {
        SealedPlace::Settings(GatewayId(id)) => {
            ("SELECT id, id, settings FROM gateway WHERE id > ?1 ORDER BY id LIMIT ?2", i64::from(id))
        }
        SealedPlace::Totp(id) => {
            ("SELECT id, id, totp FROM user WHERE id > ?1 ORDER BY id LIMIT ?2", i64::from(id))
        }
        SealedPlace::Webhook(id) => {
            ("SELECT id, id, secret FROM webhook WHERE id > ?1 ORDER BY id LIMIT ?2", i64::from(id))
        }
        SealedPlace::FormerWebhook(id) => {
            ("SELECT id, id, former_secret FROM webhook WHERE id > ?1 ORDER BY id LIMIT ?2", i64::from(id))
        }
        SealedPlace::Inbound(id) => {
            ("SELECT id, gateway, sealed FROM inbound WHERE id > ?1 ORDER BY id LIMIT ?2", id as i64)
        }
        SealedPlace::Alert(id) => {
            ("SELECT id, id, sealed FROM alert WHERE id > ?1 ORDER BY id LIMIT ?2", id.as_u64() as i64)
        }
        SealedPlace::Text(id) => {
            ("SELECT id, id, text FROM message WHERE id > ?1 ORDER BY id LIMIT ?2", id.as_u64() as i64)
        }
    };
    let mut page = SealedPage { found: Vec::new(), looked_at: 0, next: None };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![id, LOOK as i64])?;
    while let Some(row) = rows.next()? {
        let place = place(after, row.get(0)?);
        page.looked_at += 1;
        if let Some(octets) = row.get_ref(2)?.as_blob_or_null()?
            && key_of(octets) != Some(not_under)
        {
            let owner = row.get::<_, i64>(1)? as u64;
            page.found.push(Sealed { place, owner, octets: octets.to_vec() });
        }
        if page.looked_at == LOOK || page.found.len() >= limit.max(1) {
            page.next = Some(place);
            return Ok(page);
        }
    }
    page.next = after.next_kind();
    Ok(page)
}

/// The place of this id, of the same kind as another.
fn place(kind: SealedPlace, id: i64) -> SealedPlace {
    match kind {
        SealedPlace::Settings(_) => SealedPlace::Settings(GatewayId(id as u32)),
        SealedPlace::Totp(_) => SealedPlace::Totp(id as u32),
        SealedPlace::Webhook(_) => SealedPlace::Webhook(id as u32),
        SealedPlace::FormerWebhook(_) => SealedPlace::FormerWebhook(id as u32),
        SealedPlace::Inbound(_) => SealedPlace::Inbound(id as u64),
        SealedPlace::Alert(_) => SealedPlace::Alert(MessageId::from_u64(id as u64)),
        SealedPlace::Text(_) => SealedPlace::Text(MessageId::from_u64(id as u64)),
    }
}

/// Puts these where what was found still is. Answers how many.
pub(super) fn reseal(session: &mut Session<'_>, resealed: &[Resealed]) -> Result<usize, Failure> {
    let connection = session.connection;
    let (mut put, mut is_directory_changed) = (0, false);
    for Resealed { place, before, after } in resealed {
        // As long as before, a row is overwritten in place.
        let (sql, id) = match *place {
            SealedPlace::Settings(GatewayId(id)) => {
                ("UPDATE gateway SET settings = ?3 WHERE id = ?1 AND settings = ?2", i64::from(id))
            }
            SealedPlace::Totp(id) => ("UPDATE user SET totp = ?3 WHERE id = ?1 AND totp = ?2", i64::from(id)),
            SealedPlace::Webhook(id) => {
                ("UPDATE webhook SET secret = ?3 WHERE id = ?1 AND secret = ?2", i64::from(id))
            }
            SealedPlace::FormerWebhook(id) => {
                ("UPDATE webhook SET former_secret = ?3 WHERE id = ?1 AND former_secret = ?2", i64::from(id))
            }
            SealedPlace::Inbound(id) => {
                ("UPDATE inbound SET sealed = ?3 WHERE id = ?1 AND sealed = ?2", id as i64)
            }
            SealedPlace::Alert(id) => {
                ("UPDATE alert SET sealed = ?3 WHERE id = ?1 AND sealed = ?2", id.as_u64() as i64)
            }
            SealedPlace::Text(id) => {
                ("UPDATE message SET text = ?3 WHERE id = ?1 AND text = ?2", id.as_u64() as i64)
            }
        };
        let rows = connection.prepare_cached(sql)?.execute(params![id, before, after])?;
        put += rows;
        is_directory_changed |= rows > 0 && place.is_in_directory();
    }
    if is_directory_changed {
        let version = number(connection, "version")? + 1;
        connection.prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'version'")?.execute([version])?;
    }
    Ok(put)
}
