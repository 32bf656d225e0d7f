//! Typed ids of the API, and the addresses of resources and items.
//!
//! An [`Address`] has the same text form in plans, reports, errors and on the command line.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = String::deserialize(deserializer)?;
                if id.is_empty() {
                    return Err(serde::de::Error::custom(concat!("an empty ", stringify!($name))));
                }
                Ok(Self(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )*};
}

ids! {
    /// The account of a person or an organization (section 2, accountId).
    AccountId,
    /// A document that can be signed (section 2, docId).
    DocId,
    /// A sign flow (section 2, flowId).
    FlowId,
    /// A document template (section 2, templateId).
    TemplateId,
    /// A seal of an account (section 5.8).
    SealId,
    /// An uploaded file (section 5.1.1).
    FileKey,
}

/// The address of a resource or an item: `accounts.acme`, `flows.loan["HT-1"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// A declared account.
    Account(String),
    /// An account by its `thirdId`: `accounts["C-17"]`. Accounts that come from rows have no name.
    AccountByThirdId(String),
    /// A declared seal.
    Seal(String),
    /// A seal by account and alias: `seals["acme"]["合同专用章"]`.
    SealByAlias {
        /// The `thirdId` of its account.
        third_id: String,
        /// The name of the seal at the API.
        alias: String,
    },
    /// A declared template.
    Template(String),
    /// A template by its recorded fingerprint: `templates["0f3c…"]`.
    TemplateByFingerprint(String),
    /// All items of a flow.
    Flow(String),
    /// An item: the contract of one row.
    Item {
        /// The name of the flow.
        flow: String,
        /// The key of the row.
        key: String,
    },
}

impl Address {
    /// Creates the address of an item.
    pub fn item(flow: &str, key: &str) -> Self {
        Self::Item {
            flow: flow.to_owned(),
            key: key.to_owned(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "accounts.{name}"),
            Self::AccountByThirdId(third_id) => write!(f, "accounts[\"{third_id}\"]"),
            Self::Seal(name) => write!(f, "seals.{name}"),
            Self::SealByAlias { third_id, alias } => {
                write!(f, "seals[\"{third_id}\"][\"{alias}\"]")
            }
            Self::Template(name) => write!(f, "templates.{name}"),
            Self::TemplateByFingerprint(print) => write!(f, "templates[\"{print}\"]"),
            Self::Flow(name) => write!(f, "flows.{name}"),
            Self::Item { flow, key } => write!(f, "flows.{flow}[\"{key}\"]"),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let quoted = quoted(text);
        let text = &*quoted;
        let head = text.find(['.', '[']).unwrap_or(text.len());
        let (section, rest) = text.split_at(head);
        let example = match section {
            "accounts" => "accounts.acme or accounts[\"C-17\"], by its thirdId",
            "seals" => {
                "seals.contract-seal or seals[\"acme\"][\"合同专用章\"], by thirdId and alias"
            }
            "templates" => "templates.loan",
            "flows" => "flows.loan[\"HT-1\"]",
            _ => {
                return Err(
                    "an address starts with accounts, seals, templates or flows, for example flows.loan[\"HT-1\"]".to_owned(),
                );
            }
        };
        let error = || format!("{text} is not an address; write it as {example}");
        // A key may contain quotes and brackets: it ends at the last `"]`.
        let keyed = rest.find("[\"").map(|at| {
            let key = rest[at + 2..].strip_suffix("\"]");
            (&rest[..at], key.filter(|key| !key.is_empty()))
        });
        let name = |dotted: &str| {
            let name = dotted.strip_prefix('.').unwrap_or_default();
            let is_name = !name.is_empty() && !name.contains(['.', '[', ']', '"', '*']);
            is_name.then(|| name.to_owned()).ok_or_else(error)
        };
        Ok(match (section, keyed) {
            ("accounts", None) => Self::Account(name(rest)?),
            ("seals", None) => Self::Seal(name(rest)?),
            ("templates", None) => Self::Template(name(rest)?),
            ("accounts", Some(("", Some(third_id)))) => Self::AccountByThirdId(third_id.to_owned()),
            ("templates", Some(("", Some(print)))) => Self::TemplateByFingerprint(print.to_owned()),
            ("seals", Some(("", Some(both)))) => match both.split_once("\"][\"") {
                Some((third_id, alias)) if !third_id.is_empty() && !alias.is_empty() => {
                    Self::SealByAlias {
                        third_id: third_id.to_owned(),
                        alias: alias.to_owned(),
                    }
                }
                _ => return Err(error()),
            },
            ("flows", None) => Self::Flow(name(rest)?),
            ("flows", Some((flow, Some(key)))) => Self::item(&name(flow)?, key),
            _ => return Err(error()),
        })
    }
}

/// A pattern for addresses, given with `--target` and `--exclude`. `*` matches any text, except in a
/// pattern that is the address of an existing item ([`AddressPattern::resolved`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPattern {
    text: String,
    /// Whether `*` matches only itself.
    is_literal: bool,
}

