//! What rows are rendered from: whether they would come out as they did before, without rendering them.

use std::fs::File;
use std::io;

use super::rows::FlowRows;
use super::standing::Standing;
use super::template::TemplateSource;
use crate::manifest::Project;
use crate::render::{Environ, Fingerprint, Fingerprinter, Salt};

/// A fingerprint of all that the rows of these flows are rendered from: manifests, what they name of the environment,
/// templates, files, sheets. None where a file is named by the row: each row would have to be rendered to know it.
pub fn inputs(
    project: &Project,
    environ: &Environ,
    standing: &Standing,
    flows: &[&FlowRows<'_>],
    salt: &Salt,
) -> io::Result<Option<Fingerprint>> {
    let mut print = Fingerprinter::new(salt);
    print.field("treaty", env!("CARGO_PKG_VERSION"));
    print.field("environment", &project.settings.environment);
    for source in &project.sources {
        print.field(&source.path, &source.text);
    }
    // One whose name stands there by chance does no harm.
    let is_named = |name: &str| {
        let mut sources = project.sources.iter();
        sources.any(|source| source.text.contains(name))
    };
    for (name, value) in environ.iter().filter(|(name, _)| is_named(name)) {
        print.field(name, value);
    }
    for (name, template) in &standing.templates {
        match &template.source {
            TemplateSource::File { fingerprint, .. } => {
                print.field(name, &fingerprint.to_string());
            }
            TemplateSource::Adopted(id) => print.field(name, id),
        }
    }
    for rows in flows {
        print.field("flow", &rows.flow.name);
        let Some(files) = rows.files() else {
            return Ok(None);
        };
        for (path, hash) in files {
            print.field(&path, &hash);
        }
        if let Some(rows) = &rows.flow.rows {
            let mut sheet = blake3::Hasher::new();
            sheet.update_reader(File::open(&rows.file.path)?)?;
            print.field(&rows.file.shown, &sheet.finalize().to_hex());
        }
    }
    Ok(Some(print.finish()))
}
