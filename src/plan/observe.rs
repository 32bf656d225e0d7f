//! Looks up existing accounts by `thirdId`, and the seals of accounts. All calls are read-only.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::error::{Fatal, classify};
use super::selection::Observe;
use crate::address::{AccountId, Address};
use crate::api::{ExchangeId, Operation, QuerySeals};
use crate::client::{CallFailure, Client, MAX_CALLS_PER_REQUEST, Problem};
use crate::desired::Resources;
use crate::ledger::Failure;
use crate::plan::diff::{Observed, Unobserved};

/// The progress of lookups.
#[derive(Debug, Clone, Copy)]
pub enum Lookup {
    /// This number of lookups begins.
    Started(usize),
    /// One lookup is done.
    Done,
}

/// Receives the progress of lookups.
pub type LookupListener = Arc<dyn Fn(Lookup) + Send + Sync>;

/// Looks up the declared accounts, and the seals of accounts for which seals are declared.
///
/// Returns an empty observation for [`Observe::None`]. A failed lookup blocks its account or seals
/// only.
///
/// # Errors
///
/// Returns [`Fatal`] if the lookups of all accounts fail.
pub(crate) async fn observe_resources(
    resources: &Resources,
    client: &Client,
    observe: Observe,
    listener: &LookupListener,
) -> Result<(Observed, Unobserved), Fatal> {
    let mut observed = Observed::default();
    let mut unobserved = Unobserved::new();
    if observe == Observe::None {
        return Ok((observed, unobserved));
    }
    listener(Lookup::Started(
        resources.accounts.len() + resources.absent.len(),
    ));
    let absent = resources
        .absent
        .values()
        .map(|account| account.third_id.clone());
    let third_ids: Vec<String> = resources
        .accounts
        .values()
        .map(|account| account.third_id().to_owned())
        .chain(absent)
        .collect();
    let answers = find_accounts(client, third_ids, listener).await?;
    check_any_answered(&answers)?;
    let absent = resources.absent.iter();
    let absent = absent.map(|(name, account)| (name, account.third_id.as_str()));
    let accounts = resources.accounts.iter();
    let accounts = accounts.map(|(name, account)| (name, account.third_id()));
    for (name, third_id) in accounts.chain(absent) {
        match answers.get(third_id) {
            Some(Ok(answer)) => {
                observed
                    .accounts
                    .insert(third_id.to_owned(), answer.clone());
            }
            Some(Err(failure)) => {
                unobserved.insert(Address::Account(name.clone()), blocked(failure));
            }
            None => {}
        }
    }
    for account in resources
        .accounts
        .iter()
        .filter(|(name, _)| resources.seals.values().any(|seal| seal.account == **name))
    {
        let third_id = account.1.third_id();
        let Some(Some(account_id)) = observed.accounts.get(third_id) else {
            continue;
        };
        let query = QuerySeals {
            account_id: account_id.clone(),
        };
        let seals = match client.call(&query).await {
            Ok(seals) => seals,
            Err(failure) => {
                let failure = blocked(&classify(QuerySeals::OP, failure)?);
                let own = resources.seals.iter();
                let own = own.filter(|(_, seal)| seal.account == *account.0);
                let own = own.map(|(name, _)| (Address::Seal(name.clone()), failure.clone()));
                unobserved.extend(own);
                continue;
            }
        };
        let seals = seals.into_iter().map(|seal| {
            (
                seal.seal_id,
                seal.seal_alias.filter(|alias| !alias.is_empty()),
            )
        });
        observed.seals.insert(third_id.to_owned(), seals.collect());
    }
    Ok((observed, unobserved))
}

/// Returns the failure of what was not looked up, and of what depends on it.
pub(crate) fn blocked(failure: &Failure) -> Failure {
    Failure {
        message: t!("cannot be looked up: %{message}", message = failure.message).into_owned(),
        ..failure.clone()
    }
}

/// Returns an error if all lookups failed.
fn check_any_answered(answers: &Answers) -> Result<(), Fatal> {
    if answers.values().any(Result::is_ok) {
        return Ok(());
    }
    let failed = || {
        let failed = answers.iter();
        failed.filter_map(|(third_id, answer)| Some((third_id, answer.as_ref().err()?)))
    };
    let without_code = failed().find(|(_, failure)| failure.code.is_none());
    match without_code.or_else(|| failed().next()) {
        None => Ok(()),
        Some((_, failure)) if failure.code.is_none() => Err(unreachable(failure)),
        Some((third_id, failure)) => Err(Fatal::LookupFailed {
            subject: t!("the thirdId %{third_id}", third_id = third_id).into_owned(),
            reason: failure.message.clone(),
        }),
    }
}

/// Returns the error of a lookup without a usable response, when no other had one.
pub(crate) fn unreachable(failure: &Failure) -> Fatal {
    Fatal::Unreachable(Problem::passing(failure.message.clone(), ""))
}

/// The account id of each `thirdId` that was looked up: `None` where there is no account.
pub(crate) type Answers = BTreeMap<String, Result<Option<AccountId>, Failure>>;

/// Looks up the account id of each `thirdId`: `None` where there is no account, an error where the
/// service rejects the `thirdId` or has no usable response.
///
/// # Errors
///
/// Returns [`Fatal::SharedAccount`] if the service names one account for several of them.
pub(crate) async fn find_accounts(
    client: &Client,
    third_ids: Vec<String>,
    listener: &LookupListener,
) -> Result<Answers, Fatal> {
    let answers: Answers = stream::iter(third_ids)
        .map(|third_id| async move {
            let answer = match find_account(client, &third_id).await {
                Ok(answer) => Ok(answer),
                Err(failure) => Err(classify(ExchangeId::OP, failure)?),
            };
            listener(Lookup::Done);
            Ok::<_, Fatal>((third_id, answer))
        })
        // More than may be in flight, so that lookups that wait before a retry delay no others.
        .buffer_unordered(MAX_CALLS_PER_REQUEST * client.concurrency())
        .try_collect()
        .await?;
    let mut found = HashSet::new();
    let mut accounts = answers.values().flatten().flatten();
    match accounts.find(|id| !found.insert(*id)) {
        Some(account) => Err(Fatal::SharedAccount(account.clone())),
        None => Ok(answers),
    }
}

/// Looks up the account id of a `thirdId` (`account/idexchange`); `None` where there is no account.
pub(crate) async fn find_account(
    client: &Client,
    third_id: &str,
) -> Result<Option<AccountId>, CallFailure> {
    let request = ExchangeId {
        third_id: third_id.to_owned(),
    };
    match client.call(&request).await {
        Ok(answer) => Ok(Some(answer.account_id)),
        Err(CallFailure::Refused { code, .. }) if code.is_missing_account() => Ok(None),
        Err(failure) => Err(failure),
    }
}
