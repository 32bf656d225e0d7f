//! The journal entry of a world.

use serde::{Deserialize, Serialize};

use super::flow::Flow;
use super::records::{Account, Doc, Seal, StoredFile, Template};

/// A journal entry: a record with its new content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Change {
    Account(Account),
    File(StoredFile),
    Template(Template),
    Doc(Doc),
    Flow(Flow),
    Seal(Seal),
    /// The last number that was assigned.
    #[serde(rename = "Next")]
    LastNumber(u64),
}
