//! Detects rows that contradict each other: two rows of a flow with one key, two accounts with one
//! `thirdId` and different fields, and two signed documents with one download path.
//!
//! Memory per row is constant: fingerprints and row numbers, no cell values.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::account::{Account, AccountHolder, ORGANIZATION_FIELDS, PERSON_FIELDS};
use super::item::Item;
use super::label::label;
use super::resources::Resources;
use crate::diagnostic::Diagnostic;
use crate::expr::{Salt, ShortFingerprint};
use crate::manifest::{Flow, Named, Value};
use crate::sheet::Header;

/// A hash per field, in the order of [`PERSON_FIELDS`] or [`ORGANIZATION_FIELDS`]. Hashes are only
/// compared between accounts with one `thirdId`, so 32 bits are enough: a difference is missed once
/// in 2³² times.
type FieldHashes = [u32; ORGANIZATION_FIELDS.len()];

/// The index of a flow in [`Duplicates::flows`]. The project's own accounts have [`PROJECT`].
type FlowIndex = u16;

const PROJECT: FlowIndex = 0;

/// A row and its flow.
#[derive(Debug, Clone, Copy)]
struct RowRef {
    flow: FlowIndex,
    row: u32,
}

/// An account and the first row that declares it.
#[derive(Debug)]
struct KnownAccount {
    fields: FieldHashes,
    first: RowRef,
    /// Whether a row that is sent uses the account.
    is_used: bool,
}

/// The rows that were checked so far.
#[derive(Debug)]
pub struct Duplicates {
    salt: Salt,
    hasher: RandomState,
    /// The first row of each key of the current flow.
    keys: HashMap<ShortFingerprint, u32>,
    /// The index in `accounts` of each `thirdId`. A hash table has up to twice as many slots as
    /// entries, so the larger part of an account is stored outside of it.
    third_ids: HashMap<ShortFingerprint, u32>,
    accounts: Vec<KnownAccount>,
    /// The `thirdId`s that the project declares absent.
    absent: HashSet<ShortFingerprint>,
    /// The first row of each download path.
    downloads: HashMap<ShortFingerprint, RowRef>,
    /// The names of the checked flows for messages. The current flow is the last one.
    flows: Vec<String>,
    /// The columns of the key and of the download path in the current flow, if each is made of one.
    key_column: Option<String>,
    download_column: Option<String>,
}

/// Two rows that contradict each other. Neither is sent.
#[derive(Debug)]
pub struct Conflict {
    /// The row numbers in sheet order. The first is 0 when it is not a row of this flow.
    pub rows: [u64; 2],
    /// The error to report.
    pub diagnostic: Diagnostic,
}

impl Duplicates {
    /// Creates a check that contains the project's own accounts and no rows.
    pub fn new(resources: &Resources, salt: &Salt) -> Self {
        let absent = resources.absent.values();
        let mut duplicates = Self {
            salt: salt.clone(),
            hasher: RandomState::new(),
            keys: HashMap::new(),
            third_ids: HashMap::new(),
            accounts: Vec::new(),
            absent: absent
                .map(|absent| salt.of(&absent.third_id).into())
                .collect(),
            downloads: HashMap::new(),
            flows: vec![t!("the project").into_owned()],
            key_column: None,
            download_column: None,
        };
        for account in resources.accounts.values() {
            let first = RowRef {
                flow: PROJECT,
                row: 0,
            };
            let fields = duplicates.field_hashes(account);
            duplicates.account(account.third_id(), fields, first);
        }
        duplicates
    }

    /// Starts a flow with about `rows` rows. Reserves memory for them, because a hash table that
    /// grows holds its old and its new slots at the same time.
    pub fn begin_flow(&mut self, flow: &Named<Flow>, rows: usize) {
        self.keys = HashMap::with_capacity(rows);
        if !flow.accounts.is_empty() {
            self.third_ids.reserve(rows);
            self.accounts.reserve_exact(rows);
        }
        let download = flow
            .finish
            .as_ref()
            .and_then(|finish| finish.download.as_ref());
        if download.is_some() {
            self.downloads.reserve(rows);
        }
        let column = |value: &Value<String>| value.uses().single_column().map(str::to_owned);
        self.key_column = flow.rows.as_ref().and_then(|rows| column(&rows.key));
        self.download_column = download.and_then(column);
        self.flows.push(format!("flows.{}", flow.name));
    }

    /// Records the item of a row. Returns its first conflict with an earlier row or with the
    /// project.
    pub fn check(&mut self, item: &Item, row: u64, header: &Header) -> Option<Conflict> {
        self.check_key(item, row, header)
            .or_else(|| self.check_download(item, row, header))
            .or_else(|| {
                let mut accounts = item.accounts.values();
                accounts.find_map(|account| self.check_account(account, row, header))
            })
    }

    /// Marks a recorded account as used by a row to send. Returns whether that row is the first
    /// one.
    pub fn mark_used(&mut self, account: &Account) -> bool {
        let index = self.third_ids.get(&self.fingerprint_of(account.third_id()));
        let known = index.and_then(|index| self.accounts.get_mut(*index as usize));
        known.is_some_and(|known| !std::mem::replace(&mut known.is_used, true))
    }

