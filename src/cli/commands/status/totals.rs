//! Counts the recorded items by flow and status, their ages, and the pending signers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::causes;
use super::last_run::LastRun;
use crate::address::{Address, is_selected};
use crate::api::time;
use crate::cli::args::Matching;
use crate::cli::context::names::ResourceNames;
use crate::ledger::{ItemRecord, ItemStatus, KnownItem, LedgerError, Records, Store};
use crate::report::{self, Causes, Counts, Status};

/// The totals of a ledger.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) flows: BTreeMap<String, FlowTotals>,
    /// The number of items that the last run has completed or failed.
    pub(super) worked_on: u64,
    /// The causes of failures and early ends.
    pub(super) causes: Causes,
    /// The number of resources by kind: all, and those whose creation is pending.
    pub(super) resources: BTreeMap<&'static str, (u64, u64)>,
}

/// The totals of the items of a flow.
#[derive(Default)]
pub(super) struct FlowTotals {
    pub(super) counts: Counts,
    /// The number of items on which a run works now.
    pub(super) in_progress: u64,
    /// The time since which the oldest item has its status, for statuses that are not final.
    pub(super) oldest: BTreeMap<Status, Timestamp>,
    /// The pending tasks by signer name.
    pub(super) waits: BTreeMap<String, SignerTotals>,
    /// The items that were sent again under the same key.
    pub(super) sent_again: u64,
    /// Waiting items without a pending signer; the next sync continues them.
    pub(super) for_sync: u64,
    /// The last time at which one of its items was polled.
    pub(super) polled_at: Option<Timestamp>,
}

/// The pending tasks of one signer.
#[derive(Default)]
pub(super) struct SignerTotals {
    pub(super) count: u64,
    /// When the oldest task was created.
    pub(super) oldest: Option<Timestamp>,
}

impl Totals {
    /// Counts the selected resources and items.
    pub(super) fn read(
        ledger: &Store,
        names: &ResourceNames,
        matching: &Matching,
        last_run: Option<&LastRun>,
    ) -> Result<Self, LedgerError> {
        let mut totals = Self::default();
        let is_meant =
            |address: &Address| is_selected(&matching.target, &matching.exclude, address);
        ledger.each_resource(&mut |known| {
            if is_meant(&names.address(known.kind, &known.identity)) {
                let counts = totals.resources.entry(known.kind.word()).or_default();
                counts.0 += 1;
                counts.1 += u64::from(known.resource.remote_id.is_none());
            }
            ControlFlow::Continue(())
        })?;
        ledger.each_item(&mut |item| {
            if is_meant(&Address::item(&item.flow, &item.key)) {
                totals.add(&item, last_run);
            }
            ControlFlow::Continue(())
        })?;
        // The pending signers of an item are consecutive.
        let mut last = None;
        ledger.each_pending(&mut |pending| {
            if !is_meant(&Address::item(&pending.flow, &pending.key)) {
                return ControlFlow::Continue(());
            }
            let flow = totals.flows.entry(pending.flow).or_default();
            if last.replace(pending.item) != Some(pending.item) {
                flow.for_sync = flow.for_sync.saturating_sub(u64::from(pending.is_waiting));
            }
            let waits = flow.waits.entry(pending.signer).or_default();
            waits.count += 1;
            let oldest = [waits.oldest, pending.sent_at].into_iter().flatten();
            waits.oldest = oldest.min();
            ControlFlow::Continue(())
        })?;
        Ok(totals)
    }

    fn add(&mut self, item: &KnownItem, last_run: Option<&LastRun>) {
        let record = &item.record;
        let (status, failure) = report::recorded(record);
        let run = last_run.filter(|run| run.id() == record.run);
        if status == Status::Interrupted && run.is_some_and(LastRun::is_running) {
            let flow = self.flows.entry(item.flow.clone()).or_default();
            flow.in_progress += 1;
            return;
        }
        let is_done = status != Status::Interrupted && run.is_some();
        self.worked_on += u64::from(is_done);
        if let Some(failure) = &failure {
            let named = (&item.flow[..], &item.key[..], None);
            self.causes.add(named, status, Some(failure));
        }
        let flow = self.flows.entry(item.flow.clone()).or_default();
        flow.add(record, status);
    }

    /// The totals as JSON.
    pub(super) fn json(&self, run: Option<&str>) -> Value {
        let resources: BTreeMap<&str, Value> = self
            .resources
            .iter()
            .map(|(kind, (count, pending))| (*kind, json!({ "count": count, "pending": pending })))
            .collect();
        let of_flows = |value: fn(&FlowTotals) -> Value| -> BTreeMap<&String, Value> {
            let flows = self.flows.iter();
            flows.map(|(name, flow)| (name, value(flow))).collect()
        };
        json!({
            "run": run,
            "flows": of_flows(|flow| json!(flow.counts)),
            "inProgress": of_flows(|flow| json!(flow.in_progress)),
            "oldest": of_flows(|flow| {
                let oldest = flow.oldest.iter();
                oldest.map(|(status, since)| (status.word().to_owned(), json!(time::text(*since)))).collect()
            }),
            "waits": of_flows(|flow| {
                let waits = flow.waits.iter();
                let signers: BTreeMap<&String, Value> = waits
                    .map(|(name, waits)| {
                        (name, json!({ "count": waits.count, "oldest": waits.oldest.map(time::text) }))
                    })
                    .collect();
                json!({ "signers": signers, "sync": flow.for_sync, "lookedAt": flow.polled_at.map(time::text) })
            }),
            "sentAgain": of_flows(|flow| json!(flow.sent_again)),
            "resources": resources,
            "causes": causes::json(&self.causes),
        })
    }
}

impl FlowTotals {
    fn add(&mut self, record: &ItemRecord, status: Status) {
        *self.counts.entry(status).or_default() += 1;
        let is_again = record.earlier > 0 && record.status != ItemStatus::Revoked;
        self.sent_again += u64::from(is_again);
        self.for_sync += u64::from(status.is_under_way());
        self.polled_at = self.polled_at.max(record.polled_at);
        let since = match status {
            Status::Sent | Status::Waiting => record.sent_at,
            Status::Failed | Status::InDoubt | Status::Interrupted => record.moved_at,
            _ => None,
        };
        if let Some(since) = since {
            let oldest = self.oldest.entry(status).or_insert(since);
            *oldest = since.min(*oldest);
        }
    }
}

/// Counts the selected items by flow and status.
pub(in crate::cli::commands) fn counts(
    ledger: &Store,
    matching: &Matching,
) -> Result<BTreeMap<String, Counts>, LedgerError> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    ledger.each_item(&mut |item| {
        if is_selected(
            &matching.target,
            &matching.exclude,
            &Address::item(&item.flow, &item.key),
        ) {
            let (status, _) = report::recorded(&item.record);
            *counts
                .entry(item.flow)
                .or_default()
                .entry(status)
                .or_default() += 1;
        }
        ControlFlow::Continue(())
    })?;
    Ok(counts)
}
