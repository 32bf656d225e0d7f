//! Failures turned into causes: what differs only in what varies is one cause, with a count and a few keys.

use std::collections::HashMap;
use std::fmt::Write;

use super::super::row::Status;
use super::fold::fold;
use super::seen::Seen;

/// So many causes are told apart; what comes after them is counted together.
pub(super) const CAUSES: usize = 1000;
/// A cause names so many items.
pub(super) const EXAMPLES: usize = 5;
/// No text that a page holds is longer, in bytes.
pub(super) const LONGEST: usize = 2000;

/// A cause, and how many items it befell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) status: Status,
    pub(super) code: Option<i64>,
    /// What is common to the messages; the message itself where there is one only.
    pub(super) message: String,
    /// The hint of the first.
    pub(super) hint: String,
    pub(super) count: u64,
    /// The first of them: flow and key.
    pub(super) examples: Vec<(String, String)>,
}

/// Causes, found while items pass by.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// By what they are known by.
    known: HashMap<String, usize>,
    told_apart: Vec<Cause>,
    others: u64,
    /// Used again for every item: most of them know their cause.
    identity: String,
}

impl Causes {
    /// Counts an item under its cause.
    pub(super) fn add(&mut self, item: &Seen<'_>) {
        let message = item.failure.map_or("", |failure| &failure.message);
        let message = clipped(message);
        let code = item.failure.and_then(|failure| failure.code);
        self.identity.clear();
        // Writing to a text cannot fail.
        let _ = write!(self.identity, "{} {code:?} ", item.status.word());
        let begun = self.identity.len();
        fold(message, &mut self.identity);
        let at = match self.known.get(&self.identity) {
            Some(at) => *at,
            None if self.told_apart.len() == CAUSES => {
                self.others += 1;
                return;
            }
            None => {
                self.told_apart.push(Cause {
                    status: item.status,
                    code,
                    message: message.to_owned(),
                    hint: item
                        .failure
                        .map_or(String::new(), |failure| clipped(&failure.hint).to_owned()),
                    count: 0,
                    examples: Vec::new(),
                });
                let at = self.told_apart.len() - 1;
                self.known.insert(self.identity.clone(), at);
                at
            }
        };
        let cause = &mut self.told_apart[at];
        cause.count += 1;
        if cause.message != message {
            let folded = &self.identity[begun..];
            if cause.message != folded {
                folded.clone_into(&mut cause.message);
            }
        }
        if cause.examples.len() < EXAMPLES {
            let named = (clipped(item.flow).to_owned(), clipped(item.key).to_owned());
            cause.examples.push(named);
        }
    }

    /// The most frequent causes, and how many items have another.
    pub(super) fn most_frequent(&self, most: usize) -> (Vec<&Cause>, u64) {
        let mut all: Vec<&Cause> = self.told_apart.iter().collect();
        // Those that are as frequent stay in the order in which they were seen.
        all.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let cut = all.split_off(most.min(all.len()));
        let others = self.others + cut.iter().map(|cause| cause.count).sum::<u64>();
        (all, others)
    }

    /// How many causes were told apart, and whether there may be more.
    pub(super) fn distinct(&self) -> (usize, bool) {
        (self.told_apart.len(), self.others > 0)
    }
}

/// The beginning of a text that is too long.
pub(super) fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

#[cfg(test)]
mod tests {
    use super::super::seen::tests::item;
    use super::*;
    use crate::ledger::Failure;

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
            causes.add(&Seen {
                key,
                status: Status::Failed,
                failure: Some(failure),
                ..item()
            });
        }
        causes
    }

    #[test]
    fn ten_thousand_that_differ_in_a_number_are_one_cause() {
        let failures: Vec<_> = (0..10_000)
            .map(|n| (n.to_string(), failure(Some(7), &format!("row {n} is bad"))))
            .collect();
        let causes = causes(&failures);
        let (found, others) = causes.most_frequent(200);
        assert_eq!((found.len(), others), (1, 0));
        assert_eq!(found[0].message, "row … is bad");
        assert_eq!(found[0].count, 10_000);
        let keys: Vec<&str> = found[0].examples.iter().map(|(_, key)| &key[..]).collect();
        assert_eq!(keys, ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn one_message_is_shown_as_it_is_and_codes_are_told_apart() {
        let one = failure(Some(1), "account 5 is gone");
        let other = failure(Some(2), "account 6 is gone");
        let all = [one.clone(), other, one].map(|failure| ("k".to_owned(), failure));
        let causes = causes(&all);
        let (found, _) = causes.most_frequent(200);
        let told: Vec<(u64, &str)> = found.iter().map(|c| (c.count, &c.message[..])).collect();
        assert_eq!(told, [(2, "account 5 is gone"), (1, "account 6 is gone")]);
    }

    #[test]
    fn the_number_of_causes_is_bounded() {
        let name = |n: usize| -> String {
            let digits = n.to_string();
            digits.bytes().map(|b| char::from(b + 49)).collect()
        };
        let mut failures: Vec<_> = (0..CAUSES + 50)
            .map(|n| (String::new(), failure(None, &name(n))))
            .collect();
        failures.push((String::new(), failure(None, &name(3))));
        let causes = causes(&failures);
        assert_eq!(causes.distinct(), (CAUSES, true));
        let (found, others) = causes.most_frequent(200);
        assert_eq!((found.len(), found[0].count), (200, 2));
        assert_eq!(others, (CAUSES - 200 + 50) as u64);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "合同".repeat(2000);
        assert!(clipped(&long).len() <= LONGEST && long.starts_with(clipped(&long)));
        assert_eq!(clipped("short"), "short");
    }
}
