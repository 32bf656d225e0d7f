//! `treaty init`: creates a project from a starter.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::Init;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::out;
use crate::diagnostic::did_you_mean;
use crate::manifest::schema;
use crate::util::atomic_file::AtomicFile;

/// A small project that can be applied to the sandbox.
struct Starter {
    name: &'static str,
    description: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

/// The starters, each file embedded from `manifests/`; the template is that of `examples/loans`.
const STARTERS: &[Starter] = &[
    Starter {
        name: "loan",
        description: "a sheet of loans becomes contracts: one organization, one seal, one template",
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../../manifests/loan/treaty.yaml"),
            ),
            (
                "loans.csv",
                include_bytes!("../../../manifests/loan/loans.csv"),
            ),
            (
                "manifests/lender.yaml",
                include_bytes!("../../../manifests/loan/manifests/lender.yaml"),
            ),
            (
                "manifests/loans.yaml",
                include_bytes!("../../../manifests/loan/manifests/loans.yaml"),
            ),
            (
                "templates/loan.pdf",
                include_bytes!("../../../examples/loans/templates/loan.pdf"),
            ),
            (".gitignore", GITIGNORE),
        ],
    },
    Starter {
        name: "organization",
        description: "an organization, its people and their seals, kept in git",
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../../manifests/organization/treaty.yaml"),
            ),
            (
                "manifests/people.yaml",
                include_bytes!("../../../manifests/organization/manifests/people.yaml"),
            ),
            (
                "manifests/seals.yaml",
                include_bytes!("../../../manifests/organization/manifests/seals.yaml"),
            ),
            (".gitignore", GITIGNORE),
        ],
    },
];

/// The content of `.gitignore`: the ledger and the reports contain signing links.
const GITIGNORE: &[u8] = b".treaty/\nreports/\n";

/// The folder of the schemas for editors.
const SCHEMAS: &str = ".treaty/schema";

pub(super) fn run(args: &Init) -> anyhow::Result<Exit> {
    let Some(starter) = STARTERS.iter().find(|starter| starter.name == args.starter) else {
        let names = || STARTERS.iter().map(|starter| starter.name);
        let hint = match did_you_mean(&args.starter, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                let all: Vec<String> = STARTERS
                    .iter()
                    .map(|starter| format!("{} ({})", starter.name, starter.description))
                    .collect();
                format!("starters: {}", all.join("; "))
            }
        };
        return Err(CliError::new(
            Exit::Usage,
            format!("unknown starter {}", args.starter),
            hint,
        )
        .into());
    };
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    // Existing files are never overwritten; all are checked before the first is written.
    for (name, _) in starter.files {
        if *name != ".gitignore" && folder.join(name).exists() {
            return Err(CliError::new(
                Exit::Usage,
                format!("{} exists already", folder.join(name).display()),
                "choose another folder: treaty init STARTER DIR",
            )
            .into());
        }
    }
    for (name, bytes) in starter.files {
        write(&folder.join(name), bytes)?;
    }
    // The first line of each starter file refers to the schemas. Older versions are overwritten.
    for (name, schema) in [
        ("project.json", schema::project()),
        ("manifest.json", schema::manifest()),
    ] {
        overwrite(
            &folder.join(SCHEMAS).join(name),
            format!("{schema:#}\n").as_bytes(),
        )?;
    }
    out::line(format_args!(
        "{}: {}",
        folder.display(),
        starter.description
    ));
    let project = if folder == Path::new(".") {
        String::new()
    } else {
        format!(" -p {}", quoted(&folder.display().to_string()))
    };
    out::line(format_args!("next: treaty{project} plan"));
    Ok(Exit::Done)
}

/// Quotes a path for the shell if necessary.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

/// Writes a file unless it exists. A link without a target counts as a file.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    overwrite(path, bytes)
}

/// Writes a file and creates its folder. It contains no personal data.
fn overwrite(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = AtomicFile::create_public(path)?;
    match file.write_all(bytes) {
        Ok(()) => file.finish()?,
        Err(error) => return Err(file.error(error).into()),
    }
    Ok(())
}
