//! `treaty schema`: the manifest language for editors, and `run.json` for programs, on standard output.

use super::args::{Schema, SchemaOf};
use super::exit::Exit;
use super::out;
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
