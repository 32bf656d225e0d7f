//! The ten calls that add a signer (sections 5.5.2–5.5.6 and 5.6.2–5.6.6) → one [`Ask`].

use crate::address::{AccountId, DocId, FlowId, SealId};
use crate::api::{Position, contract, contracts};

/// A signer that is to be added.
pub(super) struct Ask {
    pub(super) flow: FlowId,
    pub(super) signer: Signer,
    pub(super) third_order_no: Option<String>,
    pub(super) docs: Docs,
}

/// The five kinds of signers.
pub(super) enum Signer {
    Platform {
        seal: Option<SealId>,
    },
    User {
        account: AccountId,
        seal: Option<SealId>,
    },
    Person {
        account: AccountId,
        seal_type: Option<String>,
    },
    Organization {
        account: AccountId,
        organization: AccountId,
    },
    Both {
        account: AccountId,
        organization: Option<AccountId>,
    },
}

/// What is signed.
pub(super) enum Docs {
    /// The one document of the flow.
    TheOne {
        password: Option<String>,
        positions: Vec<Position>,
    },
    /// All documents, wherever the person likes.
    All,
    /// These.
    These(Vec<Doc>),
}

/// A document that is signed, and where.
pub(super) struct Doc {
    pub(super) id: DocId,
    pub(super) password: Option<String>,
    pub(super) positions: Vec<Position>,
}

impl From<contract::PlatformSignTask> for Ask {
    fn from(request: contract::PlatformSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Platform {
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: Docs::TheOne {
                password: request.doc_pwd,
                positions: request.pos_list,
            },
        }
    }
}

impl From<contract::UserSignTask> for Ask {
    fn from(request: contract::UserSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::User {
                account: request.account_id,
                seal: request.seal_id,
            },
            third_order_no: request.third_order_no,
            docs: Docs::TheOne {
                password: request.doc_pwd,
                positions: request.pos_list,
            },
        }
    }
}

impl From<contract::HandPersonSignTask> for Ask {
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

impl From<contract::HandOrgSignTask> for Ask {
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

impl From<contract::HandSignTask> for Ask {
    fn from(request: contract::HandSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Both {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: by_hand(request.pos_list),
        }
    }
}

impl From<contracts::PlatformSignTask> for Ask {
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

impl From<contracts::UserSignTask> for Ask {
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

impl From<contracts::HandPersonSignTask> for Ask {
    fn from(request: contracts::HandPersonSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Person {
                account: request.account_id,
                seal_type: request.seal_type,
            },
            third_order_no: request.third_order_no,
            docs: several_by_hand(request.sign_doc_list),
        }
    }
}

impl From<contracts::HandOrgSignTask> for Ask {
    fn from(request: contracts::HandOrgSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Organization {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: several_by_hand(request.sign_doc_list),
        }
    }
}

impl From<contracts::HandSignTask> for Ask {
    fn from(request: contracts::HandSignTask) -> Self {
        Self {
            flow: request.flow_id,
            signer: Signer::Both {
                account: request.account_id,
                organization: request.authorization_org_id,
            },
            third_order_no: request.third_order_no,
            docs: several_by_hand(request.sign_doc_list),
        }
    }
}

fn by_hand(positions: Option<Vec<Position>>) -> Docs {
    Docs::TheOne {
        password: None,
        positions: positions.unwrap_or_default(),
    }
}

fn automatic(list: Vec<contracts::AutoSignDoc>) -> Docs {
    let docs = list.into_iter().map(|doc| Doc {
        id: doc.doc_id,
        password: doc.doc_pwd,
        positions: doc.pos_list,
    });
    Docs::These(docs.collect())
}

fn several_by_hand(list: Option<Vec<contracts::HandSignDoc>>) -> Docs {
    // Absent or empty, the person signs all documents (5.6.4).
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Docs::All;
    };
    let docs = list.into_iter().map(|doc| Doc {
        id: doc.doc_id,
        password: None,
        positions: doc.pos_list.unwrap_or_default(),
    });
    Docs::These(docs.collect())
}
