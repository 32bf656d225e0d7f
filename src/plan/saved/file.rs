//! The file of a saved plan: one JSON object with an authentication code, a keyed hash of its whole
//! text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::model::{FORMAT, NO_MAC, SavedPlan};
use super::stale::Stale;
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::util::input_file::{self, InputError};

/// The first characters of every saved plan.
const BEGIN: &str = "{\"treatyPlan\":";

/// The limit of the file, in bytes: a plan of a million rows has about 150 MB.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The version of a file whose other fields are unknown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    treaty_plan: u32,
}

/// The reason why a file cannot be read as a saved plan.
#[derive(Debug, thiserror::Error)]
pub enum UnreadablePlan {
    /// It cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is no saved plan.
    #[error("{0}")]
    NotAPlan(String),
    /// It has another format: its number.
    #[error("its format is {0}, and this treaty reads the format {FORMAT}")]
    Format(u32),
}

/// Returns whether a file begins like a saved plan.
///
/// # Errors
/// [`std::io::Error`] if it cannot be read.
pub fn begins_like_plan(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    let most = BEGIN.len() as u64;
    File::open(path)?.take(most).read_to_end(&mut start)?;
    Ok(start == BEGIN.as_bytes())
}

/// A saved plan as it was read. Its authentication code is not checked.
#[derive(Debug)]
pub struct UncheckedPlan {
    /// The plan.
    pub plan: SavedPlan,
    text: String,
}

/// Reads a saved plan.
///
/// # Errors
/// [`UnreadablePlan`] if it is no saved plan.
pub fn read(path: &Path) -> Result<UncheckedPlan, UnreadablePlan> {
    let text = input_file::read_text(path, MAX_BYTES)?;
    let no_plan = |error: serde_json::Error| UnreadablePlan::NotAPlan(error.to_string());
    let version: Version = serde_json::from_str(&text).map_err(no_plan)?;
    if version.treaty_plan != FORMAT {
        return Err(UnreadablePlan::Format(version.treaty_plan));
    }
    let plan = serde_json::from_str(&text).map_err(no_plan)?;
    Ok(UncheckedPlan { plan, text })
}

impl UncheckedPlan {
    /// Checks that the text is the one that was written with the same ledger.
    ///
    /// # Errors
    /// [`Stale::Edited`] if it is not.
    pub fn check_mac(&self, salt: &Salt) -> Result<(), Stale> {
        let known = self.plan.mac;
        let text = self
            .text
            .replacen(&known.to_string(), &NO_MAC.to_string(), 1);
        if mac(salt, &text) == known {
            Ok(())
        } else {
            Err(Stale::Edited)
        }
    }
}

impl<P: Serialize> SavedPlan<P> {
    /// Returns the text of the file, with the authentication code of the ledger's key.
    ///
    /// # Errors
    /// [`serde_json::Error`] never occurs with the present types.
    pub fn authenticated(&self, salt: &Salt) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(self)?;
        text.push('\n');
        let mac = mac(salt, &text).to_string();
        Ok(text.replacen(&NO_MAC.to_string(), &mac, 1))
    }
}

fn mac(salt: &Salt, text: &str) -> Fingerprint {
    let mut print = Fingerprinter::new(salt);
    print.field("saved plan", text);
    print.finish()
}
