//! What is to be done at an address.

use crate::address::{AccountId, SealId, TemplateId};

/// What is to be done with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountAction {
    /// Create it.
    Create,
    /// It exists and treaty did not make it: take it over, and set what can be set.
    Adopt(AccountId),
    /// Change these fields.
    Update(AccountId, Vec<&'static str>),
    /// Nothing.
    Unchanged(AccountId),
}

/// What is to be done about silent signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Nothing.
    Unchanged,
    /// Grant it, until this moment in milliseconds since 1970, or for good.
    Grant(Option<i64>),
    /// Withdraw it.
    Revoke,
}

/// What is to be done with a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealAction {
    /// Create it.
    Create,
    /// It exists under this alias.
    Adopt(SealId),
    /// Nothing.
    Unchanged(SealId),
}

/// What is to be done with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateAction {
    /// Upload it.
    Create,
    /// Nothing.
    Unchanged(TemplateId),
}

/// What is to be done with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemAction {
    /// Send it.
    Create,
    /// It was begun or failed before: go on with it.
    Resume,
    /// It was sent otherwise, and `onChange: reissue` has that revoked and the item sent anew.
    Reissue,
    /// It was sent as it is.
    Unchanged,
    /// It was sent otherwise, and `onChange: keep` lets that stand.
    Kept,
    /// It was sent otherwise, and that is an error.
    Changed,
    /// Whether it was sent is not known.
    InDoubt,
    /// Its row is no longer in the sheet, and `onVanish: revoke` has it ended.
    Revoke,
    /// Its run was cut off while it was being sent, and its row is no longer in the sheet.
    Orphaned,
    /// `where` says no.
    Skipped,
    /// The row cannot be used.
    Invalid,
    /// The command line leaves it out.
    Excluded,
}

impl ItemAction {
    /// The sign that stands before it in a plan; none for what the plan does not show.
    pub fn symbol(self) -> Option<char> {
        match self {
            Self::Create | Self::Resume => Some('+'),
            Self::Reissue => Some('±'),
            Self::Unchanged | Self::Kept => Some('='),
            Self::Revoke => Some('-'),
            Self::Changed | Self::Invalid | Self::Orphaned => Some('!'),
            Self::InDoubt => Some('?'),
            Self::Skipped | Self::Excluded => None,
        }
    }

    /// Whether apply sends it, or goes on sending it.
    pub fn is_work(self) -> bool {
        matches!(self, Self::Create | Self::Resume | Self::Reissue)
    }

    /// The word for reports: `treaty_action`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resume => "resume",
            Self::Reissue => "reissue",
            Self::Unchanged => "none",
            Self::Kept => "keep",
            Self::Changed | Self::Orphaned => "blocked",
            Self::InDoubt => "in_doubt",
            Self::Revoke => "revoke",
            Self::Skipped => "skip",
            Self::Invalid => "refuse",
            Self::Excluded => "exclude",
        }
    }
}