    fn check_key(&mut self, item: &Item, row: u64, header: &Header) -> Option<Conflict> {
        let first = match self.keys.entry(self.salt.of(&item.key).into()) {
            Entry::Occupied(first) => u64::from(*first.get()),
            Entry::Vacant(vacant) => {
                vacant.insert(short(row));
                return None;
            }
        };
        let message = t!(
            "rows %{first} and %{row} have the same key %{key}",
            first = first,
            row = row,
            key = item.key
        );
        let column = self.key_column.as_deref();
        let diagnostic = Diagnostic::error(message)
            .at(header.cell(row, column))
            .related(header.cell(first, column), t!("first row with this key"))
            .hint(t!("give each row its own key, or remove one of the rows"));
        Some(Conflict {
            rows: [first, row],
            diagnostic,
        })
    }

    fn check_download(&mut self, item: &Item, row: u64, header: &Header) -> Option<Conflict> {
        let path = item.download.as_ref()?;
        let here = self.row(row);
        let first = match self.downloads.entry(self.salt.of(path).into()) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(vacant) => {
                vacant.insert(here);
                return None;
            }
        };
        let message = t!(
            "another row has the same download path %{path}",
            path = path
        );
        let column = self.download_column.as_deref();
        let mut diagnostic = Diagnostic::error(message)
            .at(header.cell(row, column))
            .hint(t!(
                "use the key in the path: download: \"signed/{{ key }}.pdf\""
            ));
        let mut rows = [0, row];
        if first.flow == here.flow {
            rows[0] = u64::from(first.row);
            diagnostic =
                diagnostic.related(header.cell(rows[0], column), t!("first row with this path"));
        }
        Some(Conflict { rows, diagnostic })
    }

    fn check_account(&mut self, account: &Account, row: u64, header: &Header) -> Option<Conflict> {
        if self
            .absent
            .contains(&self.fingerprint_of(account.third_id()))
        {
            let message = t!("the thirdId of this row is declared absent by the project");
            let diagnostic = Diagnostic::error(message)
                .at(account.origin.clone())
                .hint(t!(
                    "remove the absent account from the project, or correct the row"
                ));
            return Some(Conflict {
                rows: [0, row],
                diagnostic,
            });
        }
        let here = self.row(row);
        let fields = self.field_hashes(account);
        let known = self.account(account.third_id(), fields, here);
        if known.fields == fields {
            return None;
        }
        let first = known.first;
        let differing = differing(account, &known.fields, &fields);
        let kind = match account.holder {
            AccountHolder::Person(_) => t!("person"),
            AccountHolder::Organization(_) => t!("organization"),
        };
        let place = if first.flow == PROJECT {
            t!("an account of the project")
        } else if first.flow == here.flow {
            t!("row %{row}", row = first.row)
        } else {
            let flow = &self.flows[usize::from(first.flow)];
            t!("row %{row} of %{flow}", row = first.row, flow = flow)
        };
        let message = t!(
            "the thirdId of this row's %{kind} has different fields in %{place}%{differing}",
            kind = kind,
            place = place,
            differing = differing
        );
        let mut diagnostic = Diagnostic::error(message)
            .at(account.origin.clone())
            .hint(t!("rows with the same thirdId are the same account: all their account fields must be equal"));
        let mut rows = [0, row];
        if first.flow == here.flow {
            rows[0] = u64::from(first.row);
            diagnostic =
                diagnostic.related(header.cell(rows[0], None), t!("differs from this row"));
        }
        Some(Conflict { rows, diagnostic })
    }

    /// Returns the account with this `thirdId`. Records one with these fields and this row when
    /// there is none.
    fn account(&mut self, third_id: &str, fields: FieldHashes, first: RowRef) -> &KnownAccount {
        let index = match self.third_ids.entry(self.salt.of(third_id).into()) {
            Entry::Occupied(known) => *known.get() as usize,
            Entry::Vacant(vacant) => {
                vacant.insert(short(self.accounts.len() as u64));
                self.accounts.push(KnownAccount {
                    fields,
                    first,
                    is_used: false,
                });
                self.accounts.len() - 1
            }
        };
        &self.accounts[index]
    }

    fn fingerprint_of(&self, text: &str) -> ShortFingerprint {
        self.salt.of(text).into()
    }

    /// Returns the hashes of the compared fields.
    fn field_hashes(&self, account: &Account) -> FieldHashes {
        let fields = account.fields();
        let mut hashes = FieldHashes::default();
        for (hash, name) in hashes.iter_mut().zip(compared_fields(account)) {
            let value = fields.iter().find(|(field, _)| field == name);
            *hash = (self.hasher.hash_one(value) >> 32) as u32;
        }
        hashes
    }

    /// Returns the reference of a row of the current flow.
    fn row(&self, row: u64) -> RowRef {
        RowRef {
            flow: FlowIndex::try_from(self.flows.len() - 1).unwrap_or(FlowIndex::MAX),
            row: short(row),
        }
    }
}

fn compared_fields(account: &Account) -> &'static [&'static str] {
    match account.holder {
        AccountHolder::Person(_) => PERSON_FIELDS,
        AccountHolder::Organization(_) => ORGANIZATION_FIELDS,
    }
}

/// Returns the names of the differing fields as the end of a message.
fn differing(account: &Account, one: &FieldHashes, other: &FieldHashes) -> Cow<'static, str> {
    let hashes = one.iter().zip(other);
    let differing: Vec<_> = compared_fields(account)
        .iter()
        .zip(hashes)
        .filter(|(_, (one, other))| one != other)
        .map(|(name, _)| label(name, None))
        .collect();
    match &differing[..] {
        [] => Cow::Borrowed(""),
        [one] => t!(": %{field} differs", field = one),
        _ => t!(": %{fields} differ", fields = differing.join(&t!(", "))),
    }
}

/// Converts a row number to four bytes. Sheets have fewer than 2³² rows.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
