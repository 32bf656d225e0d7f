//! Operations on seals (API 5.8).

use super::file::uploaded;
use super::session::{Session, require_kind, require_text, require_text_if_present};
use crate::address::{AccountId, SealId};
use crate::api::code::{
    ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS, SEAL_IMAGES,
};
use crate::api::operation::Refusal;
use crate::api::{
    CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal, ErrorCode, QuerySeals,
    SealAnswer, SealEntry,
};
use crate::sandbox::world::{Change, Seal, SealDesign};

pub(super) fn query(
    session: &mut Session<'_>,
    request: &QuerySeals,
) -> Result<Vec<SealEntry>, Refusal> {
    session.account(&request.account_id, ErrorCode::NO_ACCOUNT)?;
    let own = session.world.seals_of(&request.account_id).into_iter();
    let entries = own.map(|seal| SealEntry {
        seal_id: seal.id.clone(),
        seal_alias: Some(seal.alias.clone()),
        seal_url: Some(session.links.seal(&seal.id)),
    });
    Ok(entries.collect())
}

pub(super) fn create_person(
    session: &mut Session<'_>,
    request: CreatePersonSeal,
) -> Result<SealAnswer, Refusal> {
    require_one_of(
        "templateType",
        &request.template_type,
        PERSON_SEAL_TEMPLATES,
    )?;
    require_text_if_present("text", request.text.as_ref())?;
    let name = account_name(session, &request.account_id, true)?;
    let new = NewSeal {
        account: request.account_id,
        alias: request.alias,
        color: request.color.clone(),
        size: (request.width, request.height),
        proportions: (1, 1),
        design: SealDesign::Drawn {
            template_type: request.template_type,
            color: request.color,
            text: request.text.unwrap_or(name),
            h_text: None,
            q_text: None,
        },
    };
    create(session, new)
}

pub(super) fn create_organization(
    session: &mut Session<'_>,
    request: CreateOrganizationSeal,
) -> Result<SealAnswer, Refusal> {
    require_one_of(
        "templateType",
        &request.template_type,
        ORGANIZATION_SEAL_TEMPLATES,
    )?;
    for (name, text) in [
        ("hText", &request.h_text),
        ("qText", &request.q_text),
        ("text", &request.text),
    ] {
        require_text_if_present(name, text.as_ref())?;
    }
    let name = account_name(session, &request.account_id, false)?;
    let new = NewSeal {
        account: request.account_id,
        alias: request.alias,
        color: request.color.clone(),
        size: (request.width, request.height),
        proportions: (1, 1),
        design: SealDesign::Drawn {
            template_type: request.template_type,
            color: request.color,
            text: request.text.unwrap_or(name),
            h_text: request.h_text,
            q_text: request.q_text,
        },
    };
    create(session, new)
}

