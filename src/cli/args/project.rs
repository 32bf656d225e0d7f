//! The arguments of `treaty init`, `sheet`, `schema`, `ask` and `sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

use super::values::{duration, share};
use crate::manifest::Millis;

pub(super) const SCHEMA: &str = "\
Print the JSON Schema (draft-07) of a file format.

Editors use the schema to complete fields, to show their documentation and to mark errors. The YAML language \
server finds the schema by a comment in the first line of a file:

  # yaml-language-server: $schema=.treaty/schema/project.json

treaty init writes the schemas of project and manifest files to .treaty/schema/.";

pub(super) const INIT: &str = "\
Create a project from a starter, or from a PDF template and a sheet.

With --template and --sheet, the form fields of the PDF are matched with the columns of the sheet, and a complete \
project is written: accounts and signers from the columns, a value for each form field, the PDF and the sheet. \
Comments that begin with \"# check:\" mark what was guessed. On a terminal, treaty asks about the guesses.

The folder must be new or empty. The project has its name.";

#[derive(Debug, clap::Args)]
#[command(override_usage = "\
treaty init [OPTIONS] [STARTER] [DIR]
       treaty init [OPTIONS] --template <PDF> --sheet <FILE> <DIR>")]
pub(crate) struct Init {
    /// The starter: loan (the default) or organization; another word is the folder
    #[arg(value_name = "STARTER")]
    pub(crate) first: Option<String>,
    /// The folder of the new project [default: the current folder]
    #[arg(value_name = "DIR")]
    pub(crate) second: Option<PathBuf>,
    /// A PDF with text fields; its fields are matched with the columns of --sheet
    #[arg(long, value_name = "PDF", requires = "sheet")]
    pub(crate) template: Option<PathBuf>,
    /// A sheet with a contract in each row: .xlsx, .xlsm, .csv or .tsv
    #[arg(long, value_name = "FILE", requires = "template")]
    pub(crate) sheet: Option<PathBuf>,
    /// The sheet of a workbook, if it has several
    #[arg(long, value_name = "NAME", requires = "sheet")]
    pub(crate) sheet_name: Option<String>,
    /// The number of the row with the column names, if it is not the first
    #[arg(long, value_name = "ROW", requires = "sheet", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) header: Option<u64>,
    /// Take the guesses without asking
    #[arg(long, requires = "sheet")]
    pub(crate) yes: bool,
}

pub(super) const SHEET: &str = "\
Write an empty workbook (.xlsx) with the columns that a flow uses.

Its header marks the columns that must be filled in, a note on each column says what it is for and has an example, \
and the cells check what is entered: lists, dates, amounts, lengths. Fill it in, save it as the file that rows.file of \
the flow names, and run treaty validate.";

#[derive(Debug, clap::Args)]
pub(crate) struct Sheet {
    /// The name of the flow [default: the only flow of the project]
    #[arg(value_name = "FLOW")]
    pub(crate) flow: Option<String>,
    /// The workbook to write [default: FLOW.xlsx in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the workbook if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// The file format
    #[arg(value_enum, default_value_t = SchemaOf::Project, value_name = "FILES")]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// treaty.yaml, including the manifest fields
    Project,
    /// Manifests with accounts, seals, templates and flows
    Manifest,
    /// run.json, the summary of a run
    Run,
    /// The output of plan --format json
    Plan,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ask {
    /// The path of a read-only operation, such as flow/get/viewurl
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    /// The fields of the request, such as flowId=123456
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) fields: Vec<String>,
}

/// The form of ids of documents and flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ids {
    /// 32 hexadecimal digits
    Hex,
    /// Numbers, as in the examples of the API document
    Numeric,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sandbox {
    /// The address to listen on
    ///
    /// Without --allow-remote, it is a loopback address.
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    pub(crate) addr: SocketAddr,
    /// Serve other machines too
    ///
    /// Every request needs the app secret that TREATY_APP_SECRET contains.
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Accept only the types of the API document
    ///
    /// Without this option, numbers are accepted as text, text as numbers, and "" and null for
    /// absent optionals, each with a line at -v.
    #[arg(long)]
    pub(crate) strict: bool,
    /// The form of ids of documents and flows
    #[arg(long, value_enum, default_value_t = Ids::Hex, value_name = "FORM")]
    pub(crate) ids: Ids,
    /// Declare accounts, seals and templates with given ids
    ///
    /// A YAML file. See docs/sandbox.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) fixtures: Option<PathBuf>,
    /// Write each call as a line of JSON
    ///
    /// The file is emptied at the start. It contains names and contract values, but no passwords
    /// and only the ends of id numbers, mobile numbers and e-mail addresses.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Keep the world in memory
    ///
    /// The world starts empty and is discarded at the end. Without this option, it is stored in
    /// .treaty/sandbox of the project.
    #[arg(long)]
    pub(crate) memory: bool,
    /// The URL that receives callbacks
    ///
    /// The noticeUrl of a flow takes precedence if it is a loopback address.
    #[arg(long, value_name = "URL")]
    pub(crate) callback: Option<String>,
    /// The time between attempts to deliver a callback, such as 1s or 30m
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration)]
    pub(crate) callback_interval: Millis,
    /// The duration of an automatic signature, such as 0s or 2s
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(crate) signing_takes: Millis,
    /// Sign on behalf of all signers after this time, such as 0s or 2m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) auto_sign: Option<Millis>,
    /// The share of signers that refuse instead, such as 10%
    #[arg(long, value_name = "P%", default_value = "0%", value_parser = share, requires = "auto_sign")]
    pub(crate) refuse: f64,
    /// The seed that selects the signers that refuse
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        requires = "auto_sign"
    )]
    pub(crate) seed: u64,
    /// Inject the faults of a YAML file
    ///
    /// Faults are lost or late responses, gateway errors and refused connections. See
    /// docs/sandbox.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
}
