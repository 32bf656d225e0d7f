//! The actions for resources.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::action::{AccountAction, Grant, SealAction, TemplateAction};
use super::state::{Observed, RecordedResources, Unobserved};
use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::desired::{Account, AccountHolder, Resources, SealSource, SilentSign, TemplateSource};
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::{Fingerprint, Salt};
use crate::ledger::{RecordedAccount, is_kept};
use crate::plan::forecast::Calls;

/// The actions for resources, in execution order: persons before the organizations that they
/// create, accounts before their seals.
#[derive(Debug, Default)]
pub struct ResourcePlan {
    /// Accounts declared absent, by name, with the id of the account to delete if it exists.
    pub absent: Vec<(String, Option<AccountId>)>,
    /// Accounts by name.
    pub accounts: Vec<PlannedAccount>,
    /// Seals by name.
    pub seals: Vec<(String, SealAction, Op)>,
    /// Templates by name.
    pub templates: Vec<(String, TemplateAction)>,
    /// The resources whose lookup failed: their actions are not executed.
    pub unobserved: Unobserved,
}

/// The actions for one account.
#[derive(Debug)]
pub struct PlannedAccount {
    /// Its name.
    pub name: String,
    /// Whether it is a person's account.
    pub is_person: bool,
    /// The declared fields that an adoption sets.
    pub sets: Vec<&'static str>,
    /// The action for the account itself.
    pub action: AccountAction,
    /// The action for its silent signing.
    pub grant: Grant,
}

impl ResourcePlan {
    /// Whether all resources are unchanged.
    pub fn is_empty(&self) -> bool {
        self.count('=')
            == (self.absent.len() + self.accounts.len() + self.seals.len() + self.templates.len())
                as u64
    }

    /// The number of resources whose action has a symbol.
    pub fn count(&self, symbol: char) -> u64 {
        self.actions().filter(|(_, own, _)| *own == symbol).count() as u64
    }

    /// The address, symbol and note of each resource.
    pub fn actions(&self) -> impl Iterator<Item = (Address, char, String)> {
        let absent = self.absent.iter().map(|(name, deletion)| {
            let symbol = if deletion.is_some() { '-' } else { '=' };
            (Address::Account(name.clone()), symbol, String::new())
        });
        let accounts = self.accounts.iter().map(|account| {
            let (symbol, mut note) = match &account.action {
                AccountAction::Create => ('+', String::new()),
                AccountAction::Adopt(_) => (
                    '~',
                    t!(
                        "adopt the existing account: set %{sets}",
                        sets = account.sets.join(", ")
                    )
                    .into_owned(),
                ),
                AccountAction::Update(_, fields) => ('~', fields.join(", ")),
                AccountAction::Unchanged(_) => ('=', String::new()),
            };
            let grant = match account.grant {
                Grant::Unchanged => Cow::Borrowed(""),
                Grant::Grant(_) => t!("grant silent signing"),
                Grant::Revoke => t!("revoke silent signing"),
            };
            if !grant.is_empty() {
                note = if note.is_empty() {
                    grant.clone().into_owned()
                } else {
                    format!("{note}; {grant}")
                };
            }
            let symbol = if symbol == '=' && !grant.is_empty() {
                '~'
            } else {
                symbol
            };
            (Address::Account(account.name.clone()), symbol, note)
        });
        let seals = self.seals.iter().map(|(name, action, _)| {
            let (symbol, note) = match action {
                SealAction::Create => ('+', Cow::Borrowed("")),
                SealAction::Adopt(_) => ('~', t!("adopt the existing seal")),
                SealAction::Unchanged(_) => ('=', Cow::Borrowed("")),
            };
            (Address::Seal(name.clone()), symbol, note.into_owned())
        });
        let templates = self.templates.iter().map(|(name, action)| {
            let symbol = match action {
                TemplateAction::Create => '+',
                TemplateAction::Unchanged(_) => '=',
            };
            (Address::Template(name.clone()), symbol, String::new())
        });
        let all = absent.chain(accounts).chain(seals).chain(templates);
        all.map(
            |(address, symbol, note)| match self.unobserved.get(&address) {
                Some(failure) => (address, '!', failure.message.clone()),
                None => (address, symbol, note),
            },
        )
    }

