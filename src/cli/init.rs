//! `treaty init`: a new project from a starter.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Init;
use super::exit::{CliError, Exit};
use super::out;
use crate::diagnostic::did_you_mean;
use crate::manifest::schema;

/// A project to begin with.
struct Starter {
    name: &'static str,
    what: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

/// The starters, each file embedded from `manifests/`; the template is that of `examples/loans`.
const STARTERS: &[Starter] = &[
    Starter {
        name: "loan",
        what: "a sheet of loans becomes contracts: one organization, one seal, one template",
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../manifests/loan/treaty.yaml"),
            ),
            (
                "loans.csv",
                include_bytes!("../../manifests/loan/loans.csv"),
            ),
            (
                "manifests/lender.yaml",
                include_bytes!("../../manifests/loan/manifests/lender.yaml"),
            ),
            (
                "manifests/loans.yaml",
                include_bytes!("../../manifests/loan/manifests/loans.yaml"),
            ),
            (
                "templates/loan.pdf",
                include_bytes!("../../examples/loans/templates/loan.pdf"),
            ),
            (".gitignore", IGNORED),
        ],
    },
    Starter {
        name: "organization",
        what: "an organization, its people and their seals, kept in git",
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../manifests/organization/treaty.yaml"),
            ),
            (
                "manifests/people.yaml",
                include_bytes!("../../manifests/organization/manifests/people.yaml"),
            ),
            (
                "manifests/seals.yaml",
                include_bytes!("../../manifests/organization/manifests/seals.yaml"),
            ),
            (".gitignore", IGNORED),
        ],
    },
];

/// The ledger and the reports are not for git: they name links that let people sign.
const IGNORED: &[u8] = b".treaty/\nreports/\n";

/// Where the schemas for editors lie.
const SCHEMAS: &str = ".treaty/schema";

pub(super) fn run(args: &Init) -> anyhow::Result<Exit> {
    let Some(starter) = STARTERS.iter().find(|starter| starter.name == args.starter) else {
        let names = || STARTERS.iter().map(|starter| starter.name);
        let hint = match did_you_mean(&args.starter, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                let all: Vec<String> = STARTERS
                    .iter()
                    .map(|starter| format!("{} ({})", starter.name, starter.what))
                    .collect();
                format!("there are {}", all.join("; "))
            }
        };
        return Err(CliError::new(
            Exit::Usage,
            format!("there is no starter {}", args.starter),
            hint,
        )
        .into());
    };
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    // Nothing of anybody's is overwritten: all is looked at before anything is written.
    for (name, _) in starter.files {
        if *name != ".gitignore" && folder.join(name).exists() {
            return Err(CliError::new(
                Exit::Usage,
                format!("{} is there already", folder.join(name).display()),
                "name another folder: treaty init STARTER DIR",
            )
            .into());
        }
    }
    for (name, bytes) in starter.files {
        write(&folder.join(name), bytes)?;
    }
    // The starters' first lines tell editors of them. They are treaty's own: older ones are written over.
    for (name, schema) in [
        ("project.json", schema::project()),
        ("manifest.json", schema::manifest()),
    ] {
        overwrite(
            &folder.join(SCHEMAS).join(name),
            format!("{schema:#}\n").as_bytes(),
        )?;
    }
    out::line(format_args!("{}: {}", folder.display(), starter.what));
    let project = if folder == Path::new(".") {
        String::new()
    } else {
        format!(" -p {}", quoted(&folder.display().to_string()))
    };
    out::line(format_args!("next: treaty{project} plan"));
    Ok(Exit::Done)
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    overwrite(path, bytes)
}

fn overwrite(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}
