//! Decodes the sections that both the project and its environments may have: limits, retries,
//! failures and ledger.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::decode::{Decoder, Fields};
use super::settings::{
    Endpoint, Failures, InvalidRows, Limits, Millis, Rate, RateLimit, Retries, Tolerance,
};
use super::yaml::Node;
use crate::api::operation::Op;
use crate::diagnostic::{Span, did_you_mean};

/// The default of `limits.concurrency`.
const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("positive");

/// The values of the shared sections. A field is `None` when it is not declared.
#[derive(Default)]
pub(super) struct Sections {
    rate: Option<RateLimit>,
    concurrency: Option<NonZeroUsize>,
    operations: BTreeMap<Op, Rate>,
    attempts: Option<u32>,
    backoff: Option<Duration>,
    max_backoff: Option<Duration>,
    timeout: Option<Duration>,
    outage: Option<Duration>,
    throttle_codes: Option<Vec<i64>>,
    invalid_rows: Option<InvalidRows>,
    tolerate: Option<Tolerance>,
    revoke: Option<Tolerance>,
    pub(super) ledger: Option<(String, Span)>,
}

impl Sections {
    /// Merges two declarations. The values of `self` take precedence over those of `other`.
    pub(super) fn or(self, other: Self) -> Self {
        let mut operations = other.operations;
        operations.extend(self.operations);
        Self {
            rate: self.rate.or(other.rate),
            concurrency: self.concurrency.or(other.concurrency),
            operations,
            attempts: self.attempts.or(other.attempts),
            backoff: self.backoff.or(other.backoff),
            max_backoff: self.max_backoff.or(other.max_backoff),
            timeout: self.timeout.or(other.timeout),
            outage: self.outage.or(other.outage),
            throttle_codes: self.throttle_codes.or(other.throttle_codes),
            invalid_rows: self.invalid_rows.or(other.invalid_rows),
            tolerate: self.tolerate.or(other.tolerate),
            revoke: self.revoke.or(other.revoke),
            ledger: self.ledger.or(other.ledger),
        }
    }

    /// Returns the limits. The default rate is 10 requests per second, and unlimited for the
    /// sandbox.
    pub(super) fn limits(&self, endpoint: &Endpoint) -> Limits {
        let default = match endpoint {
            Endpoint::Sandbox => RateLimit(None),
            Endpoint::Url(_) => RateLimit(Some(Rate(10.0))),
        };
        Limits {
            rate: self.rate.unwrap_or(default).0,
            concurrency: self.concurrency.unwrap_or(DEFAULT_CONCURRENCY),
            operations: self.operations.clone(),
        }
    }

    /// Returns the retry settings. The default of `outage` is `attempts` times `max_backoff`.
    pub(super) fn retries(&self) -> Retries {
        let attempts = self.attempts.unwrap_or(6);
        let max_backoff = self.max_backoff.unwrap_or(Duration::from_secs(30));
        Retries {
            attempts,
            backoff: self.backoff.unwrap_or(Duration::from_millis(500)),
            max_backoff,
            timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
            outage: self.outage.unwrap_or(max_backoff.saturating_mul(attempts)),
            throttle_codes: self.throttle_codes.clone().unwrap_or_default(),
        }
    }

    /// Returns the failure settings. By default up to 10% of a flow's recorded items may be
    /// revoked.
    pub(super) fn failures(&self) -> Failures {
        Failures {
            invalid_rows: self.invalid_rows.unwrap_or(InvalidRows::Refuse),
            tolerate: self.tolerate,
            revoke: self.revoke.unwrap_or(Tolerance::Share(0.1)),
        }
    }
}

