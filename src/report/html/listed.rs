//! Causes and items turned into what the page's templates list.

use serde::Serialize;

use super::bars::Named;
use super::causes::{Cause, Causes};
use super::kept::{Kept, KeptSigner, Rows};
use super::words;

/// So many causes are listed, the most frequent.
const CAUSES: usize = 200;
/// So many items that are in doubt are listed on their own.
const IN_DOUBT: usize = 500;
/// So many items stand in the page itself, for those who print it or have no scripts …
const PLAIN: usize = 500;
/// … of which so many may need nobody.
const PLAIN_WELL: usize = 100;

/// Causes of one sort.
#[derive(Debug, Serialize)]
pub(super) struct ListedCauses<'a> {
    causes: Vec<ListedCause<'a>>,
    items: String,
    distinct: String,
    /// How many items have a cause that is not listed.
    others: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedCause<'a> {
    status: Named,
    code: Option<i64>,
    message: &'a str,
    hint: &'a str,
    count: String,
    examples: &'a [(String, String)],
    /// How many items are not named.
    more: Option<String>,
}

/// Some items, and how many there are.
#[derive(Debug, Serialize)]
pub(super) struct ListedItems<'a> {
    items: Vec<ListedItem<'a>>,
    total: String,
    /// Whether these are not all.
    cut: bool,
}

#[derive(Debug, Serialize)]
struct ListedItem<'a> {
    flow: &'a str,
    key: &'a str,
    row: Option<u64>,
    status: Named,
    flow_id: &'a str,
    sent: String,
    ended: String,
    file: &'a str,
    code: Option<i64>,
    message: &'a str,
    hint: &'a str,
    signers: Vec<ListedSigner<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedSigner<'a> {
    name: &'a str,
    status: &'a str,
    link: &'a str,
    time: &'a str,
}

impl<'a> ListedCauses<'a> {
    pub(super) fn of(causes: &'a Causes) -> Self {
        let (frequent, others) = causes.most_frequent(CAUSES);
        let items = frequent.iter().map(|cause| cause.count).sum::<u64>() + others;
        let (distinct, more) = causes.distinct();
        let distinct = words::counted(distinct as u64, "cause", "causes");
        let list = frequent.into_iter().map(ListedCause::of);
        Self {
            causes: list.collect(),
            items: words::counted(items, "item", "items"),
            distinct: if more {
                format!("more than {distinct}")
            } else {
                distinct
            },
            others: (others > 0).then(|| words::counted(others, "item has", "items have")),
        }
    }
}

impl<'a> ListedCause<'a> {
    fn of(cause: &'a Cause) -> Self {
        let more = cause.count - cause.examples.len() as u64;
        Self {
            status: Named::of(cause.status),
            code: cause.code,
            message: &cause.message,
            hint: &cause.hint,
            count: words::count(cause.count),
            examples: &cause.examples,
            more: (more > 0).then(|| words::count(more)),
        }
    }
}

impl<'a> ListedItems<'a> {
    /// Items that are in doubt, of so many.
    pub(super) fn in_doubt(rows: &'a Rows, total: u64) -> Self {
        let listed = rows.in_doubt().iter().take(IN_DOUBT);
        Self::new(listed.map(ListedItem::of).collect(), total)
    }

    /// Items that need a person, and a few others where those are few.
    pub(super) fn plain(rows: &'a Rows) -> Self {
        use super::super::row::Status::{Failed, InDoubt};
        let needs = |kept: &Kept| matches!(kept.status, Failed | InDoubt);
        let listed = rows
            .by_need()
            .enumerate()
            .take_while(|(at, kept)| *at < if needs(kept) { PLAIN } else { PLAIN_WELL });
        let listed = listed.map(|(_, kept)| ListedItem::of(kept));
        Self::new(listed.collect(), rows.seen())
    }

    fn new(items: Vec<ListedItem<'a>>, total: u64) -> Self {
        Self {
            cut: (items.len() as u64) < total,
            total: words::count(total),
            items,
        }
    }
}

impl<'a> ListedItem<'a> {
    fn of(kept: &'a Kept) -> Self {
        Self {
            flow: &kept.flow,
            key: &kept.key,
            row: kept.row,
            status: Named::of(kept.status),
            flow_id: &kept.flow_id,
            sent: kept.sent(),
            ended: kept.ended(),
            file: &kept.file,
            code: kept.code,
            message: &kept.message,
            hint: &kept.hint,
            signers: kept.signers.iter().map(ListedSigner::of).collect(),
        }
    }
}

impl<'a> ListedSigner<'a> {
    fn of(signer: &'a KeptSigner) -> Self {
        Self {
            name: &signer.name,
            status: words::signer(&signer.status),
            link: &signer.link,
            time: &signer.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::row::Status;
    use super::super::seen::Seen;
    use super::super::seen::tests::item;
    use super::*;

    fn plain(needing: usize, well: usize) -> (usize, bool) {
        let mut rows = Rows::default();
        let statuses = [(Status::Done, well), (Status::Failed, needing)];
        for (status, times) in statuses {
            for _ in 0..times {
                rows.add(&Seen { status, ..item() });
            }
        }
        let listed = ListedItems::plain(&rows);
        (listed.items.len(), listed.cut)
    }

    #[test]
    fn the_page_itself_holds_those_that_need_a_person_and_a_few_others() {
        assert_eq!(plain(0, 0), (0, false));
        assert_eq!(plain(3, 50), (53, false));
        assert_eq!(plain(30, 500), (100, true));
        assert_eq!(plain(300, 500), (300, true));
        assert_eq!(plain(700, 0), (500, true));
    }
}
