//! Writes the files of a new project.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::cli::exit::{CliError, Exit};
use crate::manifest::schema;
use crate::util::atomic_file::AtomicFile;

/// The folder of the schemas for editors.
const SCHEMAS: &str = ".treaty/schema";

/// Fails if the folder contains files. Those of git do not count.
pub(super) fn check_empty(folder: &Path, hint: &str) -> Result<(), CliError> {
    let error = |message: Cow<'static, str>| Err(CliError::new(Exit::Usage, message, hint));
    let is_git = |name: &OsStr| {
        matches!(
            name.to_str(),
            Some(".git" | ".gitignore" | ".gitattributes")
        )
    };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.all(|entry| entry.is_ok_and(|entry| is_git(&entry.file_name()))) {
                Ok(())
            } else {
                error(t!(
                    "the folder %{folder} is not empty",
                    folder = folder.display()
                ))
            }
        }
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => error(t!(
            "%{folder} cannot be used as a folder: %{error}",
            folder = folder.display(),
            error = cause
        )),
    }
}

/// Writes a file unless it exists. A link without a target counts as a file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    fill(AtomicFile::create_public(path)?, bytes)
}

/// Writes a file with personal data, which only the owner can read.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fill(AtomicFile::create(path)?, bytes)
}

/// Writes the schemas to which the first lines of manifests refer. Those of older versions are
/// overwritten.
pub(super) fn write_schemas(folder: &Path) -> anyhow::Result<()> {
    for (name, schema) in [
        ("project.json", schema::project()),
        ("manifest.json", schema::manifest()),
    ] {
        let path = folder.join(SCHEMAS).join(name);
        let text = format!("{schema:#}\n");
        fill(AtomicFile::create_public(&path)?, text.as_bytes())?;
    }
    Ok(())
}

fn fill(mut file: AtomicFile, bytes: &[u8]) -> anyhow::Result<()> {
    match file.write_all(bytes) {
        Ok(()) => file.finish()?,
        Err(error) => return Err(file.error(error).into()),
    }
    Ok(())
}

/// Returns the option that names a project folder in the next command, with a blank before it; empty
/// for the current folder.
pub(super) fn project_option(folder: &Path) -> String {
    if folder == Path::new(".") {
        return String::new();
    }
    format!(" -p {}", quoted(&folder.display().to_string()))
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
