//! Items turned into the rows of the page: ten thousand at most, with those that need a person before all others.

use jiff::Timestamp;

use super::super::row::Status;
use super::causes::clipped;
use super::seen::{Seen, SeenSigner};
use crate::api::time;

/// So many items are kept.
pub(super) const KEPT: usize = 10_000;

/// An item that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its place in the order seen.
    pub(super) order: u64,
    pub(super) flow: Box<str>,
    pub(super) key: Box<str>,
    pub(super) row: Option<u64>,
    pub(super) status: Status,
    pub(super) code: Option<i64>,
    pub(super) message: Box<str>,
    pub(super) hint: Box<str>,
    pub(super) flow_id: Box<str>,
    pub(super) sent_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) signers: Box<[KeptSigner]>,
    pub(super) file: Box<str>,
}

/// A signer of an item that is kept.
#[derive(Debug)]
pub(super) struct KeptSigner {
    pub(super) name: Box<str>,
    pub(super) status: Box<str>,
    /// Where to sign; empty unless somebody waits there, and it is a web address.
    pub(super) link: Box<str>,
    pub(super) time: Box<str>,
}

/// The items that are kept. When there are too many, the last of the last rank gives way.
#[derive(Debug, Default)]
pub(super) struct Rows {
    seen: u64,
    /// In doubt, failed, all others, and those that were not meant.
    ranks: [Vec<Kept>; 4],
}

/// In doubt gives way last, since no other file of the run lists those alone.
fn rank(status: Status) -> usize {
    match status {
        Status::InDoubt => 0,
        Status::Failed => 1,
        Status::Skipped => 3,
        _ => 2,
    }
}

impl Rows {
    /// Takes note of an item.
    pub(super) fn add(&mut self, item: &Seen<'_>) {
        let order = self.seen;
        self.seen += 1;
        let rank = rank(item.status);
        if self.ranks.iter().map(Vec::len).sum::<usize>() == KEPT {
            let mut lower = self.ranks[rank + 1..].iter_mut().rev();
            let Some(gives_way) = lower.find(|rank| !rank.is_empty()) else {
                return;
            };
            gives_way.pop();
        }
        self.ranks[rank].push(Kept::new(order, item));
    }

    /// How many were seen.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// How many were seen and are not kept.
    pub(super) fn cut(&self) -> u64 {
        self.seen - self.ranks.iter().map(|rank| rank.len() as u64).sum::<u64>()
    }

    /// Those that are in doubt.
    pub(super) fn in_doubt(&self) -> &[Kept] {
        &self.ranks[0]
    }

    /// Those that need a person first: failed, in doubt, and all others in the order seen.
    pub(super) fn by_need(&self) -> impl Iterator<Item = &Kept> {
        let [doubt, failed, rest, skipped] = &self.ranks;
        failed.iter().chain(doubt).chain(rest).chain(skipped)
    }

    /// As a table shows them: in the order seen, or, when not all are there, those first that need a person.
    pub(super) fn listed(&self) -> Vec<&Kept> {
        let mut all: Vec<&Kept> = self.by_need().collect();
        if self.cut() == 0 {
            all.sort_unstable_by_key(|kept| kept.order);
        }
        all
    }
}

impl Kept {
    fn new(order: u64, item: &Seen<'_>) -> Self {
        let text = |text: &str| clipped(text).into();
        let failure = item.failure;
        Self {
            order,
            flow: text(item.flow),
            key: text(item.key),
            row: item.row,
            status: item.status,
            code: failure.and_then(|failure| failure.code),
            message: text(failure.map_or("", |failure| &failure.message)),
            hint: text(failure.map_or("", |failure| &failure.hint)),
            flow_id: text(item.flow_id),
            sent_at: item.sent_at,
            ended_at: item.ended_at,
            signers: item.signers.iter().map(KeptSigner::new).collect(),
            file: text(item.file),
        }
    }

    /// When it was sent, as clocks in Shanghai show it.
    pub(super) fn sent(&self) -> String {
        self.sent_at.map(time::text).unwrap_or_default()
    }

    /// When it ended, as clocks in Shanghai show it.
    pub(super) fn ended(&self) -> String {
        self.ended_at.map(time::text).unwrap_or_default()
    }
}

impl KeptSigner {
    fn new(signer: &SeenSigner<'_>) -> Self {
        let waits = matches!(signer.status, "waiting" | "signing");
        let link = if waits { web(signer.sign_url) } else { "" };
        Self {
            name: clipped(signer.name).into(),
            status: clipped(signer.status).into(),
            link: link.into(),
            time: clipped(signer.time).into(),
        }
    }
}

/// The address, if it is one of the web. A part of one leads nowhere.
fn web(url: &str) -> &str {
    let begins = |scheme: &str| {
        let begin = url.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let is_web = (begins("https://") || begins("http://")) && clipped(url) == url;
    if is_web { url } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::item;
    use super::*;

    fn rows(statuses: impl IntoIterator<Item = Status>) -> Rows {
        let mut rows = Rows::default();
        for status in statuses {
            rows.add(&Seen { status, ..item() });
        }
        rows
    }

    fn orders(rows: &Rows) -> Vec<u64> {
        rows.listed().iter().map(|kept| kept.order).collect()
    }

    #[test]
    fn all_are_listed_as_seen_while_they_are_few() {
        let rows = rows([
            Status::Done,
            Status::Skipped,
            Status::Failed,
            Status::InDoubt,
        ]);
        assert_eq!(orders(&rows), [0, 1, 2, 3]);
        assert_eq!((rows.seen(), rows.cut()), (4, 0));
    }

    #[test]
    fn those_that_need_a_person_are_kept_and_come_first() {
        let quiet = [Status::Skipped, Status::Done];
        let mut all: Vec<Status> = quiet.into_iter().cycle().take(30_000).collect();
        all[25_001] = Status::InDoubt;
        all[25_003] = Status::Failed;
        all[29_999] = Status::Failed;
        let rows = rows(all);
        assert_eq!((rows.seen(), rows.cut()), (30_000, 20_000));
        let listed = orders(&rows);
        assert_eq!(listed.len(), KEPT);
        assert_eq!(listed[..6], [25_003, 29_999, 25_001, 1, 3, 5]);
        // What was not meant gave way before what was.
        assert_eq!(listed[KEPT - 1], 19_993);
        assert_eq!(rows.in_doubt().len(), 1);
    }

    #[test]
    fn what_is_in_doubt_outlives_what_failed() {
        let failed = std::iter::repeat_n(Status::Failed, KEPT + 1);
        let rows = rows(failed.chain([Status::InDoubt, Status::Done]));
        assert_eq!(rows.cut(), 3);
        let listed = orders(&rows);
        assert_eq!(listed[KEPT - 2..], [KEPT as u64 - 2, KEPT as u64 + 1]);
    }

    #[test]
    fn only_web_addresses_of_those_who_wait_become_links() {
        let link = |status, sign_url| {
            let signer = SeenSigner {
                name: "borrower",
                status,
                sign_url,
                time: "",
            };
            KeptSigner::new(&signer).link
        };
        assert_eq!(&*link("waiting", "https://a/b"), "https://a/b");
        assert_eq!(&*link("signing", "HTTP://a/b"), "HTTP://a/b");
        assert_eq!(&*link("signed", "https://a/b"), "");
        assert_eq!(&*link("waiting", "javascript:alert(1)"), "");
        assert_eq!(&*link("waiting", "//a/b"), "");
        assert_eq!(&*link("waiting", "签"), "");
        let long = format!("https://a/{}", "b".repeat(3000));
        assert_eq!(&*link("waiting", &long), "");
    }
}
