//! The texts of an empty workbook, in Chinese and English.

use super::columns::{Column, Entry};

/// Returns the note on the header of a column.
pub(super) fn note(column: &Column) -> String {
    let mut lines = vec![
        if column.is_required {
            "必填 Required"
        } else {
            "可留空 Optional"
        }
        .to_owned(),
    ];
    lines.extend(format(&column.entry));
    if let Some(example) = &column.example {
        lines.push(format!("示例 Example: {example}"));
    }
    if !column.uses.is_empty() {
        lines.push(format!("用于 Used for: {}", column.uses.join(", ")));
    }
    lines.join("\n")
}

/// Describes what the cells may contain.
fn format(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Text(None) => return None,
        Entry::Text(Some(limit)) => format!("最多 {limit} 个字符 At most {limit} characters"),
        Entry::ResidentId => "18 位身份证号 Resident id, 18 characters".to_owned(),
        Entry::Mobile => "11 位手机号 Mobile number, 11 digits".to_owned(),
        Entry::Date => "日期 Date".to_owned(),
        Entry::Amount => "金额(元),最多两位小数 Amount, at most two decimals".to_owned(),
        Entry::Choice(values) => format!("只能填 One of: {}", values.join(", ")),
        Entry::Selection(values) => {
            let values = values.join(", ");
            format!("填 {values} 的行才会发送 Only rows with {values} are sent")
        }
    })
}

/// Returns the title and the text of the message about a cell that is refused.
pub(super) fn refusal(entry: &Entry) -> (&'static str, String) {
    match entry {
        Entry::Text(limit) => {
            let limit = limit.unwrap_or_default();
            (
                "内容过长 Too long",
                format!("合同中的这一栏最多 {limit} 个字符。\nThe form field of the contract has room for {limit} characters."),
            )
        }
        Entry::ResidentId => (
            "身份证号 Resident id",
            "身份证号应为 18 位,末位可为大写 X。\nA resident id has 18 characters; the last can be a capital X.".to_owned(),
        ),
        Entry::Mobile => (
            "手机号 Mobile number",
            "手机号应为 11 位数字,不含空格和 +86。\nA mobile number has 11 digits, without blanks and +86.".to_owned(),
        ),
        Entry::Date => (
            "日期 Date",
            "请输入日期,例如 2026-12-01。\nEnter a date such as 2026-12-01.".to_owned(),
        ),
        Entry::Amount => (
            "金额 Amount",
            "请输入金额,例如 120000.50,不含文字,最多两位小数。\nEnter an amount such as 120000.50, without text, with at most \
             two decimals."
                .to_owned(),
        ),
        Entry::Choice(_) | Entry::Selection(_) => (
            "请从列表中选择 Choose from the list",
            "此处只能填写列表中的内容。\nOnly the texts of the list can be used.".to_owned(),
        ),
    }
}
