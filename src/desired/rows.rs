//! A flow's rows → items, streamed in the sheet's order.

use rayon::prelude::*;

use super::content::{Contents, Site};
use super::item::{Item, item};
use super::rendering::Rendering;
use super::standing::Standing;
use super::{check, columns, templates};
use crate::diagnostic::{Diagnostic, Findings};
use crate::manifest::{Flow, Project};
use crate::render::{RunTime, Salt, Scope};
use crate::sheet::{Row, RowError, Sheet};

/// A flow that can be read: its sheet open, its columns and form fields checked.
#[derive(Debug)]
pub struct FlowRows<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Its sheet; a flow without rows has none.
    pub sheet: Option<Sheet>,
    project: &'a Project,
    scope: Scope,
    salt: Salt,
    contents: Contents,
}

/// A row, and what became of it.
#[derive(Debug)]
pub struct Drafted {
    /// Its number; 1 for the one item of a flow without rows.
    pub number: u64,
    /// The row; none when it cannot be read, or there is none.
    pub row: Option<Row>,
    /// The item's key, where it is known.
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a row.
#[derive(Debug)]
pub enum Outcome {
    /// A contract.
    Item(Box<Item>),
    /// `where` says no.
    Skipped,
    /// It cannot be used.
    Invalid(Vec<Diagnostic>),
}

/// So many rows are rendered together: enough to keep every core busy, few enough to weigh nothing.
const BATCH: usize = 512;

/// Rows, each with its place in the order, from 0.
pub type Drafts<'a> = Box<dyn Iterator<Item = (usize, Drafted)> + Send + 'a>;

impl<'a> FlowRows<'a> {
    /// Opens the sheet, and checks what can be checked before a row is read.
    pub fn open(
        project: &'a Project,
        standing: &Standing,
        flow: &'a Flow,
        run: &RunTime,
        salt: &Salt,
        findings: &mut Findings,
    ) -> Option<Self> {
        let before = findings.errors();
        let sheet = match flow
            .rows
            .as_ref()
            .map(|rows| (rows, Sheet::open(&rows.file)))
        {
            None => None,
            Some((_, Ok(sheet))) => Some(sheet),
            Some((rows, Err(errors))) => {
                findings.extend(
                    errors
                        .into_iter()
                        .map(|error| error.related(&rows.span, "named here")),
                );
                return None;
            }
        };
        findings.extend(columns::check(
            flow,
            sheet.as_ref().map(|sheet| &**sheet.header()),
        ));
        templates::check(flow, standing, findings);
        let scope = project.scope.with_run(run);
        let contents = Contents::default();
        let site = Site {
            root: &project.root,
            folder: &flow.folder,
            contents: &contents,
        };
        findings.extend(site.settled(flow, &scope, salt));
        (findings.errors() == before).then(|| Self {
            flow,
            sheet,
            project,
            scope,
            salt: salt.clone(),
            contents,
        })
    }

    /// For so many rows room may be made at once.
    pub fn expected(&self) -> usize {
        self.sheet.as_ref().map_or(1, Sheet::expected_rows)
    }

    /// Hands over every row, in the sheet's order and one at a time. While some are taken, those that come next are rendered
    /// on all cores; how many are held does not depend on the sheet.
    pub fn each<E: Send>(
        &self,
        mut take: impl FnMut(usize, Drafted) -> Result<(), E> + Send,
    ) -> Result<Result<(), E>, std::io::Error> {
        let Some(sheet) = &self.sheet else {
            return Ok(take(0, self.single(None)));
        };
        let mut rows = sheet.rows()?.enumerate();
        let mut drafted: Vec<(usize, Drafted)> = Vec::new();
        loop {
            let read: Vec<_> = rows.by_ref().take(BATCH).collect();
            if read.is_empty() && drafted.is_empty() {
                return Ok(Ok(()));
            }
            let (taken, next) = rayon::join(
                || {
                    drafted
                        .drain(..)
                        .try_for_each(|(at, draft)| take(at, draft))
                },
                || {
                    let rows = read.into_par_iter();
                    let next = rows.map(|(at, row)| (at, self.of_row(row, None)));
                    next.collect()
                },
            );
            if taken.is_err() {
                return Ok(taken);
            }
            drafted = next;
        }
    }

