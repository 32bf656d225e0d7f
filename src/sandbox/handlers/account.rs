//! Operations on accounts (API 5.2).

use super::session::{Session, require_kind, require_text, require_text_if_present};
use crate::address::AccountId;
use crate::api::code::{Codes, ID_TYPE, ORGAN_TYPE, THIRD_ID_BYTES};
use crate::api::operation::Refusal;
use crate::api::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ErrorCode, ExchangeId, Nothing,
    UpdateOrganization, UpdatePerson,
};
use crate::sandbox::world::{Account, Change, Grant};

pub(super) fn create_person(
    session: &mut Session<'_>,
    request: CreatePerson,
) -> Result<AccountAnswer, Refusal> {
    require_text("name", &request.name)?;
    require_text("idNo", &request.id_no)?;
    require_code(&ID_TYPE, request.id_type)?;
    require_text_if_present("mobile", request.mobile.as_ref())?;
    require_text_if_present("email", request.email.as_ref())?;
    create(session, request.third_id, request.name, None)
}

pub(super) fn create_organization(
    session: &mut Session<'_>,
    request: CreateOrganization,
) -> Result<AccountAnswer, Refusal> {
    require_text("name", &request.name)?;
    require_text("organCode", &request.organ_code)?;
    require_code(&ORGAN_TYPE, request.organ_type)?;
    require_text_if_present("legalName", request.legal_name.as_ref())?;
    require_text_if_present("legalIdNo", request.legal_id_no.as_ref())?;
    require_text_if_present("email", request.email.as_ref())?;
    match request.legal_id_type {
        Some(kind) => require_code(&ID_TYPE, kind)?,
        None if request.legal_id_no.is_some() => {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "legalIdNo requires legalIdType",
            ));
        }
        None => {}
    }
    let creator = session.account(&request.creator_id, ErrorCode::NO_ACCOUNT)?;
    if !creator.is_person {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "creatorId is not a person",
        ));
    }
    let creator = Some(request.creator_id);
    create(session, request.third_id, request.name, creator)
}

/// Refuses a number that is not one of `codes`.
fn require_code(codes: &Codes, number: i64) -> Result<(), Refusal> {
    if codes.list.iter().any(|(known, _)| *known == number) {
        Ok(())
    } else {
        Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{} cannot be {number}", codes.field),
        ))
    }
}

/// Creates the account of a person, or of an organization if there is a `creator`.
fn create(
    session: &mut Session<'_>,
    third_id: Option<String>,
    name: String,
    creator: Option<AccountId>,
) -> Result<AccountAnswer, Refusal> {
    if let Some(third_id) = &third_id {
        require_text("thirdId", third_id)?;
        if third_id.len() > THIRD_ID_BYTES {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "thirdId is longer than 50 bytes",
            ));
        }
        if let Some(existing) = session.account_by_third_id(third_id) {
            let is_person = session
                .world
                .accounts
                .get(existing)
                .is_none_or(|account| account.is_person);
            let code = if is_person {
                ErrorCode::ACCOUNT_EXISTS
            } else {
                ErrorCode::ORGANIZATION_EXISTS
            };
            return Err(code.into());
        }
    }
    let id = AccountId(session.world.hex_id("account"));
    session.world.put(Change::Account(Account {
        id: id.clone(),
        app: session.app.clone(),
        third_id,
        name,
        is_person: creator.is_none(),
        deleted: false,
        grant: None,
        creator,
    }));
    Ok(AccountAnswer { account_id: id })
}

pub(super) fn update_person(
    session: &mut Session<'_>,
    request: UpdatePerson,
) -> Result<Nothing, Refusal> {
    require_text_if_present("mobile", request.mobile.as_ref())?;
    require_text_if_present("email", request.email.as_ref())?;
    update(session, &request.account_id, request.name, true)
}

pub(super) fn update_organization(
    session: &mut Session<'_>,
    request: UpdateOrganization,
) -> Result<Nothing, Refusal> {
    require_text_if_present("email", request.email.as_ref())?;
    require_text_if_present("legalName", request.legal_name.as_ref())?;
    update(session, &request.account_id, request.name, false)
}

fn update(
    session: &mut Session<'_>,
    id: &AccountId,
    name: Option<String>,
    is_person: bool,
) -> Result<Nothing, Refusal> {
    require_text_if_present("name", name.as_ref())?;
    let mut account = session.account(id, ErrorCode::NO_ACCOUNT)?.clone();
    require_kind(&account, is_person)?;
    account.name = name.unwrap_or(account.name);
    session.world.put(Change::Account(account));
    Ok(Nothing)
}

/// Sets or removes the grant of silent signing (API 5.2.5, 5.2.6).
pub(super) fn set_grant(
    session: &mut Session<'_>,
    id: &AccountId,
    grant: Option<Grant>,
) -> Result<Nothing, Refusal> {
    let mut account = session.account(id, ErrorCode::NO_ACCOUNT)?.clone();
    if grant
        .and_then(|grant| grant.deadline)
        .is_some_and(|deadline| deadline <= session.now.as_millisecond())
    {
        return Err(Refusal::new(
            ErrorCode::NOT_GRANTED,
            "deadline is in the past",
        ));
    }
    account.grant = grant;
    session.world.put(Change::Account(account));
    Ok(Nothing)
}

pub(super) fn exchange_id(
    session: &mut Session<'_>,
    request: &ExchangeId,
) -> Result<AccountAnswer, Refusal> {
    require_text("thirdId", &request.third_id)?;
    let found = session.account_by_third_id(&request.third_id).cloned();
    found
        .map(|account_id| AccountAnswer { account_id })
        .ok_or_else(|| ErrorCode::NO_ACCOUNT.into())
}

pub(super) fn delete(
    session: &mut Session<'_>,
    request: &DeleteAccount,
) -> Result<Nothing, Refusal> {
    let mut account = session
        .account(&request.account_id, ErrorCode::NO_ACCOUNT)?
        .clone();
    account.deleted = true;
    session.world.put(Change::Account(account));
    Ok(Nothing)
}
