//! The people who are asked to sign when a plan is applied.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::api::code::NOTICE_TYPE;
use crate::desired::{Account, Item, Resources, SignerKind};
use crate::expr::{Salt, ShortFingerprint};

/// The number of people who are asked to sign. Automatic signatures ask nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct People {
    /// Different people.
    pub asked: u64,
    /// Whether it may be fewer people: rows were counted before a later row conflicted with them.
    pub at_most: bool,
    /// Of these, the people who are asked to sign a contract again.
    pub again: u64,
    /// The signatures that are requested from them.
    pub signatures: u64,
    /// The number of people by the name of the notice that they get, in the order of the API.
    pub notices: Vec<(Cow<'static, str>, u64)>,
    /// The people who get no notice: they need the signing link.
    pub without_notice: u64,
}

/// The bit of a person who is asked again. Each notice has one of the lower bits.
const AGAIN: u8 = 1 << 7;

/// Counts the people of a plan, each once.
#[derive(Debug, Default)]
pub(crate) struct PeopleCounter {
    people: HashMap<ShortFingerprint, u8>,
    signatures: u64,
    at_most: bool,
}

impl PeopleCounter {
    /// Notes that an item that may have been added is not sent.
    pub(crate) fn note_refused(&mut self) {
        self.at_most = true;
    }

    /// Adds the signers of an item that is to be sent. `asked`: the names of signers who were asked
    /// before.
    pub(crate) fn add(
        &mut self,
        item: &Item,
        resources: &Resources,
        salt: &Salt,
        is_again: bool,
        asked: &[String],
    ) {
        let notice = item.process.notice_type.as_deref().unwrap_or_default();
        let mut bits = if is_again { AGAIN } else { 0 };
        let mut email = 0;
        for (at, (code, name)) in NOTICE_TYPE.list.iter().enumerate() {
            let is_used = notice.split(',').any(|used| used == code.to_string());
            bits |= u8::from(is_used) << at;
            if *name == "email" {
                email = 1 << at;
            }
        }
        for signer in &item.signers {
            let account = match &signer.kind {
                SignerKind::Platform { .. } | SignerKind::User { .. } => continue,
                SignerKind::Person { account, .. }
                | SignerKind::Organization { account, .. }
                | SignerKind::PersonAndOrganization { account, .. } => account,
            };
            if asked.contains(&signer.name) {
                continue;
            }
            let declared = item.accounts.get(account);
            let declared = declared.or_else(|| resources.accounts.get(account));
            let third_id = declared.map_or(account.as_str(), |account| account.third_id());
            let has_email = declared.is_none_or(Account::may_get_email);
            let reached = if has_email { bits } else { bits & !email };
            *self.people.entry(salt.of(third_id).into()).or_default() |= reached;
            self.signatures += 1;
        }
    }

    /// Returns the counts.
    pub(crate) fn count(&self) -> People {
        let count = |bit: u8| self.people.values().filter(|bits| **bits & bit > 0).count() as u64;
        let notices = NOTICE_TYPE.list.iter().enumerate();
        let notices = notices.map(|(at, (_, name))| (Cow::Borrowed(*name), count(1 << at)));
        let with_notice = |bits: &&u8| **bits & !AGAIN > 0;
        let reached = self.people.values().filter(with_notice).count() as u64;
        let asked = self.people.len() as u64;
        People {
            asked,
            at_most: self.at_most && asked > 0,
            again: count(AGAIN),
            signatures: self.signatures,
            notices: notices.filter(|(_, count)| *count > 0).collect(),
            without_notice: asked - reached,
        }
    }
}
