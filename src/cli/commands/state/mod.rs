//! `treaty state …`: lists, shows and corrects recorded state.

mod adopt;
mod change;
mod init;
mod list;
mod mv;
mod show;
mod transfer;

use crate::cli::args::{Global, State, StateCommand};
use crate::cli::exit::Exit;

pub(super) fn run(global: &Global, args: &State) -> anyhow::Result<Exit> {
    match &args.command {
        StateCommand::List(own) => list::run(global, own),
        StateCommand::Show(own) => show::run(global, own),
        StateCommand::Forget(own) => change::forget(global, own),
        StateCommand::Adopt(own) => adopt::run(global, own),
        StateCommand::Settle(own) => change::settle(global, own),
        StateCommand::Mv(own) => mv::run(global, own),
        StateCommand::Export(own) => transfer::export(global, own),
        StateCommand::Init(own) => init::run(global, own),
        StateCommand::Import(own) => transfer::import(global, own),
    }
}
