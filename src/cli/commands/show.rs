//! `treaty show`: shows a saved plan. It needs neither the project nor the ledger.

use jiff::Timestamp;

use crate::api::time;
use crate::cli::args::{Global, PlanFormat, ShowPlan};
use crate::cli::context::saved_plan;
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::cli::output::plan_text::Detail;

pub(super) fn run(global: &Global, args: &ShowPlan) -> anyhow::Result<Exit> {
    let saved = saved_plan::read(&args.file)?.plan;
    let now = Timestamp::now();
    if args.format == PlanFormat::Text {
        let head = &saved.head;
        let made = Timestamp::from_millisecond(head.made).map_or(String::new(), time::text);
        out::line(t!(
            "plan of %{made} for project %{project}, environment %{environment}, endpoint %{endpoint}",
            made = made,
            project = head.project,
            environment = head.environment,
            endpoint = head.endpoint
        ));
        let until = saved.valid_until.map(Timestamp::from_millisecond);
        if let Some(Ok(until)) = until {
            out::line(if now > until {
                t!("expired: valid until %{until}", until = time::text(until))
            } else {
                t!("valid until %{until}", until = time::text(until))
            });
        }
    }
    let detail = Detail {
        all: args.all,
        calls: global.verbose > 0,
    };
    out::log_note(
        global.log_format,
        t!(
            "show does not check whether the file was edited: apply does, by the authentication code of the plan"
        ),
    );
    saved_plan::print(&saved.plan, &saved.head, args.format, detail, now);
    Ok(Exit::Done)
}