/// Decodes the shared sections of the project or of an environment.
pub(super) fn sections(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Sections {
    let mut sections = Sections::default();
    if let Some(node) = fields.optional("limits") {
        limits(decoder, node, &mut sections);
    }
    if let Some(node) = fields.optional("retries") {
        retries(decoder, node, &mut sections);
    }
    if let Some(mut fields) = fields
        .optional("failures")
        .and_then(|node| decoder.fields(node, "failures"))
    {
        let choices = [("refuse", InvalidRows::Refuse), ("skip", InvalidRows::Skip)];
        sections.invalid_rows = fields
            .optional("invalidRows")
            .and_then(|node| decoder.choice(node, "invalidRows", &choices));
        sections.tolerate = fields
            .optional("tolerate")
            .and_then(|node| decoder.parsed(node, "tolerate", "as a count or a share: 20 or 5%"));
        sections.revoke = fields
            .optional("revoke")
            .and_then(|node| decoder.parsed(node, "revoke", "as a count or a share: 20 or 10%"));
        fields.finish(decoder);
    }
    sections.ledger = fields
        .optional_settled(decoder, "ledger")
        .map(|ledger| (ledger.text, ledger.span));
    sections
}

fn limits(decoder: &mut Decoder<'_>, node: &Node, sections: &mut Sections) {
    const RATE: &str = "10/s, 600/m, 5000/h or none";
    let Some(mut fields) = decoder.fields(node, "limits") else {
        return;
    };
    sections.rate = fields
        .optional("rate")
        .and_then(|node| decoder.parsed(node, "rate", RATE));
    sections.concurrency = fields
        .optional("concurrency")
        .and_then(|node| concurrency(decoder, node));
    if let Some(node) = fields.optional("operations") {
        let operations = decoder
            .fields(node, "operations")
            .map(Fields::into_entries)
            .unwrap_or_default();
        for (path, span, node) in operations {
            let Some(op) = Op::at(path) else {
                let near = did_you_mean(path, Op::ALL.iter().map(|op| op.path()));
                let hint = near.map_or(
                    "use a path of the API, such as doc/createbytemplate".to_owned(),
                    |near| format!("did you mean {near}?"),
                );
                decoder.error(span, format!("there is no operation {path}"), hint);
                continue;
            };
            if let Some(RateLimit(Some(rate))) = decoder.parsed(node, path, RATE) {
                sections.operations.insert(op, rate);
            }
        }
    }
    fields.finish(decoder);
}

fn concurrency(decoder: &mut Decoder<'_>, node: &Node) -> Option<NonZeroUsize> {
    let settled = decoder.settled(node, "concurrency")?;
    let number = settled.text.parse().ok();
    if number.is_none() {
        let hint = match settled.text.as_str() {
            "auto" => {
                "auto is no longer supported: set the maximum number of requests in flight, such as 16"
            }
            _ => "it is the maximum number of requests in flight, from 1, such as 16",
        };
        let message = format!("concurrency cannot be {}", settled.text);
        decoder.error(&settled.span, message, hint.to_owned());
    }
    number
}

fn retries(decoder: &mut Decoder<'_>, node: &Node, sections: &mut Sections) {
    let Some(mut fields) = decoder.fields(node, "retries") else {
        return;
    };
    let mut duration = |decoder: &mut Decoder<'_>, name: &'static str| {
        let node = fields.optional(name)?;
        decoder
            .parsed::<Millis>(node, name, "500ms, 30s or 2m")
            .map(|millis| millis.0)
    };
    sections.backoff = duration(decoder, "backoff");
    sections.max_backoff = duration(decoder, "maxBackoff");
    sections.timeout = duration(decoder, "timeout");
    sections.outage = duration(decoder, "outage");
    sections.attempts = fields
        .optional("attempts")
        .and_then(|node| {
            decoder.parsed::<std::num::NonZeroU32>(node, "attempts", "as a number from 1: 6")
        })
        .map(std::num::NonZeroU32::get);
    sections.throttle_codes = fields.optional("throttleCodes").map(|node| {
        let codes = decoder.list(node, "throttleCodes").iter();
        codes
            .filter_map(|node| decoder.parsed(node, "a throttle code", "as a number: 1435099"))
            .collect()
    });
    fields.finish(decoder);
}
