//! What must be unique or agree over all rows: keys within a flow, and the people behind a `thirdId` within a project.
//!
//! Holds a few bytes a row: fingerprints and row numbers, no texts.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use super::account::Account;
use super::item::Item;
use super::standing::Standing;
use crate::diagnostic::Diagnostic;
use crate::manifest::Flow;
use crate::render::{Fingerprint, Fingerprinter, Salt};
use crate::sheet::Header;

/// A row's number in four bytes: no sheet that can be sent in a night has more rows. As bytes, so that it takes no more room
/// beside a half than it needs.
type Row = [u8; 4];

/// Half a fingerprint. That two of a million different texts have the same is as good as impossible, and would refuse a
/// row and not send one.
type Half = [u8; 8];

/// Where somebody was seen first: a flow and a row of it. The project's own accounts are in no flow.
#[derive(Clone, Copy)]
struct Place {
    flow: [u8; 2],
    row: Row,
    /// Whether it was counted.
    counted: bool,
}

/// What was seen so far.
pub struct Unique {
    salt: Salt,
    keys: HashMap<Half, Row>,
    people: HashMap<Half, (Half, Place)>,
    /// Accounts of the project that should not be there.
    absent: HashSet<Fingerprint>,
    /// Where signed documents go, with the place of the item in `flows` and its row.
    downloads: HashMap<Half, Place>,
    /// The flows that were begun, the present one last.
    flows: Vec<String>,
}

/// Two rows that cannot both be right; neither is used.
#[derive(Debug)]
pub struct Conflict {
    /// The rows, in the sheet's order. The first is 0 when it is none of this flow.
    pub rows: [u64; 2],
    /// What is wrong.
    pub diagnostic: Diagnostic,
}

impl Unique {
    /// Nothing seen; the project's own accounts are known from the start.
    pub fn new(standing: &Standing, salt: &Salt) -> Self {
        let mut unique = Self {
            salt: salt.clone(),
            keys: HashMap::new(),
            people: HashMap::new(),
            absent: standing
                .absent
                .values()
                .map(|absent| salt.of(&absent.third_id))
                .collect(),
            downloads: HashMap::new(),
            flows: vec!["the project".to_owned()],
        };
        for account in standing.accounts.values() {
            let entry = (unique.print(account), Place::of(0, 0));
            unique.people.insert(unique.half(account.third_id()), entry);
        }
        unique
    }

    /// Begins with the rows of a flow, for so many of which room is made at once: growing takes twice as much.
    pub fn begin(&mut self, flow: &Flow, rows: usize) {
        self.keys = HashMap::with_capacity(rows);
        if !flow.accounts.is_empty() {
            self.people.reserve(rows);
        }
        if flow
            .finish
            .as_ref()
            .is_some_and(|finish| finish.download.is_some())
        {
            self.downloads.reserve(rows);
        }
        let flow = &flow.name;
        self.flows.push(format!("flows.{flow}"));
    }

