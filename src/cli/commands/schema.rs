//! `treaty schema`: prints the JSON Schemas of manifests and of `run.json`.

use crate::cli::args::{Schema, SchemaOf};
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::manifest::schema;
use crate::report;

pub(super) fn run(args: &Schema) -> Exit {
    match args.of {
        SchemaOf::Project => out::json(&schema::project()),
        SchemaOf::Manifest => out::json(&schema::manifest()),
        SchemaOf::Run => out::lines(report::SCHEMA.lines()),
    }
    Exit::Done
}
