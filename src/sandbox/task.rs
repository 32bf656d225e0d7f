//! Adding signers to flows of the emulated service (sections 5.5.2–5.5.6 and 5.6.2–5.6.6).
//!
//! What each kind of signer may do is decided here; that there are ten calls for it is known to [`Ask`] alone.

use super::ask::{Ask, Doc, Docs, Signer};
use super::flow::open_flow;
use super::process::numbers;
use super::serve::Session;
use super::world::{Change, Flow, Place, Task, Used, World};
use crate::address::{AccountId, FlowId, SealId};
use crate::api::code::SEAL_TYPE;
use crate::api::operation::Refusal;
use crate::api::{AutoSignAnswer, ErrorCode, FlowStatus, HandSignAnswer, SignStatus};

/// Signs at once, for the platform or for an account that granted it.
pub(super) fn sign_at_once(session: &mut Session<'_>, ask: Ask) -> Result<AutoSignAnswer, Refusal> {
    let mut flow = asking_flow(session, &ask.flow)?;
    let (account, used) = match &ask.signer {
        Signer::Platform { seal } => (World::platform(), platform_seal(session, seal.as_ref())?),
        Signer::User { account, seal } => {
            (account.clone(), user_seal(session, account, seal.as_ref())?)
        }
        _ => return Err(ErrorCode::NOT_SIGNED.into()),
    };
    let none = match ask.signer {
        Signer::Platform { .. } => ErrorCode::NO_PLATFORM_DOCUMENT,
        _ => ErrorCode::NO_SIGN_DOCUMENT,
    };
    let places = places(session, &flow, ask.docs, Some(none))?;
    let now = session.now.as_millisecond();
    // The service signs when it can (5.9.1).
    let (status, ended) = if session.signing_takes.is_zero() {
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
        third_order_no: ask.third_order_no,
        used: vec![used],
        seal_type: None,
        places,
        received: now,
        ended,
        explain: None,
    };
    if ended.is_some() {
        super::signing::note_update(session.world, &flow, &task, session.now);
    }
    flow.tasks.push(task);
    flow.status = FlowStatus::Signing;
    session.world.put(Change::Flow(flow));
    Ok(AutoSignAnswer {
        flow_id: ask.flow,
        account_id: account,
    })
}

/// Asks a person to sign.
pub(super) fn ask_person(session: &mut Session<'_>, ask: Ask) -> Result<HandSignAnswer, Refusal> {
    let mut flow = asking_flow(session, &ask.flow)?;
    let for_any_organization = matches!(
        ask.signer,
        Signer::Both {
            organization: None,
            ..
        }
    );
    let (account, organization, with_own_seal, seal_type) = match ask.signer {
        Signer::Person { account, seal_type } => (account, None, true, seal_type),
        Signer::Organization {
            account,
            organization,
        } => (account, Some(organization), false, None),
        Signer::Both {
            account,
            organization,
        } => (account, organization, true, None),
        _ => return Err(ErrorCode::NOT_SIGNED.into()),
    };
    of_kind(session, &account, true)?;
    if let Some(organization) = &organization {
        of_kind(session, organization, false)?;
    }
    numbers(&SEAL_TYPE, seal_type.as_ref())?;
    let places = places(session, &flow, ask.docs, None)?;
    let token = session.world.hex_id("task");
    let (url, short) = super::links::sign(session.base, &token, session.now);
    flow.tasks.push(Task {
        token,
        account,
        organization,
        with_own_seal,
        for_any_organization,
        status: SignStatus::Pending,
        third_order_no: ask.third_order_no.clone(),
        used: Vec::new(),
        seal_type: seal_type.filter(|kinds| !kinds.is_empty()),
        places,
        received: session.now.as_millisecond(),
        ended: None,
        explain: None,
    });
    flow.status = FlowStatus::Signing;
    session.world.put(Change::Flow(flow));
    Ok(HandSignAnswer {
        sign_url: url,
        sign_short_url: Some(short),
        third_order_no: ask.third_order_no,
    })
}

/// A flow in which somebody may still be asked. One that all have signed in time goes on without an end, but not with others.
fn asking_flow(session: &Session<'_>, id: &FlowId) -> Result<Flow, Refusal> {
    let flow = open_flow(session, id)?;
    if flow.is_late(session.now) {
        return Err(Refusal::new(
            ErrorCode::FLOW_CHECK,
            "the flow's signValidity is past",
        ));
    }
    Ok(flow)
}

