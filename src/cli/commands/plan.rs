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
                    out::print(plan_text::text(
                        plan,
                        settings,
                        args.selected.all,
                        context.session.started,
                    ));
                }
                PlanFormat::Markdown => {
                    let text = plan_markdown::render(plan, settings);
                    out::print(env_values::masked(&text));
                }
                PlanFormat::Json => {
                    let json = env_values::masked_json(plan_text::json(plan, settings));
                    out::line(format_args!("{json:#}"));
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
