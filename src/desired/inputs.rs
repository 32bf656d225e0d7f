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
    for (name, value) in named(project, environ) {
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

/// The variables of the process that the manifests name: `env.CITY`. With `env[…]` all of them may be meant whose names stand
/// there.
fn named<'e>(
    project: &Project,
    environ: &'e Environ,
) -> impl Iterator<Item = (&'e String, &'e String)> {
    let sources = project
        .sources
        .iter()
        .flat_map(|source| source.text.chars());
    let text: String = sources.filter(|c| !c.is_whitespace()).collect();
    let any = text.contains("env[");
    let is_named =
        move |name: &str| text.contains(&format!("env.{name}")) || any && text.contains(name);
    environ.iter().filter(move |(name, _)| is_named(name))
}
