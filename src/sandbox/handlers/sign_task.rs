//! Adds signers to flows (API 5.5.2–5.5.6, 5.6.2–5.6.6).

use super::flow::open_flow;
use super::process::require_codes;
use super::session::Session;
use super::sign_task_request::{Docs, SignDoc, SignTaskRequest};
use crate::address::{AccountId, FlowId, SealId};
use crate::api::code::SEAL_TYPE;
use crate::api::operation::Refusal;
use crate::api::{
    AutoSignAnswer, ErrorCode, FlowStatus, HandSignAnswer, PersonAndOrganizationSigner, SignStatus,
    SigningMethod,
};
use crate::sandbox::world::{
    Change, Flow, SealChoice, SignPlace, Task, platform_account, queue_signer_update,
};

/// Signs automatically, for the platform or for an account with a grant of silent signing.
pub(super) fn sign_automatically(
    session: &mut Session<'_>,
    request: SignTaskRequest,
) -> Result<AutoSignAnswer, Refusal> {
    let mut flow = flow_for_new_signer(session, &request.flow)?;
    let (account, seal) = match &request.signer {
        SigningMethod::Platform(signer) => (
            platform_account(),
            platform_seal(session, signer.seal_id.as_ref())?,
        ),
        SigningMethod::User(signer) => (
            signer.account_id.clone(),
            user_seal(session, &signer.account_id, signer.seal_id.as_ref())?,
        ),
        _ => return Err(ErrorCode::NOT_SIGNED.into()),
    };
    let no_documents = match request.signer {
        SigningMethod::Platform(_) => ErrorCode::NO_PLATFORM_DOCUMENT,
        _ => ErrorCode::NO_SIGN_DOCUMENT,
    };
    let places = sign_places(session, &flow, request.docs, Some(no_documents))?;
    let now = session.now.as_millisecond();
    // An automatic signature can take time (API 5.9.1).
    let (status, ended_at) = if session.signing_duration.is_zero() {
        (SignStatus::Signed, Some(now))
    } else {
        (SignStatus::Signing, None)
    };
    let task = Task {
        token: session.world.hex_id("task"),
        account: account.clone(),
        organization: None,
        with_own_seal: false,
        for_any_organization: false,
        status,
        third_order_no: request.third_order_no,
        seals: vec![seal],
        seal_type: None,
        places,
        received_at: now,
        ended_at,
        explain: None,
    };
    if ended_at.is_some() {
        queue_signer_update(session.world, &flow, &task, session.now);
    }
    flow.tasks.push(task);
    flow.status = FlowStatus::Signing;
    session.world.put(Change::Flow(flow));
    Ok(AutoSignAnswer {
        flow_id: request.flow,
        account_id: account,
    })
}

/// Adds a person as signer. Returns the address of the sign page.
pub(super) fn add_signer(
    session: &mut Session<'_>,
    request: SignTaskRequest,
) -> Result<HandSignAnswer, Refusal> {
    let mut flow = flow_for_new_signer(session, &request.flow)?;
    let for_any_organization = matches!(
        request.signer,
        SigningMethod::PersonAndOrganization(PersonAndOrganizationSigner {
            authorization_org_id: None,
            ..
        })
    );
    let (account, organization, with_own_seal, seal_type) = match request.signer {
        SigningMethod::Person(signer) => (signer.account_id, None, true, signer.seal_type),
        SigningMethod::Organization(signer) => (
            signer.account_id,
            Some(signer.authorization_org_id),
            false,
            None,
        ),
        SigningMethod::PersonAndOrganization(signer) => {
            (signer.account_id, signer.authorization_org_id, true, None)
        }
        _ => return Err(ErrorCode::NOT_SIGNED.into()),
    };
    require_signer_kind(session, &account, true)?;
    if let Some(organization) = &organization {
        require_signer_kind(session, organization, false)?;
    }
    require_codes(&SEAL_TYPE, seal_type.as_ref())?;
    let places = sign_places(session, &flow, request.docs, None)?;
    let token = session.world.hex_id("task");
    let url = session.links.sign(&token);
    let short = session.links.short_sign(&token);
    flow.tasks.push(Task {
        token,
        account,
        organization,
        with_own_seal,
        for_any_organization,
        status: SignStatus::Pending,
        third_order_no: request.third_order_no.clone(),
        seals: Vec::new(),
        seal_type: seal_type.filter(|kinds| !kinds.is_empty()),
        places,
        received_at: session.now.as_millisecond(),
        ended_at: None,
        explain: None,
    });
    flow.status = FlowStatus::Signing;
    session.world.put(Change::Flow(flow));
    Ok(HandSignAnswer {
        sign_url: url,
        sign_short_url: Some(short),
        third_order_no: request.third_order_no,
    })
}

/// Returns a flow that accepts new signers: open, and before its signing deadline. A fully signed
/// flow stays open after its deadline, but accepts no new signers.
fn flow_for_new_signer(session: &Session<'_>, id: &FlowId) -> Result<Flow, Refusal> {
    let flow = open_flow(session, id)?;
    if flow.is_late(session.now) {
        return Err(Refusal::new(
            ErrorCode::FLOW_CHECK,
            "the flow's signValidity is in the past",
        ));
    }
    Ok(flow)
}

fn require_signer_kind(
    session: &Session<'_>,
    account: &AccountId,
    is_person: bool,
) -> Result<(), Refusal> {
    let account = session.account(account, ErrorCode::NO_SIGNER_ACCOUNT)?;
    if account.is_person == is_person {
        return Ok(());
    }
    let message = if is_person {
        "accountId is not a person"
    } else {
        "authorizationOrgId is not an organization"
    };
    Err(Refusal::new(ErrorCode::NO_SIGNER_ACCOUNT, message))
}

