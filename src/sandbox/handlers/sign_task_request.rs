//! The common form of the ten requests that add a signer (API 5.5.2–5.5.6, 5.6.2–5.6.6).

use crate::address::{AccountId, DocId, FlowId, SealId};
use crate::api::{Position, contract, contracts};

/// A request to add a signer to a flow.
pub(super) struct SignTaskRequest {
    pub(super) flow: FlowId,
    pub(super) signer: Signer,
    pub(super) third_order_no: Option<String>,
    pub(super) docs: Docs,
}

/// The signer to add, by kind.
pub(super) enum Signer {
    /// The platform, automatically.
    Platform { seal: Option<SealId> },
    /// An account with a grant of silent signing, automatically.
    User {
        account: AccountId,
        seal: Option<SealId>,
    },
    /// A person.
    Person {
        account: AccountId,
        seal_type: Option<String>,
    },
    /// A person for an organization.
    Organization {
        account: AccountId,
        organization: AccountId,
    },
    /// A person for themselves and for an organization.
    PersonAndOrganization {
        account: AccountId,
        organization: Option<AccountId>,
    },
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

impl From<contract::PlatformSignTask> for SignTaskRequest {
    fn from(request: contract::PlatformSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Platform {
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: Docs::Single {
                password: request.doc_pwd,
                positions: request.pos_list,
            },
        }
    }
}

impl From<contract::UserSignTask> for SignTaskRequest {
    fn from(request: contract::UserSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::User {
                account: request.account_id,
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: Docs::Single {
                password: request.doc_pwd,
                positions: request.pos_list,
            },
        }
    }
}

impl From<contract::HandPersonSignTask> for SignTaskRequest {
    fn from(request: contract::HandPersonSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Person {
                account: request.account_id,
                seal_type: request.seal_type,
            },
            third_order_no: request.third_order_no,
            docs: by_hand(request.pos_list),
        }
    }
}

impl From<contract::HandOrgSignTask> for SignTaskRequest {
    fn from(request: contract::HandOrgSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Organization {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: by_hand(request.pos_list),
        }
    }
}

impl From<contract::HandSignTask> for SignTaskRequest {
    fn from(request: contract::HandSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::PersonAndOrganization {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: by_hand(request.pos_list),
        }
    }
}

impl From<contracts::PlatformSignTask> for SignTaskRequest {
    fn from(request: contracts::PlatformSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Platform {
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: automatic(request.sign_doc_list),
        }
    }
}

impl From<contracts::UserSignTask> for SignTaskRequest {
    fn from(request: contracts::UserSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::User {
                account: request.account_id,
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: automatic(request.sign_doc_list),
        }
    }
}

impl From<contracts::HandPersonSignTask> for SignTaskRequest {
    fn from(request: contracts::HandPersonSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Person {
                account: request.account_id,
                seal_type: request.seal_type,
            },
            third_order_no: request.third_order_no,
            docs: listed_by_hand(request.sign_doc_list),
        }
    }
}

impl From<contracts::HandOrgSignTask> for SignTaskRequest {
    fn from(request: contracts::HandOrgSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Organization {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: listed_by_hand(request.sign_doc_list),
        }
    }
}

impl From<contracts::HandSignTask> for SignTaskRequest {
    fn from(request: contracts::HandSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::PersonAndOrganization {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: listed_by_hand(request.sign_doc_list),
        }
    }
}

fn by_hand(positions: Option<Vec<Position>>) -> Docs {
    Docs::Single {
        password: None,
        positions: positions.unwrap_or_default(),
    }
}

fn automatic(list: Vec<contracts::AutoSignDoc>) -> Docs {
    let docs = list.into_iter().map(|doc| SignDoc {
        id: doc.doc_id,
        password: doc.doc_pwd,
        positions: doc.pos_list,
    });
    Docs::Listed(docs.collect())
}

fn listed_by_hand(list: Option<Vec<contracts::HandSignDoc>>) -> Docs {
    // Without a list the signer signs all documents (API 5.6.4).
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Docs::All;
    };
    let docs = list.into_iter().map(|doc| SignDoc {
        id: doc.doc_id,
        password: None,
        positions: doc.pos_list.unwrap_or_default(),
    });
    Docs::Listed(docs.collect())
}
