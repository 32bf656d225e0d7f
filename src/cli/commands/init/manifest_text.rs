//! The text of the manifests of a new project. What is guessed has a comment `# check: …`, in the
//! language of the command.

use std::borrow::Cow;

use super::column::Column;
use super::draft::{Draft, Filter, Guess, Source, unused};
use super::input::{SheetInput, Template};
use super::scalars::{cell, expression, filtered, mobile, quoted, quoted_if_needed, trimmed};
use crate::pdf::{self, FieldKind};
use crate::util::escape::is_unsafe;

/// Returns the beginning of a comment on something to check.
pub(super) fn check() -> Cow<'static, str> {
    t!("# check: ")
}

/// Words of a page beside which the organization puts its seal.
const LENDER_WORDS: &[&str] = &[
    "甲方盖章",
    "甲方（盖章）",
    "甲方(盖章)",
    "甲方签章",
    "甲方（签章）",
    "甲方（公章）",
    "出借人盖章",
    "出借人（盖章）",
    "贷款人（盖章）",
    "出租人（盖章）",
];

/// Words of a page beside which the person signs.
const SIGNER_WORDS: &[&str] = &[
    "乙方签字",
    "乙方（签字）",
    "乙方(签字)",
    "乙方签名",
    "乙方（签名）",
    "乙方签章",
    "乙方（签章）",
    "借款人签字",
    "借款人（签字）",
    "借款人(签字)",
    "借款人签名",
    "借款人（签名）",
    "承租人（签字）",
    "承租人签字",
];

