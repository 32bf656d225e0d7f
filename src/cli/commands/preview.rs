//! `treaty preview`: shows contracts before they are sent.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::address::Address;
use crate::api::time;
use crate::cli::args::{Global, Preview as Args};
use crate::cli::context::run_folder::run_folder;
use crate::cli::context::session::{Session, invalid, load_project};
use crate::cli::context::suggest::Suggestions;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out};
use crate::desired::{FlowRows, Outcome, Resources};
use crate::diagnostic::Findings;
use crate::expr::Salt;
use crate::manifest::{Flow, Named, Project};
use crate::preview::{Choice, Chosen, FlowPreview, Head, choose, write};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load_project(&session, global, &mut findings)?;
    // Fingerprints are not compared, so the salt of the ledger is not needed.
    let salt = Salt::ZERO;
    let resources = Resources::of(&project, &salt, &mut findings);
    let mut opened = Vec::new();
    for (flow, choice) in choices(&project, args)? {
        let run = &session.run_time;
        let rows = FlowRows::open(&project, &resources, flow, run, &salt, &mut findings);
        opened.extend(rows.map(|rows| (rows, choice)));
    }
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], session.log_format, None);
        let hint = t!("correct the errors and run the command again; nothing was written");
        return Err(invalid(findings.errors(), &hint).into());
    }
    let opened = opened.into_iter();
    let flows = opened.map(|(rows, choice)| chosen(rows, &choice));
    let flows = flows.collect::<Result<Vec<_>, _>>()?;
    print_findings(&session, args, &flows, &findings);
    let folder = folder(&project, args)?;
    let head = Head {
        project: project.name.clone(),
        environment: project.settings.environment.clone(),
        time: time::text(session.started),
    };
    let written = write(&folder, &head, &flows, &resources, args.png)?;
    for (place, problem) in &written.problems {
        out::log_warning(global.log_format, format_args!("{place}: {problem}"));
    }
    if !global.quiet {
        print_rows(&flows);
    }
    out::line(t!(
        "preview in %{file}",
        file = out::shown(&written.page).display()
    ));
    if !global.quiet {
        out::log_note(
            global.log_format,
            t!("the preview contains personal data: delete it when you no longer need it"),
        );
    }
    if args.open {
        open(global, &written.page);
    }
    Ok(check_rows(args, &flows)?)
}

/// Returns the flows to show with the choice of their rows, in the order of the manifests.
fn choices<'p>(
    project: &'p Project,
    args: &Args,
) -> Result<Vec<(&'p Named<Flow>, Choice)>, CliError> {
    let mut all = Vec::new();
    for flow in project.flows.values() {
        let mut choice = Choice {
            first: args.rows.unwrap_or(0),
            measures_all: args.fail_on_overflow,
            ..Choice::default()
        };
        let mut is_chosen = args.addresses.is_empty();
        let mut is_whole = is_chosen;
        for address in &args.addresses {
            match address {
                Address::Flow(name) if *name == flow.name => (is_chosen, is_whole) = (true, true),
                Address::Item { flow: name, key } if *name == flow.name => {
                    is_chosen = true;
                    choice.keys.insert(key.clone());
                }
                _ => {}
            }
        }
        if is_whole {
            choice.first = args.rows.unwrap_or(1);
            choice.longest = true;
        }
        if is_chosen {
            all.push((flow, choice));
        }
    }
    for address in &args.addresses {
        check_flow(project, address)?;
    }
    if all.is_empty() {
        return Err(CliError::new(
            Exit::Usage,
            t!("the project declares no flow"),
            t!(
                "a preview shows the contracts of flows: declare one, or create a project with treaty init"
            ),
        ));
    }
    Ok(all)
}

