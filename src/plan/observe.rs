//! Looks up existing accounts by `thirdId`, and the seals of accounts. All calls are read-only.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::error::{Fatal, classify};
use super::selection::Observe;
use crate::address::AccountId;
use crate::api::{ExchangeId, Operation, QuerySeals};
use crate::client::{CallFailure, Client, Problem};
use crate::desired::Resources;
use crate::ledger::Failure;
use crate::plan::diff::Observed;

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
/// Returns an empty observation for [`Observe::None`].
pub(crate) async fn observe_resources(
    resources: &Resources,
    client: &Client,
    observe: Observe,
    listener: &LookupListener,
) -> Result<Observed, Fatal> {
    let mut observed = Observed::default();
    if observe == Observe::None {
        return Ok(observed);
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
    for (third_id, answer) in find_accounts(client, third_ids, listener).await? {
        let answer = answer.map_err(|failure| Fatal::LookupFailed {
            subject: format!("the thirdId {third_id}"),
            reason: failure.message,
        })?;
        observed.accounts.insert(third_id, answer);
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
        let seals = client.call(&query).await.map_err(|failure| {
            match classify(QuerySeals::OP, failure) {
                Ok(failure) => lookup_error(failure),
                Err(fatal) => fatal,
            }
        })?;
        let seals = seals.into_iter().map(|seal| {
            (
                seal.seal_id,
                seal.seal_alias.filter(|alias| !alias.is_empty()),
            )
        });
        observed.seals.insert(third_id.to_owned(), seals.collect());
    }
    Ok(observed)
}

/// Looks up the account id of each `thirdId`: `None` where there is no account, an error where the
/// service rejects the `thirdId`.
///
/// # Errors
///
/// Returns [`Fatal::SharedAccount`] if the service names one account for several of them.
pub(crate) async fn find_accounts(
    client: &Client,
    third_ids: Vec<String>,
    listener: &LookupListener,
) -> Result<BTreeMap<String, Result<Option<AccountId>, Failure>>, Fatal> {
    let answers: BTreeMap<_, Result<Option<AccountId>, Failure>> = stream::iter(third_ids)
        .map(|third_id| async move {
            let answer = match find_account(client, &third_id).await {
                Ok(answer) => Ok(answer),
                Err(failure) => match classify(ExchangeId::OP, failure)? {
                    failure if failure.code.is_some() => Err(failure),
                    failure => return Err(lookup_error(failure)),
                },
            };
            listener(Lookup::Done);
            Ok((third_id, answer))
        })
        .buffer_unordered(client.concurrency())
        .try_collect()
        .await?;
    let mut found = HashSet::new();
    let mut accounts = answers.values().flatten().flatten();
    match accounts.find(|id| !found.insert(*id)) {
        Some(account) => Err(Fatal::SharedAccount(account.clone())),
        None => Ok(answers),
    }
}

/// The error of a failed lookup. No plan can be made without its result.
fn lookup_error(failure: Failure) -> Fatal {
    match failure.code {
        Some(_) => Fatal::LookupFailed {
            subject: "an account of the project".to_owned(),
            reason: failure.message,
        },
        None => Fatal::Unreachable(Problem::passing(failure.message, "")),
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
