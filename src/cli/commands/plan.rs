//! `treaty plan`: shows what `apply` would change, and saves it.

use crate::cli::args::{Global, Plan, PlanFormat};
use crate::cli::context::ledger_version::{UnrecordedAccounts, evidence};
use crate::cli::context::location::ledger_location;
use crate::cli::context::session::{PlanContext, with_plan};
use crate::cli::context::{drift, saved_plan};
use crate::cli::exit::Exit;
use crate::cli::output::plan_text::Detail;
use crate::cli::output::{self, out, plan_head, plan_json};
use crate::ledger::Store;

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    with_plan(
        global,
        (&args.selected, args.output.is_some()),
        |_| Ok(()),
        |session, project, binding| {
            let location = ledger_location(&project.settings.ledger, &session.environ)?;
            let ledger = Store::read(location, binding)?;
            // The serial of the plan is that of the state it was made from.
            ledger.hold_snapshot()?;
            Ok(ledger)
        },
        |context| {
            note_ledger(global, args, context)?;
            let PlanContext {
                planned,
                project,
                ledger,
                session,
                ..
            } = context;
            let (plan, now) = (&planned.plan, session.started);
            let version = ledger.exists()?.then(|| ledger.version()).transpose()?;
            let head = plan_head::head(project, version, plan, now);
            let detail = Detail {
                all: args.selected.all,
                calls: global.verbose > 0,
            };
            let drift = args.refresh.then(|| drift::drift(context)).transpose()?;
            match (&drift, args.format) {
                (Some(drift), PlanFormat::Json) => {
                    let mut json = plan_json::json(plan, &head, detail.all);
                    json["drift"] = output::drift::json(drift);
                    out::json(&json);
                }
                _ => saved_plan::print(plan, &head, args.format, detail, now),
            }
            if let Some(drift) = drift.filter(|_| args.format != PlanFormat::Json) {
                out::lines(output::drift::lines(&drift));
            }
            if let Some(path) = &args.output {
                saved_plan::write(args, path, context, head)?;
                if !global.quiet {
                    let text = t!(
                        "saved: treaty apply %{file} applies exactly this plan, or nothing",
                        file = path.display()
                    );
                    out::log_note(global.log_format, text);
                }
            }
            Ok(match plan {
                _ if !args.detailed_exitcode => Exit::Done,
                plan if !plan.is_empty() => Exit::Changes,
                plan if plan.count('?') > 0 => Exit::InDoubt,
                plan if plan.count('!') > 0 => Exit::Failed,
                _ => Exit::Done,
            })
        },
    )
}

/// Notes that `apply` will refuse the ledger, or that it is younger than the accounts at the
/// service. A plan of a ledger that is refused is not saved.
fn note_ledger(global: &Global, args: &Plan, context: &PlanContext<'_>) -> anyhow::Result<()> {
    let observe = args.selected.observe.into();
    if let Err(error) = context.ledger.check_version(&evidence(context.project)) {
        if args.output.is_some() {
            return Err(error.into());
        }
        out::log_note(
            global.log_format,
            t!("apply refuses this: %{error}", error = error),
        );
    } else if let Some(found) = UnrecordedAccounts::beside_new_ledger(context, observe)? {
        out::log_note(global.log_format, found.description());
    }
    Ok(())
}
