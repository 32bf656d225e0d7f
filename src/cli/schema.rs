//! `treaty schema`: the manifest language for editors, on standard output.

use super::args::{Schema, SchemaOf};
use super::exit::Exit;
use super::out;
use crate::manifest::schema;

pub(super) fn run(args: &Schema) -> Exit {
    let schema = match args.of {
        SchemaOf::Project => schema::project(),
        SchemaOf::Manifest => schema::manifest(),
    };
    out::line(format_args!("{schema:#}"));
    Exit::Done
}
