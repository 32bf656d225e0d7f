//! Questions about the age of a ledger.

use super::database::{Connection, Result, params};
use super::version::{self, ACKNOWLEDGED, EXISTING_ACCOUNTS, Evidence, LedgerVersion, missing};
use super::{LedgerError, ResourceKind, Store, marker, opening};

impl Store {
    /// Returns whether its file exists. Without a file, a reader has an empty ledger in memory.
    pub fn exists(&self) -> Result<bool, LedgerError> {
        opening::exists(self.location())
    }

    /// Returns the ledger's id, serial and last writer.
    pub fn version(&self) -> Result<LedgerVersion, LedgerError> {
        self.reading(version::read)
    }

    /// Compares the ledger with its marker and other evidence.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Older`], [`LedgerError::Replaced`] or [`LedgerError::Diverged`] if it does not
    /// know everything that was sent; [`LedgerError::Missing`] if the file is missing or empty.
    pub fn check_version(&self, evidence: &[Evidence]) -> Result<(), LedgerError> {
        // Read before the ledger: a run may be in progress.
        let evidence = marker::all_evidence(self.location(), evidence)?;
        if !opening::exists(self.location())? {
            return missing(self.location(), &evidence).map_or(Ok(()), Err);
        }
        self.reading(|connection| version::check(self.location(), connection, &evidence))?
    }

    /// Returns whether another ledger may have sent contracts before this one: the ledger was
    /// accepted in place of another, or found accounts when it was new.
    pub fn may_have_predecessor(&self) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            let found = version::number(connection, EXISTING_ACCOUNTS)?;
            Ok(found.is_some() || !version::superseded(connection)?.is_empty())
        })
    }

    /// Returns whether an operator has confirmed, or confirms with this run, that the ledger may
    /// send although accounts exist already.
    pub fn is_confirmed(&self) -> Result<bool, LedgerError> {
        Ok(self.is_confirmed_now() || self.was_confirmed()?)
    }

    /// Returns whether an operator has confirmed it with an earlier run.
    pub fn was_confirmed(&self) -> Result<bool, LedgerError> {
        let confirmed = self.reading(|connection| version::number(connection, ACKNOWLEDGED))?;
        Ok(confirmed.is_some())
    }

    /// Returns whether the ledger is too young for accounts that exist at the service and that it
    /// does not record: it has found such accounts before and nobody has confirmed it, or it records
    /// fewer sent items than there are now. Accounts whose creation is pending are left out: a killed
    /// run has created them.
    pub fn is_younger_than(&self, accounts: u64) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            let found = version::number(connection, EXISTING_ACCOUNTS)?.unwrap_or(0);
            if found > 0 && version::number(connection, ACKNOWLEDGED)?.is_none() {
                return Ok(true);
            }
            if accounts == 0 {
                return Ok(false);
            }
            let sql = "SELECT count(*) FROM thing WHERE kind = ? AND remote_id IS NULL";
            let kind = ResourceKind::Account.number();
            let pending: i64 = connection.query_one(sql, params![kind], |row| row.get(0))?;
            let accounts = i64::try_from(accounts).unwrap_or(i64::MAX) - pending;
            Ok(sent(connection, accounts)? < accounts)
        })
    }

    /// Returns the number of sent items, at most `limit`.
    pub fn sent_items(&self, limit: u64) -> Result<u64, LedgerError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(self
            .reading(|connection| sent(connection, limit))?
            .unsigned_abs())
    }

    /// Returns the number of accounts that the ledger has found when it was new; none if it has found
    /// none.
    pub fn accounts_found(&self) -> Result<Option<u64>, LedgerError> {
        let found = self.reading(|connection| version::number(connection, EXISTING_ACCOUNTS))?;
        Ok(found.map(i64::unsigned_abs))
    }
}

/// The limit keeps a large ledger from being counted completely.
fn sent(connection: &Connection, limit: i64) -> Result<i64> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM item WHERE sent = 1 LIMIT ?) AS few";
    connection.query_one(sql, params![limit.max(0)], |row| row.get(0))
}
