//! Seals of the emulated service (section 5.8).

use super::file::arrived;
use super::serve::{Session, filled, filled_if_there};
use super::world::{Change, Seal};
use crate::api::code::{ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS};
use crate::api::operation::Refusal;
use crate::api::{
    CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal, ErrorCode, QuerySeals,
    SealAnswer, SealEntry,
};
use crate::id::{AccountId, SealId};

pub(super) fn query(
    session: &mut Session<'_>,
    request: &QuerySeals,
) -> Result<Vec<SealEntry>, Refusal> {
    session
        .world
        .account(&request.account_id, ErrorCode::NO_ACCOUNT)?;
    let own = session
        .world
        .seals
        .values()
        .filter(|seal| seal.account == request.account_id);
    let entries = own.map(|seal| SealEntry {
        seal_id: seal.id.clone(),
        seal_alias: Some(seal.alias.clone()),
        seal_url: Some(format!("{}/seal/{}.png", session.base, seal.id)),
    });
    Ok(entries.collect())
}

pub(super) fn create_person(
    session: &mut Session<'_>,
    request: CreatePersonSeal,
) -> Result<SealAnswer, Refusal> {
    one_of(
        "templateType",
        &request.template_type,
        PERSON_SEAL_TEMPLATES,
    )?;
    filled_if_there("text", request.text.as_ref())?;
    size(request.width, request.height)?;
    create(
        session,
        request.account_id,
        request.alias,
        &request.color,
        true,
    )
}

pub(super) fn create_organization(
    session: &mut Session<'_>,
    request: CreateOrganizationSeal,
) -> Result<SealAnswer, Refusal> {
    one_of(
        "templateType",
        &request.template_type,
        ORGANIZATION_SEAL_TEMPLATES,
    )?;
    for (name, text) in [
        ("hText", &request.h_text),
        ("qText", &request.q_text),
        ("text", &request.text),
    ] {
        filled_if_there(name, text.as_ref())?;
    }
    size(request.width, request.height)?;
    create(
        session,
        request.account_id,
        request.alias,
        &request.color,
        false,
    )
}

pub(super) fn create_image(
    session: &mut Session<'_>,
    request: CreatePersonImageSeal,
    of_person: bool,
) -> Result<SealAnswer, Refusal> {
    let (file, _) = arrived(session, &request.file_key)?;
    if !file.content_type.starts_with("image/") {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    size(request.width, request.height)?;
    create(
        session,
        request.account_id,
        request.alias,
        &request.color,
        of_person,
    )
}

fn create(
    session: &mut Session<'_>,
    account: AccountId,
    alias: String,
    color: &str,
    of_person: bool,
) -> Result<SealAnswer, Refusal> {
    filled("alias", &alias)?;
    one_of("color", color, SEAL_COLORS)?;
    if session
        .world
        .account(&account, ErrorCode::NO_ACCOUNT)?
        .is_person
        != of_person
    {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "the account is of the other kind",
        ));
    }
    // A second seal of the same alias is a second seal: the service does not look either.
    let id = SealId(session.world.hex_id("seal"));
    session.world.put(Change::Seal(Seal {
        id: id.clone(),
        account: account.clone(),
        alias,
    }));
    Ok(SealAnswer {
        seal_id: id,
        account_id: Some(account),
    })
}

fn one_of(name: &str, given: &str, known: &[&str]) -> Result<(), Refusal> {
    if known.contains(&given) {
        Ok(())
    } else {
        Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{name} must be one of {}", known.join(", ")),
        ))
    }
}

fn size(width: Option<i64>, height: Option<i64>) -> Result<(), Refusal> {
    if [width, height].into_iter().flatten().any(|size| size <= 0) {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            "width and height must be above 0",
        ));
    }
    Ok(())
}
