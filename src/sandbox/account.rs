//! Accounts of the emulated service (section 5.2).

use super::serve::{Session, filled, filled_if_there};
use super::world::{Account, Change, Grant};
use crate::address::AccountId;
use crate::api::code::{Codes, ID_TYPE, ORGAN_TYPE, THIRD_ID_BYTES};
use crate::api::operation::Refusal;
use crate::api::{
    AccountAnswer, CreateOrganization, CreatePerson, DeleteAccount, ErrorCode, ExchangeId, Nothing,
    UpdateOrganization, UpdatePerson,
};

pub(super) fn create_person(
    session: &mut Session<'_>,
    request: CreatePerson,
) -> Result<AccountAnswer, Refusal> {
    filled("name", &request.name)?;
    filled("idNo", &request.id_no)?;
    known(&ID_TYPE, request.id_type)?;
    filled_if_there("mobile", request.mobile.as_ref())?;
    filled_if_there("email", request.email.as_ref())?;
    create(session, request.third_id, request.name, None)
}

pub(super) fn create_organization(
    session: &mut Session<'_>,
    request: CreateOrganization,
) -> Result<AccountAnswer, Refusal> {
    filled("name", &request.name)?;
    filled("organCode", &request.organ_code)?;
    known(&ORGAN_TYPE, request.organ_type)?;
    filled_if_there("legalName", request.legal_name.as_ref())?;
    filled_if_there("legalIdNo", request.legal_id_no.as_ref())?;
    filled_if_there("email", request.email.as_ref())?;
    match request.legal_id_type {
        Some(kind) => known(&ID_TYPE, kind)?,
        None if request.legal_id_no.is_some() => {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "legalIdNo needs legalIdType",
            ));
        }
        None => {}
    }
    let creator = session.account(&request.creator_id, ErrorCode::NO_ACCOUNT)?;
    if !creator.is_person {
        return Err(Refusal::new(ErrorCode::PARAMETER, "creatorId is no person"));
    }
    let creator = Some(request.creator_id);
    create(session, request.third_id, request.name, creator)
}

fn known(codes: &Codes, number: i64) -> Result<(), Refusal> {
    if codes.list.iter().any(|(known, _)| *known == number) {
        Ok(())
    } else {
        Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{} cannot be {number}", codes.field),
        ))
    }
}

/// A person, or an organization that a person created.
fn create(
    session: &mut Session<'_>,
    third_id: Option<String>,
    name: String,
    creator: Option<AccountId>,
) -> Result<AccountAnswer, Refusal> {
    if let Some(third_id) = &third_id {
        filled("thirdId", third_id)?;
        if third_id.len() > THIRD_ID_BYTES {
            return Err(Refusal::new(
                ErrorCode::PARAMETER,
                "thirdId is longer than 50 bytes",
            ));
        }
        if let Some(taken) = session.third_id(third_id) {
            let by_person = session
                .world
                .accounts
                .get(taken)
                .is_none_or(|account| account.is_person);
            let code = if by_person {
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
    filled_if_there("mobile", request.mobile.as_ref())?;
    filled_if_there("email", request.email.as_ref())?;
    update(session, &request.account_id, request.name, true)
}

pub(super) fn update_organization(
    session: &mut Session<'_>,
    request: UpdateOrganization,
) -> Result<Nothing, Refusal> {
    filled_if_there("email", request.email.as_ref())?;
    filled_if_there("legalName", request.legal_name.as_ref())?;
    update(session, &request.account_id, request.name, false)
}

fn update(
    session: &mut Session<'_>,
    id: &AccountId,
    name: Option<String>,
    is_person: bool,
) -> Result<Nothing, Refusal> {
    filled_if_there("name", name.as_ref())?;
    let mut account = session.account(id, ErrorCode::NO_ACCOUNT)?.clone();
    if account.is_person != is_person {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "the account is of the other kind",
        ));
    }
    account.name = name.unwrap_or(account.name);
    session.world.put(Change::Account(account));
    Ok(Nothing)
}

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
        return Err(Refusal::new(ErrorCode::NOT_GRANTED, "deadline is past"));
    }
    account.grant = grant;
    session.world.put(Change::Account(account));
    Ok(Nothing)
}

pub(super) fn exchange_id(
    session: &mut Session<'_>,
    request: &ExchangeId,
) -> Result<AccountAnswer, Refusal> {
    filled("thirdId", &request.third_id)?;
    let found = session.third_id(&request.third_id).cloned();
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
