//! Finds signers of one contract whose tasks the service does not tell apart.

use super::account::Account;
use super::item::{Item, Signer, SignerKind};
use super::resources::Resources;

/// The accounts of a signer, by `thirdId`.
struct Role<'a> {
    account: &'a str,
    organization: Option<&'a str>,
    /// Whether the account may also sign for itself.
    both: bool,
}

/// Returns two signers of a contract that are the same account in the same role, under different
/// names. A detail of the flow (5.5.7, 5.6.7) does not tell which task belongs to which of them, so
/// a lost response could not be resolved. `None` if all can be told apart, or are automatic.
pub fn indistinguishable_signers<'i>(
    item: &'i Item,
    resources: &'i Resources,
) -> Option<(&'i Signer, &'i Signer)> {
    let third_id = |name: &String| {
        let account = item.accounts.get(name);
        let account = account.or_else(|| resources.accounts.get(name));
        account.map(Account::third_id)
    };
    let role = |signer: &'i Signer| {
        let (account, organization) = signer.kind.accounts();
        Some(Role {
            account: third_id(account?)?,
            organization: organization.and_then(third_id),
            both: matches!(signer.kind, SignerKind::PersonAndOrganization { .. }),
        })
    };
    let signers = item.signers.iter().enumerate();
    let mut pairs = signers
        .flat_map(|(at, signer)| item.signers[..at].iter().map(move |first| (first, signer)));
    pairs.find(|(first, second)| match (role(first), role(second)) {
        _ if first.kind.signs_at_once() && second.kind.signs_at_once() => false,
        (Some(one), Some(other)) => {
            one.account == other.account
                && (one.both || other.both || one.organization == other.organization)
        }
        _ => false,
    })
}
