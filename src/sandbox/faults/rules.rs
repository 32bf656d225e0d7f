//! Rules that select the calls to inject faults into.
//!
//! Deterministic: the same rules, seed and order of calls give the same faults.

use std::collections::BTreeMap;

use http::{Method, Request};

use super::fault::Fault;
use crate::api::operation::Op;
use crate::sandbox::http::relative_path;

/// The name of uploads in rules, where operations are named by their path.
pub const UPLOAD: &str = "upload";
/// The name of downloads in rules.
pub const DOWNLOAD: &str = "download";

/// The faults to inject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// The seed of the selection by [`Rule::share`].
    pub seed: u64,
    /// The rules. The first one that applies to a call decides.
    pub rules: Vec<Rule>,
}

/// A fault and the calls that it is injected into.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The fault.
    pub fault: Fault,
    /// The operations, by path; all if empty. Their calls are counted together.
    pub operations: Vec<String>,
    /// The share of the calls, from 0 to 1.
    pub share: f64,
    /// The first call, counted from 1.
    pub from: u64,
    /// The limit of injected faults. `None` is no limit.
    pub times: Option<u64>,
}

/// The counters of calls and faults.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// The number of calls.
    pub calls: u64,
    /// The number of injected faults, by the name of the kind.
    pub injected: BTreeMap<&'static str, u64>,
    /// For each rule: the calls of its operations, and the faults that it injected.
    rules: Vec<(u64, u64)>,
}

impl Rule {
    /// Creates a rule that applies to every call.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            operations: Vec::new(),
            share: 1.0,
            from: 1,
            times: None,
        }
    }

    /// Limits the rule to a share of the calls, from 0 to 1.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Self { share, ..self }
    }

    /// Limits the rule to one call, counted from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self {
            from: nth,
            times: Some(1),
            ..self
        }
    }

    /// Limits the rule to one operation.
    #[must_use]
    pub fn of(self, operation: &str) -> Self {
        Self {
            operations: vec![operation.to_owned()],
            ..self
        }
    }
}

impl Faults {
    /// Counts a call of an operation and returns the fault to inject, if any.
    pub fn decide(&self, operation: &str, counters: &mut Counters) -> Option<Fault> {
        counters.calls += 1;
        counters.rules.resize(self.rules.len(), (0, 0));
        let mut found = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let (calls, injected) = &mut counters.rules[index];
            if !rule.operations.is_empty() && !rule.operations.iter().any(|name| name == operation)
            {
                continue;
            }
            *calls += 1;
            let applies = *calls >= rule.from
                && rule.times.is_none_or(|times| *injected < times)
                && self.random(index, *calls) < rule.share;
            if applies && found.is_none() {
                *injected += 1;
                found = Some(rule.fault);
            }
        }
        if let Some(fault) = found {
            *counters.injected.entry(fault.name()).or_default() += 1;
        }
        found
    }

    /// Returns a number in `0.0..1.0`, derived from the seed, the rule and the call.
    fn random(&self, rule: usize, call: u64) -> f64 {
        let hash = blake3::hash(format!("{} {rule} {call}", self.seed).as_bytes());
        let mut half = [0; 4];
        half.copy_from_slice(&hash.as_bytes()[..4]);
        f64::from(u32::from_be_bytes(half)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Returns the name of a request in rules. Pages have no name, and so no faults.
pub fn operation_name(method: &Method, path: &str) -> Option<&'static str> {
    let path = relative_path(path);
    match (method, path.split_once('/')) {
        (&Method::PUT, Some(("upload", _))) => Some(UPLOAD),
        (&Method::GET, Some(("download", _))) => Some(DOWNLOAD),
        (&Method::POST, _) => Op::at(path).map(Op::path),
        _ => None,
    }
}

/// Returns [`operation_name`] of a request.
pub(crate) fn operation_of<B>(request: &Request<B>) -> Option<&'static str> {
    operation_name(request.method(), request.uri().path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide_all(faults: &Faults, calls: &[&str]) -> Vec<Option<Fault>> {
        let mut counters = Counters::default();
        let decide = |call: &&str| faults.decide(call, &mut counters);
        calls.iter().map(decide).collect()
    }

    #[test]
    fn counts_the_calls_of_a_rules_operations() {
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
            decide_all(&faults, &["a", "b", "a", "a", "b", "a"]),
            expected,
            "the first rule applies to the third call"
        );
    }

    #[test]
    fn selects_a_share_of_the_calls_by_the_seed() {
        let faults = |seed| Faults {
            seed,
            rules: vec![Rule::always(Fault::LostAfter).share(0.3)],
        };
        let calls = vec!["a"; 2000];
        let first = decide_all(&faults(1), &calls);
        let count = first.iter().flatten().count();
        assert!((540..660).contains(&count), "{count}");
        assert_eq!(decide_all(&faults(1), &calls), first);
        assert_ne!(decide_all(&faults(2), &calls), first);
    }

    #[test]
    fn pages_have_no_faults() {
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
            assert_eq!(operation_name(&method, path), name, "{path}");
        }
    }
}
