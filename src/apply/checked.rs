//! What a check of all rows came to, kept beside the ledger: an apply that is begun again within a day, with nothing changed,
//! believes it, and need not render a million rows before its first call.
//!
//! It holds keys of contracts and fingerprints, no other cells. Whatever is wrong with the file, or is not as it was, has the rows checked
//! again. What is believed is never sent unseen: each row is rendered and checked once more when its turn comes.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api::operation::Op;
use crate::plan::Calls;
use crate::render::{Fingerprint, Salt};
use crate::whole::WholeFile;

/// What was asked about people is believed for so long, and with it all the rest.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// At the end of the file stand how long the summary is, and the keyed hash of all before it: so many bytes.
const LENGTH: usize = 8;
const HASH: usize = 32;

/// No project has more lists of calls …
const LISTS: u16 = 1000;
/// … and these stand in place of one where there is no item.
const LEFT_OUT: u16 = u16::MAX;
const UNUSABLE: u16 = u16::MAX - 1;

/// In place of the length of a key that is not known; no cell is as long.
const NO_KEY: u32 = u32::MAX;

/// Where the check of a project's rows is kept.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The file.
    pub path: PathBuf,
    /// A check of fewer rows is not kept: they are looked at again in no time.
    pub least: usize,
}

/// An earlier check that is believed.
#[derive(Debug)]
pub struct Believed {
    /// When the rows were checked.
    pub at: Timestamp,
    path: PathBuf,
}

impl Believed {
    /// Something came out otherwise: the next run is to look at all rows.
    pub(super) fn disbelieve(&self) {
        // Whoever cannot remove it, believes it for the rest of the day, and is told so each time.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A row, and what its check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CheckedRow<'a> {
    /// Its number.
    pub(super) number: u64,
    /// What it came to.
    pub(super) found: Found<'a>,
}

/// What the check of a row came to. The key of a row that is not sent is none of a contract, and may be anything: its
/// fingerprint is enough, where there is a key at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An item: its key, its fingerprint, and which list of calls it needs when nothing of it is done.
    Item(&'a str, Fingerprint, u16),
    /// `where` says no.
    LeftOut(Option<Fingerprint>),
    /// It cannot be used, for what stands in it.
    Unusable(Option<Fingerprint>),
}

/// What stands behind the rows.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Summary {
    /// All that the rows were rendered from.
    inputs: String,
    /// When they were checked, in milliseconds since 1970.
    checked: i64,
    /// The earliest moment at which a row's time for signing is over.
    until: Option<i64>,
    /// Whether the people of rows were asked for …
    asked: bool,
    /// … and who of them exists, by the fingerprints of their `thirdId`.
    existing: Vec<String>,
    /// The lists of calls, by the paths of operations.
    calls: Vec<BTreeMap<String, u64>>,
    /// The flows in their order, and where the rows of each end.
    flows: Vec<(String, usize)>,
}

/// Writes down what a check comes to, while it goes on.
#[derive(Debug)]
pub(super) struct Keeping {
    file: WholeFile,
    hash: blake3::Hasher,
    written: usize,
    summary: Summary,
    lists: Vec<Calls>,
    /// Whether all of it can be kept so far.
    whole: bool,
}

