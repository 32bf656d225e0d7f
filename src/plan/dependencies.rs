//! What a flow needs of the standing things, so that a target brings along what it cannot do without.

use std::collections::HashSet;

use crate::address::Address;
use crate::desired::Resources;
use crate::manifest::Flow;

/// The standing things that a flow names.
pub(crate) fn needs(flow: &Flow) -> Vec<Address> {
    use crate::manifest::{DocumentSource, RowAccountKind, SignerKind};
    let account = |name: &crate::manifest::StaticText| Address::Account(name.text.clone());
    let mut needs: Vec<Address> = [&flow.process.initiator, &flow.process.payer]
        .into_iter()
        .flatten()
        .map(account)
        .collect();
    for document in &flow.documents {
        if let DocumentSource::Template { template, .. } = &document.source {
            needs.push(Address::Template(template.text.clone()));
        }
    }
    for declared in &flow.accounts {
        if let RowAccountKind::Organization(organization) = &declared.kind {
            needs.push(account(&organization.creator));
        }
    }
    for signer in &flow.signers {
        let seal = match &signer.kind {
            SignerKind::Platform(auto) | SignerKind::User { signer: auto, .. } => {
                auto.seal.as_ref()
            }
            _ => None,
        };
        needs.extend(seal.map(|seal| Address::Seal(seal.text.clone())));
        match &signer.kind {
            SignerKind::Platform(_) => {}
            SignerKind::User { account: name, .. } | SignerKind::Person { account: name, .. } => {
                needs.push(account(name));
            }
            SignerKind::Organization {
                account: name,
                organization,
            } => needs.extend([account(name), account(organization)]),
            SignerKind::PersonAndOrganization {
                account: name,
                organization,
            } => {
                needs.push(account(name));
                needs.extend(organization.as_ref().map(account));
            }
        }
    }
    needs
}

/// Adds what the needed things need themselves: a seal its account, an organization its creator.
pub(crate) fn close_over(standing: &Resources, needed: &mut HashSet<Address>) {
    let seals = standing
        .seals
        .iter()
        .filter(|(name, _)| needed.contains(&Address::Seal((*name).clone())));
    let accounts: Vec<Address> = seals
        .map(|(_, seal)| Address::Account(seal.account.clone()))
        .collect();
    needed.extend(accounts);
    let creators = standing
        .accounts
        .iter()
        .filter(|(name, _)| needed.contains(&Address::Account((*name).clone())));
    let creators: Vec<Address> = creators
        .filter_map(|(_, account)| match &account.holder {
            crate::desired::AccountHolder::Organization(organization) => {
                Some(Address::Account(organization.creator.clone()))
            }
            crate::desired::AccountHolder::Person(_) => None,
        })
        .collect();
    needed.extend(creators);
}