pub(super) fn create_image(
    session: &mut Session<'_>,
    request: CreatePersonImageSeal,
    of_person: bool,
) -> Result<SealAnswer, Refusal> {
    let (file, _) = uploaded(session, &request.file_key)?;
    if !SEAL_IMAGES.contains(&file.content_type.as_str()) {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    let proportions = session.documents.image_size(&request.file_key);
    let proportions = proportions
        .ok_or_else(|| Refusal::new(ErrorCode::FILE_TYPE, "the file is not a readable image"))?;
    account_name(session, &request.account_id, of_person)?;
    let new = NewSeal {
        account: request.account_id,
        alias: request.alias,
        color: request.color,
        size: (request.width, request.height),
        proportions,
        design: SealDesign::Image(request.file_key),
    };
    create(session, new)
}

/// The common form of all requests that create a seal.
struct NewSeal {
    account: AccountId,
    alias: String,
    color: String,
    /// The requested width and height, in pixels.
    size: (Option<i64>, Option<i64>),
    /// The ratio of width to height, used if not both are requested.
    proportions: (u32, u32),
    design: SealDesign,
}

/// Returns the name of an account. Refuses an account of the other kind.
fn account_name(session: &Session<'_>, id: &AccountId, is_person: bool) -> Result<String, Refusal> {
    let account = session.account(id, ErrorCode::NO_ACCOUNT)?;
    require_kind(account, is_person)?;
    Ok(account.name.clone())
}

fn create(session: &mut Session<'_>, new: NewSeal) -> Result<SealAnswer, Refusal> {
    require_text("alias", &new.alias)?;
    require_one_of("color", &new.color, SEAL_COLORS)?;
    let (width, height) = seal_size(new.size, new.proportions)?;
    // Duplicate aliases are allowed: the service does not check either.
    let id = SealId(session.world.hex_id("seal"));
    let number = session.world.next_number();
    session.world.put(Change::Seal(Seal {
        id: id.clone(),
        number,
        account: new.account.clone(),
        alias: new.alias,
        width,
        height,
        design: new.design,
    }));
    Ok(SealAnswer {
        seal_id: id,
        account_id: Some(new.account),
    })
}

/// Refuses a value that is not in `known`.
fn require_one_of(name: &str, value: &str, known: &[&str]) -> Result<(), Refusal> {
    if known.contains(&value) {
        Ok(())
    } else {
        Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{name} must be one of {}", known.join(", ")),
        ))
    }
}

/// The default length of the longer side of a seal, in pixels.
const DEFAULT_SIZE: u32 = 159;
/// The limit of the width and height of a seal, in pixels.
pub const MAX_SEAL_SIZE: u32 = 2000;

/// Returns the width and height of a seal, in pixels. A length that is not requested follows from
/// the other one and the proportions.
pub(crate) fn seal_size(
    requested: (Option<i64>, Option<i64>),
    proportions: (u32, u32),
) -> Result<(u32, u32), Refusal> {
    let checked = |length: i64| {
        let length = u32::try_from(length).ok();
        let fits = length.filter(|length| (1..=MAX_SEAL_SIZE).contains(length));
        fits.ok_or_else(|| {
            let message = format!("width and height must be from 1 to {MAX_SEAL_SIZE}");
            Refusal::new(ErrorCode::PARAMETER, message)
        })
    };
    // At least one pixel, also for an image that is very narrow.
    let scaled = |length: u32, by: u32, to: u32| {
        let scaled = u64::from(length) * u64::from(by) / u64::from(to.max(1));
        u32::try_from(scaled.clamp(1, u64::from(MAX_SEAL_SIZE))).unwrap_or(MAX_SEAL_SIZE)
    };
    let (wide, high) = proportions;
    Ok(match requested {
        (Some(width), Some(height)) => (checked(width)?, checked(height)?),
        (Some(width), None) => {
            let width = checked(width)?;
            (width, scaled(width, high, wide))
        }
        (None, Some(height)) => {
            let height = checked(height)?;
            (scaled(height, wide, high), height)
        }
        (None, None) if wide >= high => (DEFAULT_SIZE, scaled(DEFAULT_SIZE, high, wide)),
        (None, None) => (scaled(DEFAULT_SIZE, wide, high), DEFAULT_SIZE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_proportions_unless_both_lengths_are_requested() {
        let image = (120, 60);
        for (requested, expected) in [
            ((None, None), (159, 79)),
            ((Some(60), None), (60, 30)),
            ((None, Some(60)), (120, 60)),
            ((Some(60), Some(60)), (60, 60)),
        ] {
            assert_eq!(
                seal_size(requested, image).ok(),
                Some(expected),
                "{requested:?}"
            );
        }
        assert_eq!(seal_size((None, None), (60, 120)).ok(), Some((79, 159)));
        assert_eq!(seal_size((Some(80), None), (1, 1)).ok(), Some((80, 80)));
        for invalid in [0, -1, 2001] {
            assert!(
                seal_size((Some(invalid), None), image).is_err(),
                "{invalid}"
            );
        }
    }
}
