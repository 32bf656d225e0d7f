//! The arguments of `treaty preview`.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;

use crate::address::Address;

pub(super) const PREVIEW: &str = "\
Show contracts as they would be made from the sheet, without sending anything.

Each document of a row becomes a PDF with a watermark. Dashed boxes show where each seal and signature will be, and \
whose it is. The page index.html beside the PDFs lists the cells, the expressions and the texts of each row, in red \
if a text does not fit into its form field, in yellow if it is empty.

A flow shows its first row and the row with the longest texts; an item shows its row. Without addresses all flows \
are shown. It needs neither credentials nor the ledger.

The files contain personal data and can be read by their owner only.

Exit codes: 0 done, 64 wrong usage, 65 a manifest or a shown row is invalid, or --fail-on-overflow.";

/// The most rows that are shown from the first one on.
const MAX_ROWS: u64 = 1000;

#[derive(Debug, clap::Args)]
pub(crate) struct Preview {
    /// Flows and items, such as flows.loans or flows.loans[HT-1]
    #[arg(value_name = "ADDRESS")]
    pub(crate) addresses: Vec<Address>,
    /// Show the first N rows instead of the first one
    #[arg(
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_ROWS)
    )]
    pub(crate) rows: Option<usize>,
    /// Write each page as a PNG, too, and show it on the page
    #[arg(long)]
    pub(crate) png: bool,
    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
    /// The folder to write to [default: preview in the folder of reports]
    ///
    /// The default folder is emptied first. In another folder, files with the same names are
    /// replaced.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Fail if a text does not fit into its form field in any row of the sheet
    ///
    /// Lists the first such cells. Invalid rows, which cannot be measured, fail, too.
    #[arg(long)]
    pub(crate) fail_on_overflow: bool,
}
