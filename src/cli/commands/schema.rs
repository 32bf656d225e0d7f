//! `treaty schema`: prints the JSON Schemas of manifests, of `run.json` and of plans.

use crate::cli::args::{Schema, SchemaOf};
use crate::cli::exit::Exit;
use crate::cli::output::{out, plan_json};
use crate::manifest::schema;
use crate::report;

pub(super) fn run(args: &Schema) -> Exit {
    match args.of {
        SchemaOf::Project => out::json(&schema::project()),
        SchemaOf::Manifest => out::json(&schema::manifest()),
        SchemaOf::Plan => out::json(&plan_json::schema()),
        SchemaOf::Run => out::lines(report::SCHEMA.lines()),
    }
    Exit::Done
}
