//! The contract of one row: documents, process and signers with rendered values.

use std::collections::BTreeMap;

use super::account::Account;
use super::document::Document;
use super::local_file::LocalFile;
use crate::api::Position;
use crate::api::operation::Op;
use crate::expr::Fingerprint;

/// The desired state of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The key, which is unique in the flow and the same in every run.
    pub key: String,
    /// The accounts that the row declares, by their names in the flow.
    pub accounts: BTreeMap<String, Account>,
    /// The documents to sign, at least one.
    pub documents: Vec<Document>,
    /// The options of the signing process.
    pub process: Process,
    /// The signers, in signing order.
    pub signers: Vec<Signer>,
    /// Whether the flow is archived after all signers have signed (5.7.5).
    pub archive: bool,
    /// The path for the signed documents, relative to the project's folder.
    pub download: Option<String>,
    /// The fingerprint of all fields above, without values that change with every run.
    pub fingerprint: Fingerprint,
    /// The fingerprint without the accounts. Only set when rendered for sending.
    pub content: Option<Fingerprint>,
    /// The fingerprint of the cells of the row; `None` without a row.
    pub cells: Option<Fingerprint>,
}

/// The options of a signing process (5.5.1). Accounts are names in the flow or the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// The subject that signers see.
    pub business_scene: String,
    /// The account that initiates the flow. Default: the platform.
    pub initiator: Option<String>,
    /// The account that pays. Default: the platform.
    pub payer: Option<String>,
    /// The signing deadline, in milliseconds since 1970.
    pub sign_validity: Option<i64>,
    /// The platforms that signers may use: API codes separated by commas.
    pub sign_platform: Option<String>,
    /// The notification channels: API codes separated by commas.
    pub notice_type: Option<String>,
    /// The URL for callbacks.
    pub notice_url: Option<String>,
    /// The URL that the signer's browser opens after signing.
    pub redirect_url: Option<String>,
    /// Whether the signing time is shown beside each signature.
    pub add_sign_time: Option<bool>,
    /// Files that are attached and not signed.
    pub attachments: Vec<Attachment>,
}

/// A file that is attached to a flow and not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file to upload.
    pub file: LocalFile,
    /// The attachment's name at the API.
    pub name: String,
}

/// A signer and the positions of its seals.
#[derive(Debug, Clone, PartialEq)]
pub struct Signer {
    /// The signer's name in the flow.
    pub name: String,
    /// The signing method and its accounts.
    pub kind: SignerKind,
    /// The documents to sign with their seal positions. Empty: the signer signs all documents and
    /// chooses the positions.
    pub placements: Vec<SealPlacement>,
    /// The signers that must have signed before this one is added.
    pub after: Vec<String>,
}

/// The positions of a signer's seals in one document.
#[derive(Debug, Clone, PartialEq)]
pub struct SealPlacement {
    /// The index of the document in the item.
    pub document: usize,
    /// The password of an encrypted document, for automatic signers.
    pub doc_pwd: Option<String>,
    /// The seal positions. Empty: the signer chooses.
    pub positions: Vec<Position>,
}

/// The signing methods (5.5.2–5.5.6). Accounts are names in the flow or the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerKind {
    /// The platform signs automatically.
    Platform {
        /// The seal's name in the manifests.
        seal: Option<String>,
    },
    /// The platform signs automatically for an account that granted silent signing.
    User {
        /// The account's name.
        account: String,
        /// The seal's name in the manifests.
        seal: Option<String>,
        /// Whether the account owner is notified after signing.
        notice_sign_message: Option<bool>,
    },
    /// A person signs.
    Person {
        /// The name of the person's account.
        account: String,
        /// The kinds of seal that the signer may use: API codes separated by commas.
        seal_type: Option<String>,
    },
    /// A person signs for an organization.
    Organization {
        /// The name of the person's account.
        account: String,
        /// The name of the organization's account.
        organization: String,
    },
    /// A person signs in person and for an organization in one task.
    PersonAndOrganization {
        /// The name of the person's account.
        account: String,
        /// The name of the organization's account.
        organization: Option<String>,
    },
}

impl SignerKind {
    /// Returns the account that signs and the organization that it signs for. The platform has no
    /// account name.
    pub fn accounts(&self) -> (Option<&String>, Option<&String>) {
        match self {
            Self::Platform { .. } => (None, None),
            Self::User { account, .. } | Self::Person { account, .. } => (Some(account), None),
            Self::Organization {
                account,
                organization,
            } => (Some(account), Some(organization)),
            Self::PersonAndOrganization {
                account,
                organization,
            } => (Some(account), organization.as_ref()),
        }
    }

    /// Returns the name of the seal of an automatic signer.
    pub fn seal(&self) -> Option<&String> {
        match self {
            Self::Platform { seal } | Self::User { seal, .. } => seal.as_ref(),
            _ => None,
        }
    }

    /// Returns the operation that adds the signer to a flow with one document or with several.
    pub fn operation(&self, several: bool) -> Op {
        let (one, of_several) = match self {
            Self::Platform { .. } => (Op::PlatformSignTask, Op::ContractsPlatformSignTask),
            Self::User { .. } => (Op::UserSignTask, Op::ContractsUserSignTask),
            Self::Person { .. } => (Op::HandPersonSignTask, Op::ContractsHandPersonSignTask),
            Self::Organization { .. } => (Op::HandOrgSignTask, Op::ContractsHandOrgSignTask),
            Self::PersonAndOrganization { .. } => (Op::HandSignTask, Op::ContractsHandSignTask),
        };
        if several { of_several } else { one }
    }

    /// Reports whether the signer is automatic: the document is signed when the call returns.
    pub fn signs_at_once(&self) -> bool {
        matches!(self, Self::Platform { .. } | Self::User { .. })
    }
}
