//! `treaty plan`: shows what `apply` would change.

use crate::cli::args::{Global, Plan, PlanFormat};
use crate::cli::context::session::with_plan;
use crate::cli::exit::Exit;
use crate::cli::output::{env_values, out, plan_markdown, plan_text};
use crate::ledger::Sqlite;

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    with_plan(
        global,
        &args.selected,
        None,
        |_| Ok(()),
        |_, settings, binding| Sqlite::read(&settings.ledger, binding),
        |context| {
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
