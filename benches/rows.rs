//! A row's way: parsed, rendered, checked, fingerprinted. One iteration is 10,000 rows of eleven columns.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treaty::desired::{FlowRows, Outcome, Standing};
use treaty::diagnostic::{Findings, SourceFile, Span};
use treaty::manifest::Project;
use treaty::render::{Compiler, Expr, Fingerprinter, RunTime, Salt};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 10_000;

/// What the example renders of a row.
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

fn rows(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/loans");
    for name in [
        "treaty.yaml",
        "manifests/lender.yaml",
        "manifests/loans.yaml",
        "templates/loan.pdf",
    ] {
        let to = folder.path().join(name);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::copy(format!("{example}/{name}"), to).expect("copied");
    }
    let mut sheet =
        "合同号,客户号,姓名,身份证号,手机号,金额,年利率,期限,起息日,账号尾号,状态\n".to_owned();
    for row in 0..ROWS {
        writeln!(
            sheet,
            "HT-{row:06},C{row:06},沈晨怡,330199199910145052,1350000{:04},{row}1010.10,4.35,36,2026/11/4,6955,已批准",
            row % 10_000
        )
        .expect("a string");
    }
    std::fs::write(folder.path().join("loans.csv"), sheet).expect("written");

    let mut findings = Findings::default();
    let project = Project::load(
        folder.path(),
        None,
        &Arc::new(BTreeMap::new()),
        &mut findings,
    )
    .expect("a project");
    let standing = Standing::of(&project, &Salt::NONE, &mut findings);
    let run = RunTime::at(jiff::Timestamp::UNIX_EPOCH);
    let flow = &project.flows["loans"];
    let flow_rows =
        FlowRows::open(&project, &standing, flow, &run, &Salt::NONE, &mut findings).expect("rows");
    let sheet = flow_rows.sheet.as_ref().expect("a sheet");

    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| assert_eq!(sheet.rows().expect("rows").flatten().count() as u64, ROWS));
    });
    // What nobody who renders these fields with minijinja gets around: the limit that the rest is held against.
    let compiler = Compiler::new(Arc::default(), Arc::default()).in_flow();
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
    let fields: Vec<Expr> = FIELDS
        .iter()
        .map(|field| compiler.compile(field, &span).expect("compiled"))
        .collect();
    let scope = compiler.scope().with_run(&run);
    group.bench_function("parse, render, hash", |bencher| {
        bencher.iter(|| {
            let mut rows = 0;
            for row in sheet.rows().expect("rows").flatten() {
                let scope = scope.with_row(row);
                let key = fields[0].text(&scope).expect("a key");
                let scope = scope.with_key(&key);
                let mut print = Fingerprinter::new(&Salt::NONE);
                for field in &fields {
                    print.field("", &field.text(&scope).expect("a text"));
                }
                std::hint::black_box(print.finish());
                rows += 1;
            }
            assert_eq!(rows, ROWS);
        });
    });
    group.bench_function("on all cores", |bencher| {
        bencher.iter(|| {
            let mut rows = 0;
            let taken = flow_rows.each(|_, draft| {
                rows += u64::from(matches!(draft.outcome, Outcome::Item(_)));
                Ok::<(), ()>(())
            });
            taken.expect("read").expect("taken");
            assert_eq!(rows, ROWS);
        });
    });
    group.bench_function("parse, render, check, fingerprint", |bencher| {
        bencher.iter(|| {
            let items = flow_rows
                .drafts()
                .expect("rows")
                .filter(|(_, draft)| matches!(draft.outcome, Outcome::Item(_)));
            assert_eq!(items.count() as u64, ROWS);
        });
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
