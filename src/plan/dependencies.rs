//! The resources that a flow depends on. Selecting an item also selects its dependencies.

use std::collections::HashSet;

use crate::address::Address;
use crate::desired::Resources;
use crate::manifest::{DocumentSource, Flow, RowAccountKind, StaticText};

/// The addresses of the resources that a flow refers to.
pub(crate) fn referenced_resources(flow: &Flow) -> Vec<Address> {
    let account = |name: &StaticText| Address::Account(name.text.clone());
    let mut addresses: Vec<Address> = [&flow.process.initiator, &flow.process.payer]
        .into_iter()
        .flatten()
        .map(account)
        .collect();
    for document in &flow.documents {
        if let DocumentSource::Template(template) = &document.source {
            addresses.push(Address::Template(template.text.clone()));
        }
    }
    for declared in &flow.accounts {
        if let RowAccountKind::Organization(organization) = &declared.kind {
            addresses.push(account(&organization.creator));
        }
    }
    for signer in &flow.signers {
        let seal = signer.kind.seal();
        addresses.extend(seal.map(|seal| Address::Seal(seal.text.clone())));
        addresses.extend(signer.kind.account().map(account));
        addresses.extend(signer.kind.organization().map(account));
    }
    addresses
}

/// Adds indirect dependencies: the account of each seal, and the creator of each organization.
pub(crate) fn add_dependencies(resources: &Resources, needed: &mut HashSet<Address>) {
    let seals = resources
        .seals
        .iter()
        .filter(|(name, _)| needed.contains(&Address::Seal((*name).clone())));
    let accounts: Vec<Address> = seals
        .map(|(_, seal)| Address::Account(seal.account.clone()))
        .collect();
    needed.extend(accounts);
    let creators = resources
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
