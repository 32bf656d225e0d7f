//! Saved plans of the commands `plan`, `show` and `apply`.

use std::io::Write as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::session::PlanContext;
use crate::address::AddressPattern;
use crate::cli::args::{Plan as PlanArgs, PlanFormat, Selected};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::plan_text::{self, Detail};
use crate::cli::output::{out, plan_json, plan_markdown};
use crate::ledger::{Ledger, Records, Store};
use crate::manifest::Project;
use crate::plan::Plan;
use crate::plan::saved::{
    self, Basis, PlanHead, PlanOptions, SavedPlan, UncheckedPlan, UnreadablePlan,
};
use crate::util::atomic_file::AtomicFile;

/// Prints a plan in a format.
pub(in crate::cli) fn print(
    plan: &Plan,
    head: &PlanHead,
    format: PlanFormat,
    detail: Detail,
    now: Timestamp,
) {
    match format {
        PlanFormat::Text => out::lines(plan_text::lines(plan, head, detail, now)),
        PlanFormat::Markdown => out::lines(plan_markdown::lines(plan, head, detail.all)),
        PlanFormat::Json => out::json(&plan_json::json(plan, head, detail.all)),
    }
}

/// Reads a saved plan.
pub(in crate::cli) fn read(path: &Path) -> Result<UncheckedPlan, CliError> {
    saved::read(path).map_err(|error| {
        let (exit, hint) = match &error {
            UnreadablePlan::Input(input) => (
                Exit::Usage,
                input.hint(t!("give a file that treaty plan -o has written")),
            ),
            UnreadablePlan::NotAPlan(_) => (
                Exit::Invalid,
                t!("give a file that treaty plan -o has written"),
            ),
            UnreadablePlan::Format(_) => (
                Exit::Stale,
                t!(
                    "make the plan and apply it with the same version of treaty; nothing was called"
                ),
            ),
        };
        let message = t!(
            "%{file} is not a saved plan: %{error}",
            file = path.display(),
            error = error
        );
        CliError::new(exit, message, hint)
    })
}

/// Returns the options of a saved plan as arguments.
pub(in crate::cli) fn selected(saved: &SavedPlan, all: bool) -> Result<Selected, CliError> {
    let patterns = |texts: &[String]| -> Result<Vec<AddressPattern>, CliError> {
        let parsed = texts.iter().map(|text| text.parse());
        parsed.collect::<Result<_, String>>().map_err(|error| {
            CliError::new(
                Exit::Invalid,
                error,
                t!("give a file that treaty plan -o has written"),
            )
        })
    };
    let options = &saved.options;
    Ok(Selected {
        target: patterns(&options.target)?,
        exclude: patterns(&options.exclude)?,
        observe: options.observe.into(),
        reissue: patterns(&options.reissue)?,
        force_update: patterns(&options.force_update)?,
        retry: options.retry.map(Into::into),
        max_revoke: options.max_revoke,
        max_delete: options.max_delete,
        all,
    })
}

/// Writes the plan to a file. Fails if the plan does not know everything that was sent.
pub(in crate::cli) fn write(
    args: &PlanArgs,
    path: &Path,
    context: &PlanContext<'_>,
    head: PlanHead,
) -> anyhow::Result<()> {
    if head.ledger_id.is_none() {
        let message = t!(
            "there is no ledger %{file}, so the plan cannot be saved: it would send everything again that was sent before",
            file = head.ledger
        );
        let hint = t!(
            "put the ledger in its place or import its newest export with treaty state import; before the first run, create an empty one with treaty state init"
        );
        return Err(CliError::new(Exit::Error, message, hint).into());
    }
    check_replaced(path)?;
    let PlanContext {
        project,
        resources,
        ledger,
        planned,
        session,
        ..
    } = context;
    let texts = |patterns: &[AddressPattern]| patterns.iter().map(ToString::to_string).collect();
    let chosen = &args.selected;
    let basis = Basis::of(project, resources, ledger.salt()).map_err(|(file, error)| {
        let message = t!(
            "the sheet %{file} cannot be read: %{error}",
            file = file,
            error = error
        );
        CliError::new(Exit::Error, message, "")
    })?;
    let valid_until = args.valid_for.and_then(|valid_for| {
        let valid_for = SignedDuration::try_from(valid_for.0).ok()?;
        session.started.checked_add(valid_for).ok()
    });
    let options = PlanOptions {
        target: texts(&chosen.target),
        exclude: texts(&chosen.exclude),
        reissue: texts(&chosen.reissue),
        force_update: texts(&chosen.force_update),
        observe: chosen.observe.into(),
        retry: chosen.retry.map(Into::into),
        max_revoke: chosen.max_revoke,
        max_delete: chosen.max_delete,
    };
    let mut saved = SavedPlan::new(head, options, basis, &planned.plan);
    saved.valid_until = valid_until.map(Timestamp::as_millisecond);
    let text = saved.authenticated(ledger.salt())?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes())
        .map_err(|error| file.error(error))?;
    file.finish()?;
    Ok(())
}

/// Fails if the plan would replace a file that is no saved plan, such as the ledger or a sheet.
fn check_replaced(path: &Path) -> Result<(), CliError> {
    // Devices and pipes are written to, and an empty file has nothing to lose.
    let has_content = std::fs::metadata(path).is_ok_and(|own| own.is_file() && own.len() > 0);
    if !has_content || saved::begins_like_plan(path).unwrap_or(false) {
        return Ok(());
    }
    let message = t!(
        "%{file} exists and is not a saved plan: it is not replaced",
        file = path.display()
    );
    let hint = t!("give another file to -o, or remove this one");
    Err(CliError::new(Exit::Usage, message, hint))
}

/// Checks a saved plan against the ledger, the files and the variables of the project, before anything is called.
pub(in crate::cli) fn check_ledger_and_files(
    saved: &UncheckedPlan,
    project: &Project,
    ledger: &Store,
) -> anyhow::Result<()> {
    let version = ledger.version()?;
    let plan = &saved.plan;
    plan.check_ledger(&version).map_err(CliError::from)?;
    saved.check_mac(ledger.salt()).map_err(CliError::from)?;
    let last_run = ledger.runs(1)?.pop().map(|run| run.record.name);
    plan.check_serial(&version, last_run)
        .map_err(CliError::from)?;
    let inputs = plan.basis.check_inputs(project, ledger.salt());
    Ok(inputs.map_err(CliError::from)?)
}

/// Checks a saved plan against the one that was made now from the same inputs, before anything is
/// changed.
pub(in crate::cli) fn check_actions(
    saved: &SavedPlan,
    context: &PlanContext<'_>,
) -> Result<(), CliError> {
    let salt = context.ledger.salt();
    saved.basis.check_resources(context.resources, salt)?;
    Ok(saved.check_actions(&context.planned.plan)?)
}