/// Refuses the address of something else than a flow or an item, and of an unknown flow.
fn check_flow(project: &Project, address: &Address) -> Result<(), CliError> {
    let (Address::Flow(name) | Address::Item { flow: name, .. }) = address else {
        return Err(CliError::new(
            Exit::Usage,
            t!(
                "%{address} is neither a flow nor an item",
                address = address
            ),
            t!("a preview shows flows and items, such as flows.loans and 'flows.loans[\"HT-1\"]'"),
        ));
    };
    if project.flows.values().any(|flow| flow.name == *name) {
        return Ok(());
    }
    let mut suggestions = Suggestions::new(&Address::Flow(name.clone()).to_string());
    for flow in project.flows.values() {
        suggestions.offer(&Address::Flow(flow.name.clone()));
    }
    let all = || {
        let names = project.flows.values().map(|flow| flow.name.as_str());
        t!(
            "the flows of the project are %{names}",
            names = names.collect::<Vec<_>>().join(&t!(", "))
        )
        .into_owned()
    };
    Err(CliError::new(
        Exit::Usage,
        t!("there is no flow %{name}", name = name),
        suggestions.similar().unwrap_or_else(all),
    ))
}

/// Reads the rows of a flow and chooses those to show. A named key that no row has is an error with
/// similar ones.
fn chosen<'a>(rows: FlowRows<'a>, choice: &Choice) -> anyhow::Result<FlowPreview<'a>> {
    let flow = &rows.flow.name;
    let searched = choice.keys.iter().map(|key| {
        let address = Address::item(flow, key);
        (key, Suggestions::new(&address.to_string()))
    });
    let mut searched: Vec<(&String, Suggestions)> = searched.collect();
    let offer = |key: &str| {
        searched.retain(|(wanted, _)| *wanted != key);
        if !searched.is_empty() {
            let address = Address::item(flow, key);
            let all = searched.iter_mut();
            all.for_each(|(_, suggestions)| suggestions.offer(&address));
        }
    };
    let chosen = choose(&rows, choice, offer).with_context(|| {
        let sheet = rows.flow.rows.as_ref().map(|rows| rows.path.text.as_str());
        t!("%{file} cannot be read", file = sheet.unwrap_or_default())
    })?;
    if let Some((key, suggestions)) = searched.first() {
        let hint =
            t!("compare it with the sheet; treaty plan --all lists the addresses of all rows");
        return Err(CliError::new(
            Exit::Usage,
            t!(
                "%{address} matches no row",
                address = Address::item(flow, key)
            ),
            suggestions.similar().unwrap_or_else(|| hint.into_owned()),
        )
        .into());
    }
    Ok(FlowPreview { rows, chosen })
}

/// Prints the errors of shown rows, the values that do not fit, and the warnings of the sheets.
fn print_findings(session: &Session, args: &Args, flows: &[FlowPreview<'_>], findings: &Findings) {
    let mut shown = Findings::default();
    for flow in flows {
        for row in &flow.chosen.rows {
            if let Outcome::Invalid(errors) = &row.row.outcome {
                shown.extend(errors.iter().cloned());
            }
        }
        if args.fail_on_overflow && flow.chosen.misfits > 0 {
            shown.extend(flow.chosen.overflows.iter().map(|own| own.error.clone()));
        } else {
            shown.extend(flow.rows.warnings());
        }
    }
    diagnostics::print(&[findings, &shown], session.log_format, None);
}

/// Returns the folder to write to. The default folder is emptied: it would keep contracts that this
/// preview does not show.
fn folder(project: &Project, args: &Args) -> anyhow::Result<PathBuf> {
    if let Some(folder) = &args.output {
        return Ok(folder.clone());
    }
    let folder = run_folder(&project.settings.reports.directory, "preview")?;
    let is_empty = std::fs::read_dir(&folder).map_or(true, |mut files| files.next().is_none());
    if !is_empty && !folder.join("index.html").is_file() {
        return Err(CliError::new(
            Exit::Error,
            t!(
                "%{folder} is not empty and contains no preview",
                folder = folder.display()
            ),
            t!("move its files away, or name another folder with -o"),
        )
        .into());
    }
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| t!("%{folder} cannot be emptied", folder = folder.display()))
        }
        _ => Ok(folder),
    }
}