/// Returns the text of `treaty.yaml`.
pub(super) fn project(name: &str) -> String {
    let name = quoted(name);
    let check = check();
    let world = t!("The emulator inside treaty; its world lives in .treaty/.");
    let organization = t!("the name of your organization, as it is registered");
    format!(
        "# yaml-language-server: $schema=.treaty/schema/project.json
version: 1
project: {name}
defaultEnvironment: sandbox
environments:
  # {world}
  sandbox: {{ endpoint: sandbox }}
  test: {{ endpoint: \"https://smlo.tsign.cn/opentreaty-service\" }}
  production: {{ endpoint: \"https://o.tsign.cn/opentreaty-service\", protected: true }}
variables:
  {check}{organization}
  lender: 天谷小额贷款有限公司
failures: {{ invalidRows: refuse }}
"
    )
}

/// Returns the text of the manifest with the organization: that of the starter.
pub(super) fn lender() -> String {
    let text = include_str!("../../../../manifests/loan/manifests/lender.yaml");
    let (schema, rest) = text.split_once('\n').unwrap_or((text, ""));
    let doubt =
        t!("these are examples: replace them with your own organization, its clerk and its seal");
    format!("{schema}\n{}{doubt}\n{rest}", check())
}

/// Returns the text of the manifest with the template and the flow.
pub(super) fn flow(
    name: &str,
    template: &Template,
    sheet: &SheetInput,
    sheet_name: Option<&str>,
    draft: &Draft,
) -> String {
    let title = stem(&template.file_name);
    let columns = &sheet.columns;
    let mut text = Lines::default();
    text.line(
        0,
        "# yaml-language-server: $schema=../.treaty/schema/manifest.json",
    );
    text.line(
        0,
        &t!(
            "# One contract for each row of %{sheet}.",
            sheet = sheet.file_name
        ),
    );
    text.line(0, "templates:");
    let file = quoted(&format!("../templates/{}", template.file_name));
    text.line(
        1,
        &format!(
            "contract: {{ file: {file}, templateName: {} }}",
            quoted(title)
        ),
    );
    text.line(0, "");
    text.line(0, "flows:");
    text.line(1, &format!("{name}:"));
    rows(&mut text, sheet, sheet_name, draft);
    account(&mut text, draft, columns);
    text.line(2, "documents:");
    text.line(3, "contract:");
    text.line(4, "template: contract");
    text.line(
        4,
        &format!("name: {}", quoted(&format!("{title}-{{{{ key }}}}"))),
    );
    fields(&mut text, template, draft, columns);
    process(&mut text, title, draft);
    signers(&mut text, template, draft);
    text.0
}

/// The lines of a manifest.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, depth: usize, line: &str) {
        let indent = if line.is_empty() { 0 } else { 2 * depth };
        // A name of the sheet or the PDF must not end a comment.
        let line = line.replace(is_unsafe, " ");
        let indent = " ".repeat(indent);
        self.0.extend([&*indent, &*line, "\n"]);
    }

    /// Adds a line with a comment on its doubt.
    fn guess(&mut self, depth: usize, line: &str, doubt: Option<&str>) {
        match doubt {
            Some(doubt) => self.line(depth, &format!("{line} {}{doubt}", check())),
            None => self.line(depth, line),
        }
    }
}

fn rows(text: &mut Lines, sheet: &SheetInput, sheet_name: Option<&str>, draft: &Draft) {
    text.line(2, "rows:");
    text.line(
        3,
        &format!("file: {}", quoted(&format!("../{}", sheet.file_name))),
    );
    if let Some(sheet) = sheet_name {
        text.line(3, &format!("sheet: {}", quoted(sheet)));
    }
    if let Some(row) = sheet.header_row {
        text.line(
            3,
            &format!(
                "header: {row} # {}",
                t!("the row with the names of the columns")
            ),
        );
    }
    if let Some(Guess { value, doubt }) = &draft.key {
        let key = expression(&cell(&sheet.columns[*value].name));
        text.guess(3, &format!("key: {key}"), doubt.as_deref());
    }
    if let Some((column, value)) = &draft.filter {
        let cell = cell(&sheet.columns[*column].name);
        let filter = expression(&format!("{cell} == '{value}'"));
        let doubt = t!("only rows with %{value} are sent", value = value);
        text.guess(3, &format!("where: {filter}"), Some(&doubt));
    }
}

fn account(text: &mut Lines, draft: &Draft, columns: &[Column]) {
    let signer = &draft.signer;
    text.line(2, "accounts:");
    text.line(3, "signer:");
    text.line(4, "person:");
    let mut field = |name: &str, guess: &Option<Guess<usize>>, value: fn(&Column) -> String| {
        if let Some(Guess { value: at, doubt }) = guess {
            let value = expression(&value(&columns[*at]));
            text.guess(5, &format!("{name}: {value}"), doubt.as_deref());
        }
    };
    field("thirdId", &signer.third_id, trimmed);
    field("name", &signer.name, trimmed);
    field("idNo", &signer.id_no, |column| {
        let is_lower = column.any(|value| value.trim().ends_with('x'));
        trimmed(column) + if is_lower { " | upper" } else { "" }
    });
    field("mobile", &signer.mobile, mobile);
    field("email", &signer.email, trimmed);
    if signer.third_id.is_none() {
        let doubt = t!(
            "use the column with the number of the person in your system, if there is one: the same person then has \
             one account in all contracts"
        );
        text.guess(5, "thirdId: \"{{ key }}\"", Some(&doubt));
    }
    text.line(5, "idType: resident-id");
}

fn fields(text: &mut Lines, template: &Template, draft: &Draft, columns: &[Column]) {
    let is_filled = draft.fields.iter().any(|(_, source)| source.is_some());
    text.line(
        4,
        if is_filled {
            "simpleFormFields:"
        } else {
            "simpleFormFields: {}"
        },
    );
    let key = draft.key.as_ref().map(|guess| guess.value);
    for (field, source) in &draft.fields {
        let name = quoted_if_needed(field);
        let Some(Guess { value, doubt }) = source else {
            text.line(
                5,
                &format!(
                    "{}{}: {name}: \"{{{{ row.… }}}}\"",
                    check(),
                    t!("no column for this form field")
                ),
            );
            continue;
        };
        let value = match value {
            Source::Lender => "var.lender".to_owned(),
            Source::Column(at, Filter::Plain) if Some(*at) == key => "key".to_owned(),
            Source::Column(at, filter) => filtered(&columns[*at], *filter),
        };
        text.guess(
            5,
            &format!("{name}: {}", expression(&value)),
            doubt.as_deref(),
        );
    }
    for (field, kind) in &template.other {
        if *kind != FieldKind::Signature {
            let kind = kind.name();
            let doubt = t!(
                "%{field} is %{kind}, and only text fields can be filled: replace it in the PDF",
                field = field,
                kind = kind
            );
            text.line(5, &format!("{}{doubt}", check()));
        }
    }
    let unused = unused(draft, columns);
    if !unused.is_empty() {
        text.line(
            5,
            &format!(
                "# {}",
                t!(
                    "columns that are not used: %{columns}",
                    columns = unused.join(&t!(", "))
                )
            ),
        );
    }
}

fn process(text: &mut Lines, title: &str, draft: &Draft) {
    text.line(2, "process:");
    text.line(3, &format!("businessScene: {}", quoted(title)));
    text.line(3, "initiator: acme");
    text.line(
        3,
        &format!(
            "signValidity: \"{{{{ run.started | plus('7d') | epochMs }}}}\" # {}",
            t!("7 days")
        ),
    );
    text.line(3, "signPlatform: [h5]");
    match (&draft.signer.mobile, &draft.signer.email) {
        (Some(_), _) => text.line(3, "noticeType: [sms]"),
        (None, Some(_)) => text.line(3, "noticeType: [email]"),
        (None, None) => text.line(
            3,
            &format!(
                "{}{}",
                check(),
                t!("without a mobile or an email in the sheet, nobody is notified: pass the links on yourself")
            ),
        ),
    }
    text.line(3, "addSignTime: true");
}

fn signers(text: &mut Lines, template: &Template, draft: &Draft) {
    let found = |words: &[&'static str]| {
        let is_on_page =
            |word: &&&str| pdf::find(&template.bytes, word).is_ok_and(|spots| !spots.is_empty());
        words.iter().find(is_on_page).copied()
    };
    text.line(2, "signers:");
    if draft.has_seal {
        let (position, doubt) = match found(LENDER_WORDS) {
            Some(word) => (keyword(word), None),
            None => (
                format!("[{{ page: \"{}\", posX: 200, posY: 200 }}]", template.pages),
                Some(t!(
                    "the place of the seal, in points from the lower left corner, or { keyword: WORD } of the page"
                )),
            ),
        };
        let doubt = doubt
            .map(|doubt| format!(" {}{doubt}", check()))
            .unwrap_or_default();
        text.line(3, "organization:");
        text.line(4, "platform:");
        text.line(5, "seal: contract-seal");
        text.line(5, &format!("positions: {position}{doubt}"));
    }
    text.line(3, "signer:");
    text.line(4, "person:");
    text.line(5, "account: signer");
    text.line(5, "sealType: [handdrawn, template]");
    match found(SIGNER_WORDS) {
        Some(word) => text.line(5, &format!("positions: {}", keyword(word))),
        None => text.line(
            5,
            &format!(
                "{}{}",
                check(),
                t!("the person chooses where to sign, unless you add positions: [{ keyword: WORD, posX: 100 }]")
            ),
        ),
    }
}

fn keyword(word: &str) -> String {
    format!("[{{ keyword: {}, posX: 100 }}]", quoted_if_needed(word))
}

/// Returns the name of a file without its ending.
pub(super) fn stem(file_name: &str) -> &str {
    file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem)
}
