//! Which calls go wrong, and how: plain rules, a seed, and counters → a fault, or none.
//!
//! Pure: the same calls in the same order meet the same faults, over a socket and in the same process.

use std::collections::BTreeMap;

use http::{Method, Request};

use super::face::below;
use super::fault::Fault;
use crate::api::operation::Op;

/// What uploads and downloads are called where an operation is named: they have no path of their own.
pub const UPLOAD: &str = "upload";
/// See [`UPLOAD`].
pub const DOWNLOAD: &str = "download";

/// Rules of what goes wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// The same seed, the same faults.
    pub seed: u64,
    /// The first rule that wants a call has it.
    pub rules: Vec<Rule>,
}

/// One fault, and the calls that it happens to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// To which operations, by path; to all when empty. Their calls are counted together.
    pub operations: Vec<String>,
    /// To which share of the calls, from 0 to 1.
    pub share: f64,
    /// From which call on, from 1.
    pub from: u64,
    /// To how many calls at most.
    pub times: Option<u64>,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// All calls.
    pub calls: u64,
    /// How often each kind of fault was dealt, by its name.
    pub dealt: BTreeMap<&'static str, u64>,
    /// For each rule: the calls that it applies to, and those that it had.
    rules: Vec<(u64, u64)>,
}

impl Rule {
    /// A fault of every call.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            operations: Vec::new(),
            share: 1.0,
            from: 1,
            times: None,
        }
    }

    /// Of a share of the calls, from 0 to 1.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Of the so-and-so-many-th call alone, from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self {
            from: nth,
            times: Some(1),
            ..self
        }
    }

    /// Of one operation alone.
    #[must_use]
    pub fn of(self, operation: &str) -> Self {
        Self {
            operations: vec![operation.to_owned()],
            ..self
        }
    }
}

impl Faults {
    /// What happens to the next call of an operation; it is counted.
    pub fn decide(&self, operation: &str, counters: &mut Counters) -> Option<Fault> {
        counters.calls += 1;
        counters.rules.resize(self.rules.len(), (0, 0));
        let mut found = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let (seen, had) = &mut counters.rules[index];
            if !rule.operations.is_empty() && !rule.operations.iter().any(|own| own == operation) {
                continue;
            }
            *seen += 1;
            let wants = *seen >= rule.from
                && rule.times.is_none_or(|times| *had < times)
                && self.lot(index, *seen) < rule.share;
            if wants && found.is_none() {
                *had += 1;
                found = Some(rule.fault);
            }
        }
        if let Some(fault) = found {
            *counters.dealt.entry(fault.name()).or_default() += 1;
        }
        found
    }

    /// A number from 0 up to 1 that follows from the seed, the rule and the call.
    fn lot(&self, rule: usize, call: u64) -> f64 {
        let hash = blake3::hash(format!("{} {rule} {call}", self.seed).as_bytes());
        let mut half = [0; 4];
        half.copy_from_slice(&hash.as_bytes()[..4]);
        f64::from(u32::from_be_bytes(half)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// What a request is called where an operation is named. What people look at in a browser has no name, and no faults.
pub fn operation(method: &Method, path: &str) -> Option<&'static str> {
    let path = below(path);
    match (method, path.split_once('/')) {
        (&Method::PUT, Some(("upload", _))) => Some(UPLOAD),
        (&Method::GET, Some(("download", _))) => Some(DOWNLOAD),
        (&Method::POST, _) => Op::at(path).map(Op::path),
        _ => None,
    }
}

/// The same, of a request.
pub(super) fn operation_of<B>(request: &Request<B>) -> Option<&'static str> {
    operation(request.method(), request.uri().path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt(faults: &Faults, calls: &[&str]) -> Vec<Option<Fault>> {
        let mut counters = Counters::default();
        let decide = |call: &&str| faults.decide(call, &mut counters);
        calls.iter().map(decide).collect()
    }

    #[test]
    fn a_rule_counts_the_calls_of_its_operations() {
        let faults = Faults {
            seed: 0,
            rules: vec![
                Rule::always(Fault::Garbage).of("a").nth(2),
                Rule {
                    from: 3,
                    times: Some(2),
                    ..Rule::always(Fault::Huge)
                },
            ],
        };
        let expected = [
            None,
            None,
            Some(Fault::Garbage),
            Some(Fault::Huge),
            Some(Fault::Huge),
            None,
        ];
        assert_eq!(
            dealt(&faults, &["a", "b", "a", "a", "b", "a"]),
            expected,
            "the first rule has the third call"
        );
    }

    #[test]
    fn a_share_is_kept_and_follows_from_the_seed() {
        let faults = |seed| Faults {
            seed,
            rules: vec![Rule::always(Fault::LostAfter).share(0.3)],
        };
        let calls = vec!["a"; 2000];
        let first = dealt(&faults(1), &calls);
        let count = first.iter().flatten().count();
        assert!((540..660).contains(&count), "{count}");
        assert_eq!(dealt(&faults(1), &calls), first);
        assert_ne!(dealt(&faults(2), &calls), first);
    }

    #[test]
    fn what_is_looked_at_in_a_browser_has_no_faults() {
        for (method, path, name) in [
            (Method::PUT, "/upload/k", Some(UPLOAD)),
            (Method::GET, "/download/f/d.pdf", Some(DOWNLOAD)),
            (
                Method::POST,
                "/opentreaty-service/seal/query",
                Some("seal/query"),
            ),
            (Method::POST, "/sign/token", None),
            (Method::GET, "/", None),
        ] {
            assert_eq!(operation(&method, path), name, "{path}");
        }
    }
}
