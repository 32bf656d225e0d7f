//! Questions about the age of a ledger.

use super::version::{self, ACKNOWLEDGED, EXISTING_ACCOUNTS, Evidence, LedgerVersion, missing};
use super::{LedgerError, ResourceKind, Sqlite, file, marker};

impl Sqlite {
    /// Returns the ledger's id and serial.
    pub fn version(&self) -> Result<LedgerVersion, LedgerError> {
        self.reading(version::read)
    }

    /// Compares the ledger with its marker and other evidence.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Older`] or [`LedgerError::Replaced`] if it does not know everything that was
    /// sent; [`LedgerError::Missing`] if the file is missing.
    pub fn check_version(&self, evidence: &[Evidence]) -> Result<(), LedgerError> {
        // Read before the ledger: a run may be in progress.
        let evidence = marker::all_evidence(self.path(), evidence)?;
        if !file::exists(self.path())? {
            return missing(self.path(), &evidence).map_or(Ok(()), Err);
        }
        let superseded = self.reading(version::superseded)?;
        version::check(self.path(), &self.version()?, &superseded, &evidence)
    }

    /// Returns whether another ledger may have sent contracts before this one: the ledger was
    /// accepted in place of another, or found accounts when it was new.
    pub fn may_have_predecessor(&self) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            let found = version::number(connection, EXISTING_ACCOUNTS)?;
            Ok(found.is_some() || !version::superseded(connection)?.is_empty())
        })
    }

    /// Returns whether the ledger is too young for accounts that exist at the service and that it
    /// does not record: it records fewer sent items than there are such accounts, and no operator
    /// has confirmed that it is new. Accounts whose creation is pending are left out: a killed run
    /// has created them.
    pub fn is_younger_than(&self, accounts: u64) -> Result<bool, LedgerError> {
        self.reading(|connection| {
            if accounts == 0 || version::number(connection, ACKNOWLEDGED)?.is_some() {
                return Ok(false);
            }
            // The limit keeps a large ledger from being counted completely.
            let accounts = i64::try_from(accounts).unwrap_or(i64::MAX);
            let sql = "SELECT count(*) FROM (SELECT 1 FROM item WHERE sent = 1 LIMIT ?)";
            let sent: i64 = connection.query_row(sql, [accounts], |row| row.get(0))?;
            if sent >= accounts {
                return Ok(false);
            }
            // Accounts that a killed run was creating are its own.
            let sql = "SELECT count(*) FROM thing WHERE kind = ? AND remote_id IS NULL";
            let kind = ResourceKind::Account.number();
            let pending: i64 = connection.query_row(sql, [kind], |row| row.get(0))?;
            Ok(sent < accounts - pending)
        })
    }
}
