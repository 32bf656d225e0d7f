//! Groups failures by cause. Messages that differ only in variable parts (ids, numbers, quoted
//! texts) are one cause.

use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;

use super::fold::fold;
use super::status::Status;
use crate::ledger::Failure;

/// The maximum number of causes; items with further causes are counted together.
const MAX_CAUSES: usize = 1000;
/// The number of example items of a cause.
const MAX_EXAMPLES: usize = 5;
/// The maximum length of a text, in bytes.
const MAX_TEXT: usize = 2000;

/// A cause of failures and the number of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The status of its items.
    pub status: Status,
    /// The error code of the service, if it has one.
    pub code: Option<i64>,
    /// The common part of the messages; the message itself if all are equal.
    pub message: String,
    /// The hint of the first item.
    pub hint: String,
    /// The number of its items.
    pub count: u64,
    /// The first items.
    pub examples: Vec<Example>,
    /// The whole message of the first item.
    pub first_message: String,
}

/// An item with a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The name of the flow.
    pub flow: String,
    /// The key; empty if the row has none.
    pub key: String,
    /// The row number in the sheet, if it is known.
    pub row: Option<u64>,
}

/// Collects the causes of items.
#[derive(Debug, Default)]
pub struct Causes {
    /// Index in `groups` by identity: status, code and folded message.
    by_identity: HashMap<String, usize>,
    groups: Vec<Cause>,
    /// The number of items with further causes.
    others: u64,
    /// A buffer that is reused for every item.
    identity: String,
}

impl Causes {
    /// Adds an item to its cause.
    pub fn add(
        &mut self,
        (flow, key, row): (&str, &str, Option<u64>),
        status: Status,
        failure: Option<&Failure>,
    ) {
        let message = failure.map_or("", |failure| &failure.message);
        let message = clipped(message);
        let code = failure.and_then(|failure| failure.code);
        self.identity.clear();
        // Infallible for strings.
        let _ = write!(self.identity, "{} {code:?} ", status.word());
        let message_start = self.identity.len();
        fold(message, &mut self.identity);
        let at = match self.by_identity.get(&self.identity) {
            Some(at) => *at,
            None if self.groups.len() == MAX_CAUSES => {
                self.others += 1;
                return;
            }
            None => {
                self.groups.push(Cause {
                    status,
                    code,
                    message: message.to_owned(),
                    hint: failure
                        .map_or(String::new(), |failure| clipped(&failure.hint).to_owned()),
                    count: 0,
                    examples: Vec::new(),
                    first_message: message.to_owned(),
                });
                let at = self.groups.len() - 1;
                self.by_identity.insert(self.identity.clone(), at);
                at
            }
        };
        let cause = &mut self.groups[at];
        cause.count += 1;
        if cause.message != message {
            let folded = &self.identity[message_start..];
            if cause.message != folded {
                folded.clone_into(&mut cause.message);
            }
        }
        if cause.examples.len() < MAX_EXAMPLES {
            cause.examples.push(Example {
                flow: clipped(flow).to_owned(),
                key: clipped(key).to_owned(),
                row,
            });
        }
    }

    /// Returns the `limit` most frequent causes and the number of items with other causes.
    pub fn most_frequent(&self, limit: usize) -> (Vec<&Cause>, u64) {
        let mut all: Vec<&Cause> = self.groups.iter().collect();
        // The sort is stable: equally frequent causes stay in their order of occurrence.
        all.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let cut = all.split_off(limit.min(all.len()));
        let others = self.others + cut.iter().map(|cause| cause.count).sum::<u64>();
        (all, others)
    }

    /// Returns the number of causes and whether there are further ones.
    pub fn distinct(&self) -> (usize, bool) {
        (self.groups.len(), self.others > 0)
    }
}

/// Cuts a text to at most `MAX_TEXT` bytes.
pub(super) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: Option<i64>, message: &str) -> Failure {
        Failure {
            code,
            message: message.to_owned(),
            hint: "look".to_owned(),
        }
    }

    fn causes(failures: &[(String, Failure)]) -> Causes {
        let mut causes = Causes::default();
        for (key, failure) in failures {
            causes.add(("loans", key, None), Status::Failed, Some(failure));
        }
        causes
    }

    #[test]
    fn groups_messages_that_differ_in_a_number() {
        let failures: Vec<_> = (0..10_000)
            .map(|n| (n.to_string(), failure(Some(7), &format!("row {n} is bad"))))
            .collect();
        let causes = causes(&failures);
        let (found, others) = causes.most_frequent(200);
        assert_eq!((found.len(), others), (1, 0));
        assert_eq!(found[0].message, "row … is bad");
        assert_eq!(found[0].count, 10_000);
        let examples = found[0].examples.iter();
        let keys: Vec<&str> = examples.map(|example| &example.key[..]).collect();
        assert_eq!(keys, ["0", "1", "2", "3", "4"]);
        assert_eq!(found[0].first_message, "row 0 is bad");
    }

    #[test]
    fn keeps_a_single_message_and_separates_codes() {
        let one = failure(Some(1), "account 5 is gone");
        let other = failure(Some(2), "account 6 is gone");
        let all = [one.clone(), other, one].map(|failure| ("k".to_owned(), failure));
        let causes = causes(&all);
        let (found, _) = causes.most_frequent(200);
        let shown: Vec<(u64, &str)> = found.iter().map(|c| (c.count, &c.message[..])).collect();
        assert_eq!(shown, [(2, "account 5 is gone"), (1, "account 6 is gone")]);
    }

    #[test]
    fn limits_the_number_of_causes() {
        let name = |n: usize| -> String {
            let digits = n.to_string();
            digits.bytes().map(|b| char::from(b + 49)).collect()
        };
        let mut failures: Vec<_> = (0..MAX_CAUSES + 50)
            .map(|n| (String::new(), failure(None, &name(n))))
            .collect();
        failures.push((String::new(), failure(None, &name(3))));
        let causes = causes(&failures);
        assert_eq!(causes.distinct(), (MAX_CAUSES, true));
        let (found, others) = causes.most_frequent(200);
        assert_eq!((found.len(), found[0].count), (200, 2));
        assert_eq!(others, (MAX_CAUSES - 200 + 50) as u64);
    }

    #[test]
    fn cuts_long_texts_between_characters() {
        let long = "合同".repeat(2000);
        assert!(clipped(&long).len() <= MAX_TEXT && long.starts_with(clipped(&long)));
        assert_eq!(clipped("short"), "short");
    }
}
