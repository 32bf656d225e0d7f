//! The table of operations. Each operation is declared once; client, ledger and sandbox use this
//! declaration.

use std::fmt;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
use super::shape::Shape;
use super::sign::{
    Archive, AutoSignAnswer, Download, FlowAnswer, HandSignAnswer, Revoke, SignedDoc, UndoTask,
    ViewUrl, ViewUrlAnswer, contract, contracts,
};

/// The effect of a repeated call. It decides what happens after a lost response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Changes nothing: the request is sent again.
    Read,
    /// Sets a state (idempotent): the request is sent again.
    Set,
    /// Leaves at most an unused object: the request is sent again.
    Spare,
    /// Could create an object twice or ask a person twice: the client returns the failure, and the
    /// step journal probes with the given read operation before it sends the request again.
    Probe(Op),
}

/// The request of an API operation.
pub trait Operation: Serialize + DeserializeOwned + JsonSchema + Send + Sync {
    /// The operation in the table.
    const OP: Op;
    /// The `data` of a successful response.
    type Answer: Serialize + DeserializeOwned + Send + Sync;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $op:ident $path:literal $section:literal $repeat:expr, $handler:ident: $request:ty => $answer:ty;)*) => {
        /// An operation of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Op { $($(#[$doc])* $op,)* }

        impl Op {
            /// All operations, in the order of the API document.
            pub const ALL: &'static [Op] = &[$(Op::$op,)*];

            /// Returns the path below the endpoint, without a leading slash.
            pub const fn path(self) -> &'static str {
                match self { $(Op::$op => $path,)* }
            }

            /// Returns the section of the API document.
            pub const fn section(self) -> &'static str {
                match self { $(Op::$op => $section,)* }
            }

            /// Returns the retry class.
            pub const fn retry_class(self) -> RetryClass {
                match self { $(Op::$op => $repeat,)* }
            }
        }

        $(impl Operation for $request {
            const OP: Op = Op::$op;
            type Answer = $answer;
        })*

        /// The server side of the table: one method per operation.
        pub trait Serve {
            $($(#[$doc])* fn $handler(&mut self, request: $request) -> Result<$answer, Refusal>;)*
        }

        impl Op {
            /// Parses a request of this operation and serializes it again, as the client sends it.
            ///
            /// Fails if a field is missing or has another type; drops unknown fields.
            pub fn request(self, request: serde_json::Value) -> serde_json::Result<serde_json::Value> {
                match self { $(Op::$op => serde_json::to_value(serde_json::from_value::<$request>(request)?),)* }
            }

            /// Parses the `data` of a response to this operation and serializes it again.
            ///
            /// Fails if a field is missing or has another type; drops unknown fields.
            pub fn answer(self, data: serde_json::Value) -> serde_json::Result<serde_json::Value> {
                match self { $(Op::$op => serde_json::to_value(serde_json::from_value::<$answer>(data)?),)* }
            }
        }

        impl Op {
            /// Returns the JSON that the requests of this operation accept.
            pub fn request_shape(self) -> &'static Shape {
                match self { $(Op::$op => {
                    static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<$request>);
                    &SHAPE
                })* }
            }
        }

        /// Parses a request, calls the handler and returns the `data` of the response.
        pub fn dispatch(server: &mut impl Serve, op: Op, request: serde_json::Value) -> Result<serde_json::Value, Refusal> {
            match op {
                $(Op::$op => answer(server.$handler(parse::<$request>(request)?)?),)*
            }
        }
    };
}

