//! `treaty plan`: shows what `apply` would change.

use crate::cli::args::{Global, Plan, PlanFormat};
use crate::cli::context::ledger_version::{UnrecordedAccounts, evidence};
use crate::cli::context::session::{PlanContext, with_plan};
use crate::cli::exit::Exit;
use crate::cli::output::{env_values, out, plan_markdown, plan_text};
use crate::ledger::Sqlite;

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    with_plan(
        global,
        &args.selected,
        None,
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
                        args.selected.all,
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
            Ok(if args.detailed_exitcode && !plan.is_empty() {
                Exit::Changes
            } else {
                Exit::Done
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
            format_args!("apply refuses this: {error}"),
        );
    } else if let Some(found) = UnrecordedAccounts::beside_new_ledger(context, observe)? {
        out::log_note(global.log_format, found.description());
    }
    Ok(())
}