impl Keeping {
    /// Begins; none where nothing can be written: then the next run takes longer, and this one goes on.
    pub(super) fn begin(
        path: &Path,
        salt: &Salt,
        inputs: Fingerprint,
        checked: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            file: WholeFile::begin(path).ok()?,
            hash: blake3::Hasher::new_keyed(&salt.0),
            written: 0,
            summary: Summary {
                inputs: inputs.to_string(),
                checked: checked.as_millisecond(),
                ..Summary::default()
            },
            lists: Vec::new(),
            whole: true,
        })
    }

    /// Takes the next row.
    pub(super) fn row(&mut self, row: CheckedRow<'_>) {
        if !self.whole {
            return;
        }
        let (list, print, key) = match row.found {
            Found::Item(key, print, list) => (list, Some(print), key),
            Found::LeftOut(print) => (LEFT_OUT, print, ""),
            Found::Unusable(print) => (UNUSABLE, print, ""),
        };
        let numbers = (u32::try_from(row.number), u32::try_from(key.len()));
        let (Ok(number), Ok(length)) = numbers else {
            self.whole = false;
            return;
        };
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(number.to_le_bytes());
        bytes.extend(list.to_le_bytes());
        bytes.extend(print.map_or([0; 16], |print| print.0));
        bytes.extend(print.map_or(NO_KEY, |_| length).to_le_bytes());
        bytes.extend(key.as_bytes());
        self.write(&bytes);
    }

    /// The number of a list of calls. Rows differ little in what they need: where they do, nothing is kept, and the number
    /// means nothing.
    pub(super) fn list(&mut self, calls: Calls) -> u16 {
        let known = self.lists.iter().position(|known| *known == calls);
        let at = u16::try_from(known.unwrap_or(self.lists.len()));
        let Some(at) = at.ok().filter(|at| *at < LISTS) else {
            self.whole = false;
            return UNUSABLE;
        };
        if known.is_none() {
            self.lists.push(calls);
        }
        at
    }

    /// Notes when a row's time for signing will be over. One whose time was over when it was checked was sent before, or is
    /// refused when its turn comes.
    pub(super) fn until(&mut self, validity: Option<i64>) {
        let to_come = validity.filter(|validity| *validity > self.summary.checked);
        let until = &mut self.summary.until;
        *until = until.iter().copied().chain(to_come).min();
    }

    /// Whether it is of these inputs.
    pub(super) fn is_of(&self, inputs: Fingerprint) -> bool {
        self.summary.inputs == inputs.to_string()
    }

    /// All rows of a flow were taken.
    pub(super) fn flow(&mut self, name: &str) {
        self.summary.flows.push((name.to_owned(), self.written));
    }

    /// Who of the rows' people was found to exist.
    pub(super) fn asked(&mut self, existing: &HashSet<Fingerprint>) {
        self.summary.asked = true;
        self.summary.existing = existing.iter().map(Fingerprint::to_string).collect();
    }

    /// Puts the file in its place, if all of it could be kept.
    pub(super) fn finish(mut self) {
        self.summary.calls = self.lists.iter().map(by_path).collect();
        let Ok(summary) = serde_json::to_vec(&self.summary) else {
            return;
        };
        self.write(&summary);
        self.write(&(summary.len() as u64).to_le_bytes());
        let hash = self.hash.finalize();
        self.write(hash.as_bytes());
        if self.whole {
            let _ = self.file.finish();
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.written += bytes.len();
        self.whole &= self.file.write_all(bytes).is_ok();
    }
}

/// What an earlier check came to.
pub(super) struct Checked {
    rows: Vec<u8>,
    summary: Summary,
    lists: Vec<Calls>,
}

impl Checked {
    /// Reads it, if it is whole, young enough, and of the same inputs. With `asks`, people of rows must have been asked for.
    pub(super) fn read(
        path: &Path,
        salt: &Salt,
        inputs: Fingerprint,
        now: Timestamp,
        asks: bool,
    ) -> Option<Self> {
        let mut bytes = std::fs::read(path).ok()?;
        let (before, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        if blake3::keyed_hash(&salt.0, before).as_bytes() != hash {
            return None;
        }
        let (before, length) = before.split_at_checked(before.len().checked_sub(LENGTH)?)?;
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        let (rows, summary) = before.split_at_checked(before.len().checked_sub(length)?)?;
        let summary: Summary = serde_json::from_slice(summary).ok()?;
        let age = now.duration_since(Timestamp::from_millisecond(summary.checked).ok()?);
        let is_over = summary
            .until
            .is_some_and(|until| until <= now.as_millisecond());
        if summary.inputs != inputs.to_string()
            || age.is_negative()
            || age > DAY
            || is_over
            || asks && !summary.asked
        {
            return None;
        }
        let mut end = 0;
        for (_, next) in &summary.flows {
            let mut own = rows.get(end..*next)?;
            while !own.is_empty() {
                row(&mut own)?;
            }
            end = *next;
        }
        let lists = summary.calls.iter().map(calls).collect::<Option<_>>()?;
        let length = rows.len();
        bytes.truncate(length);
        Some(Self {
            rows: bytes,
            summary,
            lists,
        })
    }

    /// What there is to say of it.
    pub(super) fn believed(&self, path: &Path) -> Believed {
        Believed {
            at: Timestamp::from_millisecond(self.summary.checked).unwrap_or_default(),
            path: path.to_owned(),
        }
    }

    /// Who of the rows' people was found to exist.
    pub(super) fn existing(&self) -> HashSet<Fingerprint> {
        let prints = self.summary.existing.iter();
        prints
            .filter_map(|print| Fingerprint::parse(print))
            .collect()
    }

    /// The rows of a flow, in the sheet's order.
    pub(super) fn rows(&self, flow: &str) -> impl Iterator<Item = CheckedRow<'_>> {
        let flows = &self.summary.flows;
        let at = flows.iter().position(|(name, _)| name == flow);
        let end = |at: usize| flows[at].1;
        let range = at.map(|at| at.checked_sub(1).map_or(0, end)..end(at));
        let mut rows = range
            .and_then(|range| self.rows.get(range))
            .unwrap_or_default();
        std::iter::from_fn(move || row(&mut rows))
    }

    /// A list of calls, by its number.
    pub(super) fn list(&self, number: u16) -> Option<&Calls> {
        self.lists.get(usize::from(number))
    }
}