operations! {
    /// Get an upload URL for a file.
    UploadUrl "file/uploadurl" "5.1.1" RetryClass::Spare, upload_url: UploadUrl => UploadUrlAnswer;
    /// Create a person's account.
    CreatePerson "account/create/person" "5.2.1" RetryClass::Probe(Op::ExchangeId), create_person: CreatePerson => AccountAnswer;
    /// Create an organization's account.
    CreateOrganization "account/create/organize/common" "5.2.2" RetryClass::Probe(Op::ExchangeId), create_organization: CreateOrganization => AccountAnswer;
    /// Update a person's account.
    UpdatePerson "account/person/update" "5.2.3" RetryClass::Set, update_person: UpdatePerson => Nothing;
    /// Update an organization's account.
    UpdateOrganization "account/organize/update" "5.2.4" RetryClass::Set, update_organization: UpdateOrganization => Nothing;
    /// Permit the platform to sign for an account without asking (silent signing).
    GrantSilentSign "account/platform/silentsign" "5.2.5" RetryClass::Set, grant_silent_sign: GrantSilentSign => Nothing;
    /// Withdraw the permission to sign for an account.
    RevokeSilentSign "account/platform/revokeSilentsign" "5.2.6" RetryClass::Set, revoke_silent_sign: RevokeSilentSign => Nothing;
    /// Look up the accountId of a thirdId.
    ExchangeId "account/idexchange" "5.2.7" RetryClass::Read, exchange_id: ExchangeId => AccountAnswer;
    /// Delete an account.
    DeleteAccount "account/delete" "5.2.8" RetryClass::Probe(Op::ExchangeId), delete_account: DeleteAccount => Nothing;
    /// Create a template from an uploaded file.
    CreateTemplate "template/createbyfilekey" "5.3.1" RetryClass::Spare, create_template: CreateTemplate => TemplateAnswer;
    /// Create a document from an uploaded file.
    CreateByFileKey "doc/createbyfilekey" "5.4.1" RetryClass::Spare, create_by_file_key: CreateByFileKey => DocAnswer;
    /// Create a document from a template.
    CreateByTemplate "doc/createbytemplate" "5.4.2" RetryClass::Spare, create_by_template: CreateByTemplate => DocAnswer;
    /// Get the download URL of a document.
    DownloadUrl "doc/downloadurl" "5.4.3" RetryClass::Read, download_url: DownloadUrl => DocUrlAnswer;
    /// Create a flow with one document.
    AddProcess "sign/contract/addProcess" "5.5.1" RetryClass::Spare, add_process: contract::AddProcess => FlowAnswer;
    /// Let the platform sign.
    PlatformSignTask "sign/contract/platformSignTask" "5.5.2" RetryClass::Probe(Op::Detail), platform_sign_task: contract::PlatformSignTask => AutoSignAnswer;
    /// Sign for an account that granted silent signing.
    UserSignTask "sign/contract/userSignTask" "5.5.3" RetryClass::Probe(Op::Detail), user_sign_task: contract::UserSignTask => AutoSignAnswer;
    /// Ask a person to sign.
    HandPersonSignTask "sign/contract/handPersonSignTask" "5.5.4" RetryClass::Probe(Op::Detail), hand_person_sign_task: contract::HandPersonSignTask => HandSignAnswer;
    /// Ask a person to sign for an organization.
    HandOrgSignTask "sign/contract/handOrgSignTask" "5.5.5" RetryClass::Probe(Op::Detail), hand_org_sign_task: contract::HandOrgSignTask => HandSignAnswer;
    /// Ask a person to sign for themselves and for an organization.
    HandSignTask "sign/contract/handSignTask" "5.5.6" RetryClass::Probe(Op::Detail), hand_sign_task: contract::HandSignTask => HandSignAnswer;
    /// Get the state of a flow and its signers.
    Detail "sign/contract/detail" "5.5.7" RetryClass::Read, detail: contract::Detail => contract::DetailAnswer;
    /// Create a flow with one or more documents.
    ContractsAddProcess "sign/contracts/addProcess" "5.6.1" RetryClass::Spare, contracts_add_process: contracts::AddProcess => FlowAnswer;
    /// Let the platform sign, in a flow with several documents.
    ContractsPlatformSignTask "sign/contracts/platformSignTask" "5.6.2" RetryClass::Probe(Op::ContractsDetail), contracts_platform_sign_task: contracts::PlatformSignTask => AutoSignAnswer;
    /// Sign for an account that granted silent signing, in a flow with several documents.
    ContractsUserSignTask "sign/contracts/userSignTask" "5.6.3" RetryClass::Probe(Op::ContractsDetail), contracts_user_sign_task: contracts::UserSignTask => AutoSignAnswer;
    /// Ask a person to sign several documents.
    ContractsHandPersonSignTask "sign/contracts/handPersonSignTask" "5.6.4" RetryClass::Probe(Op::ContractsDetail), contracts_hand_person_sign_task: contracts::HandPersonSignTask => HandSignAnswer;
    /// Ask a person to sign several documents for an organization.
    ContractsHandOrgSignTask "sign/contracts/handOrgSignTask" "5.6.5" RetryClass::Probe(Op::ContractsDetail), contracts_hand_org_sign_task: contracts::HandOrgSignTask => HandSignAnswer;
    /// Ask a person to sign several documents for themselves and for an organization.
    ContractsHandSignTask "sign/contracts/handSignTask" "5.6.6" RetryClass::Probe(Op::ContractsDetail), contracts_hand_sign_task: contracts::HandSignTask => HandSignAnswer;
    /// Get the state of a flow with several documents.
    ContractsDetail "sign/contracts/detail" "5.6.7" RetryClass::Read, contracts_detail: contracts::Detail => contracts::DetailAnswer;
    /// Get the download URLs of the signed documents.
    Download "sign/download" "5.7.1" RetryClass::Read, download: Download => Vec<SignedDoc>;
    /// Get the URL at which an account can view a flow.
    ViewUrl "flow/get/viewurl" "5.7.2" RetryClass::Read, view_url: ViewUrl => ViewUrlAnswer;
    /// Withdraw the task of one signer.
    UndoTask "sign/contract/undoTask" "5.7.3" RetryClass::Probe(Op::Detail), undo_task: UndoTask => Nothing;
    /// Revoke a flow before all signers have signed.
    Revoke "sign/revoke" "5.7.4" RetryClass::Probe(Op::Detail), revoke: Revoke => Nothing;
    /// Archive a flow that all signers have signed.
    Archive "sign/contract/archiveProcess" "5.7.5" RetryClass::Probe(Op::Detail), archive: Archive => Nothing;
    /// List the seals of an account.
    QuerySeals "seal/query" "5.8.1" RetryClass::Read, query_seals: QuerySeals => Vec<SealEntry>;
    /// Create a seal for a person from a shape.
    CreatePersonSeal "seal/create/person" "5.8.2" RetryClass::Probe(Op::QuerySeals), create_person_seal: CreatePersonSeal => SealAnswer;
    /// Create a seal for an organization from a shape.
    CreateOrganizationSeal "seal/create/organize" "5.8.3" RetryClass::Probe(Op::QuerySeals), create_organization_seal: CreateOrganizationSeal => SealAnswer;
    /// Create a seal for a person from an uploaded image.
    CreatePersonImageSeal "seal/create/image/person" "5.8.4" RetryClass::Probe(Op::QuerySeals), create_person_image_seal: CreatePersonImageSeal => SealAnswer;
    /// Create a seal for an organization from an uploaded image.
    CreateOrganizationImageSeal "seal/create/image/organize" "5.8.5" RetryClass::Probe(Op::QuerySeals), create_organization_image_seal: CreateOrganizationImageSeal => SealAnswer;
}

