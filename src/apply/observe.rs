//! Asking what exists: accounts by `thirdId`, seals by account. Questions change nothing.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::event::{Event, Listener};
use super::halt::{Fatal, Halt};
use super::look::ask_account;
use super::survey::Observe;
use crate::api::{Operation, QuerySeals};
use crate::client::{Client, Problem};
use crate::desired::Standing;
use crate::id::AccountId;
use crate::ledger::Failure;
use crate::plan::Observed;

pub(super) async fn observe_standing(
    standing: &Standing,
    client: &Client,
    observe: Observe,
    listener: &Listener,
) -> Result<Observed, Fatal> {
    let mut observed = Observed::default();
    if observe == Observe::None {
        return Ok(observed);
    }
    listener(Event::Asking(
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
        let seals = client
            .call(&query)
            .await
            .map_err(|failure| fatal(Halt::of(QuerySeals::OP, failure)))?;
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
pub(super) async fn ask_all(
    client: &Client,
    third_ids: Vec<String>,
    listener: &Listener,
) -> Result<BTreeMap<String, Result<Option<AccountId>, Failure>>, Fatal> {
    stream::iter(third_ids)
        .map(|third_id| async move {
            let answer = match ask_account(client, &third_id).await {
                Ok(answer) => Ok(answer),
                Err(Halt::Failed(failure)) if failure.code.is_some() => Err(failure),
                Err(halt) => return Err(fatal(halt)),
            };
            listener(Event::Asked);
            Ok((third_id, answer))
        })
        .buffer_unordered(client.concurrency())
        .try_collect()
        .await
}

/// A question that is not answered leaves no plan to be made.
fn fatal(halt: Halt) -> Fatal {
    match halt {
        Halt::Fatal(fatal) => fatal,
        Halt::Failed(failure) | Halt::InDoubt(failure) | Halt::NotLooked(failure) => {
            match failure.code {
                Some(_) => Fatal::NotTold {
                    of: "an account of the project".to_owned(),
                    why: failure.message,
                },
                None => Fatal::Unreachable(Problem::passing(failure.message, "")),
            }
        }
    }
}