/// Returns the seal of a platform signature: the platform's own, or the requested one. A requested
/// seal must belong to an organization or to a person with a grant of silent signing. The seal of a
/// deleted account is refused (API 5.2.8).
fn platform_seal(session: &Session<'_>, seal: Option<&SealId>) -> Result<SealChoice, Refusal> {
    let Some(id) = seal else {
        return Ok(SealChoice::Default(platform_account()));
    };
    let seal = session.world.seals.get(id);
    let seal = seal.ok_or_else(|| Refusal::from(ErrorCode::NO_SEAL))?;
    let account = session.account(&seal.account, ErrorCode::NO_SEAL)?;
    if account.is_person && !account.has_granted(session.now) {
        return Err(Refusal::new(
            ErrorCode::NO_SEAL,
            "the owner of the seal has not granted silent signing",
        ));
    }
    Ok(SealChoice::Seal(id.clone()))
}

/// Returns the seal of a silent signature: the requested one, or the default seal of the account.
/// The account must have a valid grant.
fn user_seal(
    session: &Session<'_>,
    account: &AccountId,
    seal: Option<&SealId>,
) -> Result<SealChoice, Refusal> {
    let owner = session.account(account, ErrorCode::NO_SIGNER_ACCOUNT)?;
    if owner.grant.is_none() {
        return Err(ErrorCode::NO_GRANT.into());
    }
    if !owner.has_granted(session.now) {
        return Err(Refusal::new(ErrorCode::NO_GRANT, "the grant has expired"));
    }
    let own = session.world.seals_of(account);
    match seal {
        Some(id) if own.iter().any(|seal| seal.id == *id) => Ok(SealChoice::Seal(id.clone())),
        Some(_) => Err(Refusal::new(
            ErrorCode::NO_SEAL,
            "the seal does not belong to the account",
        )),
        None => match own.first() {
            Some(seal) => Ok(SealChoice::Seal(seal.id.clone())),
            None => Err(ErrorCode::NO_DEFAULT_SEAL.into()),
        },
    }
}

/// The fields that a position of an automatic signature needs.
const NO_POSITION: &str =
    "an automatic signature needs signType, and posPage, posX and posY, or key";

/// Checks the documents and positions of a new task. `automatic` is set for automatic signatures,
/// to the code of the refusal if there is no document. Automatic signatures need positions and
/// passwords, because no signer can provide them on the sign page.
fn sign_places(
    session: &mut Session<'_>,
    flow: &Flow,
    docs: Docs,
    automatic: Option<ErrorCode>,
) -> Result<Vec<SignPlace>, Refusal> {
    let is_listed = matches!(docs, Docs::Listed(_));
    let docs = match docs {
        Docs::Listed(docs) => docs,
        Docs::Single {
            password,
            positions,
        } => match &flow.docs[..] {
            [one] => vec![SignDoc {
                id: one.id.clone(),
                password,
                positions,
            }],
            _ => {
                return Err(Refusal::new(
                    ErrorCode::FLOW_CHECK,
                    "the flow has several documents: use sign/contracts",
                ));
            }
        },
        Docs::All => flow
            .docs
            .iter()
            .map(|doc| SignDoc {
                id: doc.id.clone(),
                password: None,
                positions: Vec::new(),
            })
            .collect(),
    };
    if let (true, Some(code)) = (docs.is_empty(), automatic) {
        return Err(code.into());
    }
    let mut places: Vec<SignPlace> = Vec::new();
    for (index, doc) in docs.into_iter().enumerate() {
        let path = if is_listed {
            format!("signDocList[{index}].posList")
        } else {
            "posList".to_owned()
        };
        if places.iter().any(|place| place.doc == doc.id) {
            return Err(Refusal::new(
                ErrorCode::BAD_DOCUMENT,
                format_args!("the document {} is listed twice", doc.id),
            ));
        }
        let Some(flow_doc) = flow.docs.iter().find(|known| known.id == doc.id) else {
            return Err(ErrorCode::NOT_A_DOCUMENT_OF_THE_FLOW.into());
        };
        if automatic.is_some() {
            if doc.positions.is_empty() {
                let message = format!("{path} is empty: {NO_POSITION}");
                return Err(Refusal::new(ErrorCode::PARAMETER, message));
            }
            if flow_doc.encryption {
                require_password(session, &doc)?;
            }
        }
        for (index, position) in doc.positions.iter().enumerate() {
            super::position::check(session, &doc.id, position)
                .map_err(|refusal| refusal.at(&format!("{path}[{index}]")))?;
        }
        places.push(SignPlace {
            doc: doc.id,
            positions: doc.positions,
        });
    }
    Ok(places)
}

/// Refuses a missing or wrong password of an encrypted document.
fn require_password(session: &Session<'_>, doc: &SignDoc) -> Result<(), Refusal> {
    let password = doc.password.as_deref().unwrap_or_default();
    if password.is_empty() {
        return Err(Refusal::new(
            ErrorCode::NOT_SIGNED,
            "the document is encrypted, but docPwd is missing",
        ));
    }
    if !session
        .documents
        .opens_with(session.world, &doc.id, password)
    {
        return Err(Refusal::new(ErrorCode::NOT_SIGNED, "docPwd is wrong"));
    }
    Ok(())
}
