//! The lists of `treaty status`: failed items, items in doubt, and signing links.

use std::fmt::Display;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::person::KnownPerson;
use crate::address::{Address, is_selected};
use crate::api::time;
use crate::cli::args::Status as Args;
use crate::cli::context::names::ResourceNames;
use crate::cli::output::links::masked;
use crate::cli::output::style::{RED, RESET};
use crate::ledger::{Failure, LedgerError, Pending, Records, Store};
use crate::report::{self, Status, UnrecordedFailure};
use crate::util::escape::escaped;
use crate::util::link;

/// A resource or item that has failed or is in doubt.
pub(super) struct ListedFailure<'a> {
    address: &'a dyn Display,
    status: Status,
    flow_id: Option<String>,
    failure: Option<Failure>,
}

impl ListedFailure<'_> {
    /// The failure, and its hint on a second line.
    pub(super) fn lines(&self) -> Vec<String> {
        let symbol = match self.status {
            Status::InDoubt | Status::Interrupted => '?',
            _ => '!',
        };
        let (message, hint) = self.failure.as_ref().map_or(("", ""), |failure| {
            (failure.message.as_str(), failure.hint.as_str())
        });
        let mut lines = vec![format!("{RED}{symbol}{RESET} {}: {message}", self.address)];
        if !hint.is_empty() {
            lines.push(format!("  {}: {hint}", t!("help")));
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        let failure = self.failure.as_ref().map(|failure| {
            json!({ "code": failure.code, "message": failure.message, "hint": failure.hint })
        });
        json!({
            "address": self.address.to_string(), "status": self.status.word(), "flowId": self.flow_id,
            "failure": failure,
        })
    }
}

/// Passes each failed or in-doubt address to `visit`, as far as the arguments select them.
pub(super) fn each_failure(
    ledger: &Store,
    names: &ResourceNames,
    args: &Args,
    visit: &mut dyn FnMut(&ListedFailure<'_>) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    let is_meant =
        |address: &Address| is_selected(&args.matching.target, &args.matching.exclude, address);
    if args.in_doubt || args.interrupted {
        ledger.each_resource(&mut |known| {
            let address = names.address(known.kind, &known.identity);
            if known.resource.remote_id.is_some() || !is_meant(&address) {
                return ControlFlow::Continue(());
            }
            visit(&ListedFailure {
                address: &address,
                status: Status::Interrupted,
                flow_id: None,
                failure: Some(Failure {
                    code: None,
                    message: t!(
                        "unknown whether the %{kind} was created",
                        kind = t!(known.kind.word())
                    )
                    .into_owned(),
                    hint: t!("apply again; it is looked up first").into_owned(),
                }),
            })
        })?;
    }
    if !args.lists_items() {
        return Ok(());
    }
    ledger.each_item_with_flow_id(&mut |known| {
        let address = Address::item(&known.flow, &known.key);
        let (status, failure) = report::recorded(&known.record);
        let wanted = match status {
            Status::Failed => args.failed,
            Status::InDoubt => args.in_doubt,
            Status::Interrupted => args.in_doubt || args.interrupted,
            Status::Rejected => args.rejected,
            Status::Expired => args.expired,
            _ => false,
        };
        if !wanted || !is_meant(&address) {
            return ControlFlow::Continue(());
        }
        visit(&ListedFailure {
            address: &address,
            status,
            flow_id: known.flow_id,
            failure,
        })
    })
}

/// Passes each row whose failure the ledger does not record to `visit`, as far as the arguments
/// select them.
pub(super) fn each_failed_row(
    rows: &[UnrecordedFailure],
    args: &Args,
    visit: &mut dyn FnMut(&ListedFailure<'_>),
) {
    let matching = &args.matching;
    for row in rows.iter().filter(|_| args.failed) {
        let place = match (&row.key, row.row) {
            (Some(key), _) => Address::item(&row.flow, key).to_string(),
            (None, Some(number)) => {
                format!("flows.{} {}", row.flow, t!("row %{row}", row = number))
            }
            (None, None) => format!("flows.{}", row.flow),
        };
        let address = Address::item(&row.flow, row.key.as_deref().unwrap_or_default());
        if is_selected(&matching.target, &matching.exclude, &address) {
            visit(&ListedFailure {
                address: &place,
                status: Status::Failed,
                flow_id: None,
                failure: Some(Failure {
                    code: None,
                    message: row.message.clone(),
                    hint: row.hint.clone(),
                }),
            });
        }
    }
}

/// A pending signer and the signing link.
pub(super) struct Link {
    pub(super) pending: Pending,
    /// The page on which the signer sees the flow (API 5.7.2), once it was requested.
    pub(super) view_url: Option<String>,
    /// The person, if it was asked for.
    pub(super) person: Option<KnownPerson>,
}

impl Link {
    /// Whether one of the links is not safe to open.
    pub(super) fn is_odd(&self) -> bool {
        let mut links = self.view_url.iter().chain([&self.pending.sign_url]);
        links.any(|link| link::is_odd(link))
    }

    pub(super) fn line(&self, now: Timestamp, mask: bool) -> String {
        let pending = &self.pending;
        let url = match pending.sign_url.as_str() {
            "" => t!("link unknown").into_owned(),
            url => shown(url, mask),
        };
        let view = self.view_url.as_deref();
        let view = view.map_or(String::new(), |url| format!("\t{}", shown(url, mask)));
        let person = match &self.person {
            None => String::new(),
            Some(Ok(person)) => {
                let mobile = person.mobile.as_deref().unwrap_or_default();
                format!("\t{}\t{}", escaped(&person.name), escaped(mobile))
            }
            Some(Err(reason)) => format!("\t({})\t", t!(*reason)),
        };
        let age = pending.sent_at.map_or(String::new(), |at| age(at, now));
        let address = Address::item(&pending.flow, &pending.key);
        // A tab would begin another field.
        let (address, signer) = (address.to_string(), escaped(&pending.signer));
        format!(
            "{}\t{signer}\t{age}\t{url}{view}{person}",
            escaped(&address)
        )
    }

    pub(super) fn json(&self, mask: bool) -> Value {
        let pending = &self.pending;
        let mut value = json!({
            "address": Address::item(&pending.flow, &pending.key).to_string(), "key": pending.key,
            "signer": pending.signer, "flowId": pending.flow_id, "accountId": pending.account_id,
            "sentAt": pending.sent_at.map(time::text),
            "signUrl": (!pending.sign_url.is_empty()).then(|| shown(&pending.sign_url, mask)),
        });
        if let Some(url) = &self.view_url {
            value["viewUrl"] = shown(url, mask).into();
        }
        match &self.person {
            None => {}
            Some(Ok(person)) => {
                value["person"] = json!({ "name": person.name, "mobile": person.mobile });
            }
            Some(Err(reason)) => {
                value["person"] = Value::Null;
                value["personUnknown"] = (*reason).into();
            }
        }
        value
    }
}

/// Returns a link as it is shown.
fn shown(url: &str, mask: bool) -> String {
    if mask { masked(url) } else { link::shown(url) }
}

/// Passes each pending signer to `visit`.
pub(super) fn each_pending(
    ledger: &Store,
    args: &Args,
    visit: &mut dyn FnMut(Link) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    ledger.each_pending(&mut |pending| {
        let address = Address::item(&pending.flow, &pending.key);
        if !is_selected(&args.matching.target, &args.matching.exclude, &address) {
            return ControlFlow::Continue(());
        }
        visit(Link {
            pending,
            view_url: None,
            person: None,
        })
    })
}
