//! Seals of the emulated service (section 5.8).

use super::file::arrived;
use super::links;
use super::serve::{Session, filled, filled_if_there};
use super::world::{Change, Seal, SealLook};
use crate::address::{AccountId, SealId};
use crate::api::code::{
    ORGANIZATION_SEAL_TEMPLATES, PERSON_SEAL_TEMPLATES, SEAL_COLORS, SEAL_IMAGES,
};
use crate::api::operation::Refusal;
use crate::api::{
    CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal, ErrorCode, QuerySeals,
    SealAnswer, SealEntry,
};

pub(super) fn query(
    session: &mut Session<'_>,
    request: &QuerySeals,
) -> Result<Vec<SealEntry>, Refusal> {
    session.account(&request.account_id, ErrorCode::NO_ACCOUNT)?;
    let own = session.world.seals_of(&request.account_id).into_iter();
    let entries = own.map(|seal| SealEntry {
        seal_id: seal.id.clone(),
        seal_alias: Some(seal.alias.clone()),
        seal_url: Some(links::seal(session.base, &seal.id, session.now)),
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
    let account = account(session, &request.account_id, true)?;
    let own = Made {
        account: request.account_id,
        alias: request.alias,
        color: request.color.clone(),
        size: (request.width, request.height),
        shape: (1, 1),
        look: SealLook::Drawn {
            template_type: request.template_type,
            color: request.color,
            text: request.text.unwrap_or(account),
            h_text: None,
            q_text: None,
        },
    };
    create(session, own)
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
    let account = account(session, &request.account_id, false)?;
    let own = Made {
        account: request.account_id,
        alias: request.alias,
        color: request.color.clone(),
        size: (request.width, request.height),
        shape: (1, 1),
        look: SealLook::Drawn {
            template_type: request.template_type,
            color: request.color,
            text: request.text.unwrap_or(account),
            h_text: request.h_text,
            q_text: request.q_text,
        },
    };
    create(session, own)
}

pub(super) fn create_image(
    session: &mut Session<'_>,
    request: CreatePersonImageSeal,
    of_person: bool,
) -> Result<SealAnswer, Refusal> {
    let (file, _) = arrived(session, &request.file_key)?;
    if !SEAL_IMAGES.contains(&file.content_type.as_str()) {
        return Err(ErrorCode::FILE_TYPE.into());
    }
    let shape = session.papers.image_size(&request.file_key);
    let shape = shape.ok_or_else(|| {
        Refusal::new(
            ErrorCode::FILE_TYPE,
            "the file is no image that can be read",
        )
    })?;
    account(session, &request.account_id, of_person)?;
    let own = Made {
        account: request.account_id,
        alias: request.alias,
        color: request.color,
        size: (request.width, request.height),
        shape,
        look: SealLook::Image(request.file_key),
    };
    create(session, own)
}

/// A seal that is to be made.
struct Made {
    account: AccountId,
    alias: String,
    color: String,
    size: (Option<i64>, Option<i64>),
    /// How its width is to its height where they are not both given.
    shape: (u32, u32),
    look: SealLook,
}

/// The name of an account of this kind.
fn account(session: &Session<'_>, id: &AccountId, is_person: bool) -> Result<String, Refusal> {
    let account = session.account(id, ErrorCode::NO_ACCOUNT)?;
    if account.is_person == is_person {
        return Ok(account.name.clone());
    }
    Err(Refusal::new(
        ErrorCode::PARAMETER,
        "the account is of the other kind",
    ))
}

fn create(session: &mut Session<'_>, made: Made) -> Result<SealAnswer, Refusal> {
    filled("alias", &made.alias)?;
    one_of("color", &made.color, SEAL_COLORS)?;
    let (width, height) = size(made.size, made.shape)?;
    // A second seal of the same alias is a second seal: the service does not look either.
    let id = SealId(session.world.hex_id("seal"));
    let number = session.world.number();
    session.world.put(Change::Seal(Seal {
        id: id.clone(),
        number,
        account: made.account.clone(),
        alias: made.alias,
        width,
        height,
        look: made.look,
    }));
    Ok(SealAnswer {
        seal_id: id,
        account_id: Some(made.account),
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

/// The usual size of a seal, in pixels.
const SIZE: u32 = 159;
/// No seal needs more.
const LARGEST: u32 = 2000;

/// The size of a seal. What is not given follows from the other and from its shape.
fn size(given: (Option<i64>, Option<i64>), shape: (u32, u32)) -> Result<(u32, u32), Refusal> {
    let checked = |length: i64| {
        let length = u32::try_from(length).ok();
        let fits = length.filter(|length| (1..=LARGEST).contains(length));
        fits.ok_or_else(|| {
            let what = format!("width and height must be 1 to {LARGEST}");
            Refusal::new(ErrorCode::PARAMETER, what)
        })
    };
    // Of an image that is nothing but a line, something is to be seen.
    let scaled = |length: u32, by: u32, to: u32| {
        let scaled = u64::from(length) * u64::from(by) / u64::from(to.max(1));
        u32::try_from(scaled.clamp(1, u64::from(LARGEST))).unwrap_or(LARGEST)
    };
    let (wide, high) = shape;
    Ok(match given {
        (Some(width), Some(height)) => (checked(width)?, checked(height)?),
        (Some(width), None) => {
            let width = checked(width)?;
            (width, scaled(width, high, wide))
        }
        (None, Some(height)) => {
            let height = checked(height)?;
            (scaled(height, wide, high), height)
        }
        (None, None) if wide >= high => (SIZE, scaled(SIZE, high, wide)),
        (None, None) => (scaled(SIZE, wide, high), SIZE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_keeps_its_proportions_unless_both_lengths_are_given() {
        let image = (120, 60);
        for (given, expected) in [
            ((None, None), (159, 79)),
            ((Some(60), None), (60, 30)),
            ((None, Some(60)), (120, 60)),
            ((Some(60), Some(60)), (60, 60)),
        ] {
            assert_eq!(size(given, image).ok(), Some(expected), "{given:?}");
        }
        assert_eq!(size((None, None), (60, 120)).ok(), Some((79, 159)));
        assert_eq!(size((Some(80), None), (1, 1)).ok(), Some((80, 80)));
        for wrong in [0, -1, 2001] {
            assert!(size((Some(wrong), None), image).is_err(), "{wrong}");
        }
    }
}