impl Op {
    /// Returns the operation with this path below the endpoint.
    pub fn at(path: &str) -> Option<Op> {
        Self::ALL.iter().copied().find(|op| op.path() == path)
    }

    /// Whether the call changes nothing.
    pub fn is_read_only(self) -> bool {
        self.retry_class() == RetryClass::Read
    }

    /// Whether the same call may succeed a moment later although it failed with this code.
    ///
    /// This is so for calls that name an uploaded file: the file store may not have it yet.
    pub fn is_transient(self, code: ErrorCode) -> bool {
        match code {
            ErrorCode::FILE_STORE_QUERY | ErrorCode::FILE_STORE_URL => {
                matches!(self, Self::CreateTemplate | Self::CreateByFileKey)
            }
            ErrorCode::NO_FILE => matches!(
                self,
                Self::CreateTemplate
                    | Self::CreateByFileKey
                    | Self::CreatePersonImageSeal
                    | Self::CreateOrganizationImageSeal
                    | Self::AddProcess
                    | Self::ContractsAddProcess
            ),
            _ => false,
        }
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.path())
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        Self::at(&path).ok_or_else(|| D::Error::custom("not an operation"))
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A business error of the server: a code and a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code of section 6.
    pub code: ErrorCode,
    /// The message.
    pub message: String,
}

impl Refusal {
    /// Creates a refusal whose message is that of the code, followed by a detail.
    pub fn new(code: ErrorCode, detail: impl fmt::Display) -> Self {
        Self {
            code,
            message: format!("{}: {detail}", code.message()),
        }
    }

    /// Adds the place of the refused value in the request, such as `posList[0]`, to the message.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        let general = self.code.message();
        let detail = self.message.strip_prefix(general).unwrap_or(&self.message);
        let detail = detail.trim_start_matches(": ");
        Self {
            message: match detail {
                "" => format!("{general}: {place}"),
                detail => format!("{general}: {place}: {detail}"),
            },
            ..self
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

/// Returns an answer as the ledger stores it: without URLs, which expire.
pub fn receipt(answer: &impl Serialize) -> serde_json::Value {
    let mut receipt = serde_json::to_value(answer).unwrap_or_default();
    if let Some(fields) = receipt.as_object_mut() {
        fields.retain(|name, _| {
            !matches!(
                name.as_str(),
                "docUrl" | "uploadUrl" | "sealUrl" | "viewUrl"
            )
        });
    }
    receipt
}

fn parse<T: DeserializeOwned>(request: serde_json::Value) -> Result<T, Refusal> {
    serde_json::from_value(request).map_err(|error| Refusal::new(ErrorCode::PARAMETER, error))
}

fn answer<T: Serialize>(answer: T) -> Result<serde_json::Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| Refusal::new(ErrorCode::PARAMETER, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_operations_by_path() {
        for op in Op::ALL {
            assert_eq!(Op::at(op.path()), Some(*op));
        }
        assert_eq!(Op::at("account/unknown"), None);
    }

    #[test]
    fn probes_only_with_read_operations() {
        for op in Op::ALL {
            if let RetryClass::Probe(probe) = op.retry_class() {
                assert!(probe.is_read_only(), "{op} is probed with {probe}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_transient_for_operations_that_name_an_upload() {
        for op in [
            Op::CreateTemplate,
            Op::CreateByFileKey,
            Op::CreatePersonImageSeal,
            Op::CreateOrganizationImageSeal,
            Op::AddProcess,
            Op::ContractsAddProcess,
        ] {
            assert!(op.is_transient(ErrorCode::NO_FILE), "{op}");
        }
        assert!(!Op::CreateByTemplate.is_transient(ErrorCode::NO_FILE));
    }
}
