//! The common form of the ten requests that add a signer (API 5.5.2–5.5.6, 5.6.2–5.6.6).

use crate::address::{DocId, FlowId};
use crate::api::contract::{AutoPositions, HandPositions};
use crate::api::contracts::{AutoSignDocs, HandSignDocs};
use crate::api::{
    OrganizationSigner, PersonAndOrganizationSigner, PersonSigner, PlatformSigner, Position,
    SignTask, SigningMethod, UserSigner,
};

/// A request to add a signer to a flow.
pub(super) struct SignTaskRequest {
    pub(super) flow: FlowId,
    pub(super) signer: SigningMethod,
    pub(super) third_order_no: Option<String>,
    pub(super) docs: Docs,
}

/// The documents to sign.
pub(super) enum Docs {
    /// The only document of the flow.
    Single {
        password: Option<String>,
        positions: Vec<Position>,
    },
    /// All documents, at positions that the signer chooses.
    All,
    /// The listed documents.
    Listed(Vec<SignDoc>),
}

/// A document to sign and the positions of the signature.
pub(super) struct SignDoc {
    pub(super) id: DocId,
    pub(super) password: Option<String>,
    pub(super) positions: Vec<Position>,
}

impl<S, D> From<SignTask<S, D>> for SignTaskRequest
where
    SigningMethod: From<S>,
    Docs: From<D>,
{
    fn from(request: SignTask<S, D>) -> Self {
        Self {
            flow: request.flow_id,
            signer: request.signer.into(),
            third_order_no: request.third_order_no,
            docs: request.docs.into(),
        }
    }
}

impl From<PlatformSigner> for SigningMethod {
    fn from(signer: PlatformSigner) -> Self {
        Self::Platform(signer)
    }
}

impl From<UserSigner> for SigningMethod {
    fn from(signer: UserSigner) -> Self {
        Self::User(signer)
    }
}

impl From<PersonSigner> for SigningMethod {
    fn from(signer: PersonSigner) -> Self {
        Self::Person(signer)
    }
}

impl From<OrganizationSigner> for SigningMethod {
    fn from(signer: OrganizationSigner) -> Self {
        Self::Organization(signer)
    }
}

impl From<PersonAndOrganizationSigner> for SigningMethod {
    fn from(signer: PersonAndOrganizationSigner) -> Self {
        Self::PersonAndOrganization(signer)
    }
}

impl From<AutoPositions> for Docs {
    fn from(docs: AutoPositions) -> Self {
        Self::Single {
            password: docs.doc_pwd,
            positions: docs.pos_list,
        }
    }
}

impl From<HandPositions> for Docs {
    fn from(docs: HandPositions) -> Self {
        Self::Single {
            password: None,
            positions: docs.pos_list.unwrap_or_default(),
        }
    }
}

impl From<AutoSignDocs> for Docs {
    fn from(docs: AutoSignDocs) -> Self {
        let docs = docs.sign_doc_list.into_iter().map(|doc| SignDoc {
            id: doc.doc_id,
            password: doc.doc_pwd,
            positions: doc.pos_list,
        });
        Self::Listed(docs.collect())
    }
}

impl From<HandSignDocs> for Docs {
    fn from(docs: HandSignDocs) -> Self {
        // Without a list the signer signs all documents (API 5.6.4).
        let Some(list) = docs.sign_doc_list.filter(|list| !list.is_empty()) else {
            return Self::All;
        };
        let docs = list.into_iter().map(|doc| SignDoc {
            id: doc.doc_id,
            password: None,
            positions: doc.pos_list.unwrap_or_default(),
        });
        Self::Listed(docs.collect())
    }
}