/// Takes a row.
fn row<'s>(rows: &mut &'s [u8]) -> Option<CheckedRow<'s>> {
    let number = u32::from_le_bytes(*chunk(rows)?);
    let list = u16::from_le_bytes(*chunk(rows)?);
    let print = Fingerprint(*chunk(rows)?);
    let length = u32::from_le_bytes(*chunk(rows)?);
    let of_key = (length != NO_KEY).then_some(print);
    let found = match list {
        LEFT_OUT => Found::LeftOut(of_key),
        UNUSABLE => Found::Unusable(of_key),
        list => {
            let (key, rest) = rows.split_at_checked(usize::try_from(length).ok()?)?;
            *rows = rest;
            Found::Item(std::str::from_utf8(key).ok()?, print, list)
        }
    };
    Some(CheckedRow {
        number: number.into(),
        found,
    })
}

/// Takes so many bytes.
fn chunk<'s, const N: usize>(bytes: &mut &'s [u8]) -> Option<&'s [u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(chunk)
}

fn by_path(calls: &Calls) -> BTreeMap<String, u64> {
    let paths = calls
        .iter()
        .map(|(op, count)| (op.path().to_owned(), count));
    paths.collect()
}

fn calls(by_path: &BTreeMap<String, u64>) -> Option<Calls> {
    let calls = by_path.iter();
    calls
        .map(|(path, count)| Some((Op::at(path)?, *count)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([3; 32]);
    const INPUTS: Fingerprint = Fingerprint([1; 16]);

    /// Keeps two flows, and gives the folder that the file is in.
    fn kept(until: Option<i64>, asked: bool) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db.checked");
        let begun = Keeping::begin(&path, &SALT, INPUTS, Timestamp::UNIX_EPOCH);
        let mut keeping = begun.expect("begun");
        let calls: Calls = [(Op::AddProcess, 1), (Op::CreatePerson, 2)]
            .into_iter()
            .collect();
        let list = keeping.list(calls.clone());
        assert_eq!(keeping.list(calls), list, "a list that is known");
        let item = |key| Found::Item(key, Fingerprint([9; 16]), list);
        let rows = [
            (2, item("HT-1")),
            (3, Found::LeftOut(Some(Fingerprint([8; 16])))),
            (5, Found::Unusable(None)),
        ];
        for (number, found) in rows {
            keeping.row(CheckedRow { number, found });
        }
        keeping.flow("loans");
        let (number, found) = (1, item("签"));
        keeping.row(CheckedRow { number, found });
        keeping.until(None);
        keeping.until(until);
        keeping.flow("notes");
        if asked {
            keeping.asked(&HashSet::from([Fingerprint([7; 16])]));
        }
        keeping.finish();
        (folder, path)
    }

    fn read(path: &Path, now: i64, asks: bool) -> Option<Checked> {
        let now = Timestamp::from_millisecond(now).expect("a moment");
        Checked::read(path, &SALT, INPUTS, now, asks)
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let (_folder, path) = kept(None, true);
        let checked = read(&path, 1, true).expect("read");
        let rows: Vec<_> = checked
            .rows("loans")
            .map(|row| (row.number, row.found))
            .collect();
        let [(2, Found::Item("HT-1", print, list)), left_out, unusable] = rows[..] else {
            panic!("{rows:?}");
        };
        assert_eq!(print, Fingerprint([9; 16]));
        assert_eq!(checked.list(list).expect("a list").total(), 3);
        assert_eq!(left_out, (3, Found::LeftOut(Some(Fingerprint([8; 16])))));
        assert_eq!(unusable, (5, Found::Unusable(None)));
        let own = checked.rows("notes").next().expect("a row").found;
        assert!(matches!(own, Found::Item("签", ..)));
        assert_eq!(checked.rows("others").count(), 0);
        assert_eq!(checked.existing(), HashSet::from([Fingerprint([7; 16])]));
        assert_eq!(checked.believed(&path).at, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn what_may_not_hold_any_more_is_not_believed() {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let (_folder, path) = kept(Some(1000), false);
        assert!(read(&path, 999, false).is_some());
        assert!(read(&path, 1000, false).is_none(), "a row's time is over");
        assert!(read(&path, 1, true).is_none(), "nobody was asked for");
        assert!(read(&path, -1, false).is_none(), "the clock was set back");
        let (_folder, path) = kept(Some(0), false);
        assert!(read(&path, 1, false).is_some(), "what was over is not sent");
        let (_folder, path) = kept(None, false);
        assert!(read(&path, DAY, false).is_some());
        assert!(read(&path, DAY + 1, false).is_none(), "it is too old");
        let now = Timestamp::UNIX_EPOCH;
        let others = Fingerprint([2; 16]);
        assert!(Checked::read(&path, &SALT, others, now, false).is_none());
        let salt = Salt([4; 32]);
        assert!(Checked::read(&path, &salt, INPUTS, now, false).is_none());
        let whole = std::fs::read(&path).expect("kept");
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("written");
            assert!(read(&path, 1, false).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.db.checked");
        let begun = Keeping::begin(&path, &SALT, INPUTS, Timestamp::UNIX_EPOCH);
        drop(begun.expect("begun"));
        let left = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(left.count(), 0);
    }
}
