//! Asking what exists: accounts by `thirdId`, seals by account. Questions change nothing.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use super::event::{Event, Listener};
use super::halt::{Fatal, Halt};
use super::look::ask_account;
use super::survey::Observe;
use crate::api::{Operation, QuerySeals};
use crate::client::{Client, WIDEST};
use crate::desired::Standing;
use crate::id::AccountId;
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
    observed.accounts = ask_all(client, third_ids, listener).await?;
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
        let by_alias = seals
            .into_iter()
            .filter_map(|seal| Some((seal.seal_alias?, seal.seal_id)));
        observed
            .seals
            .insert(third_id.to_owned(), by_alias.collect());
    }
    Ok(observed)
}

pub(super) async fn ask_all(
    client: &Client,
    third_ids: Vec<String>,
    listener: &Listener,
) -> Result<BTreeMap<String, Option<AccountId>>, Fatal> {
    stream::iter(third_ids)
        .map(|third_id| async move {
            let answer = ask_account(client, &third_id).await.map_err(fatal)?;
            listener(Event::Asked);
            Ok((third_id, answer))
        })
        // The client holds to its own window.
        .buffer_unordered(WIDEST)
        .try_collect()
        .await
}

/// A question that is not answered leaves no plan to be made.
fn fatal(halt: Halt) -> Fatal {
    match halt {
        Halt::Fatal(fatal) => fatal,
        Halt::Failed(failure) | Halt::InDoubt(failure) | Halt::NotLooked(failure) => {
            Fatal::Unreachable(failure.message)
        }
    }
}
