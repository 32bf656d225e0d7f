//! Parsers and types of argument values.

use clap::ValueEnum;
use jiff::civil::Time;

use crate::manifest::{Millis, Tolerance};

/// The output format of commands that print records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
}

/// The end of waiting with `--wait`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// A time of day in Asia/Shanghai.
    Clock(Time),
    /// A duration after the start of the command.
    After(Millis),
}

impl std::str::FromStr for Until {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(after) = text.parse() {
            return Ok(Self::After(after));
        }
        let (hour, minute) = text.split_once(':').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        let at = Time::new(number(hour)?, number(minute)?, 0, 0);
        at.map(Self::Clock).map_err(|_| ())
    }
}

/// Parses `06:00` or `2h`.
pub(super) fn until(text: &str) -> Result<Until, String> {
    text.parse()
        .map_err(|()| "write it as a time of day or a duration: 06:00 or 2h".to_owned())
}

/// Parses `500ms`, `30s`, `10m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Millis, String> {
    text.parse()
        .map_err(|()| "write it as 500ms, 30s, 10m or 1h".to_owned())
}

/// Parses a count or a share: `20` or `5%`.
pub(super) fn tolerance(text: &str) -> Result<Tolerance, String> {
    text.parse()
        .map_err(|()| "write it as a count or a share: 20 or 5%".to_owned())
}

/// Checks the name of an environment variable for expressions.
pub(super) fn env_name(text: &str) -> Result<String, String> {
    if crate::expr::is_reserved(text) {
        return Err("variables that begin with TREATY_ are treaty's own".to_owned());
    }
    if !crate::expr::is_env_name(text) {
        return Err("write the name of an environment variable, such as CLERK_ID_NO".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// Parses a share: `10%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(Tolerance::Share(share)) => Ok(share),
        _ => Err("write it as 10%".to_owned()),
    }
}
