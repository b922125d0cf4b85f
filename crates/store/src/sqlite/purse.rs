//! Credits inside one transaction: read once per payer, written once, however many messages share the commit.

use super::session::Statements;
use rusqlite::{OptionalExtension, params};
use textgate_sms::VsId;

struct Account {
    vs: VsId,
    allocated: i64,
    used: i64,
    is_changed: bool,
}

/// The accounts that this transaction has touched. Empty between transactions, so it cannot disagree with the disk.
#[derive(Default)]
pub(super) struct Purse {
    accounts: Vec<Account>,
}

impl Purse {
    /// Charges every payer `segments` credits. All of them or none: else who has too few, and what it has left.
    pub(super) fn charge(
        &mut self,
        statements: &mut Statements<'_>,
        payers: &[VsId],
        segments: u8,
    ) -> rusqlite::Result<Result<(), (VsId, u64)>> {
        for (done, payer) in payers.iter().enumerate() {
            let remaining = match self.account(statements, *payer)? {
                Some(account) if account.allocated - account.used >= i64::from(segments) => {
                    account.used += i64::from(segments);
                    account.is_changed = true;
                    continue;
                }
                Some(account) => (account.allocated - account.used).max(0) as u64,
                None => 0,
            };
            self.refund(statements, payers.get(..done).unwrap_or_default(), segments)?;
            return Ok(Err((*payer, remaining)));
        }
        Ok(Ok(()))
    }

    /// Gives every payer `segments` credits back. One whose virtual server is gone gets nothing.
    pub(super) fn refund(
        &mut self,
        statements: &mut Statements<'_>,
        payers: &[VsId],
        segments: u8,
    ) -> rusqlite::Result<()> {
        for payer in payers {
            if let Some(account) = self.account(statements, *payer)? {
                account.used = (account.used - i64::from(segments)).max(0);
                account.is_changed = true;
            }
        }
        Ok(())
    }

    /// Writes what changed, and forgets all.
    pub(super) fn write(&mut self, statements: &mut Statements<'_>) -> rusqlite::Result<()> {
        for account in self.accounts.drain(..).filter(|account| account.is_changed) {
            statements.spend.execute(params![account.vs.0, account.used])?;
        }
        Ok(())
    }

    /// Forgets all, unwritten.
    pub(super) fn clear(&mut self) {
        self.accounts.clear();
    }

    fn account(
        &mut self,
        statements: &mut Statements<'_>,
        vs: VsId,
    ) -> rusqlite::Result<Option<&mut Account>> {
        let at = match self.accounts.iter().position(|account| account.vs == vs) {
            Some(at) => at,
            None => {
                let row = statements.credits.query_row([vs.0], |row| Ok((row.get(0)?, row.get(1)?)));
                let Some((allocated, used)) = row.optional()? else { return Ok(None) };
                self.accounts.push(Account { vs, allocated, used, is_changed: false });
                self.accounts.len() - 1
            }
        };
        Ok(self.accounts.get_mut(at))
    }
}