    /// The calls that the actions need.
    pub fn calls(&self) -> Calls {
        let mut calls = Calls::default();
        let deletions = self.absent.iter().filter(|(_, id)| id.is_some());
        calls.add(Op::DeleteAccount, deletions.count() as u64);
        for account in &self.accounts {
            let (create, update) = if account.is_person {
                (Op::CreatePerson, Op::UpdatePerson)
            } else {
                (Op::CreateOrganization, Op::UpdateOrganization)
            };
            match account.action {
                AccountAction::Create => calls.add(create, 1),
                AccountAction::Adopt(_) | AccountAction::Update(..) => calls.add(update, 1),
                AccountAction::Unchanged(_) => {}
            }
            match account.grant {
                Grant::Unchanged => {}
                Grant::Grant(_) => calls.add(Op::GrantSilentSign, 1),
                Grant::Revoke => calls.add(Op::RevokeSilentSign, 1),
            }
        }
        for (_, action, op) in &self.seals {
            let count = u64::from(*action == SealAction::Create);
            calls.add(*op, count);
            if matches!(
                op,
                Op::CreatePersonImageSeal | Op::CreateOrganizationImageSeal
            ) {
                calls.add(Op::UploadUrl, count);
            }
        }
        for (_, action) in &self.templates {
            let count = u64::from(*action == TemplateAction::Create);
            calls.add(Op::UploadUrl, count);
            calls.add(Op::CreateTemplate, count);
        }
        calls
    }

    /// Removes the actions of excluded resources. Existing ones stay as unchanged, so that items
    /// can use them.
    pub fn exclude(&mut self, excluded: impl Fn(&Address) -> bool) {
        self.unobserved.retain(|address, _| !excluded(address));
        self.absent
            .retain(|(name, _)| !excluded(&Address::Account(name.clone())));
        let is_excluded =
            |account: &PlannedAccount| excluded(&Address::Account(account.name.clone()));
        self.accounts
            .retain(|account| !(account.action == AccountAction::Create && is_excluded(account)));
        for account in self
            .accounts
            .iter_mut()
            .filter(|account| is_excluded(account))
        {
            account.grant = Grant::Unchanged;
            if let AccountAction::Adopt(id) | AccountAction::Update(id, _) = &account.action {
                account.action = AccountAction::Unchanged(id.clone());
            }
        }
        self.seals.retain(|(name, action, _)| {
            matches!(action, SealAction::Unchanged(_)) || !excluded(&Address::Seal(name.clone()))
        });
        self.templates.retain(|(name, action)| {
            *action != TemplateAction::Create || !excluded(&Address::Template(name.clone()))
        });
    }

    /// Keeps the resources for which `keep` returns true.
    pub fn retain(&mut self, keep: impl Fn(&Address) -> bool) {
        self.unobserved.retain(|address, _| keep(address));
        self.absent
            .retain(|(name, _)| keep(&Address::Account(name.clone())));
        self.accounts
            .retain(|account| keep(&Address::Account(account.name.clone())));
        self.seals
            .retain(|(name, _, _)| keep(&Address::Seal(name.clone())));
        self.templates
            .retain(|(name, _)| keep(&Address::Template(name.clone())));
    }
}

/// The fingerprint of each field of an account, by field name.
pub fn field_fingerprints(account: &Account, salt: &Salt) -> BTreeMap<String, Fingerprint> {
    account
        .fields()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), salt.of(&value)))
        .collect()
}

/// Computes the actions for resources.
///
/// A change that the API cannot make is reported in `findings`.
pub(crate) fn plan_resources(
    desired: &Resources,
    recorded: &RecordedResources,
    observed: &Observed,
    salt: &Salt,
    findings: &mut Findings,
) -> ResourcePlan {
    let mut plan = ResourcePlan::default();
    for (name, absent) in &desired.absent {
        // The observed state has priority over the recorded state.
        let recorded = || {
            recorded
                .accounts
                .get(&absent.third_id)
                .map(|account| account.account_id.clone())
        };
        let existing = match observed.accounts.get(&absent.third_id) {
            Some(observed) => observed.clone(),
            None => recorded(),
        };
        plan.absent.push((name.clone(), existing));
    }
    let (persons, organizations): (Vec<_>, Vec<_>) = desired
        .accounts
        .iter()
        .partition(|(_, account)| matches!(account.holder, AccountHolder::Person(_)));
    for (name, account) in persons.into_iter().chain(organizations) {
        let recorded_account = recorded.accounts.get(account.third_id());
        let observed_account = observed.accounts.get(account.third_id());
        match plan_account(account, recorded_account, observed_account, salt) {
            Ok(action) => plan.accounts.push(PlannedAccount {
                name: name.clone(),
                is_person: matches!(account.holder, AccountHolder::Person(_)),
                sets: account
                    .settable()
                    .into_iter()
                    .map(|(name, _)| name)
                    .collect(),
                grant: plan_grant(account.silent_sign, recorded_account, &action),
                action,
            }),
            Err(diagnostic) => findings.push(diagnostic),
        }
    }
    for (name, seal) in &desired.seals {
        let Some(account) = desired.accounts.get(&seal.account) else {
            continue;
        };
        let recorded_seal = recorded
            .seals
            .get(&(account.third_id().to_owned(), seal.alias.clone()));
        let observed_seals = observed.seals.get(account.third_id());
        // A newly created account has none of its former seals.
        let created = plan
            .accounts
            .iter()
            .any(|planned| planned.name == seal.account && planned.action == AccountAction::Create);
        let exists =
            |id| observed_seals.is_none_or(|seals| seals.iter().any(|(other, _)| other == id));
        let with_alias = observed_seals.into_iter().flatten().find(|(_, alias)| {
            let alias = alias.as_deref();
            alias == Some(&seal.alias)
        });
        let action = match (recorded_seal, with_alias.map(|(id, _)| id)) {
            _ if created => SealAction::Create,
            (Some(recorded_seal), _)
                if recorded_seal
                    .fingerprint
                    .is_some_and(|fingerprint| fingerprint != seal.fingerprint) =>
            {
                findings.push(
                    Diagnostic::error(t!("the seal %{name} differs from the existing seal, and a seal cannot be changed", name = name))
                    .at(&seal.span)
                    .hint(t!("use another alias, such as %{alias}-2, to create a new seal", alias = seal.alias)),
                );
                continue;
            }
            (Some(recorded_seal), _) if exists(&recorded_seal.seal_id) => {
                SealAction::Unchanged(recorded_seal.seal_id.clone())
            }
            (_, Some(id)) => SealAction::Adopt(id.clone()),
            (_, None) => SealAction::Create,
        };
        let op = match seal.source {
            SealSource::Person { .. } => Op::CreatePersonSeal,
            SealSource::Organization { .. } => Op::CreateOrganizationSeal,
            SealSource::Image {
                is_person: true, ..
            } => Op::CreatePersonImageSeal,
            SealSource::Image { .. } => Op::CreateOrganizationImageSeal,
        };
        plan.seals.push((name.clone(), action, op));
    }
    for (name, template) in &desired.templates {
        let action = match &template.source {
            TemplateSource::Adopted(id) => TemplateAction::Unchanged(id.as_str().into()),
            TemplateSource::File { fingerprint, .. } => match recorded.templates.get(fingerprint) {
                Some(id) => TemplateAction::Unchanged(id.clone()),
                None => TemplateAction::Create,
            },
        };
        plan.templates.push((name.clone(), action));
    }
    plan
}

