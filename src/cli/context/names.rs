//! Resolves addresses: the names of recorded resources in the manifests, and the records at an
//! address.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::suggest::Suggestions;
use crate::address::{Address, AddressPattern};
use crate::cli::args::Matching;
use crate::cli::exit::{CliError, Exit};
use crate::desired::Resources;
use crate::diagnostic::Findings;
use crate::expr::Salt;
use crate::ledger::{
    KnownItem, KnownResource, KnownStep, Ledger, LedgerError, Records, ResourceKind, Store,
    seal_identity, seal_parts,
};
use crate::manifest::Project;

/// The record at an address. An item comes with its steps.
pub(in crate::cli) enum FoundRecord {
    Resource(KnownResource),
    Item(Box<KnownItem>, Vec<KnownStep>),
}

/// The names in the manifests of recorded resources, and the declared resources.
pub(in crate::cli) struct ResourceNames {
    resources: Resources,
    /// The name of each resource, by kind and identity.
    names: BTreeMap<(&'static str, String), String>,
}

impl ResourceNames {
    /// Builds the declared resources. Problems with them are added to `findings`.
    pub(in crate::cli) fn build(project: &Project, salt: &Salt, findings: &mut Findings) -> Self {
        let resources = Resources::of(project, salt, findings);
        let mut names = BTreeMap::new();
        let mut add = |kind: ResourceKind, identity: String, name: &String| {
            names.insert((kind.word(), identity), name.clone());
        };
        for (name, absent) in &resources.absent {
            add(ResourceKind::Account, absent.third_id.clone(), name);
        }
        for (name, account) in &resources.accounts {
            add(ResourceKind::Account, account.third_id().to_owned(), name);
        }
        for (name, seal) in &resources.seals {
            if let Some(account) = resources.accounts.get(&seal.account) {
                let identity = seal_identity(account.third_id(), &seal.alias);
                add(ResourceKind::Seal, identity, name);
            }
        }
        for (name, template) in &resources.templates {
            if let Some(print) = template.source.fingerprint() {
                add(ResourceKind::Template, print.to_string(), name);
            }
        }
        Self { resources, names }
    }

    /// The declared resources.
    pub(in crate::cli) fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The address of a recorded resource: by its name if it is declared, else by its identity.
    pub(in crate::cli) fn address(&self, kind: ResourceKind, identity: &str) -> Address {
        let name = self.names.get(&(kind.word(), identity.to_owned())).cloned();
        match (kind, name) {
            (ResourceKind::Account, Some(name)) => Address::Account(name),
            (ResourceKind::Seal, Some(name)) => Address::Seal(name),
            (ResourceKind::Template, Some(name)) => Address::Template(name),
            (ResourceKind::Account, None) => Address::AccountByThirdId(identity.to_owned()),
            (ResourceKind::Template, None) => Address::TemplateByFingerprint(identity.to_owned()),
            (ResourceKind::Seal, None) => {
                let (third_id, alias) = seal_parts(identity);
                Address::SealByAlias {
                    third_id: third_id.to_owned(),
                    alias: alias.to_owned(),
                }
            }
        }
    }

    /// The kind and identity of the resource at an address; none for flows, items and unknown
    /// names.
    pub(in crate::cli) fn identity(&self, address: &Address) -> Option<(ResourceKind, String)> {
        let named = |kind: ResourceKind, name: &String| {
            let mut names = self.names.iter();
            let found = names.find(|((word, _), own)| *word == kind.word() && *own == name);
            found.map(|((_, identity), _)| (kind, identity.clone()))
        };
        match address {
            Address::Account(name) => named(ResourceKind::Account, name),
            Address::Seal(name) => named(ResourceKind::Seal, name),
            Address::Template(name) => named(ResourceKind::Template, name),
            Address::AccountByThirdId(third_id) => Some((ResourceKind::Account, third_id.clone())),
            Address::TemplateByFingerprint(print) => Some((ResourceKind::Template, print.clone())),
            Address::SealByAlias { third_id, alias } => {
                Some((ResourceKind::Seal, seal_identity(third_id, alias)))
            }
            Address::Flow(_) | Address::Item { .. } => None,
        }
    }

