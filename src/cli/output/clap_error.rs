//! The messages of the argument parser. It repeats arguments as they are.

use std::ffi::OsString;

use clap::Parser;

use crate::cli::args::Args;
use crate::util::escape::{escaped, is_unsafe};

/// Returns a message with colors. If arguments contain unsafe characters, they are parsed again
/// with these characters escaped, so that the message repeats them escaped.
pub(super) fn text(error: &clap::Error) -> String {
    let args: Vec<OsString> = std::env::args_os().collect();
    let texts: Vec<String> = args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    if !texts.iter().any(|text| text.contains(is_unsafe)) {
        return error.render().ansi().to_string();
    }
    let safe = texts.iter().map(|text| escaped(text).into_owned());
    match Args::try_parse_from(safe) {
        Err(error) => error.render().ansi().to_string(),
        // Only the unsafe characters are wrong.
        Ok(_) => format!("{}\n", escaped(error.to_string().trim_end())),
    }
}
