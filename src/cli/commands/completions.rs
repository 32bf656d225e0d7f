//! `treaty completions` and `treaty man`: scripts of shells and manual pages.

use std::io::Write as _;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::args::{Args, Completions, Man};
use crate::cli::completion;
use crate::cli::exit::Exit;
use crate::cli::output::out;

pub(super) fn completions(args: &Completions) -> anyhow::Result<Exit> {
    print(&completion::script(args.shell.name())?)
}

/// Prints the manual page of treaty, or writes those of all commands to a folder.
pub(super) fn man(args: &Man) -> anyhow::Result<Exit> {
    let Some(folder) = &args.output else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page)?;
        return print(&page);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Args::command(), folder))
        .with_context(|| format!("the manual pages cannot be written to {}", folder.display()))?;
    Ok(Exit::Done)
}

fn print(text: &[u8]) -> anyhow::Result<Exit> {
    let mut out = out::stream();
    out.document().write_all(text)?;
    out.flush()?;
    Ok(Exit::Done)
}
