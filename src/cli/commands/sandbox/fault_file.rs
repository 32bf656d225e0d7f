//! Parses the file of `treaty sandbox --faults` into fault injection rules.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use crate::api::ErrorCode;
use crate::api::operation::Op;
use crate::cli::exit::{CliError, Exit};
use crate::diagnostic::{Diagnostic, SourceFile, did_you_mean};
use crate::manifest::{Millis, Tolerance, read_yaml};
use crate::sandbox::{DOWNLOAD, Fault, Faults, Rule, UPLOAD};
use crate::util::input_file;

/// Reads a fault file. An unreadable file is a usage error, invalid content a diagnostic.
pub(super) fn read(path: &Path) -> Result<Result<Faults, Diagnostic>, CliError> {
    let text = input_file::read_text(path, input_file::MAX_TEXT).map_err(|error| {
        CliError::new(
            Exit::Usage,
            format!("the fault file {} cannot be read: {error}", path.display()),
            error.hint("--faults takes a YAML file; see the example in docs/sandbox.md"),
        )
    })?;
    let file = Arc::new(SourceFile {
        path: path.display().to_string(),
        text,
    });
    let faults = read_yaml::<FaultFile>(&file).map(Faults::from);
    Ok(faults.map_err(|mut diagnostic| {
        diagnostic.hint.get_or_insert_with(|| EXAMPLE.to_owned());
        diagnostic
    }))
}

const EXAMPLE: &str =
    "an example: seed: 1 and faults: [{ kind: lostAfter, share: 5% }]; see docs/sandbox.md";

/// The content of the file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    #[serde(default)]
    seed: u64,
    faults: Vec<ValidRule>,
}

impl From<FaultFile> for Faults {
    fn from(file: FaultFile) -> Self {
        Self {
            seed: file.seed,
            rules: file.faults.into_iter().map(|rule| rule.0).collect(),
        }
    }
}

/// A validated rule.
#[derive(serde::Deserialize)]
#[serde(try_from = "Fields")]
struct ValidRule(Rule);

/// The fields of a rule in the file.
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
    delay: Option<FaultDuration>,
    r#for: Option<FaultDuration>,
    status: Option<u16>,
    work: Option<Work>,
    retry_after: Option<u64>,
    code: Option<i64>,
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

/// Whether the operation takes effect before the gateway responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
enum Work {
    Done,
    Undone,
}

/// A share, such as `5%`.
struct Share(f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(Tolerance::Share(share)) => Ok(Self(share)),
            _ => Err(D::Error::custom(format!(
                "invalid share {text}: write it as 5%"
            ))),
        }
    }
}

/// A duration, such as `500ms`.
struct FaultDuration(Duration);

impl<'de> Deserialize<'de> for FaultDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: Result<Millis, ()> = text.parse();
        time.map(|time| Self(time.0)).map_err(|()| {
            D::Error::custom(format!(
                "invalid duration {text}: write it as 500ms, 3s or 1m"
            ))
        })
    }
}

/// The path of an operation.
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
        Err(D::Error::custom(format!("unknown operation {path}{near}")))
    }
}

impl TryFrom<Fields> for ValidRule {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let fault = fields.fault()?;
        let from = match (fields.nth, fields.from) {
            (Some(_), Some(_)) => return Err("nth and from cannot be combined".to_owned()),
            (Some(0), _) | (_, Some(0)) => return Err("nth and from start at 1".to_owned()),
            (nth, from) => nth.or(from).unwrap_or(1),
        };
        if fields.nth.is_some() && fields.times.is_some() {
            return Err("nth selects one call; use from and times for several".to_owned());
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
    /// Builds the fault. Fails if a field is missing or does not belong to the kind.
    fn fault(&self) -> Result<Fault, String> {
        use Kind::{AnswerLate, Failed, Refused, Slow, Status, Throttled, WorkLate};
        let check = |name: &str, is_given: bool, kinds: &[Kind]| {
            if is_given && !kinds.contains(&self.kind) {
                return Err(format!("this kind of fault has no field {name}"));
            }
            Ok(())
        };
        check("delay", self.delay.is_some(), &[AnswerLate, WorkLate, Slow])?;
        check("for", self.r#for.is_some(), &[Refused])?;
        check("status", self.status.is_some(), &[Status])?;
        check("work", self.work.is_some(), &[Status])?;
        check("code", self.code.is_some(), &[Failed])?;
        check("retryAfter", self.retry_after.is_some(), &[Throttled])?;
        let delay = || {
            let delay = self.delay.as_ref().map(|time| time.0);
            delay.ok_or("this kind of fault requires delay, such as delay: 3s")
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
                    return Err(
                        "this kind of fault requires status, such as status: 503".to_owned()
                    );
                }
                (Some(status), _) if !(200..600).contains(&status) => {
                    return Err(format!("invalid status {status}: use 200 to 599"));
                }
                (Some(status), Some(Work::Done)) => Fault::StatusAfter(status),
                (Some(status), Some(Work::Undone) | None) => Fault::Status(status),
            },
            Kind::Garbage => Fault::Garbage,
            Kind::ContentType => Fault::ContentType,
            Kind::Fieldless => Fault::Fieldless,
            Failed => match self.code {
                Some(0) => return Err("the code 0 is no error".to_owned()),
                Some(code) => Fault::Failed(ErrorCode(code)),
                None => Fault::Failed(ErrorCode::NOT_SIGNED),
            },
            Kind::Truncated => Fault::Truncated,
            Kind::Huge => Fault::Huge,
            Refused => {
                let time = self.r#for.as_ref().map(|time| time.0);
                Fault::Refused(time.ok_or("this kind of fault requires for, such as for: 2s")?)
            }
        })
    }
}
