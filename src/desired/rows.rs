//! Renders the rows of a flow into items, streamed in sheet order.

use rayon::prelude::*;

use super::field_fit::{FieldMisfit, Shapes};
use super::item::Item;
use super::item_rendering::item;
use super::local_file::{FileCache, FileReader};
use super::rendering::Rendering;
use super::resources::Resources;
use super::rounded_columns::RoundedColumns;
use super::row_checks::{self, CheckWarnings};
use super::row_outcome::{KeyedRow, Outcome, RenderedRow};
use super::row_warnings::RowWarnings;
use super::suspicion::EDGE_BLANK;
use super::{
    check, columns, field_fit, filter_check, notice, number_check, static_files, template_checks,
};
use crate::diagnostic::{Diagnostic, Findings};
use crate::expr::{Expr, Fingerprint, Fingerprinter, RunTime, Salt, Scope, Totals};
use crate::manifest::{Check, Flow, Named, Project};
use crate::sheet::{Row, RowError, Sheet};
use crate::util::escape::escaped;

/// A flow with its open sheet. Columns, form fields and static files are checked.
#[derive(Debug)]
pub struct FlowRows<'a> {
    /// The flow.
    pub flow: &'a Named<Flow>,
    /// The sheet, or `None` for a flow without rows.
    pub sheet: Option<Sheet>,
    project: &'a Project,
    scope: Scope,
    salt: Salt,
    files: FileCache,
    warnings: RowWarnings,
    check_warnings: CheckWarnings,
    rounded: RoundedColumns,
    shapes: Shapes,
}

/// The number of rows that are rendered in parallel. Limits the memory held for a large sheet.
const BATCH: usize = 512;

/// Rows with their 0-based index in sheet order.
type RowStream<'a> = Box<dyn Iterator<Item = (usize, RenderedRow)> + 'a>;

