//! The commands, one file or folder for each.

mod apply;
mod ask;
mod audit;
mod completions;
mod doctor;
mod init;
mod listen;
mod plan;
mod preview;
mod report;
mod revoke;
mod runs;
mod sandbox;
mod schema;
mod sheet;
mod show;
mod state;
mod status;
mod sync;
mod validate;

use crate::cli::args::{Args, Command};
use crate::cli::exit::Exit;

/// Runs the command of the arguments.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let global = &args.global;
    match &args.command {
        Command::Init(own) => init::run(global, own),
        Command::Sheet(own) => sheet::run(global, own),
        Command::Validate(own) => validate::run(global, own),
        Command::Plan(own) => plan::run(global, own),
        Command::Show(own) => show::run(global, own),
        Command::Preview(own) => preview::run(global, own),
        Command::Apply(own) => apply::run(global, own),
        Command::Sync(own) => sync::run(global, own),
        Command::Listen(own) => listen::run(global, own),
        Command::Revoke(own) => revoke::run(global, own),
        Command::Report(own) => report::run(global, own),
        Command::Status(own) => status::run(global, own),
        Command::Runs(own) => runs::run(global, own),
        Command::State(own) => state::run(global, own),
        Command::Audit(own) => audit::run(global, own),
        Command::Doctor(own) => doctor::run(global, own),
        Command::Ask(own) => ask::run(global, own),
        Command::Sandbox(own) => sandbox::run(global, own),
        Command::Schema(own) => Ok(schema::run(own)),
        Command::Completions(own) => completions::completions(own),
        Command::Man(own) => completions::man(own),
    }
}
