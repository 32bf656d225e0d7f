//! The table of operations: each is declared once, and client, ledger and sandbox follow from it.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::account::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ExchangeId, GrantSilentSign,
    RevokeSilentSign, UpdateOrganization, UpdatePerson,
};
use super::document::{
    CreateByFileKey, CreateByTemplate, CreateTemplate, DocAnswer, DocUrlAnswer, DownloadUrl,
    TemplateAnswer,
};
use super::envelope::Nothing;
use super::error_code::ErrorCode;
use super::file::{UploadUrl, UploadUrlAnswer};
use super::seal::{
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal,
    QuerySeals, SealAnswer, SealEntry,
};
use super::sign::{
    Archive, AutoSignAnswer, Download, FlowAnswer, HandSignAnswer, Revoke, SignedDoc, UndoTask,
    ViewUrl, ViewUrlAnswer, contract, contracts,
};

/// What a second call would do, and so what may follow a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Changes nothing: send again.
    Read,
    /// Leaves the same state: send again.
    Set,
    /// Leaves at most an object that nobody sees: send again.
    Spare,
    /// Could create twice or ask a person twice: look with the given operation first.
    Look(Op),
}

/// A request that is an operation of the API.
pub trait Operation: Serialize + DeserializeOwned + Send + Sync {
    /// Its row in the table.
    const OP: Op;
    /// What a successful call answers.
    type Answer: Serialize + DeserializeOwned + Send + Sync;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $op:ident $path:literal $section:literal $repeat:expr, $handler:ident: $request:ty => $answer:ty;)*) => {
        /// An operation of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Op { $($(#[$doc])* $op,)* }

        impl Op {
            /// Every operation, in the document's order.
            pub const ALL: &'static [Op] = &[$(Op::$op,)*];

            /// The path below the endpoint, without a leading slash.
            pub const fn path(self) -> &'static str {
                match self { $(Op::$op => $path,)* }
            }

            /// The section of the API document.
            pub const fn section(self) -> &'static str {
                match self { $(Op::$op => $section,)* }
            }

            /// What a second call would do.
            pub const fn repeat(self) -> RetryClass {
                match self { $(Op::$op => $repeat,)* }
            }
        }

        $(impl Operation for $request {
            const OP: Op = Op::$op;
            type Answer = $answer;
        })*

        /// The serving side of the table: one method an operation, so that none can be left out.
        pub trait Serve {
            $($(#[$doc])* fn $handler(&mut self, request: $request) -> Result<$answer, Refusal>;)*
        }

        impl Op {
            /// What the client would send for a request of this operation: its own fields, in its own types.
            pub fn request(self, request: serde_json::Value) -> serde_json::Result<serde_json::Value> {
                match self { $(Op::$op => serde_json::to_value(serde_json::from_value::<$request>(request)?),)* }
            }

            /// What the client understands of an answer to this operation.
            pub fn answer(self, data: serde_json::Value) -> serde_json::Result<serde_json::Value> {
                match self { $(Op::$op => serde_json::to_value(serde_json::from_value::<$answer>(data)?),)* }
            }
        }

        /// Parses a body, serves it and gives the answer's `data`.
        pub fn dispatch(server: &mut impl Serve, op: Op, body: &[u8]) -> Result<serde_json::Value, Refusal> {
            match op {
                $(Op::$op => answer(server.$handler(parse::<$request>(body)?)?),)*
            }
        }
    };
}

