//! The meaning of a form field or a column, by its Chinese or English name.

use super::names::{Meaning, NAMES};

/// The meaning of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) meaning: Meaning,
    /// Whether the name has no other usual meaning.
    pub(super) is_sure: bool,
    /// Whether the amount is written in capital numerals.
    pub(super) is_capital: bool,
}

/// Words for the signer that precede the name of a personal value: 借款人手机号.
const SIGNERS: &[&str] = &[
    "借款人",
    "乙方",
    "客户",
    "承租人",
    "租客",
    "签署人",
    "borrower",
    "customer",
    "client",
    "tenant",
    "signer",
    "user",
];

/// The meanings that a word for the signer can precede.
const PERSONAL: &[Meaning] = &[
    Meaning::Name,
    Meaning::IdNo,
    Meaning::Mobile,
    Meaning::Email,
    Meaning::Address,
    Meaning::Account,
    Meaning::Bank,
];

/// Words that mark an amount in capital numerals, before or after the name of the amount.
const CAPITAL: &[&str] = &[
    "人民币大写",
    "大写",
    "upper",
    "uppercase",
    "capital",
    "inwords",
    "chinese",
    "cn",
];

/// The meanings that are amounts of money.
pub(super) const MONEY: &[Meaning] = &[Meaning::Amount, Meaning::Rent, Meaning::Deposit];

/// The meanings that are dates.
pub(super) const DATES: &[Meaning] = &[Meaning::StartDate, Meaning::EndDate, Meaning::SignDate];

/// Returns the meaning of the name of a form field or a column.
///
/// A name with a qualifier, such as `手机号（备用）`, is not sure; one in another unit, such as `金额（万元）`,
/// has no meaning, because its numbers would be read as others.
pub(super) fn meaning(name: &str) -> Option<Named> {
    let qualifier = qualifier(name);
    if OTHER_UNITS.iter().any(|unit| qualifier.contains(unit)) {
        return None;
    }
    let is_plain = PLAIN_QUALIFIERS.contains(&&*qualifier);
    let found = meaning_without_qualifier(name)?;
    Some(Named {
        is_sure: found.is_sure && is_plain,
        ..found
    })
}

/// Units in which a number is another one than in yuan, months or percent.
const OTHER_UNITS: [&str; 12] = [
    "万", "千", "百", "亿", "分", "角", "美元", "usd", "eur", "hkd", "天", "日元",
];

/// Qualifiers that change nothing.
const PLAIN_QUALIFIERS: [&str; 15] = [
    "",
    "元",
    "人民币",
    "人民币元",
    "rmb",
    "cny",
    "必填",
    "选填",
    "%",
    "月",
    "个月",
    "小写",
    "大写",
    "yyyy-mm-dd",
    "如2026-11-04",
];

/// Returns what is in the parentheses of a name, in lower case and half width.
fn qualifier(name: &str) -> String {
    let opening = ['(', '（', '【'];
    let closing = [')', '）', '】'];
    let inside = name.split(opening).skip(1);
    let inside = inside.filter_map(|part| part.split(closing).next());
    inside.collect::<String>().trim().to_lowercase()
}

fn meaning_without_qualifier(name: &str) -> Option<Named> {
    let name = fold(name);
    known(&name).or_else(|| capital(&name)).or_else(|| {
        let mut rests = SIGNERS.iter().filter_map(|word| name.strip_prefix(word));
        let found = rests.find_map(known)?;
        PERSONAL.contains(&found.meaning).then_some(found)
    })
}

/// Folds a name: full-width characters, case, blanks and punctuation do not count, nor what is in
/// parentheses, such as a unit. Of a nested form field, the last part counts.
pub(super) fn fold(name: &str) -> String {
    let half = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    };
    let name: String = name.chars().map(half).collect();
    let mut depth = 0_u32;
    let mut outside = String::new();
    for c in name
        .rsplit('.')
        .find(|part| !part.is_empty())
        .unwrap_or(&name)
        .chars()
    {
        match c {
            '(' | '[' | '【' => depth += 1,
            ')' | ']' | '】' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let folded = letters(&outside);
    if folded.is_empty() {
        letters(&name)
    } else {
        folded
    }
}

/// Looks a folded name up.
fn known(name: &str) -> Option<Named> {
    NAMES.iter().find_map(|(meaning, sure, unsure)| {
        let is_one_of = |names: &str| names.split_whitespace().any(|known| known == name);
        let is_sure = is_one_of(sure);
        let named = Named {
            meaning: *meaning,
            is_sure,
            is_capital: false,
        };
        (is_sure || is_one_of(unsure)).then_some(named)
    })
}

/// Looks up the folded name of an amount in capital numerals.
fn capital(name: &str) -> Option<Named> {
    let capital = |rest: &str, is_sure: bool| {
        let found = known(rest).filter(|found| MONEY.contains(&found.meaning))?;
        Some(Named {
            is_sure: is_sure && found.is_sure,
            is_capital: true,
            ..found
        })
    };
    CAPITAL.iter().find_map(|word| {
        let rest = name
            .strip_suffix(word)
            .or_else(|| name.strip_prefix(word))?;
        if rest.is_empty() {
            capital("金额", false)
        } else {
            capital(rest, true)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_does_not_count() {
        for (name, folded) in [
            ("合同 编号", "合同编号"),
            ("＊ＩＤ Card＿No", "idcardno"),
            ("金额（元）", "金额"),
            ("form1[0].page[0].Borrower_Name[0]", "borrowername"),
            ("（签字）", "签字"),
        ] {
            assert_eq!(fold(name), folded, "{name}");
        }
    }

    #[test]
    fn a_column_in_another_unit_has_no_meaning() {
        for name in [
            "金额（万元）",
            "贷款金额(USD)",
            "期限（天）",
            "amount (EUR)",
        ] {
            assert!(meaning(name).is_none(), "{name}");
        }
    }

    #[test]
    fn knows_chinese_and_english_names() {
        use Meaning::{Amount, ContractNo, IdNo, Lender, Mobile, Name, StartDate};
        for (name, expected, is_sure, is_capital) in [
            ("合同号", ContractNo, true, false),
            ("contract_no", ContractNo, true, false),
            ("编号", ContractNo, false, false),
            ("借款人", Name, true, false),
            ("borrower", Name, true, false),
            ("乙方身份证号码", IdNo, true, false),
            ("idNumber", IdNo, true, false),
            ("*手机号", Mobile, true, false),
            ("borrower_phone", Mobile, false, false),
            ("贷款金额(元)", Amount, true, false),
            ("手机号（备用）", Mobile, false, false),
            ("身份证号（配偶）", IdNo, false, false),
            ("amountUpper", Amount, true, true),
            ("借款金额大写", Amount, true, true),
            ("大写", Amount, false, true),
            ("放款日期", StartDate, true, false),
            ("甲方", Lender, true, false),
        ] {
            let found = meaning(name).unwrap_or_else(|| panic!("{name}"));
            let found = (found.meaning, found.is_sure, found.is_capital);
            assert_eq!(found, (expected, is_sure, is_capital), "{name}");
        }
        // Values of other people and parties are not the signer's.
        for name in [
            "担保人身份证号",
            "紧急联系人电话",
            "法定代表人姓名",
            "甲方电话",
            "乙方编号",
            "备注",
            "Text1",
            "",
        ] {
            assert_eq!(meaning(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_has_one_meaning() {
        let both = NAMES.iter().flat_map(|(_, sure, unsure)| [*sure, *unsure]);
        let names: Vec<&str> = both.flat_map(str::split_whitespace).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in names {
            assert_eq!(fold(name), name);
        }
    }
}
