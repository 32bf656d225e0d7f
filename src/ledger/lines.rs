//! The lines of an exported ledger, and how each is inserted into a ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::database::{Batch, Connection, Result, params};
use super::file::write_salt;
use super::record::{Deferral, EntityId, ResourceKind};
use super::recorded::ItemStatus;
use super::recorded_field::RecordedFields;
use super::version::{
    self, ACKNOWLEDGED, EXISTING_ACCOUNTS, LAST_WRITER, LedgerVersion, SUPERSEDED,
};
use super::{Binding, LedgerError, writes};
use crate::api::operation::Op;
use crate::expr::{Fingerprint, Salt};
use crate::util::confine;

/// The version of the export format.
pub(super) const FORMAT: u32 = 6;

/// The format since which the status waiting exists.
pub(super) const FORMAT_WITH_WAITING: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Line {
    Ledger(Header),
    Run(Run),
    // Exports of earlier versions name it so.
    #[serde(alias = "thing")]
    Resource(Resource),
    Item(Box<Item>),
    End {
        lines: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) treaty: String,
    pub(super) endpoint: String,
    pub(super) app: String,
    pub(super) salt: String,
    /// Missing before format 4, like the next four: the imported ledger then has another id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<LedgerVersion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) writers: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) supersedes: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) existing_accounts: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) acknowledged: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Run {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) begun: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) id: EntityId,
    pub(super) kind: ResourceKind,
    pub(super) identity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remote_id: Option<String>,
    pub(super) fields: RecordedFields,
    pub(super) granted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Item {
    pub(super) id: EntityId,
    pub(super) flow: String,
    pub(super) key: String,
    pub(super) fingerprint: String,
    pub(super) status: Status,
    pub(super) sent: bool,
    pub(super) attempts: u32,
    pub(super) run: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    /// In milliseconds since 1970, like the other two timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved_at: Option<i64>,
    #[serde(rename = "lookedAt", default, skip_serializing_if = "Option::is_none")]
    pub(super) polled_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cells: Option<String>,
    /// Missing before format 5.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) earlier: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) refused: Vec<Refused>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Step>,
}

/// A refused step.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refused {
    pub(super) step: String,
    pub(super) operation: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(remote = "ItemStatus", rename_all = "snake_case")]
pub(super) enum StatusWord {
    Open,
    #[serde(alias = "done")]
    Signed,
    Failed,
    InDoubt,
    #[serde(alias = "finished")]
    Archived,
    Rejected,
    Expired,
    Revoked,
    Waiting,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Status(#[serde(with = "StatusWord")] pub(super) ItemStatus);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) legal: bool,
    pub(super) begun: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deferral: Option<Deferral>,
    /// A receipt may be null, which differs from no receipt.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub(super) receipt: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sign_status: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sign_time: Option<String>,
}

// The signature that `serde` requires.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Run {
    /// Returns an error if the name cannot be that of the run's report folder.
    pub(super) fn check(&self) -> Result<(), String> {
        if confine::is_name(&self.name) {
            return Ok(());
        }
        Err(format!(
            "the run name {} is not a folder name",
            self.name.escape_debug()
        ))
    }
}