operations! {
    /// Ask where to upload a file.
    UploadUrl "file/uploadurl" "5.1.1" RetryClass::Spare, upload_url: UploadUrl => UploadUrlAnswer;
    /// Create a person's account.
    CreatePerson "account/create/person" "5.2.1" RetryClass::Look(Op::ExchangeId), create_person: CreatePerson => AccountAnswer;
    /// Create an organization's account.
    CreateOrganization "account/create/organize/common" "5.2.2" RetryClass::Look(Op::ExchangeId), create_organization: CreateOrganization => AccountAnswer;
    /// Update a person's account.
    UpdatePerson "account/person/update" "5.2.3" RetryClass::Set, update_person: UpdatePerson => Nothing;
    /// Update an organization's account.
    UpdateOrganization "account/organize/update" "5.2.4" RetryClass::Set, update_organization: UpdateOrganization => Nothing;
    /// Let the platform sign for an account.
    GrantSilentSign "account/platform/silentsign" "5.2.5" RetryClass::Set, grant_silent_sign: GrantSilentSign => Nothing;
    /// Withdraw that.
    RevokeSilentSign "account/platform/revokeSilentsign" "5.2.6" RetryClass::Set, revoke_silent_sign: RevokeSilentSign => Nothing;
    /// Ask for the accountId of a thirdId.
    ExchangeId "account/idexchange" "5.2.7" RetryClass::Read, exchange_id: ExchangeId => AccountAnswer;
    /// Delete an account.
    DeleteAccount "account/delete" "5.2.8" RetryClass::Look(Op::ExchangeId), delete_account: DeleteAccount => Nothing;
    /// Make a template of an uploaded file.
    CreateTemplate "template/createbyfilekey" "5.3.1" RetryClass::Spare, create_template: CreateTemplate => TemplateAnswer;
    /// Make a document of an uploaded file.
    CreateByFileKey "doc/createbyfilekey" "5.4.1" RetryClass::Spare, create_by_file_key: CreateByFileKey => DocAnswer;
    /// Make a document of a template.
    CreateByTemplate "doc/createbytemplate" "5.4.2" RetryClass::Spare, create_by_template: CreateByTemplate => DocAnswer;
    /// Ask where a document can be downloaded.
    DownloadUrl "doc/downloadurl" "5.4.3" RetryClass::Read, download_url: DownloadUrl => DocUrlAnswer;
    /// Create a flow of one document.
    AddProcess "sign/contract/addProcess" "5.5.1" RetryClass::Spare, add_process: contract::AddProcess => FlowAnswer;
    /// Let the platform sign.
    PlatformSignTask "sign/contract/platformSignTask" "5.5.2" RetryClass::Look(Op::Detail), platform_sign_task: contract::PlatformSignTask => AutoSignAnswer;
    /// Sign for an account that granted it.
    UserSignTask "sign/contract/userSignTask" "5.5.3" RetryClass::Look(Op::Detail), user_sign_task: contract::UserSignTask => AutoSignAnswer;
    /// Ask a person to sign.
    HandPersonSignTask "sign/contract/handPersonSignTask" "5.5.4" RetryClass::Look(Op::Detail), hand_person_sign_task: contract::HandPersonSignTask => HandSignAnswer;
    /// Ask a person to sign for an organization.
    HandOrgSignTask "sign/contract/handOrgSignTask" "5.5.5" RetryClass::Look(Op::Detail), hand_org_sign_task: contract::HandOrgSignTask => HandSignAnswer;
    /// Ask a person to sign for himself and an organization.
    HandSignTask "sign/contract/handSignTask" "5.5.6" RetryClass::Look(Op::Detail), hand_sign_task: contract::HandSignTask => HandSignAnswer;
    /// Ask how far a flow is.
    Detail "sign/contract/detail" "5.5.7" RetryClass::Read, detail: contract::Detail => contract::DetailAnswer;
    /// Create a flow of one or more documents.
    ContractsAddProcess "sign/contracts/addProcess" "5.6.1" RetryClass::Spare, contracts_add_process: contracts::AddProcess => FlowAnswer;
    /// Let the platform sign, in a flow of several documents.
    ContractsPlatformSignTask "sign/contracts/platformSignTask" "5.6.2" RetryClass::Look(Op::ContractsDetail), contracts_platform_sign_task: contracts::PlatformSignTask => AutoSignAnswer;
    /// Sign for an account that granted it, in a flow of several documents.
    ContractsUserSignTask "sign/contracts/userSignTask" "5.6.3" RetryClass::Look(Op::ContractsDetail), contracts_user_sign_task: contracts::UserSignTask => AutoSignAnswer;
    /// Ask a person to sign several documents.
    ContractsHandPersonSignTask "sign/contracts/handPersonSignTask" "5.6.4" RetryClass::Look(Op::ContractsDetail), contracts_hand_person_sign_task: contracts::HandPersonSignTask => HandSignAnswer;
    /// Ask a person to sign several documents for an organization.
    ContractsHandOrgSignTask "sign/contracts/handOrgSignTask" "5.6.5" RetryClass::Look(Op::ContractsDetail), contracts_hand_org_sign_task: contracts::HandOrgSignTask => HandSignAnswer;
    /// Ask a person to sign several documents for himself and an organization.
    ContractsHandSignTask "sign/contracts/handSignTask" "5.6.6" RetryClass::Look(Op::ContractsDetail), contracts_hand_sign_task: contracts::HandSignTask => HandSignAnswer;
    /// Ask how far a flow of several documents is.
    ContractsDetail "sign/contracts/detail" "5.6.7" RetryClass::Read, contracts_detail: contracts::Detail => contracts::DetailAnswer;
    /// Ask where the signed documents can be downloaded.
    Download "sign/download" "5.7.1" RetryClass::Read, download: Download => Vec<SignedDoc>;
    /// Ask where an account can look at a flow.
    ViewUrl "flow/get/viewurl" "5.7.2" RetryClass::Read, view_url: ViewUrl => ViewUrlAnswer;
    /// Take back one signer's task.
    UndoTask "sign/contract/undoTask" "5.7.3" RetryClass::Look(Op::Detail), undo_task: UndoTask => Nothing;
    /// End a flow before all have signed.
    Revoke "sign/revoke" "5.7.4" RetryClass::Look(Op::Detail), revoke: Revoke => Nothing;
    /// End a flow that all have signed.
    Archive "sign/contract/archiveProcess" "5.7.5" RetryClass::Look(Op::Detail), archive: Archive => Nothing;
    /// List an account's seals.
    QuerySeals "seal/query" "5.8.1" RetryClass::Read, query_seals: QuerySeals => Vec<SealEntry>;
    /// Draw a person's seal.
    CreatePersonSeal "seal/create/person" "5.8.2" RetryClass::Look(Op::QuerySeals), create_person_seal: CreatePersonSeal => SealAnswer;
    /// Draw an organization's seal.
    CreateOrganizationSeal "seal/create/organize" "5.8.3" RetryClass::Look(Op::QuerySeals), create_organization_seal: CreateOrganizationSeal => SealAnswer;
    /// Make a person's seal of an uploaded image.
    CreatePersonImageSeal "seal/create/image/person" "5.8.4" RetryClass::Look(Op::QuerySeals), create_person_image_seal: CreatePersonImageSeal => SealAnswer;
    /// Make an organization's seal of an uploaded image.
    CreateOrganizationImageSeal "seal/create/image/organize" "5.8.5" RetryClass::Look(Op::QuerySeals), create_organization_image_seal: CreateOrganizationImageSeal => SealAnswer;
}

