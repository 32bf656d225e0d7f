//! `treaty plan`: shows what `apply` would change.

use crate::cli::args::{Global, Plan, PlanFormat};
use crate::cli::context::ledger_version::{UnrecordedAccounts, evidence};
use crate::cli::context::session::{PlanContext, with_plan};
use crate::cli::exit::Exit;
use crate::cli::output::plan_text::{self, Detail};
use crate::cli::output::{env_values, out, plan_markdown};
use crate::ledger::Sqlite;

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    with_plan(
        global,
        &args.selected,
        |_| Ok(()),
        |_, project, binding| Sqlite::read(&project.settings.ledger, binding),
        |context| {
            note_ledger(global, args, context)?;
            let (plan, settings) = (&context.planned.plan, &context.project.settings);
            match args.format {
                PlanFormat::Text => {
                    out::lines(plan_text::lines(
                        plan,
                        settings,
                        Detail {
                            all: args.selected.all,
                            calls: global.verbose > 0,
                        },
                        context.session.started,
                    ));
                }
                PlanFormat::Markdown => {
                    out::lines(plan_markdown::lines(plan, settings));
                }
                PlanFormat::Json => {
                    let json = env_values::masked_json(plan_text::json(plan, settings));
                    out::json(&json);
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
/// service.
fn note_ledger(global: &Global, args: &Plan, context: &PlanContext<'_>) -> anyhow::Result<()> {
    let observe = args.selected.observe.into();
    if let Err(error) = context.ledger.check_version(&evidence(context.project)) {
        out::log_note(
            global.log_format,
            t!("apply refuses this: %{error}", error = error),
        );
    } else if let Some(found) = UnrecordedAccounts::beside_new_ledger(context, observe)? {
        out::log_note(global.log_format, found.description());
    }
    Ok(())
}
