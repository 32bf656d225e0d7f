//! The file that says which calls of `treaty sandbox` go wrong: read, checked, and turned into the sandbox's rules.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::exit::{CliError, Exit};
use crate::api::operation::Op;
use crate::diagnostic::{Diagnostic, SourceFile, did_you_mean};
use crate::manifest::{Millis, Tolerance, read_yaml};
use crate::sandbox::{DOWNLOAD, Fault, Faults, Rule, UPLOAD};

/// Reads a file of faults: what is wrong in it is a diagnostic, that it cannot be read is wrong usage.
pub(super) fn read(path: &Path) -> Result<Result<Faults, Diagnostic>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!("the faults in {} cannot be read: {error}", path.display()),
            "--faults takes a YAML file; docs/sandbox.md has one to begin with",
        )
    })?;
    let file = Arc::new(SourceFile {
        path: path.display().to_string(),
        text,
    });
    let faults = read_yaml::<Written>(&file).map(Faults::from);
    Ok(faults.map_err(|mut diagnostic| {
        diagnostic.hint.get_or_insert_with(|| FORM.to_owned());
        diagnostic
    }))
}

const FORM: &str =
    "it is written as  seed: 1  and  faults: [{ kind: lostAfter, share: 5% }]; see docs/sandbox.md";

/// The file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    seed: u64,
    faults: Vec<WrittenRule>,
}

impl From<Written> for Faults {
    fn from(written: Written) -> Self {
        Self {
            seed: written.seed,
            rules: written.faults.into_iter().map(|rule| rule.0).collect(),
        }
    }
}

/// A rule that was found to be sound.
#[derive(serde::Deserialize)]
#[serde(try_from = "Fields")]
struct WrittenRule(Rule);

/// A rule's fields, as they are written.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    kind: Kind,
    share: Option<Share>,
    #[serde(default)]
    operations: Vec<Operation>,
    nth: Option<u64>,
    from: Option<u64>,
    times: Option<u64>,
    delay: Option<Time>,
    r#for: Option<Time>,
    status: Option<u16>,
    work: Option<Work>,
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    LostBefore,
    LostAfter,
    AnswerLate,
    WorkLate,
    Slow,
    Throttled,
    Status,
    Garbage,
    ContentType,
    Fieldless,
    Failed,
    Truncated,
    Huge,
    Refused,
}

/// Whether the work is done before a gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Work {
    Done,
    Undone,
}

/// A share as 5%.
struct Share(f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(Tolerance::Share(share)) => Ok(Self(share)),
            _ => Err(D::Error::custom(format!(
                "a share cannot be {text}: write it as 5%"
            ))),
        }
    }
}

/// A time as 500ms.
struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Result<Millis, ()> = text.parse();
        time.map(|time| Self(time.0)).map_err(|()| {
            D::Error::custom(format!(
                "a time cannot be {text}: write it as 500ms, 3s or 1m"
            ))
        })
    }
}

/// An operation's path.
struct Operation(String);

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        let mut known = Op::ALL.iter().map(|op| op.path()).chain([UPLOAD, DOWNLOAD]);
        if known.clone().any(|own| own == path) {
            return Ok(Self(path));
        }
        let near = did_you_mean(&path, known.by_ref());
        let near = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
        Err(D::Error::custom(format!(
            "there is no operation {path}{near}"
        )))
    }
}

impl TryFrom<Fields> for WrittenRule {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let fault = fields.fault()?;
        let from = match (fields.nth, fields.from) {
            (Some(_), Some(_)) => return Err("nth and from exclude each other".to_owned()),
            (Some(0), _) | (_, Some(0)) => return Err("calls are counted from 1".to_owned()),
            (nth, from) => nth.or(from).unwrap_or(1),
        };
        if fields.nth.is_some() && fields.times.is_some() {
            return Err("nth is one call: for more, use from and times".to_owned());
        }
        Ok(Self(Rule {
            fault,
            operations: fields.operations.into_iter().map(|path| path.0).collect(),
            share: fields.share.map_or(1.0, |share| share.0),
            from,
            times: fields.nth.map(|_| 1).or(fields.times),
        }))
    }
}

impl Fields {
    /// The fault, with the values of its kind and no others.
    fn fault(&self) -> Result<Fault, String> {
        use Kind::{AnswerLate, Refused, Slow, Status, Throttled, WorkLate};
        let of = |name: &str, given: bool, kinds: &[Kind]| {
            if given && !kinds.contains(&self.kind) {
                return Err(format!("this kind of fault has no {name}"));
            }
            Ok(())
        };
        of("delay", self.delay.is_some(), &[AnswerLate, WorkLate, Slow])?;
        of("for", self.r#for.is_some(), &[Refused])?;
        of("status", self.status.is_some(), &[Status])?;
        of("work", self.work.is_some(), &[Status])?;
        of("retryAfter", self.retry_after.is_some(), &[Throttled])?;
        let delay = || {
            let delay = self.delay.as_ref().map(|time| time.0);
            delay.ok_or("this kind of fault needs a delay: delay: 3s")
        };
        Ok(match self.kind {
            Kind::LostBefore => Fault::LostBefore,
            Kind::LostAfter => Fault::LostAfter,
            AnswerLate => Fault::AnswerLate(delay()?),
            WorkLate => Fault::WorkLate(delay()?),
            Slow => Fault::Slow(delay()?),
            Throttled => Fault::Throttled {
                retry_after: self.retry_after,
            },
            Status => match (self.status, self.work) {
                (None, _) => {
                    return Err("this kind of fault needs a status: status: 503".to_owned());
                }
                (Some(status), _) if !(200..600).contains(&status) => {
                    return Err(format!(
                        "{status} is no status that ends a call: use 200 to 599"
                    ));
                }
                (Some(status), Some(Work::Done)) => Fault::StatusAfter(status),
                (Some(status), Some(Work::Undone) | None) => Fault::Status(status),
            },
            Kind::Garbage => Fault::Garbage,
            Kind::ContentType => Fault::ContentType,
            Kind::Fieldless => Fault::Fieldless,
            Kind::Failed => Fault::Failed,
            Kind::Truncated => Fault::Truncated,
            Kind::Huge => Fault::Huge,
            Refused => {
                let time = self.r#for.as_ref().map(|time| time.0);
                Fault::Refused(time.ok_or("this kind of fault needs a time: for: 2s")?)
            }
        })
    }
}
