//! `treaty schema`: prints the JSON Schemas of manifests and of `run.json`.

use crate::cli::args::{Schema, SchemaOf};
use crate::cli::exit::Exit;
use crate::cli::output::out;
use crate::manifest::schema;
use crate::report;

pub(super) fn run(args: &Schema) -> Exit {
    match args.of {
        SchemaOf::Project => out::line(format_args!("{:#}", schema::project())),
        SchemaOf::Manifest => out::line(format_args!("{:#}", schema::manifest())),
        SchemaOf::Run => out::print(report::SCHEMA),
    }
    Exit::Done
}
