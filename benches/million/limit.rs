//! The lower bound for `validate`: one thread that parses the sheet, renders the fields of each row
//! with minijinja and hashes them, without checks.

use std::sync::Arc;

use treaty::diagnostic::{SourceFile, Span};
use treaty::expr::{Compiler, Expr, Fingerprinter, ReadableEnv, RunTime, Salt, Scope};
use treaty::sheet::Sheet;

/// The expressions that the example renders for a row.
const FIELDS: [&str; 18] = [
    "{{ row.合同号 }}",
    "{{ row.状态 == '已批准' }}",
    "{{ row.客户号 }}",
    "{{ row.姓名 }}",
    "{{ row.身份证号 }}",
    "{{ row.手机号 }}",
    "借款合同-{{ key }}",
    "{{ key }}",
    "{{ row.姓名 }}",
    "{{ row.身份证号 }}",
    "{{ row.金额 | money }}",
    "{{ row.金额 | rmb }}",
    "{{ row.年利率 }}",
    "{{ row.期限 }}",
    "{{ row.起息日 | date('%Y年%m月%d日') }}",
    "{{ row.账号尾号 }}",
    "{{ run.started | plus('7d') | epochMs }}",
    "借款合同签署",
];

/// The compiled expressions.
pub(crate) struct Limit {
    fields: Vec<Expr>,
    scope: Scope,
}

impl Limit {
    pub(crate) fn new() -> Self {
        let compiler = Compiler::new(Arc::default(), ReadableEnv::default()).in_flow();
        let file = SourceFile {
            path: "bench".into(),
            text: String::new(),
        };
        let span = Span {
            file: Arc::new(file),
            line: 1,
            column: 1,
            bytes: 0..0,
        };
        let compile = |field: &&str| compiler.compile(field, &span).expect("compiled");
        let run = RunTime::at(jiff::Timestamp::UNIX_EPOCH);
        Self {
            fields: FIELDS.iter().map(compile).collect(),
            scope: compiler.scope().with_run(&run),
        }
    }

    /// Renders and hashes all rows. Returns their number.
    pub(crate) fn rows(&self, sheet: &Sheet) -> u64 {
        let mut rows = 0;
        for row in sheet.rows().expect("rows").flatten() {
            let scope = self.scope.with_row(row);
            let key = self.fields[0].text(&scope).expect("a key");
            let scope = scope.with_key(&key);
            let mut print = Fingerprinter::new(&Salt::ZERO);
            for field in &self.fields {
                print.field("", &field.text(&scope).expect("a text"));
            }
            std::hint::black_box(print.finish());
            rows += 1;
        }
        rows
    }
}
