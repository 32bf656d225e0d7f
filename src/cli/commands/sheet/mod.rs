//! `treaty sheet`: writes an empty workbook with the columns of a flow.

mod columns;
mod roles;
mod words;
mod workbook;

use std::path::{Path, PathBuf};

use crate::cli::args::{Global, Sheet};
use crate::cli::context::session::{Session, invalid, load_project};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out};
use crate::desired::Resources;
use crate::diagnostic::{Findings, did_you_mean};
use crate::expr::Salt;
use crate::manifest::{Flow, Named, Project, Rows};

pub(super) fn run(global: &Global, args: &Sheet) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load_project(&session, global, &mut findings)?;
    // The form fields limit the lengths of values.
    let resources = Resources::of(&project, &Salt::ZERO, &mut findings);
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], session.log_format, None);
        let hint = t!("correct the errors and write the workbook again");
        return Err(invalid(findings.errors(), &hint).into());
    }
    let flow = chosen(&project, args.flow.as_deref())?;
    let Some(rows) = &flow.rows else {
        let message = t!(
            "the flow %{flow} has no rows, so it has no columns",
            flow = flow.name
        );
        let hint = t!("add rows: { file: …, key: … } to the flow");
        return Err(CliError::new(Exit::Usage, message, hint).into());
    };
    let columns = columns::columns(flow, &resources);
    if columns.is_empty() {
        let message = t!("the flow %{flow} uses no columns", flow = flow.name);
        let hint = t!("name a column in an expression, such as {{ row.姓名 }}");
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    let output = args.output.clone();
    let output = output.unwrap_or_else(|| PathBuf::from(format!("{}.xlsx", flow.name)));
    check_output(&output, &rows.file.path, args.force)?;
    workbook::write(&output, flow, rows, &columns)?;
    let required = columns.iter().filter(|column| column.is_required).count();
    out::line(t!(
        "%{file}: %{columns}, %{required} of them required",
        file = output.display(),
        columns = out::plural(
            columns.len(),
            t_key!("%{count} column"),
            t_key!("%{count} columns")
        ),
        required = required
    ));
    if has_unnamed_columns(flow) {
        out::warning(t!(
            "the flow %{flow} also uses columns whose names are known only when a row is read: add them yourself",
            flow = flow.name
        ));
    }
    out::line(next(&project, rows, &output));
    Ok(Exit::Done)
}

/// Returns the named flow, or the only one of the project.
fn chosen<'p>(project: &'p Project, name: Option<&str>) -> Result<&'p Named<Flow>, CliError> {
    let names = || project.flows.keys().map(String::as_str);
    let listed = || match names().collect::<Vec<_>>() {
        names if names.is_empty() => t!("the project declares no flow").into_owned(),
        names => t!("the flows are %{flows}", flows = names.join(", ")).into_owned(),
    };
    let usage = |message: String, hint: String| Err(CliError::new(Exit::Usage, message, hint));
    let Some(name) = name else {
        let mut flows = project.flows.values();
        return match (flows.next(), flows.next()) {
            (Some(only), None) => Ok(only),
            _ => usage(t!("name a flow: treaty sheet FLOW").into_owned(), listed()),
        };
    };
    // An address names a flow, too.
    let name = name.strip_prefix("flows.").unwrap_or(name);
    let Some(flow) = project.flows.get(name) else {
        let hint = did_you_mean(name, names());
        let hint = hint.map(|near| t!("did you mean %{near}?", near = near).into_owned());
        return usage(
            t!("there is no flow %{name}", name = name).into_owned(),
            hint.unwrap_or_else(listed),
        );
    };
    Ok(flow)
}

/// Fails if the workbook cannot have this name, or would replace a file. With `force`, only the sheet
/// of the flow is kept.
fn check_output(output: &Path, sheet: &Path, force: bool) -> Result<(), CliError> {
    let ending = output.extension().unwrap_or_default().to_ascii_lowercase();
    if ending != "xlsx" {
        let message = t!(
            "%{file} is not the name of an .xlsx workbook",
            file = output.display()
        );
        return Err(CliError::new(
            Exit::Usage,
            message,
            t!("let the name end with .xlsx"),
        ));
    }
    let is_sheet = match (output.canonicalize(), sheet.canonicalize()) {
        (Ok(output), Ok(sheet)) => output == sheet,
        _ => false,
    };
    if is_sheet {
        return Err(CliError::new(
            Exit::Usage,
            t!("%{file} is the sheet of the flow", file = output.display()),
            t!("name another file with -o"),
        ));
    }
    if !force && std::fs::symlink_metadata(output).is_ok() {
        return Err(CliError::new(
            Exit::Usage,
            t!("%{file} exists already", file = output.display()),
            t!("name another file with -o, or overwrite it with --force"),
        ));
    }
    Ok(())
}

/// Returns whether an expression uses the row in a way that does not name its columns.
fn has_unnamed_columns(flow: &Flow) -> bool {
    flow.uses
        .iter()
        .any(|(uses, _)| uses.row && uses.columns.is_empty())
}

/// Returns what to do with the workbook.
fn next(project: &Project, rows: &Rows, output: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_default();
    if absolute(output) == absolute(&rows.file.path) {
        return t!("next: fill it in, then run treaty validate").into_owned();
    }
    let span = &rows.path.span;
    let place = format!("{}:{}", span.file.path, span.line);
    let target = project.root.join(&*rows.file.shown);
    let target = out::shown(&target).display();
    if rows.file.shown.to_lowercase().ends_with(".xlsx") {
        t!(
            "next: fill it in, save it as %{target} (%{place}), then run treaty validate",
            target = target,
            place = place
        )
    } else {
        t!(
            "next: fill it in, name it in rows.file instead of %{target} (%{place}), then run treaty validate",
            target = target,
            place = place
        )
    }
    .into_owned()
}