    /// Takes an item, and tells what it cannot stand beside.
    pub fn see(&mut self, item: &Item, row: u64, header: &Header) -> Option<Conflict> {
        match self.keys.entry(self.half(&item.key)) {
            Entry::Occupied(first) => {
                let first = number(*first.get());
                return Some(Conflict {
                    rows: [first, row],
                    diagnostic: Diagnostic::error(format!(
                        "the key {} stands in rows {first} and {row}",
                        item.key
                    ))
                    .at(header.cell(row, None))
                    .related(header.cell(first, None), "first here")
                    .hint("a key names one contract: correct one of the rows, or take it out"),
                });
            }
            Entry::Vacant(vacant) => {
                vacant.insert(short(row));
            }
        }
        if let Some(conflict) = self.see_download(item, row, header) {
            return Some(conflict);
        }
        for account in item.accounts.values() {
            if self.absent.contains(&self.salt.of(account.third_id())) {
                return Some(Conflict {
                    rows: [0, row],
                    diagnostic: Diagnostic::error(
                        "the thirdId of this row is declared absent by the project".to_owned(),
                    )
                    .at(account.origin.clone())
                    .hint("take the account out of the project's accounts, or correct the row"),
                });
            }
            let print = self.print(account);
            match self.people.entry(self.half(account.third_id())) {
                Entry::Occupied(known) if known.get().0 != print => {
                    let place = known.get().1;
                    let flow = usize::from(u16::from_le_bytes(place.flow));
                    let here = flow + 1 == self.flows.len();
                    let row_there = number(place.row);
                    let first = if here { row_there } else { 0 };
                    let who = match (row_there, here) {
                        (0, _) => "an account of the project".to_owned(),
                        (row, true) => format!("row {row}"),
                        (row, false) => {
                            format!("row {row} of {}", self.flows[flow])
                        }
                    };
                    let related = here.then_some(first);
                    let kind = match account.who {
                        super::Who::Person(_) => "person",
                        super::Who::Organization(_) => "organization",
                    };
                    let fields = differing(account, known.get().0, print);
                    let mut diagnostic = Diagnostic::error(format!(
                        "the thirdId of this row's {kind} belongs to somebody else in {who}{fields}"
                    ))
                    .at(account.origin.clone())
                    .hint("the same thirdId is the same account: name, document number, mobile and e-mail must agree");
                    if let Some(first) = related {
                        diagnostic =
                            diagnostic.related(header.cell(first, None), "differs from this row");
                    }
                    return Some(Conflict {
                        rows: [first, row],
                        diagnostic,
                    });
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(vacant) => {
                    vacant.insert((print, Place::of(self.flows.len() - 1, row)));
                }
            }
        }
        None
    }

    /// Whether an account that was seen is counted for the first time.
    pub fn count(&mut self, account: &Account) -> bool {
        let half = self.half(account.third_id());
        let known = self.people.get_mut(&half);
        known.is_some_and(|(_, place)| !std::mem::replace(&mut place.counted, true))
    }

    /// Two contracts in one file would be one of them.
    fn see_download(&mut self, item: &Item, row: u64, header: &Header) -> Option<Conflict> {
        let target = item.download.as_ref()?;
        let place = Place::of(self.flows.len() - 1, row);
        match self.downloads.entry(self.half(target)) {
            Entry::Vacant(vacant) => {
                vacant.insert(place);
                None
            }
            Entry::Occupied(first) => {
                let here = first.get().flow == place.flow;
                let first = if here { number(first.get().row) } else { 0 };
                let mut diagnostic = Diagnostic::error(format!(
                    "the signed document of another row goes to {target} too"
                ))
                .at(header.cell(row, None))
                .hint("name the file by the key: download: \"signed/{{ key }}.pdf\"");
                if here {
                    diagnostic = diagnostic.related(header.cell(first, None), "of this row");
                }
                Some(Conflict {
                    rows: [first, row],
                    diagnostic,
                })
            }
        }
    }

    /// Four bytes of all fields together, and four bits of each: what differs in them differs for sure, and in all of them
    /// two different people are as good as never alike.
    fn print(&self, account: &Account) -> Half {
        let mut all = Fingerprinter::new(&self.salt);
        let mut print = Half::default();
        for (name, value) in account.fields() {
            all.field(name, &value);
            let slot = slot(name);
            print[4 + slot / 2] |= four_bits(&value) << (slot % 2 * 4);
        }
        print[..4].copy_from_slice(&all.finish().0[..4]);
        print
    }

    fn half(&self, text: &str) -> Half {
        half(self.salt.of(text))
    }
}

impl Place {
    fn of(flow: usize, row: u64) -> Self {
        Self {
            flow: u16::try_from(flow).unwrap_or(u16::MAX).to_le_bytes(),
            row: short(row),
            counted: false,
        }
    }
}

/// Few enough to tell nobody anything.
fn four_bits(text: &str) -> u8 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish().to_le_bytes()[0] & 0xF
}

/// Where the bits of a field are. A person has fewer fields than an organization, and is never one.
fn slot(field: &str) -> usize {
    match field {
        "name" => 0,
        "idType" | "organType" => 1,
        "idNo" | "organCode" => 2,
        "mobile" | "legalName" => 3,
        "email" => 4,
        "legalIdNo" => 5,
        "legalIdType" => 6,
        _ => 7,
    }
}

/// The fields in which an account differs from another of its `thirdId`, as the end of a sentence.
fn differing(account: &Account, one: Half, other: Half) -> String {
    let bits = |print: Half, slot: usize| print[4 + slot / 2] >> (slot % 2 * 4) & 0xF;
    let fields = match account.who {
        super::Who::Person(_) => &["name", "idType", "idNo", "mobile", "email"][..],
        super::Who::Organization(_) => &[
            "name",
            "organType",
            "organCode",
            "legalName",
            "email",
            "legalIdNo",
            "legalIdType",
        ],
    };
    let differ = fields.iter().copied().filter(|field| {
        let slot = slot(field);
        bits(one, slot) != bits(other, slot)
    });
    let differ: Vec<&str> = differ.collect();
    match differ[..] {
        [] => String::new(),
        [one] => format!(": {one} differs"),
        _ => format!(": {} differ", differ.join(", ")),
    }
}

fn half(print: Fingerprint) -> Half {
    let mut half = Half::default();
    half.copy_from_slice(&print.0[..8]);
    half
}

fn short(row: u64) -> Row {
    u32::try_from(row).unwrap_or(u32::MAX).to_le_bytes()
}

fn number(row: Row) -> u64 {
    u64::from(u32::from_le_bytes(row))
}
