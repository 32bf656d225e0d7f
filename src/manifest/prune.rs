//! `prune`: what apply removes when no manifest declares it any more.

use schemars::JsonSchema;
use serde::Deserialize;

/// The kinds that apply removes when they are no longer declared.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename = "$kind", rename_all = "camelCase")]
#[schemars(rename = "Prune", untagged)]
pub enum Prune {
    /// true: grants and accounts.
    #[serde(rename = "scalar")]
    All(bool),
    /// Single kinds.
    #[serde(rename = "mapping")]
    Kinds(PruneKinds),
}

/// The kinds that apply removes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PruneKinds {
    /// Whether grants of silent signing are revoked. Default: false.
    #[serde(default)]
    pub grants: bool,
    /// Whether accounts are deleted that treaty created and that were never protected. Default: false.
    #[serde(default)]
    pub accounts: bool,
}

impl Default for Prune {
    fn default() -> Self {
        Self::All(false)
    }
}

impl Prune {
    /// Returns the kinds that are removed.
    pub fn kinds(self) -> PruneKinds {
        match self {
            Self::All(all) => PruneKinds {
                grants: all,
                accounts: all,
            },
            Self::Kinds(kinds) => kinds,
        }
    }
}
