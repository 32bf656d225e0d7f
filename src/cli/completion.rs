//! Completion in shells. The script of a shell calls treaty with the variable `TREATY_COMPLETE`, and
//! treaty prints the candidates: options, and names that the project declares.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use super::args::Args;
use crate::diagnostic::Findings;
use crate::expr::{Environ, VariableSources};
use crate::manifest::{Project, environment_names};

/// The variable that the scripts of shells set. The usual name `COMPLETE` may mean something else.
const VARIABLE: &str = "TREATY_COMPLETE";

/// Prints candidates and ends the process, if a shell asks for them.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// Returns the script of a shell: `bash`, `zsh`, `fish`, `powershell` or `elvish`.
pub(super) fn script(shell: &str) -> std::io::Result<Vec<u8>> {
    let shells = Shells::builtins();
    let shell = shells
        .completer(shell)
        .ok_or(std::io::ErrorKind::NotFound)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "treaty", "treaty", "treaty", &mut script)?;
    Ok(script)
}

/// Returns the command line of treaty with candidates for names.
fn command() -> Command {
    with_candidates(Args::command())
}

fn with_candidates(command: Command) -> Command {
    let command = command.mut_args(|arg| match candidates(&arg) {
        Some(names) => arg.add(ArgValueCandidates::new(move || {
            names().into_iter().map(CompletionCandidate::new).collect()
        })),
        None => arg,
    });
    command.mut_subcommands(with_candidates)
}

/// Returns the source of the names that an argument takes.
fn candidates(arg: &Arg) -> Option<fn() -> Vec<String>> {
    let shown = arg.get_value_names()?.first()?.as_str();
    match (arg.get_id().as_str(), shown) {
        ("environment" | "confirm", _) => Some(environments),
        (_, "ADDRESS" | "FROM" | "TO") => Some(addresses),
        (_, "FLOW") => Some(flows),
        (_, "SIGNER") => Some(signers),
        _ => None,
    }
}

fn environments() -> Vec<String> {
    environment_names(&project_folder())
}

fn addresses() -> Vec<String> {
    let Some(project) = project() else {
        return Vec::new();
    };
    fn names<'p, T>(
        section: &'p str,
        all: &'p BTreeMap<String, T>,
    ) -> impl Iterator<Item = String> {
        all.keys().map(move |name| format!("{section}.{name}"))
    }
    names("flows", &project.flows)
        .chain(names("accounts", &project.accounts))
        .chain(names("seals", &project.seals))
        .chain(names("templates", &project.templates))
        .collect()
}

fn flows() -> Vec<String> {
    project().map_or(Vec::new(), |project| project.flows.into_keys().collect())
}

fn signers() -> Vec<String> {
    let Some(project) = project() else {
        return Vec::new();
    };
    let signers = project.flows.values().flat_map(|flow| &flow.signers);
    let mut names: Vec<String> = signers.map(|signer| signer.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Loads the project of the command that is completed, with all errors ignored.
fn project() -> Option<Project> {
    let environ: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let environment = value_of(&["-e", "--environment"]).and_then(|name| name.into_string().ok());
    let environment = environment.or_else(|| environ.get("TREATY_ENVIRONMENT").cloned());
    let environ = Environ::new(environ, Vec::new(), VariableSources::default());
    let (root, mut findings) = (project_folder(), Findings::default());
    Project::load(&root, environment.as_deref(), &environ, &mut findings)
}

fn project_folder() -> PathBuf {
    value_of(&["-p", "--project"]).map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// Returns the value of an option in the command line that is completed, which follows `--`.
fn value_of(names: &[&str]) -> Option<OsString> {
    let mut args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    while let Some(arg) = args.next() {
        let text = arg.to_str()?;
        for name in names {
            if text == *name {
                return args.next().filter(|value| !value.is_empty());
            }
            let attached = text
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('='));
            if let Some(value) = attached {
                return Some(value.into());
            }
        }
    }
    None
}
