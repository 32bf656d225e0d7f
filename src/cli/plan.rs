//! `treaty plan`.

use super::args::{Global, Plan, PlanFormat};
use super::exit::Exit;
use super::session::surveyed;
use super::{markdown, out, show};
use crate::ledger::Sqlite;

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    surveyed(
        global,
        &args.selected,
        None,
        |_| Ok(()),
        |_, settings, binding| Sqlite::read(&settings.ledger, binding),
        |ready| {
            let (plan, settings) = (&ready.survey.plan, &ready.project.settings);
            match args.format {
                PlanFormat::Text => {
                    out::print(show::text(
                        plan,
                        settings,
                        args.selected.all,
                        ready.session.started,
                    ));
                }
                PlanFormat::Markdown => out::print(markdown::plan(plan, settings)),
                PlanFormat::Json => out::line(format_args!("{:#}", show::json(plan, settings))),
            }
            Ok(if args.detailed_exitcode && !plan.is_empty() {
                Exit::Changes
            } else {
                Exit::Done
            })
        },
    )
}