fn plan_account(
    account: &Account,
    recorded_account: Option<&RecordedAccount>,
    observed_account: Option<&Option<crate::address::AccountId>>,
    salt: &Salt,
) -> Result<AccountAction, Diagnostic> {
    match (recorded_account, observed_account) {
        (_, Some(None)) | (None, None) => Ok(AccountAction::Create),
        (None, Some(Some(id))) => Ok(AccountAction::Adopt(id.clone())),
        (Some(recorded_account), Some(Some(id))) if recorded_account.account_id != *id => {
            Ok(AccountAction::Adopt(id.clone()))
        }
        (Some(recorded_account), _) => plan_row_account(account, recorded_account, salt),
    }
}

/// Computes the action for a recorded account.
///
/// # Errors
///
/// Returns a diagnostic when a field differs that the API cannot update.
pub fn plan_row_account(
    account: &Account,
    recorded_account: &RecordedAccount,
    salt: &Salt,
) -> Result<AccountAction, Diagnostic> {
    if is_kept(&recorded_account.fields) {
        return Ok(AccountAction::Unchanged(
            recorded_account.account_id.clone(),
        ));
    }
    let mut changed = Vec::new();
    for (name, value) in account.fields() {
        if recorded_account.fields.get(name) == Some(&salt.of(&value)) {
            continue;
        }
        if !account.updatable().contains(&name) {
            return Err(Diagnostic::error(t!(
                "%{name} differs from the recorded account and cannot be changed",
                name = name
            ))
            .at(account.origin.clone())
            .hint(t!("correct it, or give the account a new thirdId")));
        }
        changed.push(name);
    }
    Ok(if changed.is_empty() {
        AccountAction::Unchanged(recorded_account.account_id.clone())
    } else {
        AccountAction::Update(recorded_account.account_id.clone(), changed)
    })
}

fn plan_grant(
    desired: SilentSign,
    recorded_account: Option<&RecordedAccount>,
    action: &AccountAction,
) -> Grant {
    // A grant is valid only for the account id that it was made for.
    let recorded_account = recorded_account.filter(|recorded_account| match action {
        AccountAction::Create => false,
        AccountAction::Adopt(id) | AccountAction::Update(id, _) | AccountAction::Unchanged(id) => {
            recorded_account.account_id == *id
        }
    });
    let deadline = match desired {
        SilentSign::No => None,
        SilentSign::Forever => Some(None),
        SilentSign::Until(deadline) => Some(Some(deadline)),
    };
    match (
        deadline,
        recorded_account.and_then(|recorded_account| recorded_account.grant),
    ) {
        (None, None) => Grant::Unchanged,
        (None, Some(_)) => Grant::Revoke,
        (Some(deadline), Some(granted)) if granted.deadline == deadline => Grant::Unchanged,
        (Some(deadline), _) => Grant::Grant(deadline),
    }
}
