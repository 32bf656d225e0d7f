//! Items, seen one by one, turned into `report.html` once all were seen.

use std::io::{Error, Write};
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::super::row::Status;
use super::super::summary::Summary;
use super::bars::{Bars, count, sums};
use super::causes::Causes;
use super::curve::Curve;
use super::head::Head;
use super::kept::{KEPT, Rows};
use super::listed::{ListedCauses, ListedItems};
use super::moments::Moments;
use super::seen::Seen;
use super::{data, frame, words};
use crate::whole::{FileError, WholeFile};

/// What the page remembers of the items that passed by. It stays small however many they are.
#[derive(Debug, Default)]
pub struct Page {
    rows: Rows,
    moments: Moments,
    failed: Causes,
    in_doubt: Causes,
    ended_early: Causes,
}

impl Page {
    /// Takes note of an item: each once, in the sheet's order, flow by flow.
    pub fn see(&mut self, item: &Seen<'_>) {
        match item.status {
            Status::Failed => self.failed.add(item),
            Status::InDoubt => self.in_doubt.add(item),
            Status::Rejected | Status::Expired | Status::Revoked => self.ended_early.add(item),
            _ => {}
        }
        for (which, moment) in [item.sent_at, item.ended_at].into_iter().enumerate() {
            if let Some(moment) = moment {
                self.moments.count(moment.as_second(), which);
            }
        }
        self.rows.add(item);
    }

    /// Writes the page into the folder of the run's reports. Tables that stand there already are linked.
    pub fn write(&self, folder: &Path, summary: &Summary) -> Result<(), FileError> {
        let mut file = WholeFile::begin(&folder.join("report.html"))?;
        match self.pour(&mut file, folder, summary) {
            Ok(()) => file.finish(),
            Err(why) => Err(file.error(why)),
        }
    }

    fn pour(&self, into: &mut impl Write, folder: &Path, summary: &Summary) -> Result<(), Error> {
        let title = format!("{} · {} · treaty", summary.project, summary.run);
        let begin = self
            .parts(folder, summary)
            .and_then(|parts| frame::begin(&title, parts));
        into.write_all(begin.map_err(Error::other)?.as_bytes())?;
        data::write(&self.rows.listed(), into)?;
        for text in frame::end() {
            into.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    /// The parts of the page in their order; those that have nothing to say are left out.
    fn parts(&self, folder: &Path, summary: &Summary) -> Result<Vec<String>, minijinja::Error> {
        let all = sums(summary);
        let any = |status| count(&all, status) > 0;
        let head = Value::from(Serde(Head::of(summary)));
        let bars = Value::from(Serde(Bars::of(summary, folder)));
        let list = |causes| Value::from(Serde(ListedCauses::of(causes)));
        let mut links = Vec::new();
        let mut parts = vec![String::new()];
        let mut push = |name, id: &'static str, title: &'static str, values| {
            links.push(vec![id, title]);
            let part = frame::part(name, context! { id, title, ..values });
            part.map(|part| parts.push(part))
        };
        if !summary.items.is_empty() {
            let bars = bars.clone();
            push("states.html", "states", "What happened", context! { bars })?;
        }
        if let Some(curve) = Curve::of(&self.moments, summary) {
            let curve = Value::from(Serde(curve));
            push("time.html", "time", "Over time", context! { curve })?;
        }
        if any(Status::InDoubt) {
            let doubt = ListedItems::in_doubt(&self.rows, count(&all, Status::InDoubt));
            let items = Value::from(Serde(doubt));
            let values = context! { items, list => list(&self.in_doubt) };
            push("doubt.html", "doubt", "In doubt", values)?;
        }
        if any(Status::Failed) || !summary.standing_failures.is_empty() {
            let head = head.clone();
            let values = context! { head, list => list(&self.failed) };
            push("causes.html", "failed", "Failures", values)?;
        }
        if any(Status::Rejected) || any(Status::Expired) || any(Status::Revoked) {
            let values = context! { head => (), list => list(&self.ended_early) };
            push("causes.html", "early", "Ended early", values)?;
        }
        if self.rows.seen() > 0 {
            let plain = Value::from(Serde(ListedItems::plain(&self.rows)));
            let cut = self.rows.cut();
            let cut = (cut > 0).then(|| [KEPT as u64, cut].map(words::count).to_vec());
            push("items.html", "items", "Items", context! { plain, cut, bars })?;
        }
        if !summary.calls.is_empty() {
            let head = head.clone();
            push("calls.html", "calls", "Calls", context! { head })?;
        }
        parts[0] = frame::part("head.html", context! { head, links })?;
        Ok(parts)
    }
}
