//! Prepares causes and items for the templates of the page.

use std::borrow::Cow;

use serde::Serialize;

use super::super::causes::{Cause, Causes, Example};
use super::bars::StatusLabel;
use super::retained::{RetainedFile, RetainedItem, RetainedItems, RetainedSigner};
use super::words;

/// The maximum number of listed causes.
const MAX_CAUSES: usize = 200;
/// The maximum number of items in the in-doubt list.
const MAX_IN_DOUBT: usize = 500;
/// The maximum number of items that need attention in the static table, which is shown without
/// scripts.
const MAX_STATIC: usize = 500;
/// The size of the static table up to which other items are added.
const MAX_STATIC_OTHERS: usize = 100;

/// The causes of a section.
#[derive(Debug, Serialize)]
pub(super) struct ListedCauses<'a> {
    causes: Vec<ListedCause<'a>>,
    /// The numbers of items and causes.
    summary: String,
    /// The number of items whose cause is not listed.
    others: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedCause<'a> {
    status: StatusLabel,
    code: Option<i64>,
    message: &'a str,
    hint: &'a str,
    count: String,
    examples: &'a [Example],
    /// The whole message of the first example, if the items have different messages.
    whole: Option<&'a str>,
    /// The number of items that are not among the examples.
    more: Option<String>,
}

/// A list of items and the total number.
#[derive(Debug, Serialize)]
pub(super) struct ListedItems<'a> {
    items: Vec<ListedItem<'a>>,
    total: String,
    /// Whether items are missing from the list.
    is_partial: bool,
}

#[derive(Debug, Serialize)]
struct ListedItem<'a> {
    flow: &'a str,
    key: &'a str,
    row: Option<u64>,
    status: StatusLabel,
    flow_id: &'a str,
    sent: String,
    ended: String,
    files: &'a [RetainedFile],
    code: Option<i64>,
    message: &'a str,
    hint: &'a str,
    signers: Vec<ListedSigner<'a>>,
}

#[derive(Debug, Serialize)]
struct ListedSigner<'a> {
    name: &'a str,
    status: Cow<'a, str>,
    link: &'a str,
    odd_link: &'a str,
    time: &'a str,
}

impl<'a> ListedCauses<'a> {
    /// Returns the most frequent causes.
    pub(super) fn of(causes: &'a Causes) -> Self {
        let (frequent, others) = causes.most_frequent(MAX_CAUSES);
        let items = frequent.iter().map(|cause| cause.count).sum::<u64>() + others;
        let list = frequent.into_iter().map(ListedCause::of);
        Self {
            causes: list.collect(),
            summary: summary(items, causes.distinct()),
            others: (others > 0).then(|| words::count(others)),
        }
    }
}

/// Returns the numbers of items and causes as a sentence.
fn summary(items: u64, (causes, more): (usize, bool)) -> String {
    let items = words::items(items);
    let count = words::count(causes as u64);
    match (causes, more) {
        (1, false) => t!("%{items}, 1 cause.", items = items),
        (_, false) => t!(
            "%{items}, %{count} causes; most frequent first.",
            items = items,
            count = count
        ),
        _ => t!(
            "%{items}, more than %{count} causes; most frequent first.",
            items = items,
            count = count
        ),
    }
    .into_owned()
}

impl<'a> ListedCause<'a> {
    fn of(cause: &'a Cause) -> Self {
        let more = cause.count - cause.examples.len() as u64;
        Self {
            status: StatusLabel::of(cause.status),
            code: cause.code,
            message: &cause.message,
            hint: &cause.hint,
            count: words::count(cause.count),
            examples: &cause.examples,
            whole: Some(&cause.first_message[..]).filter(|whole| *whole != cause.message),
            more: (more > 0).then(|| words::count(more)),
        }
    }
}

impl<'a> ListedItems<'a> {
    /// Returns the items in doubt; `total` is their number in the run.
    pub(super) fn in_doubt(retained: &'a RetainedItems, total: u64) -> Self {
        let listed = retained.in_doubt().iter().take(MAX_IN_DOUBT);
        Self::new(listed.map(ListedItem::of).collect(), total)
    }

    /// Returns the items of the static table.
    pub(super) fn static_table(retained: &'a RetainedItems) -> Self {
        let all = retained.listed();
        let listed = all.iter().enumerate().take_while(|(at, item)| {
            *at < if item.needs_attention {
                MAX_STATIC
            } else {
                MAX_STATIC_OTHERS
            }
        });
        let listed = listed.map(|(_, item)| ListedItem::of(item));
        Self::new(listed.collect(), retained.total())
    }

    fn new(items: Vec<ListedItem<'a>>, total: u64) -> Self {
        Self {
            is_partial: (items.len() as u64) < total,
            total: words::count(total),
            items,
        }
    }
}

impl<'a> ListedItem<'a> {
    fn of(item: &'a RetainedItem) -> Self {
        Self {
            flow: &item.flow,
            key: &item.key,
            row: item.row,
            status: StatusLabel::of(item.status),
            flow_id: &item.flow_id,
            sent: item.sent(),
            ended: item.ended(),
            files: &item.files,
            code: item.code,
            message: &item.message,
            hint: &item.hint,
            signers: item.signers.iter().map(ListedSigner::of).collect(),
        }
    }
}

impl<'a> ListedSigner<'a> {
    fn of(signer: &'a RetainedSigner) -> Self {
        Self {
            name: &signer.name,
            status: words::signer(&signer.status),
            link: &signer.link,
            odd_link: &signer.odd_link,
            time: &signer.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::status::Status;
    use super::super::item::PageItem;
    use super::super::item::tests::item;
    use super::*;

    fn static_table(needing: usize, others: usize) -> (usize, bool) {
        let mut rows = RetainedItems::default();
        let statuses = [(Status::Sent, others), (Status::Failed, needing)];
        for (status, times) in statuses {
            for _ in 0..times {
                rows.add(&PageItem { status, ..item() });
            }
        }
        let listed = ListedItems::static_table(&rows);
        (listed.items.len(), listed.is_partial)
    }

    #[test]
    fn static_table_has_items_that_need_attention_and_a_few_others() {
        assert_eq!(static_table(0, 0), (0, false));
        assert_eq!(static_table(3, 50), (53, false));
        assert_eq!(static_table(30, 500), (100, true));
        assert_eq!(static_table(300, 500), (300, true));
        assert_eq!(static_table(700, 0), (500, true));
    }
}