impl AddressPattern {
    /// Makes each pattern that is the address of an existing item match this item only. `exists`
    /// returns whether there is such an item; it is called for addresses with `*` only.
    ///
    /// # Errors
    /// The error of `exists`.
    pub fn resolved<E>(
        patterns: &[Self],
        mut exists: impl FnMut(&Address) -> Result<bool, E>,
    ) -> Result<Vec<Self>, E> {
        let resolve = |pattern: &Self| {
            let address = pattern.address().filter(|_| pattern.text.contains('*'));
            let is_literal = match address {
                Some(address @ (Address::Item { .. } | Address::AccountByThirdId(_))) => {
                    exists(&address)?
                }
                _ => false,
            };
            Ok(Self {
                is_literal,
                ..pattern.clone()
            })
        };
        patterns.iter().map(resolve).collect()
    }

    /// Returns the pattern that matches one address only.
    pub fn literal(address: &Address) -> Self {
        Self {
            text: address.to_string(),
            is_literal: true,
        }
    }

    /// The address with the same text, if there can be one.
    pub fn address(&self) -> Option<Address> {
        self.text.parse().ok()
    }

    /// The address, if the pattern can match no other item.
    pub fn exact(&self) -> Option<Address> {
        let is_exact = self.is_literal || !self.text.contains('*');
        self.address().filter(|_| is_exact)
    }

    /// Whether the pattern matches the address or its flow.
    pub fn matches(&self, address: &Address) -> bool {
        if self.is_literal {
            return self.text == address.to_string();
        }
        if wildcard(&self.text, &address.to_string()) {
            return true;
        }
        matches!(address, Address::Item { flow, .. } if wildcard(&self.text, &format!("flows.{flow}")))
    }