    /// Streams the rows from the first one.
    pub fn drafts(&self) -> std::io::Result<Drafts<'_>> {
        self.stream(None, |_| true)
    }

    /// Streams the rows that are to be sent, by their place in the order, from 0: their content has a fingerprint, too.
    /// The others are not rendered.
    pub fn drafts_of<'s>(
        &'s self,
        wanted: impl FnMut(usize) -> bool + Send + 's,
    ) -> std::io::Result<Drafts<'s>> {
        self.stream(Some(&self.salt), wanted)
    }

    fn stream<'s>(
        &'s self,
        content: Option<&'s Salt>,
        mut wanted: impl FnMut(usize) -> bool + Send + 's,
    ) -> std::io::Result<Drafts<'s>> {
        Ok(match &self.sheet {
            None => Box::new(wanted(0).then(|| (0, self.single(content))).into_iter()),
            Some(sheet) => {
                let rows = sheet.rows()?.enumerate().filter(move |(at, _)| wanted(*at));
                Box::new(rows.map(move |(at, row)| (at, self.of_row(row, content))))
            }
        })
    }

    /// The one item of a flow without rows.
    fn single(&self, content: Option<&Salt>) -> Drafted {
        let scope = self.scope.with_key(&self.flow.name);
        self.draft(1, None, self.flow.name.clone(), &scope, content)
    }

    fn of_row(&self, row: Result<Row, RowError>, content: Option<&Salt>) -> Drafted {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                return Drafted {
                    number: error.row,
                    row: error.cells,
                    key: None,
                    outcome: Outcome::Invalid(vec![error.diagnostic]),
                };
            }
        };
        let scope = self.scope.with_row(row.clone());
        let mut rendering = Rendering::new(&scope, Some(&row), &self.salt);
        let rows = self.flow.rows.as_ref();
        let key = rows.and_then(|rows| rendering.required("key", &rows.key));
        let key = key.map(|key| key.trim().to_owned());
        if let (Some(rows), Some(key)) = (rows, &key)
            && check::resident_id(key).is_ok()
        {
            let message =
                "the key is a resident id, and keys stand in the ledger and on the screen";
            rendering.error(
                &rows.key,
                message,
                "choose a column that names the contract",
            );
        }
        let wanted = match rows.and_then(|rows| rows.filter.as_ref()) {
            Some(filter) => rendering.flag("where", filter),
            None => Some(true),
        };
        let errors = rendering.errors;
        let number = row.number;
        let unused = |outcome, key| Drafted {
            number,
            row: Some(row.clone()),
            key,
            outcome,
        };
        match (wanted, key) {
            (Some(false), key) => unused(Outcome::Skipped, key),
            (Some(true), Some(key)) if errors.is_empty() => {
                let scope = scope.with_key(&key);
                self.draft(number, Some(row), key, &scope, content)
            }
            (_, key) => unused(Outcome::Invalid(errors), key),
        }
    }

    fn draft(
        &self,
        number: u64,
        row: Option<Row>,
        key: String,
        scope: &Scope,
        content: Option<&Salt>,
    ) -> Drafted {
        let mut rendering = Rendering::new(scope, row.as_ref(), &self.salt);
        let item = item(
            &self.project.root,
            self.flow,
            &key,
            &self.contents,
            content,
            &mut rendering,
        );
        let errors = std::mem::take(&mut rendering.errors);
        let outcome = match item {
            Some(item) if errors.is_empty() => Outcome::Item(Box::new(item)),
            _ => Outcome::Invalid(errors),
        };
        Drafted {
            number,
            row,
            key: Some(key),
            outcome,
        }
    }
}