    /// Looks up the record at an address. The error for an unknown address suggests similar ones.
    pub(in crate::cli) fn find(
        &self,
        ledger: &Store,
        address: &Address,
    ) -> anyhow::Result<FoundRecord> {
        if let Address::Flow(flow) = address {
            return Err(CliError::new(
                Exit::Usage,
                t!("%{address} is a flow; the command takes one item", address = address),
                t!(
                    "name an item by its key, such as 'flows.%{flow}[\"HT-1\"]'; state list --target %{address} lists all",
                    flow = flow,
                    address = address
                ),
            )
            .into());
        }
        if let Address::Item { flow, key } = address {
            let record = ledger.item(flow, key)?;
            let known = match record {
                Some(record) => ledger.items_after(None, record.id - 1, 1)?.pop(),
                None => None,
            };
            if let Some(item) = known {
                let steps = ledger.known_steps(item.record.id)?;
                return Ok(FoundRecord::Item(Box::new(item), steps));
            }
        } else if let Some((kind, identity)) = self.identity(address)
            && let Some(resource) = ledger.resource(kind, &identity)?
        {
            return Ok(FoundRecord::Resource(KnownResource {
                kind,
                identity,
                resource,
            }));
        }
        Err(self.not_recorded(ledger, address)?.into())
    }

    fn not_recorded(&self, ledger: &Store, address: &Address) -> Result<CliError, LedgerError> {
        let mut suggestions = Suggestions::new(&address.to_string());
        ledger.each_resource(&mut |known| {
            suggestions.offer(&self.address(known.kind, &known.identity));
            ControlFlow::Continue(())
        })?;
        ledger.each_item(&mut |known| {
            suggestions.offer(&Address::item(&known.flow, &known.key));
            ControlFlow::Continue(())
        })?;
        Ok(CliError::new(
            Exit::Usage,
            t!("%{address} is not recorded", address = address),
            suggestions.hint(),
        ))
    }
}

/// Returns the patterns for the records of a ledger: one that is the address of a record matches
/// this record only, also if the address has a `*`.
pub(in crate::cli) fn resolve_patterns(
    ledger: &Store,
    patterns: &[AddressPattern],
) -> Result<Vec<AddressPattern>, LedgerError> {
    AddressPattern::resolved(patterns, |address| is_recorded(ledger, address))
}

/// Returns whether an item or an account has this address in the ledger.
pub(in crate::cli) fn is_recorded(ledger: &Store, address: &Address) -> Result<bool, LedgerError> {
    Ok(match address {
        Address::Item { flow, key } => ledger.item(flow, key)?.is_some(),
        Address::AccountByThirdId(third_id) => {
            let account = ledger.resource(ResourceKind::Account, third_id)?;
            account.is_some()
        }
        _ => false,
    })
}

/// Returns the selection of recorded addresses in the arguments of a command, resolved by
/// [`resolve_patterns`].
pub(in crate::cli) fn resolve_matching(
    ledger: &Store,
    matching: &Matching,
) -> Result<Matching, LedgerError> {
    Ok(Matching {
        target: resolve_patterns(ledger, &matching.target)?,
        exclude: resolve_patterns(ledger, &matching.exclude)?,
    })
}

/// Returns an error for the first target that matches no recorded item, with similar addresses.
pub(in crate::cli) fn check_targets(
    ledger: &Store,
    targets: &[AddressPattern],
) -> anyhow::Result<()> {
    let mut unmatched: Vec<(&AddressPattern, Suggestions)> = targets
        .iter()
        .map(|target| (target, Suggestions::new(&target.to_string())))
        .collect();
    if unmatched.is_empty() {
        return Ok(());
    }
    ledger.each_item(&mut |known| {
        let address = Address::item(&known.flow, &known.key);
        unmatched.retain(|(target, _)| !target.matches(&address));
        for (_, suggestions) in &mut unmatched {
            suggestions.offer(&Address::Flow(known.flow.clone()));
            suggestions.offer(&address);
        }
        if unmatched.is_empty() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let Some((target, suggestions)) = unmatched.first() else {
        return Ok(());
    };
    Err(CliError::new(
        Exit::Usage,
        t!(
            "the target %{target} matches no recorded item",
            target = target
        ),
        suggestions.hint(),
    )
    .into())
}