impl Op {
    /// The operation at a path below the endpoint.
    pub fn at(path: &str) -> Option<Op> {
        Self::ALL.iter().copied().find(|op| op.path() == path)
    }

    /// Whether the call changes nothing.
    pub fn reads(self) -> bool {
        self.repeat() == RetryClass::Read
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A server's business error: its code, and what is wrong in the code's own words or better ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code of section 6.
    pub code: ErrorCode,
    /// The text that goes with it.
    pub message: String,
}

impl Refusal {
    /// A refusal that says more than its code does.
    pub fn new(code: ErrorCode, what: impl fmt::Display) -> Self {
        Self {
            code,
            message: format!("{}: {what}", code.message()),
        }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.message().to_owned(),
        }
    }
}

/// What is kept of an answer: all but addresses that expire.
pub fn receipt(answer: &impl Serialize) -> serde_json::Value {
    let mut kept = serde_json::to_value(answer).unwrap_or_default();
    if let Some(fields) = kept.as_object_mut() {
        fields.retain(|name, _| {
            !matches!(
                name.as_str(),
                "docUrl" | "uploadUrl" | "sealUrl" | "viewUrl"
            )
        });
    }
    kept
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let wrong = |what: &dyn fmt::Display| Refusal::new(ErrorCode::PARAMETER, what);
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| wrong(&error))?;
    // The document has two names for one thing (5.2.2), and some callers send both.
    if fields.get("creatorId") == fields.get("agentAccountId") {
        fields.remove("agentAccountId");
    }
    serde_json::from_value(fields.into()).map_err(|error| wrong(&error))
}

fn answer<T: Serialize>(answer: T) -> Result<serde_json::Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| Refusal::new(ErrorCode::PARAMETER, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_its_path() {
        for op in Op::ALL {
            assert_eq!(Op::at(op.path()), Some(*op));
        }
        assert_eq!(Op::at("account/unknown"), None);
    }

    #[test]
    fn what_looks_is_looked_up_by_a_read() {
        for op in Op::ALL {
            if let RetryClass::Look(look) = op.repeat() {
                assert!(look.reads(), "{op} is looked up by {look}");
            }
        }
    }
}
