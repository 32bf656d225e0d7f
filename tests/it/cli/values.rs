//! Values of a sheet that look right and are not: errors for certain damage, warnings for the rest.

use crate::support::project::Project;

const LOANS: &str = "manifests/loans.yaml";

/// Creates the base project with one text of the sheet replaced.
fn cell(from: &str, to: &str) -> Project {
    let project = Project::base();
    project.replace("loans.csv", from, to);
    project
}

/// Checks that `validate` refuses the project and says all of these texts.
fn refused(project: &Project, told: &[&str]) {
    let run = project.expect(&["validate"], 65);
    for text in told {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

/// Checks that `validate` accepts the project and says all of these texts.
fn warned(project: &Project, told: &[&str]) {
    let run = project.expect(&["validate"], 0);
    for text in told {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
}

#[test]
fn refuses_damaged_values_in_every_field() {
    for (from, to, told) in [
        (
            "6955",
            "6.22202E+18",
            "还款账号 is 6.22***E+18: a spreadsheet",
        ),
        ("6955", "6.222020200112233e+18", "a spreadsheet rounded"),
        (
            "6955",
            "'6222020200112233445",
            "还款账号 begins with an apostrophe",
        ),
        (
            "6955",
            "\"=\"\"6222020200112233445\"\"\"",
            "还款账号 is written as a formula",
        ),
        ("6955", "6222020200112233445.0", "还款账号 ends in .0"),
        ("6955", "#REF!", "还款账号 contains #REF!"),
        ("6955", "nan", "还款账号 is nan: the export wrote this"),
        ("6955", "\\N", "还款账号 is \\N: the export wrote this"),
        ("沈晨怡", "NULL", "name is NULL: the export wrote this"),
        ("沈晨怡", "#N/A", "name contains #N/A"),
        ("沈晨怡", "沈晨�", "name contains �"),
        (
            "HT-2026-0001",
            "2.026E+15",
            "key is 2.02*E+15: a spreadsheet",
        ),
        ("C100001", "1E+05", "thirdId is 1E+05: a spreadsheet"),
    ] {
        refused(&cell(from, to), &[told, "loans.csv, row 2, column "]);
    }
}

#[test]
fn refuses_a_rounded_number_inside_of_a_longer_text() {
    for expression in ["尾号{{ row.账号尾号 }}", "{{ row.账号尾号 | digits }}"] {
        let project = cell("6955", "6.22202E+18");
        project.replace(LOANS, "{{ row.账号尾号 }}", expression);
        refused(&project, &["还款账号 is 6.22***E+18", "column 账号尾号"]);
    }
}

#[test]
fn refuses_ids_that_differ_by_unseen_characters() {
    for (to, told) in [
        ("C100001 ", "thirdId begins or ends with a blank"),
        ("C100001\u{3000}", "thirdId begins or ends with a blank"),
        (
            "C100001\u{200b}",
            "thirdId contains an invisible character (U+200B)",
        ),
        ("C100001\t", "thirdId contains a tab"),
    ] {
        refused(&cell("C100001", to), &[told, "row 2, column 客户号"]);
    }
    let told = "mobile contains an invisible character (U+202C)";
    refused(&cell("13500000001", "13500000001\u{202c}"), &[told]);
}

#[test]
fn warns_of_unseen_characters_once_for_each_column() {
    for (to, told) in [
        ("沈晨怡 ", "name begins or ends with a blank\n"),
        ("沈晨\u{3000}怡", "name contains a blank (U+3000)\n"),
        ("沈晨 怡", "name contains a blank\n"),
        ("沈晨\u{e863}", "name contains a private-use character"),
        (
            "沈\u{ad}晨怡",
            "name contains an invisible character (U+00AD)",
        ),
    ] {
        let told = format!("warning: {told}");
        let project = cell("沈晨怡", to);
        warned(&project, &[&told, "loans.csv, row 2, column 姓名 (C)"]);
        let run = project.expect(&["validate"], 0);
        assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
    }
    let project = Project::base();
    let sheet = project
        .read("loans.csv")
        .replace(",已批准", "\u{200b},已批准");
    project.write("loans.csv", sheet);
    let run = project.expect(&["validate"], 0);
    assert!(
        run.stderr
            .contains("还款账号 contains an invisible character (U+200B), in "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains(" rows: 2, 3, 4"), "{}", run.stderr);
    assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
}

#[test]
fn warns_when_blanks_decide_where() {
    for (to, told) in [
        ("已批准 ", "where leaves the row out only because of blanks"),
        (
            "已批准\u{200b}",
            "where leaves the row out only because of invisible characters in a cell",
        ),
        (
            "已批准\t",
            "where leaves the row out only because of blanks",
        ),
    ] {
        let project = Project::base();
        let sheet = project.read("loans.csv").replacen("已批准", to, 1);
        project.write("loans.csv", sheet);
        warned(&project, &[told, "loans.csv, row 2, column 状态"]);
    }
    let project = Project::base();
    let sheet = project.read("loans.csv").replacen("已批准", "已撤销 ", 1);
    project.write("loans.csv", sheet);
    project.replace(LOANS, "row.状态 == '已批准'", "row.状态 != '已撤销'");
    warned(&project, &["where selects the row only because of blanks"]);
    // Each kind of character is a warning of its own.
    let project = Project::base();
    let sheet = project.read("loans.csv").replacen("已批准", "nan", 1);
    let sheet = sheet.replace("已批准", "已批准 ");
    project.write("loans.csv", sheet);
    let manifest = "row.状态 == '已批准' or row.状态 == ''";
    project.replace(LOANS, "row.状态 == '已批准'", manifest);
    warned(
        &project,
        &[
            "where leaves the row out only because a cell is nan, NULL or the like\n",
            "where leaves the row out only because of blanks in a cell, in ",
        ],
    );
}

#[test]
fn refuses_negative_amounts_and_warns_of_zero() {
    refused(
        &cell("51010.10", "-51010.10"),
        &[
            "money needs an amount that is not negative, but got -51010.10",
            "rmb needs an amount that is not negative",
            "loans.csv, row 2, column 金额",
            "help: correct the cell",
        ],
    );
    for zero in ["0", "-0.00"] {
        let project = cell("51010.10", zero);
        warned(
            &project,
            &["amount is an amount of zero\n", "row 2, column 金额"],
        );
        let run = project.expect(&["validate"], 0);
        assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
    }
}

#[test]
fn refuses_utf_16_with_and_without_a_mark() {
    let sheet = Project::base().read("loans.csv");
    for start in ["", "\u{feff}"] {
        let units = || [start, &sheet].concat().encode_utf16().collect::<Vec<_>>();
        let big = units().into_iter().flat_map(u16::to_be_bytes);
        let little = units().into_iter().flat_map(u16::to_le_bytes);
        for bytes in [big.collect::<Vec<u8>>(), little.collect()] {
            let project = Project::base();
            project.write("loans.csv", bytes);
            refused(&project, &["the sheet is UTF-16", "CSV UTF-8", "1 error"]);
        }
    }
}

#[test]
fn names_the_field_of_the_manifest_that_is_wrong() {
    let key = "      key: \"{{ row.合同号 }}\"";
    for (field, told) in [
        ("delimiter: \"|\"", "cannot be split at this delimiter"),
        ("encoding: gb18030", "belong to text files"),
    ] {
        let project = Project::base();
        let (gb, ..) = encoding_rs::GB18030.encode("合同号|姓名\n1|2\n");
        project.write("loans.csv", gb);
        project.replace(LOANS, key, &format!("      {field}\n{key}"));
        if field.starts_with("encoding") {
            project.replace(LOANS, "../loans.csv", "../loans.xlsx");
        }
        let manifest = project.read(LOANS);
        let line = manifest.lines().position(|line| line.contains(field));
        let place = format!("loans.yaml:{}:", line.expect("the field") + 1);
        refused(&project, &[told, &place]);
    }
}

#[test]
fn refuses_a_column_that_a_spreadsheet_has_rounded() {
    let project = Project::loans();
    project.replace("treaty.yaml", "invalidRows: refuse", "invalidRows: skip");
    let sheet = project.sheet();
    let rounded = sheet.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if at > 0 {
            cells[3].replace_range(15.., "000");
        }
        cells.join(",")
    });
    let rounded: Vec<String> = rounded.collect();
    project.set_sheet(&rounded.join("\n"));
    for command in [&["validate"][..], &["apply", "--yes"]] {
        let run = project.expect(command, 65);
        for text in [
            "a spreadsheet has rounded this column",
            "in rows 2, 3, 4",
            "loans.csv, row 1, column 身份证号",
            "format the column as text",
        ] {
            assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
        }
    }
    assert!(!project.was_called());
    // Columns that the flow does not use do not matter, nor do shorter numbers.
    let other = sheet.replacen("合同号", "流水号,合同号", 1);
    let other = other.replace("\nHT-", "\n202611060000001000,HT-");
    project.set_sheet(&other);
    project.expect(&["validate"], 0);
    let orders = sheet
        .replace("HT-2026-", "202611060")
        .replace(",已批准", "000,已批准");
    project.set_sheet(&orders);
    project.expect(&["validate"], 0);
    // A column whose numbers do end in zeros is named.
    let numbered = sheet.lines().enumerate().map(|(at, line)| match at {
        0 => line.to_owned(),
        _ => format!(
            "20261106{at:06}000{}",
            &line[line.find(',').expect("cells")..]
        ),
    });
    project.set_sheet(&numbered.collect::<Vec<_>>().join("\n"));
    let run = project.expect(&["validate"], 65);
    assert!(
        run.stderr.contains("name the column in rows.exact"),
        "{}",
        run.stderr
    );
    let key = "key: \"{{ row.合同号 }}\"";
    let exact = |column: &str| format!("{key}\n      exact: [{column}]");
    project.replace("manifests/loans.yaml", key, &exact("合同"));
    let run = project.expect(&["validate"], 65);
    assert!(
        run.stderr.contains("the sheet has no column 合同"),
        "{}",
        run.stderr
    );
    project.replace("manifests/loans.yaml", &exact("合同"), &exact("合同号"));
    project.expect(&["validate"], 0);
}

#[test]
fn warns_of_signers_whom_no_notice_reaches() {
    let project = cell(",13500000001,", ",,");
    warned(
        &project,
        &[
            "the account borrower has no mobile: no SMS notice reaches this signer",
            "loans.csv, row 2, column 手机号",
        ],
    );
}

#[test]
fn refuses_a_mobile_that_the_filter_digits_would_remove() {
    let project = cell(",13500000001,", ",无,");
    project.replace(LOANS, "{{ row.手机号 }}", "{{ row.手机号 | digits }}");
    refused(
        &project,
        &[
            "mobile: digits needs a text with digits, but got 无",
            "column 手机号",
        ],
    );
}

#[test]
fn names_the_end_of_a_line_and_the_end_of_a_file() {
    let sheet = Project::base().read("loans.csv");
    let project = Project::base();
    project.write("loans.csv", sheet.replace('\n', "\r"));
    refused(
        &project,
        &["a carriage return (CR) without a line feed (LF)"],
    );
    project.write("loans.csv", format!("{sheet}\u{1a}"));
    warned(&project, &[]);
}

#[test]
fn names_unseen_characters_and_brackets_of_column_names() {
    let project = cell("姓名", "姓名\u{a0}");
    refused(&project, &["contains the unseen character U+00A0"]);
    let project = cell(",金额,", ",金额（元）,");
    project.replace(LOANS, "row.金额 | money", "row.金额（元） | money");
    refused(&project, &["is written row['金额（元）']"]);
}

#[test]
fn refuses_files_that_are_cut_off() {
    let project = Project::base();
    let template = std::fs::read(project.path("templates/loan.pdf")).expect("a PDF");
    project.write("templates/loan.pdf", &template[..template.len() / 2]);
    refused(
        &project,
        &["the PDF is cut off", "copy or export the file again"],
    );
    project.write(
        "templates/loan.pdf",
        [b"\xEF\xBB\xBF", &template[..]].concat(),
    );
    refused(&project, &["3 bytes stand before %PDF-", "save it again"]);
}

#[test]
fn converts_times_with_an_offset_to_shanghai() {
    let project = cell("2026/11/4", "2026-11-05T16:00:00.000Z");
    project.replace(
        LOANS,
        "{{ row.合同号 }}",
        "{{ row.起息日 | date('%Y-%m-%d') }}",
    );
    let run = project.expect(&["plan"], 0);
    assert!(run.stdout.contains("2026-11-06"), "{}", run.stdout);
}
