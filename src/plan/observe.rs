//! Asking what exists: accounts by `thirdId`, seals by account. Questions change nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::error::{Fatal, classify};
use super::selection::Observe;
use crate::address::AccountId;
use crate::api::{ExchangeId, Operation, QuerySeals};
use crate::client::{self, Client, Problem};
use crate::desired::Resources;
use crate::ledger::Failure;
use crate::plan::diff::Observed;

/// The progress of lookups.
#[derive(Debug, Clone, Copy)]
pub enum Lookup {
    /// So many lookups begin.
    Started(usize),
    /// One of them is done.
    Done,
}

/// Receives the progress of lookups.
pub type LookupListener = Arc<dyn Fn(Lookup) + Send + Sync>;

/// Looks up the accounts of a project, and the seals of those that have any declared.
pub(crate) async fn observe_resources(
    standing: &Resources,
    client: &Client,
    observe: Observe,
    listener: &LookupListener,
) -> Result<Observed, Fatal> {
    let mut observed = Observed::default();
    if observe == Observe::None {
        return Ok(observed);
    }
    listener(Lookup::Started(
        standing.accounts.len() + standing.absent.len(),
    ));
    let absent = standing
        .absent
        .values()
        .map(|account| account.third_id.clone());
    let third_ids: Vec<String> = standing
        .accounts
        .values()
        .map(|account| account.third_id().to_owned())
        .chain(absent)
        .collect();
    for (third_id, answer) in ask_all(client, third_ids, listener).await? {
        let answer = answer.map_err(|failure| Fatal::NotTold {
            of: format!("the thirdId {third_id}"),
            why: failure.message,
        })?;
        observed.accounts.insert(third_id, answer);
    }
    for account in standing
        .accounts
        .iter()
        .filter(|(name, _)| standing.seals.values().any(|seal| seal.account == **name))
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
                Ok(failure) => no_answer(failure),
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

/// What the service says of each `thirdId`: whose account it is, if there is one; or why it will not say so of this one.
pub(crate) async fn ask_all(
    client: &Client,
    third_ids: Vec<String>,
    listener: &LookupListener,
) -> Result<BTreeMap<String, Result<Option<AccountId>, Failure>>, Fatal> {
    stream::iter(third_ids)
        .map(|third_id| async move {
            let answer = match find_account(client, &third_id).await {
                Ok(answer) => Ok(answer),
                Err(failure) => match classify(ExchangeId::OP, failure)? {
                    failure if failure.code.is_some() => Err(failure),
                    failure => return Err(no_answer(failure)),
                },
            };
            listener(Lookup::Done);
            Ok((third_id, answer))
        })
        .buffer_unordered(client.concurrency())
        .try_collect()
        .await
}

/// A lookup that gets no answer: no plan can be made.
fn no_answer(failure: Failure) -> Fatal {
    match failure.code {
        Some(_) => Fatal::NotTold {
            of: "an account of the project".to_owned(),
            why: failure.message,
        },
        None => Fatal::Unreachable(Problem::passing(failure.message, "")),
    }
}

/// Looks up the account of a `thirdId`; none where there is no such account.
pub(crate) async fn find_account(
    client: &Client,
    third_id: &str,
) -> Result<Option<AccountId>, client::Failure> {
    let request = ExchangeId {
        third_id: third_id.to_owned(),
    };
    match client.call(&request).await {
        Ok(answer) => Ok(Some(answer.account_id)),
        Err(client::Failure::Refused { code, .. }) if code.is_missing_account() => Ok(None),
        Err(failure) => Err(failure),
    }
}
