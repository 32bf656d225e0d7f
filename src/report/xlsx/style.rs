//! The formats of cells: text everywhere, and a colour for each kind of status.

use std::borrow::Cow;
use std::collections::HashMap;

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder};

/// The formats of a table.
pub(super) struct Styles {
    /// The header of a column of the sheet.
    pub(super) own_header: Format,
    /// The header of a column of treaty.
    pub(super) treaty_header: Format,
    pub(super) text: Format,
    /// Text in several lines.
    pub(super) wrapped: Format,
    /// A cell that has to be corrected.
    pub(super) wrong: Format,
    /// The formats of statuses, by name.
    statuses: HashMap<Cow<'static, str>, Format>,
}

impl Styles {
    /// Returns the formats.
    pub(super) fn new() -> Self {
        let text = Format::new()
            .set_num_format("@")
            .set_align(FormatAlign::Top);
        let header = |fill: u32| {
            let format = text.clone().set_bold().set_font_color(0x00FF_FFFF);
            let format = format.set_align(FormatAlign::VerticalCenter);
            format.set_background_color(fill)
        };
        let coloured = |fill: u32, font: u32| {
            let format = text.clone().set_background_color(fill);
            format.set_font_color(font)
        };
        let named = |words: &[&'static str], format: Format| {
            let words = words.iter().map(|word| (t!(*word), format.clone()));
            words.collect::<Vec<_>>()
        };
        let statuses = [
            named(
                &["sent", "signed", "archived"],
                coloured(0x00C6_EFCE, 0x0000_6100),
            ),
            named(
                &["waiting", "signing", "not_started", "warning"],
                coloured(0x00FF_EB9C, 0x007F_6000),
            ),
            named(
                &["failed", "rejected", "expired", "error"],
                coloured(0x00FF_C7CE, 0x009C_0006),
            ),
            named(
                &["in_doubt", "interrupted"],
                coloured(0x00F4_B084, 0x0084_3C0C),
            ),
            named(
                &["unchanged", "excluded", "revoked", "ended", "withdrawn"],
                coloured(0x00ED_EDED, 0x0059_5959),
            ),
        ];
        Self {
            own_header: header(0x001F_4E78),
            treaty_header: header(0x0059_5959),
            wrapped: text.clone().set_text_wrap(),
            wrong: coloured(0x00FF_C7CE, 0x009C_0006)
                .set_border(FormatBorder::Thin)
                .set_border_color(0x009C_0006),
            statuses: statuses.into_iter().flatten().collect(),
            text,
        }
    }

    /// Returns the format of a status of an item or a signer, or of the level of a finding, by its
    /// name in the current language.
    pub(super) fn status(&self, label: &str) -> &Format {
        self.statuses.get(label).unwrap_or(&self.text)
    }
}
