//! The actions for resources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::account_action::{declared_grant, of_same_account, plan_account, plan_grant};
use super::action::{AccountAction, Grant, SealAction, TemplateAction};
use super::change::{self, FieldChange, account_changes, shown_values};
use super::state::{Observed, RecordedResources, Unobserved};
use crate::address::{AccountId, Address};
use crate::api::operation::Op;
use crate::desired::{Account, AccountHolder, Resources, SealSource, TemplateSource};
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::Salt;
use crate::ledger::{RecordedAccount, RecordedGrant};
use crate::plan::forecast::Calls;

/// The actions for resources, in execution order: persons before the organizations that they
/// create, accounts before their seals.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAccount {
    /// Its name.
    pub name: String,
    /// Whether it is a person's account.
    pub is_person: bool,
    /// The action for the account itself.
    pub action: AccountAction,
    /// The action for its silent signing.
    pub grant: Grant,
    /// The fields that both actions change.
    #[serde(serialize_with = "change::without_old_values")]
    pub changes: Vec<FieldChange>,
    /// The values of all fields that can change, as a plan shows them; without secret ones. The
    /// ledger records them.
    #[serde(skip)]
    pub shown: BTreeMap<String, String>,
}

/// The action for a resource as a plan shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ResourceAction {
    /// It is created.
    Create,
    /// Its fields are set.
    Update,
    /// The existing one, which treaty did not create, is recorded; an account's fields are set.
    Adopt,
    /// It is deleted.
    Delete,
    /// It is unchanged.
    None,
    /// Its lookup failed: nothing is done with it.
    Blocked,
}

impl ResourceAction {
    /// Returns the symbol before the resource.
    pub fn symbol(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update | Self::Adopt => '~',
            Self::Delete => '-',
            Self::None => '=',
            Self::Blocked => '!',
        }
    }

    /// Returns the name of the action for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Adopt => "adopt",
            Self::Delete => "delete",
            Self::None => "none",
            Self::Blocked => "blocked",
        }
    }
}

/// A resource as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceEntry<'a> {
    /// Its address.
    pub address: Address,
    /// Its action.
    pub action: ResourceAction,
    /// The fields that change.
    pub changes: &'a [FieldChange],
    /// Why it is blocked.
    pub reason: Option<&'a str>,
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
        let own = self.entries();
        own.filter(|entry| entry.action.symbol() == symbol).count() as u64
    }

    /// The resources as a plan shows them.
    pub fn entries(&self) -> impl Iterator<Item = ResourceEntry<'_>> {
        use ResourceAction as Action;
        const NONE: &[FieldChange] = &[];
        let absent = self.absent.iter().map(|(name, deletion)| {
            let action = if deletion.is_some() {
                Action::Delete
            } else {
                Action::None
            };
            (Address::Account(name.clone()), action, NONE)
        });
        let accounts = self.accounts.iter().map(|account| {
            let action = match &account.action {
                AccountAction::Create => Action::Create,
                AccountAction::Adopt(_) => Action::Adopt,
                AccountAction::Unchanged(_) if account.grant == Grant::Unchanged => Action::None,
                AccountAction::Update(..) | AccountAction::Unchanged(_) => Action::Update,
            };
            let address = Address::Account(account.name.clone());
            (address, action, account.changes.as_slice())
        });
        let seals = self.seals.iter().map(|(name, action, _)| {
            let action = match action {
                SealAction::Create => Action::Create,
                SealAction::Adopt(_) => Action::Adopt,
                SealAction::Unchanged(_) => Action::None,
            };
            (Address::Seal(name.clone()), action, NONE)
        });
        let templates = self.templates.iter().map(|(name, action)| {
            let action = match action {
                TemplateAction::Create => Action::Create,
                TemplateAction::Unchanged(_) => Action::None,
            };
            (Address::Template(name.clone()), action, NONE)
        });
        let all = absent.chain(accounts).chain(seals).chain(templates);
        all.map(|(address, action, changes)| {
            let failure = self.unobserved.get(&address);
            ResourceEntry {
                address,
                action: failure.map_or(action, |_| Action::Blocked),
                changes: if failure.is_some() { NONE } else { changes },
                reason: failure.map(|failure| failure.message.as_str()),
            }
        })
    }

    /// Sets all fields of an existing account again, and its grant of silent signing.
    pub(crate) fn force_update(
        &mut self,
        name: &str,
        desired: &Account,
        recorded: Option<&RecordedAccount>,
    ) {
        let mut accounts = self.accounts.iter_mut();
        let Some(planned) = accounts.find(|planned| planned.name == name) else {
            return;
        };
        if let AccountAction::Unchanged(id) | AccountAction::Update(id, _) = &planned.action {
            let fields = desired.settable().into_iter();
            let fields: Vec<_> = fields.map(|(name, _)| name.into()).collect();
            planned.action = AccountAction::Update(id.clone(), fields);
        }
        if let (Grant::Unchanged, Some(RecordedGrant { deadline })) =
            (planned.grant, declared_grant(desired.silent_sign))
        {
            planned.grant = Grant::Grant(deadline);
        }
        let recorded = of_same_account(recorded, &planned.action);
        planned.changes = account_changes(desired, &planned.action, recorded, planned.grant);
    }

    /// Masks parts of the values that the plan shows. Values with such parts are not recorded.
    pub fn mask_values(&mut self, resources: &Resources, masked: impl Fn(&str) -> String) {
        for planned in &mut self.accounts {
            for change in &mut planned.changes {
                for value in [&mut change.old, &mut change.new].into_iter().flatten() {
                    *value = masked(value);
                }
            }
            let account = resources.accounts.get(&planned.name);
            for (name, value) in account.map(Account::settable).unwrap_or_default() {
                if masked(&value) != value {
                    planned.shown.remove(name);
                }
            }
        }
    }

    /// Returns whether a saved plan of both would have the same actions and values.
    pub(crate) fn is_saved_like(&self, other: &Self) -> bool {
        let saved = |plan: &Self| serde_json::to_value(plan).ok();
        saved(self) == saved(other)
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
            account.changes.clear();
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
            Ok(action) => {
                let grant = plan_grant(account.silent_sign, recorded_account, &action);
                plan.accounts.push(PlannedAccount {
                    name: name.clone(),
                    is_person: matches!(account.holder, AccountHolder::Person(_)),
                    changes: account_changes(
                        account,
                        &action,
                        of_same_account(recorded_account, &action),
                        grant,
                    ),
                    shown: shown_values(account),
                    grant,
                    action,
                });
            }
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
