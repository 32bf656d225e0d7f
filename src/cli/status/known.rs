//! What the ledger knows, in numbers: items by flow and state, their ages, and what waits for whom.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::args::Matching;
use super::super::state::Names;
use crate::address::{Address, is_selected};
use crate::api::time;
use crate::ledger::{ItemRecord, LedgerError, Records, Sqlite};
use crate::report::{self, Counts, Status};

/// What is known.
#[derive(Default)]
pub(super) struct Known {
    pub(super) flows: BTreeMap<String, Flow>,
    /// By kind: all, and those that are being made.
    pub(super) things: BTreeMap<&'static str, (u64, u64)>,
}

/// What is known of a flow's items.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) counts: Counts,
    /// Since when those have waited that wait longest, by status; of those that have no end yet.
    pub(super) oldest: BTreeMap<Status, Timestamp>,
    /// Who is to sign, by the signer's name.
    pub(super) waits: BTreeMap<String, Waits>,
    /// Items that wait, and not for anybody who was asked: a sync goes on with them.
    pub(super) for_sync: u64,
    /// When its flows were asked for, the last time that any was.
    pub(super) looked: Option<Timestamp>,
}

/// Who waits for one signer.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) count: u64,
    /// When he was asked who was asked first.
    pub(super) oldest: Option<Timestamp>,
}

impl Known {
    /// Reads it. `means` says which addresses are meant.
    pub(super) fn read(
        ledger: &Sqlite,
        names: &Names,
        matching: &Matching,
    ) -> Result<Self, LedgerError> {
        let mut known = Self::default();
        let means = |address: &Address| is_selected(&matching.target, &matching.exclude, address);
        ledger.each_resource(&mut |thing| {
            if means(&names.address(thing.kind, &thing.identity)) {
                let counts = known.things.entry(thing.kind.word()).or_default();
                counts.0 += 1;
                counts.1 += u64::from(thing.resource.remote_id.is_none());
            }
            ControlFlow::Continue(())
        })?;
        ledger.each_item(("", ""), &mut |item| {
            if means(&Address::item(&item.flow, &item.key)) {
                known.flows.entry(item.flow).or_default().add(&item.record);
            }
            ControlFlow::Continue(())
        })?;
        // Several may be asked of one item, which stand together.
        let mut last = None;
        ledger.each_pending(&mut |pending| {
            if !means(&Address::item(&pending.flow, &pending.key)) {
                return ControlFlow::Continue(());
            }
            let flow = known.flows.entry(pending.flow).or_default();
            if last.replace(pending.item) != Some(pending.item) {
                flow.for_sync -= u64::from(pending.is_waiting);
            }
            let waits = flow.waits.entry(pending.signer).or_default();
            waits.count += 1;
            let oldest = [waits.oldest, pending.sent_at].into_iter().flatten();
            waits.oldest = oldest.min();
            ControlFlow::Continue(())
        })?;
        Ok(known)
    }

    /// What is known, for programs.
    pub(super) fn json(&self, run: Option<&str>) -> Value {
        let things: BTreeMap<&str, Value> = self
            .things
            .iter()
            .map(|(kind, (count, making))| (*kind, json!({ "count": count, "beingMade": making })))
            .collect();
        let of_flows = |value: fn(&Flow) -> Value| -> BTreeMap<&String, Value> {
            let flows = self.flows.iter();
            flows.map(|(name, flow)| (name, value(flow))).collect()
        };
        json!({
            "run": run,
            "flows": of_flows(|flow| json!(flow.counts)),
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
                json!({ "signers": signers, "sync": flow.for_sync, "lookedAt": flow.looked.map(time::text) })
            }),
            "things": things,
        })
    }
}

impl Flow {
    fn add(&mut self, record: &ItemRecord) {
        let (status, _) = report::recorded(record);
        *self.counts.entry(status).or_default() += 1;
        self.for_sync += u64::from(status == Status::Waiting);
        self.looked = self.looked.max(record.polled_at);
        let since = match status {
            Status::Waiting => record.sent_at,
            Status::Failed | Status::InDoubt => record.moved_at,
            _ => None,
        };
        if let Some(since) = since {
            let oldest = self.oldest.entry(status).or_insert(since);
            *oldest = since.min(*oldest);
        }
    }
}

/// Items by flow and status.
pub(in super::super) fn counts(
    ledger: &Sqlite,
    matching: &Matching,
) -> Result<BTreeMap<String, Counts>, LedgerError> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    ledger.each_item(("", ""), &mut |item| {
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
