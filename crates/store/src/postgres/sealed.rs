//! Going through what is sealed, and putting it back under another key.

use super::audit;
use super::change::raise_version;
use super::command::Failure;
use super::connect::Conn;
use crate::seal::key_of;
use crate::{Resealed, Sealed, SealedPage, SealedPlace};
use textgate_sms::{GatewayId, MessageId};
use tokio_postgres::Error;

/// Most rows looked at for one page: some milliseconds of a reader's time.
const LOOK: usize = 5_000;
/// Fewest that are asked for at once.
const LEAST: usize = 500;

/// One kind of place: where it is in the database.
struct Table {
    name: &'static str,
    /// What it is bound to.
    owner: &'static str,
    octets: &'static str,
}

fn table(place: SealedPlace) -> Table {
    match place {
        SealedPlace::Settings(_) => Table { name: "gateway", owner: "id", octets: "settings" },
        SealedPlace::Totp(_) => Table { name: "person", owner: "id", octets: "totp" },
        SealedPlace::Webhook(_) => Table { name: "webhook", owner: "id", octets: "secret" },
        SealedPlace::FormerWebhook(_) => Table { name: "webhook", owner: "id", octets: "former_secret" },
        SealedPlace::Inbound(_) => Table { name: "inbound", owner: "gateway", octets: "sealed" },
        SealedPlace::Alert(_) => Table { name: "alert", owner: "id", octets: "sealed" },
        SealedPlace::Text(_) => Table { name: "message", owner: "id", octets: "text" },
    }
}

/// What is sealed under another key than this, after a place; of one kind, and at most `limit`.
pub(super) async fn page(
    conn: &Conn,
    not_under: u16,
    after: SealedPlace,
    limit: usize,
) -> Result<SealedPage, Error> {
    let Table { name, owner, octets } = table(after);
    let sql = format!("SELECT id, {owner}, {octets} FROM {name} WHERE id > $1 ORDER BY id LIMIT $2");
    let limit = limit.max(1);
    let mut page = SealedPage { found: Vec::new(), looked_at: 0, next: None };
    let mut last = id(after);
    loop {
        let look = limit.max(LEAST).min(LOOK - page.looked_at);
        let rows = conn.rows(&sql, &[&last, &(look as i64)]).await?;
        for row in &rows {
            last = row.try_get(0)?;
            let place = at(after, last);
            page.looked_at += 1;
            if let Some(octets) = row.try_get::<_, Option<&[u8]>>(2)?
                && key_of(octets) != Some(not_under)
            {
                let owner = row.try_get::<_, i64>(1)? as u64;
                page.found.push(Sealed { place, owner, octets: octets.to_vec() });
            }
            if page.looked_at == LOOK || page.found.len() >= limit {
                page.next = Some(place);
                return Ok(page);
            }
        }
        if rows.len() < look {
            break;
        }
    }
    page.next = after.next_kind();
    Ok(page)
}

fn id(place: SealedPlace) -> i64 {
    match place {
        SealedPlace::Settings(GatewayId(id))
        | SealedPlace::Totp(id)
        | SealedPlace::Webhook(id)
        | SealedPlace::FormerWebhook(id) => i64::from(id),
        SealedPlace::Inbound(id) => id as i64,
        SealedPlace::Alert(id) | SealedPlace::Text(id) => id.as_u64() as i64,
    }
}

/// The place of this id, of the same kind as another.
fn at(kind: SealedPlace, id: i64) -> SealedPlace {
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
pub(super) async fn reseal(conn: &Conn, resealed: &[Resealed]) -> Result<usize, Failure> {
    if resealed.iter().any(|one| one.place.is_in_directory()) {
        // Whoever changes the directory at the same time counts its version too.
        audit::take_turn(conn).await?;
    }
    let kinds: [fn(SealedPlace) -> bool; 7] = [
        |place| matches!(place, SealedPlace::Settings(_)),
        |place| matches!(place, SealedPlace::Totp(_)),
        |place| matches!(place, SealedPlace::Webhook(_)),
        |place| matches!(place, SealedPlace::FormerWebhook(_)),
        |place| matches!(place, SealedPlace::Inbound(_)),
        |place| matches!(place, SealedPlace::Alert(_)),
        |place| matches!(place, SealedPlace::Text(_)),
    ];
    let (mut put, mut is_directory_changed) = (0, false);
    for is_kind in kinds {
        let all: Vec<&Resealed> = resealed.iter().filter(|one| is_kind(one.place)).collect();
        let Some(first) = all.first() else { continue };
        let Table { name, octets, .. } = table(first.place);
        let ids: Vec<i64> = all.iter().map(|one| id(one.place)).collect();
        let before: Vec<&[u8]> = all.iter().map(|one| one.before.as_slice()).collect();
        let after: Vec<&[u8]> = all.iter().map(|one| one.after.as_slice()).collect();
        // Held in the order in which everybody holds them.
        let hold = format!("SELECT id FROM {name} WHERE id = ANY($1::int8[]) ORDER BY id FOR UPDATE");
        conn.rows(&hold, &[&ids]).await?;
        let sql = format!(
            "UPDATE {name} AS t SET {octets} = u.after
             FROM unnest($1::int8[], $2::bytea[], $3::bytea[]) AS u (id, before, after)
             WHERE t.id = u.id AND t.id = ANY($1::int8[]) AND t.{octets} = u.before"
        );
        let rows = conn.run(&sql, &[&ids, &before, &after]).await? as usize;
        put += rows;
        is_directory_changed |= rows > 0 && first.place.is_in_directory();
    }
    if is_directory_changed {
        raise_version(conn).await?;
    }
    Ok(put)
}
