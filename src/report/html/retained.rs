//! Retains at most 10,000 items for the page, those that need attention first.

use jiff::Timestamp;
use serde::Serialize;

use super::super::causes::clipped;
use super::super::status::Status;
use super::file_url::file_url;
use super::item::{PageItem, PageSigner};
use crate::api::time;
use crate::util::escape::escaped;
use crate::util::link;

/// The maximum number of retained items.
pub(super) const MAX_ITEMS: usize = 10_000;

/// A retained item.
#[derive(Debug)]
pub(super) struct RetainedItem {
    /// The index in the order of addition.
    pub(super) order: u64,
    pub(super) flow: Box<str>,
    pub(super) key: Box<str>,
    pub(super) row: Option<u64>,
    pub(super) status: Status,
    /// Whether a person has to look at it: these items are listed first.
    pub(super) needs_attention: bool,
    pub(super) code: Option<i64>,
    pub(super) message: Box<str>,
    pub(super) hint: Box<str>,
    pub(super) flow_id: Box<str>,
    pub(super) sent_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) signers: Box<[RetainedSigner]>,
    pub(super) files: Box<[RetainedFile]>,
}

/// A signer of a retained item.
#[derive(Debug)]
pub(super) struct RetainedSigner {
    pub(super) name: Box<str>,
    pub(super) status: Box<str>,
    /// The sign link; empty unless the signer still has to sign and it is safe to open.
    pub(super) link: Box<str>,
    /// The link as text, with the reason why it is not safe to open; empty if it is.
    pub(super) odd_link: Box<str>,
    pub(super) time: Box<str>,
}

/// A signed file of a retained item.
#[derive(Debug, Serialize)]
pub(super) struct RetainedFile {
    /// The path, relative to the project.
    pub(super) path: Box<str>,
    /// The URL, relative to the page; empty if the file cannot be linked.
    pub(super) url: Box<str>,
}

/// The retained items. If there are too many, the last item of the lowest rank is dropped.
#[derive(Debug, Default)]
pub(super) struct RetainedItems {
    /// The number of items that were added.
    seen: u64,
    /// By rank: in doubt, failed, rejected, expired, others, excluded.
    ranks: [Vec<RetainedItem>; 6],
    /// The URL of the project's folder, relative to the page; signed files are linked below it.
    project_url: Option<String>,
}

/// Returns the rank of an item. Items in doubt rank highest, because no other file lists them
/// separately.
fn rank(item: &PageItem<'_>) -> usize {
    match item.status {
        Status::InDoubt => 0,
        Status::Failed => FAILED,
        _ if item.is_unused => FAILED,
        Status::Rejected => 2,
        Status::Expired => 3,
        Status::Excluded => 5,
        _ => OTHERS,
    }
}

/// The rank of failed items, and of rows that were not used.
const FAILED: usize = 1;

/// The rank of items that need no attention.
const OTHERS: usize = 4;

impl RetainedItems {
    /// Creates an empty list. `project_url` is the URL of the project's folder, relative to the page.
    pub(super) fn new(project_url: Option<String>) -> Self {
        Self {
            project_url,
            ..Self::default()
        }
    }

    /// Adds an item.
    pub(super) fn add(&mut self, item: &PageItem<'_>) {
        let order = self.seen;
        self.seen += 1;
        let rank = rank(item);
        if self.ranks.iter().map(Vec::len).sum::<usize>() == MAX_ITEMS {
            let mut lower = self.ranks[rank + 1..].iter_mut().rev();
            let Some(lowest) = lower.find(|rank| !rank.is_empty()) else {
                return;
            };
            lowest.pop();
        }
        let item = RetainedItem::new(order, item, self.project_url.as_deref());
        self.ranks[rank].push(item);
    }

    /// Returns the number of added items.
    pub(super) fn total(&self) -> u64 {
        self.seen
    }

    /// Returns the number of items that are not retained.
    pub(super) fn dropped(&self) -> u64 {
        self.seen - self.ranks.iter().map(|rank| rank.len() as u64).sum::<u64>()
    }

    /// Returns the items in doubt.
    pub(super) fn in_doubt(&self) -> &[RetainedItem] {
        &self.ranks[0]
    }

    /// Returns failed items, items in doubt, rejected and expired ones, then the others, each in the
    /// order of addition.
    pub(super) fn listed(&self) -> Vec<&RetainedItem> {
        let [doubt, failed, rejected, expired, others, excluded] = &self.ranks;
        let first = failed.iter().chain(doubt).chain(rejected).chain(expired);
        let mut all: Vec<&RetainedItem> = first.collect();
        let needing = all.len();
        all.extend(others.iter().chain(excluded));
        all[needing..].sort_unstable_by_key(|item| item.order);
        all
    }
}

impl RetainedItem {
    fn new(order: u64, item: &PageItem<'_>, project_url: Option<&str>) -> Self {
        let text = |text: &str| clipped(&escaped(text)).into();
        let failure = item.failure;
        Self {
            order,
            flow: text(item.flow),
            key: text(item.key),
            row: item.row,
            status: item.status,
            needs_attention: rank(item) < OTHERS,
            code: failure.and_then(|failure| failure.code),
            message: text(failure.map_or("", |failure| &failure.message)),
            hint: text(failure.map_or("", |failure| &failure.hint)),
            flow_id: text(item.flow_id),
            sent_at: item.sent_at,
            ended_at: item.ended_at,
            signers: item.signers.iter().map(RetainedSigner::new).collect(),
            files: item
                .files
                .iter()
                .map(|path| RetainedFile::new(path, project_url))
                .collect(),
        }
    }

