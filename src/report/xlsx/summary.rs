//! The worksheet with the run and the counts of a flow, for people who did not run treaty.

use std::borrow::Cow;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::style::Styles;
use crate::report::columns::own_cell;
use crate::report::status::Counts;
use crate::report::summary::Summary;
use crate::sheet::fit_cell;

/// Adds the worksheet to a workbook.
pub(super) fn write(
    book: &mut Workbook,
    run: &Summary,
    flow: &str,
    counts: &Counts,
) -> Result<(), XlsxError> {
    let styles = Styles::new();
    let title = Format::new().set_bold().set_font_size(14);
    let bold = styles.text.clone().set_bold();
    let number = Format::new().set_num_format("#,##0");
    let mut sheet = Worksheet::new();
    sheet.set_name(t!("summary"))?;
    for (column, width) in [18, 24, 60].into_iter().enumerate() {
        sheet.set_column_width(u16::try_from(column).unwrap_or(0), width)?;
    }
    sheet.write_string_with_format(0, 0, fit_cell(&own_cell(flow.into())), &title)?;
    let facts = [
        (t!("Project"), Some(&run.project)),
        (t!("Environment"), Some(&run.environment)),
        (t!("Service"), Some(&run.endpoint)),
        (t!("Run"), Some(&run.run)),
        (t!("Started"), Some(&run.started)),
        (t!("Report written"), run.reported.as_ref()),
    ];
    let mut row = 2;
    for (name, text) in facts {
        let Some(text) = text else {
            continue;
        };
        let text = own_cell(Cow::Borrowed(text));
        sheet.write_string_with_format(row, 0, &*name, &bold)?;
        sheet.write_string_with_format(row, 1, fit_cell(&text), &styles.text)?;
        row += 1;
    }
    row += 1;
    for (column, name) in [t!("Status"), t!("Rows"), t!("Meaning")]
        .into_iter()
        .enumerate()
    {
        let column = u16::try_from(column).unwrap_or(0);
        sheet.write_string_with_format(row, column, &*name, &styles.own_header)?;
    }
    // A count is far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let exact = |count: u64| count as f64;
    for (status, count) in counts {
        row += 1;
        let label = status.label();
        sheet.write_string_with_format(row, 0, &*label, styles.status(&label))?;
        sheet.write_number_with_format(row, 1, exact(*count), &number)?;
        sheet.write_string_with_format(row, 2, &*status.meaning(), &styles.text)?;
    }
    row += 1;
    let total: u64 = counts.values().sum();
    sheet.write_string_with_format(row, 0, &*t!("all"), &bold)?;
    sheet.write_number_with_format(row, 1, exact(total), &number.set_bold())?;
    book.push_worksheet(sheet);
    Ok(())
}
