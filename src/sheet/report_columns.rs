//! The columns that a report adds to those of its sheet. Their titles are in the language of the
//! report; a report in either language can be used as the sheet.

use crate::util::language::is_chinese;

/// The prefix of the columns, in every language.
pub const REPORT_PREFIX: &str = "treaty_";
/// The column that marks a sheet as a report of treaty.
pub(super) const KEY_COLUMN: &str = "treaty_key";
/// The column with the check values of the numbers of a row.
pub const CHECK_COLUMN: &str = "treaty_check";

/// The columns with their Chinese titles.
const COLUMNS: [(&str, &str); 16] = [
    (KEY_COLUMN, "treaty_键"),
    ("treaty_row", "treaty_行号"),
    ("treaty_status", "treaty_状态"),
    ("treaty_action", "treaty_操作"),
    ("treaty_doc_id", "treaty_文档编号"),
    ("treaty_flow_id", "treaty_流程编号"),
    ("treaty_error_code", "treaty_错误码"),
    ("treaty_error", "treaty_原因"),
    ("treaty_hint", "treaty_提示"),
    ("treaty_attempts", "treaty_处理次数"),
    ("treaty_contract_number", "treaty_第几份合同"),
    ("treaty_sent_at", "treaty_发送时间"),
    ("treaty_ended_at", "treaty_结束时间"),
    ("treaty_file", "treaty_文件"),
    ("treaty_sha256", "treaty_文件校验"),
    (CHECK_COLUMN, "treaty_校验"),
];

/// The columns of each signer, without prefix and signer name, with their Chinese titles.
const SIGNER_COLUMNS: [(&str, &str); 5] = [
    ("account_id", "账户编号"),
    ("sign_url", "签署链接"),
    ("sign_short_url", "签署短链接"),
    ("status", "状态"),
    ("sign_time", "签署时间"),
];

/// The worksheet of a report with all rows, in each language.
pub(super) const RESULTS_SHEETS: [&str; 2] = ["results", "结果"];

/// Returns the title of a column in the current language.
pub fn report_title(column: &str) -> &str {
    let chinese = is_chinese().then(|| chinese(&COLUMNS, column)).flatten();
    chinese.unwrap_or(column)
}

/// Returns the title of a signer's column in the current language.
pub fn signer_title(signer: &str, column: &str) -> String {
    let chinese = is_chinese().then(|| chinese(&SIGNER_COLUMNS, column));
    let title = chinese.flatten().unwrap_or(column);
    format!("{REPORT_PREFIX}{signer}_{title}")
}

/// Returns the Chinese title of a column that treaty reads from a report.
pub(super) fn chinese_title(column: &str) -> Option<&'static str> {
    let is_read = matches!(column, KEY_COLUMN | CHECK_COLUMN);
    is_read.then(|| chinese(&COLUMNS, column)).flatten()
}

fn chinese(titles: &[(&str, &'static str)], column: &str) -> Option<&'static str> {
    let found = titles.iter().find(|(known, _)| *known == column);
    found.map(|(_, title)| *title)
}

/// Returns the name of the worksheet with all rows in the current language.
pub fn results_sheet() -> &'static str {
    let [english, chinese] = RESULTS_SHEETS;
    if is_chinese() { chinese } else { english }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn titles_are_distinct_and_have_the_prefix() {
        let names = COLUMNS
            .iter()
            .flat_map(|(english, chinese)| [english, chinese]);
        let all: Vec<&&str> = names.collect();
        assert!(all.iter().all(|name| name.starts_with(REPORT_PREFIX)));
        let distinct: HashSet<&&&str> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        // A column of a signer has a second underscore.
        assert!(
            COLUMNS
                .iter()
                .all(|(_, chinese)| chinese.matches('_').count() == 1)
        );
    }
}