    /// Whether the pattern can match an item of the flow.
    pub fn may_match_flow(&self, flow: &str) -> bool {
        let whole = format!("flows.{flow}");
        match self.text.split_once('*') {
            None => {
                self.text == whole
                    || self
                        .text
                        .strip_prefix(&whole)
                        .is_some_and(|key| key.starts_with('['))
            }
            // The text before the first star is fixed; the rest can match any key.
            Some((head, _)) => whole.starts_with(head) || head.starts_with(&whole),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [
            "accounts.",
            "accounts[",
            "seals.",
            "seals[",
            "templates.",
            "templates[",
            "flows.",
            "*",
        ];
        if known.iter().any(|head| text.starts_with(head)) {
            Ok(Self {
                text: quoted(text).into_owned(),
                is_literal: false,
            })
        } else {
            Err(
                "an address starts with accounts., seals., templates. or flows., for example flows.loan[\"HT-1\"]".to_owned(),
            )
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Adds the quotes that a shell has removed, or a person has left out: `flows.loans[HT-1]`.
fn quoted(text: &str) -> Cow<'_, str> {
    let bare = text
        .strip_suffix(']')
        .and_then(|start| start.split_once('['))
        .filter(|(name, key)| {
            !name.starts_with("seals") && !key.is_empty() && !key.starts_with('"')
        });
    match bare {
        Some((name, key)) => Cow::Owned(format!("{name}[\"{key}\"]")),
        None => Cow::Borrowed(text),
    }
}

/// Whether the text matches a pattern in which `*` matches any text, including none.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // `split` yields at least one part.
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(tail)
}

/// Whether `--target` and `--exclude` select an address.
pub fn is_selected(
    targets: &[AddressPattern],
    excludes: &[AddressPattern],
    address: &Address,
) -> bool {
    (targets.is_empty() || targets.iter().any(|pattern| pattern.matches(address)))
        && !excludes.iter().any(|pattern| pattern.matches(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in [
            "accounts.acme",
            "accounts[\"C-17\"]",
            "seals.contract-seal",
            "seals[\"acme\"][\"合同[1]\"]",
            "templates.loan",
            "templates[\"0f3c\"]",
            "flows.loan",
            "flows.loan[\"HT-1\"]",
            "flows.loan[\"a\"][\"b\"]",
            "flows.loan[\"a.b*\"\"]",
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(address.to_string(), text);
        }
        for (bare, text) in [
            ("flows.loan[HT-1]", "flows.loan[\"HT-1\"]"),
            ("accounts[C-17]", "accounts[\"C-17\"]"),
        ] {
            let address: Address = bare.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(address.to_string(), text);
            let pattern: AddressPattern = bare.parse().unwrap_or_else(|error| panic!("{error}"));
            assert!(pattern.matches(&address));
        }
        for (text, part) in [
            ("loan", "starts with"),
            ("", "starts with"),
            ("flows.", "flows.loan["),
            ("flows[\"HT-1\"]", "flows.loan["),
            ("flows.loan[]", "flows.loan["),
            ("flows.loan[\"HT-1\"", "flows.loan["),
            ("flows.loan[\"\"]", "flows.loan["),
            ("accounts.acme[\"x\"]", "by its thirdId"),
            ("seals[\"acme\"]", "thirdId and alias"),
            ("accounts.*", "by its thirdId"),
        ] {
            let error = text.parse::<Address>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_match_items_and_flows() {
        let item = Address::item("loan", "HT-1");
        for (pattern, matches) in [
            ("flows.loan[\"HT-1\"]", true),
            ("flows.loan", true),
            ("flows.loan[\"HT-*\"]", true),
            ("flows.*", true),
            ("*", true),
            ("flows.loans", false),
            ("flows.loan[\"HT-2\"]", false),
            ("accounts.*", false),
        ] {
            let pattern: AddressPattern = pattern.parse().expect("a pattern");
            assert_eq!(pattern.matches(&item), matches, "{pattern}");
            assert!(!matches || pattern.may_match_flow("loan"), "{pattern}");
        }
        assert!("loan".parse::<AddressPattern>().is_err());
    }

    #[test]
    fn the_address_of_an_existing_item_matches_this_item_only() {
        let (starred, other) = (Address::item("loan", "HT-*"), Address::item("loan", "HT-1"));
        let resolved = |text: &str| {
            let pattern: AddressPattern = text.parse().expect("a pattern");
            let exists = |address: &Address| Ok::<_, ()>(*address == starred);
            let mut resolved = AddressPattern::resolved(&[pattern], exists).expect("resolved");
            resolved.remove(0)
        };
        for (text, exact, others) in [
            ("flows.loan[\"HT-*\"]", true, false),
            ("flows.loan[HT-*]", true, false),
            ("flows.loan[\"HT-**\"]", false, true),
            ("flows.loan[\"*\"]", false, true),
            ("flows.*", false, true),
        ] {
            let pattern = resolved(text);
            assert!(pattern.matches(&starred), "{text}");
            assert_eq!(pattern.matches(&other), others, "{text}");
            assert_eq!(pattern.exact().is_some(), exact, "{text}");
        }
        assert_eq!(resolved("flows.loan[\"HT-1\"]").exact(), Some(other));
    }
}
