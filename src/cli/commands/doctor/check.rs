//! The result of a check.

use serde_json::{Value, json};

use crate::cli::output::style::{BOLD_RED, BOLD_YELLOW, GREEN, RESET};
use crate::cli::output::wrap::padded;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    Warning,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => t_key!("ok"),
            Self::Warning => t_key!("warning"),
            Self::Error => t_key!("error"),
        }
    }
}

/// The result of a check.
#[derive(Debug)]
pub(super) struct Check {
    /// The name for programs, and the key of the one for people.
    name: &'static str,
    pub(super) level: Level,
    message: String,
    /// The action; may be empty.
    hint: String,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Level::Ok, message, "")
    }

    pub(super) fn new(
        name: &'static str,
        level: Level,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            name,
            level,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The check on one line, and its hint on a second one.
    pub(super) fn lines(&self) -> Vec<String> {
        let color = match self.level {
            Level::Ok => GREEN,
            Level::Warning => BOLD_YELLOW,
            Level::Error => BOLD_RED,
        };
        let (word, name) = (t!(self.level.word()), t!(self.name));
        let mut lines = vec![format!(
            "{color}{}{RESET}  {}  {}",
            padded(&word, 7),
            padded(&name, 11),
            self.message
        )];
        if !self.hint.is_empty() {
            lines.push(format!("  {}: {}", t!("help"), self.hint));
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name, "status": self.level.word(), "message": self.message, "hint": self.hint,
        })
    }
}