impl<'a> FlowRows<'a> {
    /// Opens the sheet and checks the flow against its header and the templates. Returns `None`
    /// when errors were added to `findings`.
    pub fn open(
        project: &'a Project,
        resources: &Resources,
        flow: &'a Named<Flow>,
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
                        .map(|error| error.related(&rows.path.span, t!("named here"))),
                );
                return None;
            }
        };
        findings.extend(columns::check(flow, sheet.as_ref()));
        let warnings = sheet.iter().flat_map(Sheet::warnings);
        findings.extend(warnings.cloned());
        template_checks::check(flow, resources, findings);
        let scope = project.scope.with_run(run);
        let cache = FileCache::default();
        let files = FileReader {
            root: &project.root,
            folder: &flow.folder,
            cache: &cache,
        };
        findings.extend(static_files::check(&files, flow, &scope, salt));
        let header = sheet.as_ref().map(Sheet::header);
        let rounded = header.map(|header| RoundedColumns::new(flow, header));
        (findings.errors() == before).then(|| Self {
            flow,
            sheet,
            project,
            scope,
            salt: salt.clone(),
            files: cache,
            warnings: RowWarnings::default(),
            check_warnings: CheckWarnings::default(),
            rounded: rounded.unwrap_or_default(),
            shapes: field_fit::shapes(flow, resources),
        })
    }

    /// Returns the warnings of the rows rendered so far, those of checks last.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = self.warnings.sorted();
        warnings.extend(self.check_warnings.in_order());
        warnings
    }

    /// Returns an error for each column that a spreadsheet has rounded, from the rows rendered so far.
    pub fn rounded_columns(&self) -> Vec<Diagnostic> {
        let header = self.sheet.as_ref().map(Sheet::header);
        header.map_or_else(Vec::new, |header| self.rounded.errors(header))
    }

    /// Returns the checks of the flow: its own, and those of all flows.
    fn checks(&self) -> impl Iterator<Item = &'a Check> {
        self.flow.checks.iter().chain(&self.project.checks)
    }

    /// Returns totals without rows, with the columns whose sums the checks of the flow use.
    pub fn totals(&self) -> Totals {
        Totals::new(self.checks().flat_map(Check::sums))
    }

    /// Returns the errors and warnings of the checks of the rows together. `invalid` is the number of
    /// rows that the totals lack because they are invalid.
    pub fn check_totals(&self, totals: &Totals, invalid: u64) -> Vec<Diagnostic> {
        let flow = &self.flow.name;
        row_checks::check_flow(self.checks(), flow, &self.scope, (totals, invalid))
    }

    /// Returns the check values of the numbers and the key of a row, for a report that can be used as the sheet.
    pub fn check_values(&self, row: &Row, key: Option<&str>) -> String {
        number_check::check_values(&self.salt, row, key)
    }

    /// Returns the values of an item that do not fit into their form fields.
    pub fn misfits(&self, item: &Item) -> Vec<FieldMisfit> {
        field_fit::misfits(self.flow, item, &self.shapes)
    }

    /// Estimates the number of rows, to reserve memory for them.
    pub fn expected_rows(&self) -> usize {
        self.sheet.as_ref().map_or(1, Sheet::expected_rows)
    }

    /// Passes every rendered row to `take`, one at a time and in sheet order. The next batch is
    /// rendered on all cores meanwhile, so the memory does not depend on the size of the sheet.
    ///
    /// The outer error is a sheet that cannot be read, the inner one is the error of `take`.
    pub fn each<E: Send>(
        &self,
        mut take: impl FnMut(usize, RenderedRow) -> Result<(), E> + Send,
    ) -> Result<Result<(), E>, std::io::Error> {
        let prepare = |keyed: Vec<(usize, KeyedRow)>| {
            let keyed = keyed.into_par_iter();
            Ok(keyed
                .map(|(at, row)| (at, self.render(row, None)))
                .collect())
        };
        self.each_prepared(prepare, |(at, row)| take(at, row))
    }

    /// Like [`each`](Self::each), for callers that do not need the fully rendered row. `prepare`
    /// maps a batch of rows to values while `take` consumes the values of the previous batch.
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

    /// Streams all rows in sheet order, without a content fingerprint.
    pub fn all_rendered_rows(&self) -> std::io::Result<RowStream<'_>> {
        self.stream(None, |_| true)
    }

    /// Streams the rows to send, with their content fingerprint. `wanted` selects rows by their
    /// 0-based index; the others are not rendered.
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
                let single = || (0, self.render(self.single(), content));
                Box::new(wanted(0).then(single).into_iter())
            }
            Some(sheet) => {
                let mut rows = sheet.rows()?;
                let mut indexes = 0..;
                let mut next = move || loop {
                    let at = indexes.next()?;
                    if wanted(at) {
                        return Some((at, rows.next()?));
                    } else if !rows.skip_row() {
                        return None;
                    }
                };
                let rendered =
                    move || next().map(|(at, row)| (at, self.render(self.keyed(row), content)));
                Box::new(std::iter::from_fn(rendered))
            }
        })
    }

    /// Returns the fingerprint of the cells of a row. It does not depend on the manifests.
    fn cells(&self, row: &Row) -> Fingerprint {
        let mut fingerprint = Fingerprinter::new(&self.salt);
        for (column, text) in row.filled_cells() {
            fingerprint.field(column, text);
        }
        fingerprint.finish()
    }

    /// Returns the only item of a flow without rows.
    fn single(&self) -> KeyedRow {
        KeyedRow {
            number: 1,
            row: None,
            key: Some(self.project.single_key(&self.flow.name).to_owned()),
            cells: None,
            scope: Ok(self.scope.clone()),
            suspicions: Vec::new(),
        }
    }

    /// Returns the errors of the cells that the flow uses and whose text is not their value.
    fn problems(&self, row: &Row) -> Vec<Diagnostic> {
        let problems = row.problems.iter();
        let used =
            problems.filter(|problem| columns::is_used(self.flow, &row.header, problem.column));
        used.map(|problem| problem.diagnostic.clone()).collect()
    }

    /// Renders the key and the `where` filter of a row.
    fn keyed(&self, row: Result<Row, RowError>) -> KeyedRow {
        let mut row = match row {
            Ok(row) => row,
            Err(error) => {
                return KeyedRow {
                    number: error.row,
                    cells: error.cells.as_ref().map(|row| self.cells(row)),
                    row: error.cells,
                    key: None,
                    scope: Err(Outcome::Invalid(vec![error.diagnostic])),
                    suspicions: Vec::new(),
                };
            }
        };
        self.rounded.add(&row);
        row.problems
            .extend(number_check::changed_numbers(&self.salt, &row));
        let scope = self.scope.with_row(row.clone());
        let mut rendering = Rendering::new(&scope, Some(&row), &self.salt);
        let rows = self.flow.rows.as_ref();
        let is_usable = |expr: &Expr| !expr.uses().columns.iter().any(|name| row.is_problem(name));
        let key = rows.filter(|rows| is_usable(&rows.key));
        let key = key.and_then(|rows| rendering.required("key", &rows.key));
        let key = key.map(|key| key.trim().to_owned());
        let mut suspicions = std::mem::take(&mut rendering.suspicions);
        // Blanks around a key do not count.
        suspicions.retain(|suspicion| suspicion.kind != EDGE_BLANK);
        for suspicion in &mut suspicions {
            suspicion.field = t!("the key").into_owned();
        }
        if let (Some(rows), Some(key)) = (rows, &key)
            && check::resident_id(key).is_ok()
        {
            let message = t!(
                "the key is a resident id, and keys are stored in the ledger and shown on screen"
            );
            rendering.error(
                &rows.key,
                message,
                t!("use a column that identifies the contract, such as its number"),
            );
        }
        if let (Some(rows), Some(key)) = (rows, &key)
            && let Err((problem, hint)) = check::no_control_characters(key)
        {
            rendering.error(&rows.key, t!("the key %{problem}", problem = problem), hint);
        }
        let wanted = match rows.and_then(|rows| rows.filter.as_ref()) {
            Some(filter) if is_usable(filter) => rendering.flag("where", filter),
            Some(_) => None,
            None => Some(true),
        };
        if let (Some(rows), Some(key), Some(true)) = (rows, &key, wanted)
            && let Some((message, hint)) = changed_key(&self.salt, &row, key)
        {
            rendering.error(&rows.key, message, hint);
        }
        let mut errors = self.problems(&row);
        errors.append(&mut rendering.errors);
        // A filter would leave it out without a word.
        let wanted = match row.reported_key_without_cells() {
            Some(key) => {
                let message = t!(
                    "the report has no cells of the row with the key %{key}",
                    key = key
                );
                let hint =
                    t!("copy the row from the sheet or from failed.csv, or delete this line");
                errors.push(Diagnostic::error(message).at(row.place(None)).hint(hint));
                None
            }
            None => wanted,
        };
        if let Some((filter, wanted)) = rows.and_then(|rows| rows.filter.as_ref()).zip(wanted) {
            let found = filter_check::decided_by_blanks(&self.scope, filter, &row, wanted);
            self.warnings.add(Some(&row), found.into_iter().collect());
        }
        let scope = match wanted {
            Some(false) => Err(Outcome::Skipped),
            Some(true) if key.is_some() && errors.is_empty() => Ok(scope),
            _ => Err(Outcome::Invalid(errors)),
        };
        KeyedRow {
            number: row.number,
            cells: Some(self.cells(&row)),
            row: Some(row),
            key,
            scope,
            suspicions,
        }
    }

    /// Renders the remaining fields of a row, without a content fingerprint.
    pub fn rendered(&self, keyed: KeyedRow) -> RenderedRow {
        self.render(keyed, None)
    }

    /// Renders the remaining fields of a row, also if `where` leaves it out.
    pub fn rendered_even_if_left_out(&self, keyed: KeyedRow) -> RenderedRow {
        let scope = match (keyed.scope, &keyed.row, &keyed.key) {
            (Err(Outcome::Skipped), Some(row), Some(_)) => Ok(self.scope.with_row(row.clone())),
            (scope, ..) => scope,
        };
        self.render(KeyedRow { scope, ..keyed }, None)
    }

    fn render(&self, keyed: KeyedRow, content: Option<&Salt>) -> RenderedRow {
        let KeyedRow {
            number,
            row,
            key,
            cells,
            scope,
            suspicions,
        } = keyed;
        let outcome = match (scope, &key) {
            (Ok(scope), Some(key)) => {
                let outcome = self.outcome(row.as_ref(), key, cells, &scope, content);
                if matches!(outcome, Outcome::Item(_)) {
                    self.warnings.add(row.as_ref(), suspicions);
                }
                outcome
            }
            (Err(outcome), _) => outcome,
            // Cannot occur: `keyed` returns a scope only for rows with a key.
            (Ok(_), None) => Outcome::Invalid(Vec::new()),
        };
        RenderedRow {
            number,
            row,
            key,
            cells,
            outcome,
        }
    }

    fn outcome(
        &self,
        row: Option<&Row>,
        key: &str,
        cells: Option<Fingerprint>,
        scope: &Scope,
        content: Option<&Salt>,
    ) -> Outcome {
        let scope = scope.with_key(key);
        let rendering = Rendering::new(&scope, row, &self.salt);
        let mut rendering = rendering.with_moves(&self.project.moves);
        let item = item(
            &self.project.root,
            self.flow,
            key,
            &self.files,
            content,
            &mut rendering,
        );
        let check_warnings = row_checks::check_row(self.checks(), row, &mut rendering);
        let errors = std::mem::take(&mut rendering.errors);
        match item {
            Some(item) if errors.is_empty() => {
                let item = Item { cells, ..item };
                let mut suspicions = rendering.suspicions;
                suspicions.extend(notice::unreachable(self.flow, &item));
                let misfits = self.misfits(&item).into_iter();
                suspicions.extend(misfits.map(FieldMisfit::suspicion));
                self.warnings.add(row, suspicions);
                self.check_warnings.add(row, check_warnings);
                Outcome::Item(Box::new(item))
            }
            _ => Outcome::Invalid(errors),
        }
    }
}

/// Returns the error of a row of a report whose key is not the one that treaty wrote: it would be
/// sent as a new contract.
fn changed_key(salt: &Salt, row: &Row, key: &str) -> Option<(String, String)> {
    let reported = row.reported_key()?;
    let column = row.reported_key_title();
    if reported.trim() == key || reported == escaped(key) {
        if !number_check::is_key_changed(salt, row, key) {
            return None;
        }
        let message = t!(
            "a spreadsheet has changed the key of this row since treaty wrote it: it is %{key} now",
            key = key
        );
        let hint = t!(
            "enter the key as in the original sheet, in a column that is formatted as text; if the row is to become a new contract, clear %{column} in this row",
            column = column
        );
        return Some((message.into_owned(), hint.into_owned()));
    }
    let message = t!(
        "the key is %{key}, but treaty wrote this row for the key %{reported}",
        key = key,
        reported = reported
    );
    let hint = t!(
        "restore the key %{reported}; if the row is to become a new contract, clear %{column} in this row or remove the treaty_ columns",
        reported = reported,
        column = column
    );
    Some((message.into_owned(), hint.into_owned()))
}