fn print_rows(flows: &[FlowPreview<'_>]) {
    for flow in flows {
        let chosen = &flow.chosen;
        let name = &flow.rows.flow.name;
        let rows = out::plural(
            chosen.valid + chosen.skipped + chosen.invalid,
            t_key!("%{count} row"),
            t_key!("%{count} rows"),
        );
        if chosen.is_whole {
            out::line(format_args!("flows.{name}  {rows}"));
        } else {
            out::line(format_args!("flows.{name}"));
        }
        for row in &chosen.rows {
            let reasons: Vec<_> = row.reasons.iter().map(|reason| reason.text()).collect();
            let state = match &row.row.outcome {
                Outcome::Item(_) => None,
                Outcome::Skipped => Some(t!("left out by where")),
                Outcome::Invalid(_) => Some(t!("invalid")),
            };
            let state = state.map_or(String::new(), |state| format!("  {state}"));
            let no_key = t!("without a key");
            let key = row.row.key.as_deref().unwrap_or(&no_key);
            out::line(format_args!(
                "  {}  {key}  {}{state}",
                t!("row %{row}", row = row.row.number),
                reasons.join(&t!(", "))
            ));
        }
        if chosen.is_whole && chosen.invalid > 0 {
            let invalid = out::plural(
                chosen.invalid,
                t_key!("%{count} row"),
                t_key!("%{count} rows"),
            );
            let text = t!(
                "%{rows} invalid; treaty validate lists all errors",
                rows = invalid
            );
            out::line(format_args!("  {text}"));
        }
    }
}

/// Opens the page in the browser. Without a display, its path is enough.
fn open(global: &Global, page: &Path) {
    let has_display = !cfg!(all(unix, not(target_os = "macos")))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let path = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let result = if has_display {
        ::open::that_detached(&path).map_err(|why| why.to_string())
    } else {
        Err(t!("there is no display").into_owned())
    };
    if let Err(why) = result {
        out::log_warning(
            global.log_format,
            t!(
                "the page cannot be opened: %{why}; open %{path}",
                why = why,
                path = path.display()
            ),
        );
    }
}

/// Fails if a shown row is invalid and, with `--fail-on-overflow`, if a value of any row does not
/// fit or cannot be measured.
fn check_rows(args: &Args, flows: &[FlowPreview<'_>]) -> Result<Exit, CliError> {
    let sum =
        |count: fn(&Chosen) -> usize| flows.iter().map(|flow| count(&flow.chosen)).sum::<usize>();
    let misfits: usize = sum(|chosen| chosen.misfits);
    let shown = |chosen: &Chosen| {
        let rows = chosen.rows.iter();
        let invalid = rows.filter(|row| matches!(row.row.outcome, Outcome::Invalid(_)));
        invalid.count()
    };
    let invalid: usize = if args.fail_on_overflow {
        sum(|chosen| chosen.invalid)
    } else {
        sum(shown)
    };
    if args.fail_on_overflow && misfits > 0 {
        let rows = out::plural(
            sum(|chosen| chosen.overflowing),
            t_key!("%{count} row"),
            t_key!("%{count} rows"),
        );
        return Err(CliError::new(
            Exit::Invalid,
            t!(
                "texts that do not fit into their form fields: %{count}, in %{rows}",
                count = misfits,
                rows = rows
            ),
            t!("shorten the texts, or make the fields larger in the PDF"),
        ));
    }
    if invalid > 0 {
        return Err(CliError::new(
            Exit::Invalid,
            match invalid {
                1 => t!("1 row is invalid"),
                invalid => t!("%{count} rows are invalid", count = invalid),
            },
            t!("no contract can be made of it: treaty validate lists all errors"),
        ));
    }
    Ok(Exit::Done)
}
