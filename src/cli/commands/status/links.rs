//! Completes the links of pending signers with what the ledger does not contain.

use std::ops::ControlFlow;

use super::listed::{Link, each_pending};
use super::people;
use crate::api::{Operation, ViewUrl};
use crate::cli::args::{Global, Status as Args};
use crate::cli::commands::ask;
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::names::ResourceNames;
use crate::cli::context::runtime::runtime;
use crate::cli::output::progress::Progress;
use crate::client::CallFailure;
use crate::ledger::Store;

/// Returns the links of all pending signers with view URLs or persons, if they are asked for.
pub(super) fn complete_links(
    global: &Global,
    context: &LedgerContext,
    ledger: &Store,
    names: &ResourceNames,
    args: &Args,
) -> anyhow::Result<Option<Vec<Link>>> {
    if !args.view && !args.with_people {
        return Ok(None);
    }
    let mut links = Vec::new();
    each_pending(ledger, args, &mut |link| {
        links.push(link);
        ControlFlow::Continue(())
    })?;
    if args.view {
        add_view_urls(global, context, ledger, &mut links)?;
    }
    if args.with_people {
        people::add(context, ledger, names.resources(), &mut links)?;
    }
    Ok(Some(links))
}

/// Requests the view URL of each pending signer (API 5.7.2).
fn add_view_urls(
    global: &Global,
    context: &LedgerContext,
    ledger: &Store,
    links: &mut [Link],
) -> anyhow::Result<()> {
    let progress = Progress::new(global);
    let client = context.client(ledger, &progress)?;
    let requests = links.iter_mut().map(async |link| {
        let request = ViewUrl {
            flow_id: link.pending.flow_id.as_str().into(),
            account_id: link.pending.account_id.as_str().into(),
        };
        let response = client.call(&request).await?;
        link.view_url = Some(response.view_url);
        Ok::<(), CallFailure>(())
    });
    let result = runtime()?.block_on(futures::future::try_join_all(requests));
    progress.finish();
    result.map_err(|failure| ask::call_error(ViewUrl::OP, failure))?;
    Ok(())
}
