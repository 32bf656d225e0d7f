//! What rows are rendered from: whether they would come out as they did before, without rendering them.

use std::fs::File;
use std::io;

use super::rows::FlowRows;
use super::standing::Standing;
use super::template::TemplateSource;
use crate::manifest::{Flow, Project};
use crate::render::{Fingerprint, Fingerprinter, Salt};

/// Another one for each change, between two versions, in what rows are rendered to, or in how a check of them is kept.
const FORM: &str = "1";

/// A fingerprint of all that the rows of these flows are rendered from: manifests, variables, what they name of the process,
/// templates, files, sheets. None where it does not tell what would come out: a file that a row names, a `where` that asks
/// what time it is, a variable of the process that is not known before a row is rendered.
pub fn inputs(
    project: &Project,
    standing: &Standing,
    flows: &[&FlowRows<'_>],
    salt: &Salt,
) -> io::Result<Option<Fingerprint>> {
    let mut print = Fingerprinter::new(salt);
    print.field("treaty", env!("CARGO_PKG_VERSION"));
    print.field("form", FORM);
    print.field("environment", &project.settings.environment);
    for source in &project.sources {
        print.field(&source.path, &source.text);
    }
    let Some(environ) = &project.environ else {
        return Ok(None);
    };
    for (name, value) in project.variables.iter().chain(environ) {
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
        let Some(files) = rows.files().filter(|_| !asks_the_time(rows.flow)) else {
            return Ok(None);
        };
        for (path, hash) in files {
            print.field(&path, &hash);
        }
        if let Some(sheet) = &rows.sheet {
            // As it was opened: it may be another one by now.
            print.field("encoding", sheet.encoding().name());
            for column in sheet.header().columns() {
                print.field("column", column);
            }
        }
        if let Some(rows) = &rows.flow.rows {
            let mut sheet = blake3::Hasher::new();
            sheet.update_reader(File::open(&rows.file.path)?)?;
            print.field(&rows.file.shown, &sheet.finalize().to_hex());
        }
    }
    Ok(Some(print.finish()))
}

/// Whether `where` leaves out other rows at another time.
fn asks_the_time(flow: &Flow) -> bool {
    let filter = flow.rows.as_ref().and_then(|rows| rows.filter.as_ref());
    filter.is_some_and(|filter| filter.uses().run)
}
