//! `treaty doctor`: checks what a run needs. Sends one read-only request and changes nothing.

mod check;
mod disk;
mod ledger;
mod service;

use serde_json::json;

use crate::cli::args::{Doctor as Args, Format, Global};
use crate::cli::context::ledger::LedgerContext;
use crate::cli::exit::Exit;
use crate::cli::output::out;
use check::{Check, Level};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let context = LedgerContext::load_to_read(global)?;
    let settings = &context.project.settings;
    let service = service::checks(global, &context)?;
    let proxy = service::proxy(&settings.endpoint, &context.session.environ);
    let mut checks = service.checks;
    checks.push(ledger::check(&context));
    checks.push(disk::check(settings));
    checks.push(proxy);
    match args.format {
        Format::Text => checks.iter().for_each(|check| out::lines(check.lines())),
        Format::Json => out::json(&json!({
            "project": context.project.name,
            "environment": settings.environment,
            "endpoint": settings.endpoint.to_string(),
            "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
        })),
    }
    let is_error = checks.iter().any(|check| check.level == Level::Error);
    Ok(match service.exit {
        Exit::Done if is_error => Exit::Error,
        exit => exit,
    })
}
