//! The seals and signatures that a signer leaves: whose they are and how large.

use crate::api::POINTS_PER_PIXEL;
use crate::desired::{Account, AccountHolder, Item, Resources, Signer, SignerKind};

/// A seal or a handwritten signature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SealLook {
    /// The name of its owner.
    pub(super) owner: String,
    /// The kind of mark, such as `seal 合同专用章`.
    pub(super) mark: String,
    /// The width in points.
    pub(super) width: f64,
    /// The height in points.
    pub(super) height: f64,
}

/// The width and height of an organization's seal without a size of its own, in pixels.
const SEAL: (f64, f64) = (159.0, 159.0);
/// The usual width and height of a handwritten signature, in pixels.
const SIGNATURE: (f64, f64) = (120.0, 60.0);

/// Returns the seals and signatures of a signer at one position, from left to right.
pub(super) fn looks(signer: &Signer, item: &Item, resources: &Resources) -> Vec<SealLook> {
    let look = |owner: String, mark: &str, (width, height): (f64, f64)| SealLook {
        owner,
        mark: mark.to_owned(),
        width: width * POINTS_PER_PIXEL,
        height: height * POINTS_PER_PIXEL,
    };
    let name = |account: &str| holder_name(account, item, resources);
    match &signer.kind {
        SignerKind::Platform { seal } => vec![automatic(seal.as_deref(), None, item, resources)],
        SignerKind::User { account, seal, .. } => {
            vec![automatic(seal.as_deref(), Some(account), item, resources)]
        }
        SignerKind::Person { account, .. } => {
            vec![look(name(account), &t!("signature"), SIGNATURE)]
        }
        SignerKind::Organization {
            account,
            organization,
        } => {
            let by = t!("seal, by %{name}", name = name(account));
            vec![look(name(organization), &by, SEAL)]
        }
        SignerKind::PersonAndOrganization {
            account,
            organization,
        } => {
            let mut all = vec![look(name(account), &t!("signature"), SIGNATURE)];
            let organization = organization.as_ref();
            all.extend(
                organization.map(|organization| look(name(organization), &t!("seal"), SEAL)),
            );
            all
        }
    }
}

/// Returns the seal of an automatic signer.
fn automatic(
    seal: Option<&str>,
    account: Option<&String>,
    item: &Item,
    resources: &Resources,
) -> SealLook {
    let declared = seal.and_then(|seal| resources.seals.get(seal));
    let owner = account.or(declared.map(|seal| &seal.account));
    let owner = owner.map(|account| holder_name(account, item, resources));
    let (width, height) = match declared.map(|seal| (seal.width, seal.height)) {
        Some((Some(width), Some(height))) => (pixels(width), pixels(height)),
        Some((Some(side), None) | (None, Some(side))) => (pixels(side), pixels(side)),
        _ => SEAL,
    };
    SealLook {
        owner: owner.unwrap_or_else(|| t!("the platform").into_owned()),
        mark: match declared {
            Some(seal) => t!("seal %{name}", name = seal.alias).into_owned(),
            None => t!("default seal").into_owned(),
        },
        width: width * POINTS_PER_PIXEL,
        height: height * POINTS_PER_PIXEL,
    }
}

fn pixels(number: i64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Returns the name of the person or organization of an account, or else the account's name in the
/// manifests.
fn holder_name(account: &str, item: &Item, resources: &Resources) -> String {
    let known = item.accounts.get(account);
    let known: Option<&Account> = known.or_else(|| resources.accounts.get(account));
    match known.map(|account| &account.holder) {
        Some(AccountHolder::Person(person)) => person.name.clone(),
        Some(AccountHolder::Organization(organization)) => organization.name.clone(),
        None => account.to_owned(),
    }
}