impl Item {
    /// Returns an error if a signed document would be written outside of the project.
    pub(super) fn check(&self) -> Result<(), String> {
        let deferrals = self.steps.iter().filter_map(|step| step.deferral.as_ref());
        let downloads = deferrals.filter(|deferral| deferral.operation == Op::Download.path());
        for download in downloads {
            let files = download.request["files"].as_object();
            let paths = files.into_iter().flat_map(|files| files.values());
            for path in paths.filter_map(Value::as_str) {
                if !confine::is_below(path) {
                    return Err(format!(
                        "the path {} of a signed document leaves the project's folder",
                        path.escape_debug()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Header {
    /// Returns the key of the fingerprints, or the reason why the header is invalid.
    ///
    /// # Errors
    ///
    /// An error if the export has a newer format, or belongs to another endpoint or app.
    pub(super) fn salt(
        &self,
        binding: &Binding,
        file: &str,
    ) -> Result<Result<Salt, String>, LedgerError> {
        if self.format > FORMAT {
            return Err(LedgerError::Newer(file.to_owned()));
        }
        let mut salt = [0; 32];
        if hex::decode_to_slice(&self.salt, &mut salt).is_err() {
            return Ok(Err("the salt has the wrong length".to_owned()));
        }
        let salt = Salt(salt);
        let bound = |what: String| LedgerError::Bound {
            path: file.to_owned(),
            what,
        };
        if self.endpoint != binding.endpoint {
            return Err(bound(format!("the endpoint {}", self.endpoint)));
        }
        if self.app != salt.of(binding.app_id()).to_string() {
            return Err(bound("another app id".to_owned()));
        }
        Ok(Ok(salt))
    }

    /// Replaces the values of an empty ledger.
    pub(super) fn insert(&self, transaction: &Connection, salt: &Salt) -> Result<()> {
        write_salt(transaction, salt)?;
        version::set(transaction, "app", &self.app)?;
        if let Some(version) = &self.version {
            version::set(transaction, "id", &version.id)?;
            version::set(transaction, "serial", version.serial)?;
            if let Some(writer) = &version.writer {
                version::set(transaction, LAST_WRITER, writer)?;
            }
        }
        version::insert_writers(transaction, &self.writers)?;
        if !self.supersedes.is_empty() {
            version::set(transaction, SUPERSEDED, &version::to_json(&self.supersedes))?;
        }
        for (name, value) in [
            (EXISTING_ACCOUNTS, self.existing_accounts),
            (ACKNOWLEDGED, self.acknowledged),
        ] {
            if let Some(value) = value {
                version::set(transaction, name, value)?;
            }
        }
        Ok(())
    }
}

impl Run {
    pub(super) fn insert(&self, batch: &mut Batch<'_>) -> Result<()> {
        batch.run(
            "INSERT INTO run (id, name, begun, ended, exit) VALUES (?, ?, ?, ?, ?)",
            params![
                self.id,
                &self.name,
                &self.begun,
                self.ended.as_ref(),
                self.exit
            ],
        )
    }
}

impl Resource {
    pub(super) fn insert(&self, batch: &mut Batch<'_>) -> Result<()> {
        batch.run(
            "INSERT INTO thing (id, kind, identity, remote_id, fields, granted, deadline)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                self.id,
                self.kind.number(),
                &self.identity,
                self.remote_id.as_ref(),
                &serde_json::to_string(&self.fields).unwrap_or_default(),
                self.granted,
                self.deadline,
            ],
        )?;
        self.steps
            .iter()
            .try_for_each(|step| step.insert(batch, self.id))
    }
}

impl Item {
    pub(super) fn insert(&self, batch: &mut Batch<'_>, fingerprint: Fingerprint) -> Result<()> {
        writes::create_flow(batch, &self.flow)?;
        let parsed = |text: &Option<String>| text.as_deref().and_then(Fingerprint::parse);
        let (content, cells) = (parsed(&self.content), parsed(&self.cells));
        batch.run(
            "INSERT INTO item (id, flow, key, fingerprint, status, sent, attempts, run, code, message, hint,
               content, sent_at, moved_at, looked_at, cells, earlier)
             VALUES (?, (SELECT id FROM flow WHERE name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                self.id,
                &self.flow,
                &self.key,
                &fingerprint.0,
                self.status.0.number(),
                self.sent,
                self.attempts,
                self.run,
                self.code,
                self.message.as_ref(),
                self.hint.as_ref(),
                content.as_ref().map(|content| &content.0),
                self.sent_at,
                self.moved_at,
                self.polled_at,
                cells.as_ref().map(|cells| &cells.0),
                self.earlier,
            ],
        )?;
        for Refused { step, operation } in &self.refused {
            let sql = "INSERT INTO refused (subject, step, operation) VALUES (?, ?, ?)";
            batch.run(sql, params![self.id, step, operation])?;
        }
        self.steps
            .iter()
            .try_for_each(|step| step.insert(batch, self.id))
    }
}

impl Step {
    fn insert(&self, batch: &mut Batch<'_>, subject: EntityId) -> Result<()> {
        let deferral = self.deferral.as_ref().map(Deferral::to_column);
        let receipt = self.receipt.as_ref().map(ToString::to_string);
        batch.run(
            "INSERT INTO step (subject, name, operation, legal, begun, deferral, receipt, sign_status, sign_time)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                subject,
                &self.name,
                &self.operation,
                self.legal,
                self.begun,
                deferral.as_ref(),
                receipt.as_ref(),
                self.sign_status,
                self.sign_time.as_ref(),
            ],
        )
    }
}