fn of_kind(session: &Session<'_>, account: &AccountId, is_person: bool) -> Result<(), Refusal> {
    let account = session.account(account, ErrorCode::NO_SIGNER_ACCOUNT)?;
    if account.is_person == is_person {
        return Ok(());
    }
    let what = if is_person {
        "accountId is no person"
    } else {
        "authorizationOrgId is no organization"
    };
    Err(Refusal::new(ErrorCode::NO_SIGNER_ACCOUNT, what))
}

/// The platform signs with its own seal, or with one that it may use: an organization's, or that of a person who granted
/// it. Nobody signs with the seal of an account that is gone (5.2.8).
fn platform_seal(session: &Session<'_>, seal: Option<&SealId>) -> Result<Used, Refusal> {
    let Some(id) = seal else {
        return Ok(Used::Default(World::platform()));
    };
    let seal = session.world.seals.get(id);
    let seal = seal.ok_or_else(|| Refusal::from(ErrorCode::NO_SEAL))?;
    let account = session.account(&seal.account, ErrorCode::NO_SEAL)?;
    if account.is_person && !account.has_granted(session.now) {
        return Err(Refusal::new(
            ErrorCode::NO_SEAL,
            "the seal is a person's who has not granted it",
        ));
    }
    Ok(Used::Seal(id.clone()))
}

/// An account that granted silent signing signs with one of its own seals.
fn user_seal(
    session: &Session<'_>,
    account: &AccountId,
    seal: Option<&SealId>,
) -> Result<Used, Refusal> {
    let owner = session.account(account, ErrorCode::NO_SIGNER_ACCOUNT)?;
    if owner.grant.is_none() {
        return Err(ErrorCode::NO_GRANT.into());
    }
    if !owner.has_granted(session.now) {
        return Err(Refusal::new(ErrorCode::NO_GRANT, "the grant has expired"));
    }
    let own = session.world.seals_of(account);
    match seal {
        Some(id) if own.iter().any(|seal| seal.id == *id) => Ok(Used::Seal(id.clone())),
        Some(_) => Err(Refusal::new(
            ErrorCode::NO_SEAL,
            "the account has no such seal",
        )),
        None => match own.first() {
            Some(seal) => Ok(Used::Seal(seal.id.clone())),
            None => Err(ErrorCode::NO_DEFAULT_SEAL.into()),
        },
    }
}

/// The places of a task, checked. `without_person` is the code for no document at all, where nobody can choose.
fn places(
    session: &mut Session<'_>,
    flow: &Flow,
    docs: Docs,
    without_person: Option<ErrorCode>,
) -> Result<Vec<Place>, Refusal> {
    let docs = match docs {
        Docs::These(docs) => docs,
        Docs::TheOne {
            password,
            positions,
        } => match &flow.docs[..] {
            [one] => vec![Doc {
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
            .map(|doc| Doc {
                id: doc.id.clone(),
                password: None,
                positions: Vec::new(),
            })
            .collect(),
    };
    if let (true, Some(code)) = (docs.is_empty(), without_person) {
        return Err(code.into());
    }
    let mut places: Vec<Place> = Vec::new();
    for doc in docs {
        if places.iter().any(|place| place.doc == doc.id) {
            return Err(Refusal::new(
                ErrorCode::BAD_DOCUMENT,
                format_args!("the document {} is listed twice", doc.id),
            ));
        }
        let Some(of_flow) = flow.docs.iter().find(|known| known.id == doc.id) else {
            return Err(ErrorCode::NOT_A_DOCUMENT_OF_THE_FLOW.into());
        };
        if without_person.is_some() {
            if doc.positions.is_empty() {
                return Err(Refusal::new(ErrorCode::PARAMETER, "posList is empty"));
            }
            if of_flow.encryption {
                unlock(session, &doc)?;
            }
        }
        for position in &doc.positions {
            super::position::check(session, &doc.id, position)?;
        }
        places.push(Place {
            doc: doc.id,
            positions: doc.positions,
        });
    }
    Ok(places)
}

fn unlock(session: &Session<'_>, doc: &Doc) -> Result<(), Refusal> {
    let password = doc.password.as_deref().unwrap_or_default();
    if password.is_empty() {
        return Err(Refusal::new(
            ErrorCode::NOT_SIGNED,
            "the document is encrypted, and docPwd is missing",
        ));
    }
    if !session.papers.opens(session.world, &doc.id, password) {
        return Err(Refusal::new(ErrorCode::NOT_SIGNED, "docPwd is wrong"));
    }
    Ok(())
}
