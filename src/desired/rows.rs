//! A flow's rows → items, streamed in the sheet's order.

use rayon::prelude::*;

use super::content::{Contents, Site};
use super::doubts::RowWarnings;
use super::item::{Item, item};
use super::rendering::Rendering;
use super::standing::Resources;
use super::{check, columns, templates};
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::{RunTime, Salt, Scope};
use crate::manifest::{Flow, Project};
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
    doubts: RowWarnings,
}

/// A row, and what became of it.
#[derive(Debug)]
pub struct RenderedRow {
    /// Its number; 1 for the one item of a flow without rows.
    pub number: u64,
    /// The row; none when it cannot be read, or there is none.
    pub row: Option<Row>,
    /// The item's key, where it is known.
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// A row of which nothing is rendered yet but its key, and whether it is wanted.
#[derive(Debug)]
pub struct KeyedRow {
    /// Its number; 1 for the one item of a flow without rows.
    pub number: u64,
    /// The row; none when it cannot be read, or there is none.
    pub row: Option<Row>,
    /// The item's key, where it is known.
    pub key: Option<String>,
    /// What the rest is rendered in; what became of the row where that is known already.
    scope: Result<Scope, Outcome>,
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

/// Rows, each with its index in the sheet's order, from 0.
type RowStream<'a> = Box<dyn Iterator<Item = (usize, RenderedRow)> + 'a>;

impl<'a> FlowRows<'a> {
    /// Opens the sheet, and checks what can be checked before a row is read.
    pub fn open(
        project: &'a Project,
        standing: &Resources,
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
            doubts: RowWarnings::default(),
        })
    }

    /// What is doubtful about the rows that were rendered.
    pub fn doubts(&self) -> Vec<Diagnostic> {
        self.doubts.told()
    }

    /// For so many rows room may be made at once.
    pub fn expected(&self) -> usize {
        self.sheet.as_ref().map_or(1, Sheet::expected_rows)
    }

    /// Hands over every row, in the sheet's order and one at a time. While some are taken, those that come next are rendered
    /// on all cores; how many are held does not depend on the sheet.
    pub fn each<E: Send>(
        &self,
        mut take: impl FnMut(usize, RenderedRow) -> Result<(), E> + Send,
    ) -> Result<Result<(), E>, std::io::Error> {
        let prepare = |keyed: Vec<(usize, KeyedRow)>| {
            let drafts = keyed.into_par_iter();
            Ok(drafts
                .map(|(at, keyed)| (at, self.draft(keyed, None)))
                .collect())
        };
        self.each_prepared(prepare, |(at, draft)| take(at, draft))
    }

    /// The same, for those who need less of a row than all of it, or something else beside it: what they hand over is
    /// prepared, many rows at once and while those before are taken.
    pub fn each_prepared<T: Send, E: Send>(
        &self,
        mut prepare: impl FnMut(Vec<(usize, KeyedRow)>) -> Result<Vec<T>, E> + Send,
        mut take: impl FnMut(T) -> Result<(), E> + Send,
    ) -> Result<Result<(), E>, std::io::Error> {
        let Some(sheet) = &self.sheet else {
            let single = prepare(vec![(0, self.single())]);
            return Ok(single.and_then(|single| single.into_iter().try_for_each(take)));
        };
        let mut rows = sheet.rows()?.enumerate();
        let mut prepared: Vec<T> = Vec::new();
        loop {
            let read: Vec<_> = rows.by_ref().take(BATCH).collect();
            if read.is_empty() && prepared.is_empty() {
                return Ok(Ok(()));
            }
            let (taken, next) = rayon::join(
                || prepared.drain(..).try_for_each(&mut take),
                || {
                    let rows = read.into_par_iter();
                    prepare(rows.map(|(at, row)| (at, self.keyed(row))).collect())
                },
            );
            match taken.and(next) {
                Ok(next) => prepared = next,
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Streams the rows from the first one.
    pub fn all_rendered_rows(&self) -> std::io::Result<RowStream<'_>> {
        self.stream(None, |_| true)
    }

    /// Streams the rows that are to be sent, by their place in the order, from 0: their content has a fingerprint, too.
    /// The others are not rendered.
    pub fn rendered_rows<'s>(
        &'s self,
        wanted: impl FnMut(usize) -> bool + 's,
    ) -> std::io::Result<RowStream<'s>> {
        self.stream(Some(&self.salt), wanted)
    }

    fn stream<'s>(
        &'s self,
        content: Option<&'s Salt>,
        mut wanted: impl FnMut(usize) -> bool + 's,
    ) -> std::io::Result<RowStream<'s>> {
        Ok(match &self.sheet {
            None => {
                let single = || (0, self.draft(self.single(), content));
                Box::new(wanted(0).then(single).into_iter())
            }
            Some(sheet) => {
                let mut rows = sheet.rows()?;
                let mut places = 0..;
                let mut next = move || loop {
                    let at = places.next()?;
                    if wanted(at) {
                        return Some((at, rows.next()?));
                    } else if !rows.skip_row() {
                        return None;
                    }
                };
                let drafts =
                    move || next().map(|(at, row)| (at, self.draft(self.keyed(row), content)));
                Box::new(std::iter::from_fn(drafts))
            }
        })
    }

    /// The one item of a flow without rows.
    fn single(&self) -> KeyedRow {
        KeyedRow {
            number: 1,
            row: None,
            key: Some(self.flow.name.clone()),
            scope: Ok(self.scope.clone()),
        }
    }

    fn keyed(&self, row: Result<Row, RowError>) -> KeyedRow {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                return KeyedRow {
                    number: error.row,
                    row: error.cells,
                    key: None,
                    scope: Err(Outcome::Invalid(vec![error.diagnostic])),
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
        let scope = match wanted {
            Some(false) => Err(Outcome::Skipped),
            Some(true) if key.is_some() && errors.is_empty() => Ok(scope),
            _ => Err(Outcome::Invalid(errors)),
        };
        KeyedRow {
            number: row.number,
            row: Some(row),
            key,
            scope,
        }
    }

    /// Renders the rest of a row.
    pub fn rendered(&self, keyed: KeyedRow) -> RenderedRow {
        self.draft(keyed, None)
    }

    fn draft(&self, keyed: KeyedRow, content: Option<&Salt>) -> RenderedRow {
        let KeyedRow {
            number,
            row,
            key,
            scope,
        } = keyed;
        let outcome = match (scope, &key) {
            (Ok(scope), Some(key)) => self.outcome(row.as_ref(), key, &scope, content),
            (Err(outcome), _) => outcome,
            // What has no key was not told to be rendered.
            (Ok(_), None) => Outcome::Invalid(Vec::new()),
        };
        RenderedRow {
            number,
            row,
            key,
            outcome,
        }
    }

    fn outcome(
        &self,
        row: Option<&Row>,
        key: &str,
        scope: &Scope,
        content: Option<&Salt>,
    ) -> Outcome {
        let scope = scope.with_key(key);
        let mut rendering = Rendering::new(&scope, row, &self.salt);
        let item = item(
            &self.project.root,
            self.flow,
            key,
            &self.contents,
            content,
            &mut rendering,
        );
        let errors = std::mem::take(&mut rendering.errors);
        match item {
            Some(item) if errors.is_empty() => {
                self.doubts.see(self.flow, row, &item);
                Outcome::Item(Box::new(item))
            }
            _ => Outcome::Invalid(errors),
        }
    }
}