    /// Returns when it was sent, in Asia/Shanghai.
    pub(super) fn sent(&self) -> String {
        self.sent_at.map(time::text).unwrap_or_default()
    }

    /// Returns when it ended, in Asia/Shanghai.
    pub(super) fn ended(&self) -> String {
        self.ended_at.map(time::text).unwrap_or_default()
    }
}

impl RetainedFile {
    fn new(path: &str, project_url: Option<&str>) -> Self {
        // A part of a path would lead elsewhere.
        let url = project_url.filter(|_| clipped(path) == path);
        let url = url.and_then(|folder| file_url(folder, path));
        Self {
            path: clipped(&escaped(path)).into(),
            url: url.unwrap_or_default().into(),
        }
    }
}

impl RetainedSigner {
    fn new(signer: &PageSigner<'_>) -> Self {
        let waits = matches!(signer.status, "waiting" | "signing");
        let (link, odd_link) = match Some(signer.sign_url).filter(|_| waits) {
            Some(link) if link::is_odd(link) => ("", link::shown(link)),
            // A part of a link would lead elsewhere.
            Some(link) if clipped(link) == link => (link, String::new()),
            _ => ("", String::new()),
        };
        Self {
            name: clipped(&escaped(signer.name)).into(),
            status: clipped(signer.status).into(),
            link: link.into(),
            odd_link: clipped(&odd_link).into(),
            time: clipped(&escaped(signer.time)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::tests::item;
    use super::*;

    fn rows(statuses: impl IntoIterator<Item = Status>) -> RetainedItems {
        let mut rows = RetainedItems::default();
        for status in statuses {
            rows.add(&PageItem { status, ..item() });
        }
        rows
    }

    fn orders(rows: &RetainedItems) -> Vec<u64> {
        rows.listed().iter().map(|item| item.order).collect()
    }

    #[test]
    fn lists_failures_and_refusals_first_and_the_others_in_order() {
        let rows = rows([
            Status::Sent,
            Status::Excluded,
            Status::Expired,
            Status::Archived,
            Status::Rejected,
            Status::InDoubt,
            Status::Failed,
            Status::Revoked,
            Status::Failed,
        ]);
        assert_eq!(orders(&rows), [6, 8, 5, 4, 2, 0, 1, 3, 7]);
        assert_eq!((rows.total(), rows.dropped()), (9, 0));
    }

    #[test]
    fn retains_items_that_need_attention_first() {
        let quiet = [Status::Excluded, Status::Sent];
        let mut all: Vec<Status> = quiet.into_iter().cycle().take(30_000).collect();
        all[25_001] = Status::InDoubt;
        all[25_003] = Status::Failed;
        all[29_997] = Status::Rejected;
        all[29_999] = Status::Failed;
        let rows = rows(all);
        assert_eq!((rows.total(), rows.dropped()), (30_000, 20_000));
        let listed = orders(&rows);
        assert_eq!(listed.len(), MAX_ITEMS);
        assert_eq!(listed[..7], [25_003, 29_999, 25_001, 29_997, 1, 3, 5]);
        // Excluded items are dropped first.
        assert_eq!(listed[MAX_ITEMS - 1], 19_991);
        assert_eq!(rows.in_doubt().len(), 1);
    }

    #[test]
    fn drops_failed_items_before_items_in_doubt() {
        let failed = std::iter::repeat_n(Status::Failed, MAX_ITEMS + 1);
        let rows = rows(failed.chain([Status::InDoubt, Status::Sent]));
        assert_eq!(rows.dropped(), 3);
        let listed = orders(&rows);
        assert_eq!(
            listed[MAX_ITEMS - 2..],
            [MAX_ITEMS as u64 - 2, MAX_ITEMS as u64 + 1]
        );
    }

    #[test]
    fn links_signed_files_inside_the_project() {
        let url = |project_url, path: &str| RetainedFile::new(path, project_url).url;
        assert_eq!(
            &*url(Some("../../"), "signed/HT 1.pdf"),
            "../../signed/HT%201.pdf"
        );
        assert_eq!(&*url(Some("../../"), "/elsewhere/HT-1.pdf"), "");
        assert_eq!(
            &*url(Some("../../"), &format!("signed/{}", "b".repeat(3000))),
            ""
        );
        assert_eq!(&*url(None, "signed/HT-1.pdf"), "");
    }

    #[test]
    fn links_only_web_urls_of_waiting_signers() {
        let link = |status, sign_url| {
            let signer = PageSigner {
                name: "borrower",
                status,
                sign_url,
                time: "",
            };
            RetainedSigner::new(&signer).link
        };
        assert_eq!(&*link("waiting", "https://a/b"), "https://a/b");
        assert_eq!(&*link("signing", "HTTPS://a/b"), "HTTPS://a/b");
        assert_eq!(&*link("waiting", "http://a/b"), "");
        assert_eq!(&*link("signed", "https://a/b"), "");
        assert_eq!(&*link("waiting", "javascript:alert(1)"), "");
        assert_eq!(&*link("waiting", "//a/b"), "");
        assert_eq!(&*link("waiting", "签"), "");
        let long = format!("https://a/{}", "b".repeat(3000));
        assert_eq!(&*link("waiting", &long), "");
    }
}
