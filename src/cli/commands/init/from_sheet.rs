//! Creates a project from a PDF template and a sheet.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use super::draft::{self, Draft};
use super::input::{self, SheetInput, Template};
use super::starter::GITIGNORE;
use super::{files, manifest_text, matching, project_name, questions};
use crate::cli::args::{Init, LogFormat};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out};
use crate::diagnostic::Findings;
use crate::manifest::is_flow_name;
use crate::util::input_file;

/// The name of a flow whose sheet has a name that a flow cannot have.
const FLOW: &str = "contracts";

pub(super) fn run(
    format: LogFormat,
    args: &Init,
    template: &Path,
    sheet: &Path,
) -> anyhow::Result<Exit> {
    if args.second.is_some() {
        return Err(CliError::new(
            Exit::Usage,
            t!("a starter cannot be combined with --template and --sheet"),
            t!("name only the folder of the new project: treaty init --template PDF --sheet FILE DIR"),
        )
        .into());
    }
    let folder = PathBuf::from(args.first.as_deref().unwrap_or("."));
    let hint = t!("name a new folder: treaty init --template PDF --sheet FILE DIR");
    files::check_empty(&folder, &hint)?;
    let template = input::read_template(template)?;
    let sheet_name = args.sheet_name.as_deref();
    let sheet = input::read_sheet(sheet, sheet_name, args.header).map_err(|errors| {
        let mut findings = Findings::default();
        findings.extend(errors);
        diagnostics::print(&[&findings], format, None);
        CliError::new(
            Exit::Invalid,
            t!("the sheet cannot be used; nothing was written"),
            "",
        )
    })?;
    let mut draft = matching::draft(&template.fields, &sheet.columns);
    if !args.yes && std::io::stdin().is_terminal() {
        questions::ask(&mut draft, &sheet.columns)?;
    }
    check_columns(&draft, &sheet)?;
    let flow = flow_name(&sheet.file_name);
    let manifests = [
        (
            "treaty.yaml",
            manifest_text::project(&project_name(&folder).unwrap_or_else(|| FLOW.to_owned())),
        ),
        ("manifests/lender.yaml", manifest_text::lender()),
        (
            "manifests/flow.yaml",
            manifest_text::flow(flow, &template, &sheet, sheet_name, &draft),
        ),
    ];
    write(&folder, &template, &sheet, &manifests)?;
    summarize(&folder, &draft, &sheet, &manifests);
    Ok(Exit::Done)
}

/// Fails if the sheet lacks a column without which there is no flow.
fn check_columns(draft: &Draft, sheet: &SheetInput) -> Result<(), CliError> {
    let signer = &draft.signer;
    let missing = [
        (
            &draft.key,
            t_key!(
                "no column was found that is different in each row and can be the key of a contract; nothing was written"
            ),
            "合同编号, contractNo",
        ),
        (
            &signer.name,
            t_key!(
                "no column was found with the name of the person that signs; nothing was written"
            ),
            "姓名, name",
        ),
        (
            &signer.id_no,
            t_key!(
                "no column was found with the id number of the person that signs; nothing was written"
            ),
            "身份证号, idNumber",
        ),
    ];
    let Some((_, message, names)) = missing.into_iter().find(|(guess, ..)| guess.is_none()) else {
        return Ok(());
    };
    let columns: Vec<&str> = sheet
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    Err(CliError::new(
        Exit::Invalid,
        t!(message),
        t!(
            "give it one of these names in the header: %{names}; or choose it on a terminal without --yes; the columns \
             are %{columns}",
            names = names,
            columns = columns.join(&t!(", "))
        ),
    ))
}

/// Returns the name of the flow: that of its sheet, if a flow can have it.
fn flow_name(sheet: &str) -> &str {
    let stem = manifest_text::stem(sheet);
    let is_letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '\u{4e00}'..='\u{9fff}');
    let is_plain = |c: char| is_letter(c) || c.is_ascii_digit() || c == '-' || c == '_';
    let is_name = stem.starts_with(is_letter) && stem.chars().all(is_plain);
    if is_name && is_flow_name(stem) {
        stem
    } else {
        FLOW
    }
}

fn write(
    folder: &Path,
    template: &Template,
    sheet: &SheetInput,
    manifests: &[(&str, String)],
) -> anyhow::Result<()> {
    // The sheet has no limit of its own and can be larger than a document.
    let bytes = input_file::read(&sheet.path, u64::MAX).map_err(std::io::Error::from)?;
    files::write_private(&folder.join(&sheet.file_name), &bytes)?;
    let pdf = folder.join("templates").join(&template.file_name);
    files::write(&pdf, &template.bytes)?;
    for (name, text) in manifests {
        files::write(&folder.join(name), text.as_bytes())?;
    }
    files::write(&folder.join(".gitignore"), GITIGNORE)?;
    files::write_schemas(folder)
}

/// Prints what was matched, and every line to check with its location.
fn summarize(folder: &Path, draft: &Draft, sheet: &SheetInput, manifests: &[(&str, String)]) {
    let filled = draft
        .fields
        .iter()
        .filter(|(_, source)| source.is_some())
        .count();
    out::line(t!(
        "%{folder}: a contract for each row of %{sheet}; %{filled} of %{fields} filled",
        folder = folder.display(),
        sheet = sheet.file_name,
        filled = filled,
        fields = out::plural(
            draft.fields.len(),
            t_key!("%{count} form field"),
            t_key!("%{count} form fields")
        ),
    ));
    for (field, source) in &draft.fields {
        if source.is_none() {
            let text = t!("not filled: the form field %{field}", field = field);
            out::line(format_args!("  {text}"));
        }
    }
    let unused = draft::unused(draft, &sheet.columns);
    if !unused.is_empty() {
        let text = t!(
            "columns that are not used: %{columns}",
            columns = unused.join(&t!(", "))
        );
        out::line(format_args!("  {text}"));
    }
    out::line(t!("check these lines:"));
    let check = manifest_text::check();
    for (name, text) in manifests {
        for (line, number) in text.lines().zip(1..) {
            if let Some((code, doubt)) = line.split_once(&*check) {
                let field = code
                    .trim()
                    .split_once(": ")
                    .map(|(field, _)| format!("{field}: "));
                let field = field.unwrap_or_default();
                out::line(format_args!("  {name}:{number}  {field}{doubt}"));
            }
        }
    }
    let project = files::project_option(folder);
    out::line(t!(
        "next: treaty%{project} validate, then treaty%{project} plan",
        project = project
    ));
}
