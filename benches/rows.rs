//! Benchmarks parsing, rendering, checking and fingerprinting of rows. One iteration has 10,000
//! rows with eleven columns.

use std::fmt::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treaty::desired::{FlowRows, Outcome, Resources};
use treaty::diagnostic::Findings;
use treaty::expr::{Environ, RunTime, Salt};
use treaty::manifest::Project;

use self::limit::Limit;

#[path = "million/limit.rs"]
mod limit;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 10_000;

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
    let project =
        Project::load(folder.path(), None, &Environ::default(), &mut findings).expect("a project");
    let resources = Resources::of(&project, &Salt::ZERO, &mut findings);
    let run = RunTime::at(jiff::Timestamp::UNIX_EPOCH);
    let flow = &project.flows["loans"];
    let flow_rows =
        FlowRows::open(&project, &resources, flow, &run, &Salt::ZERO, &mut findings).expect("rows");
    let sheet = flow_rows.sheet.as_ref().expect("a sheet");

    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| assert_eq!(sheet.rows().expect("rows").flatten().count() as u64, ROWS));
    });
    let limit = Limit::new();
    group.bench_function("parse, render, hash", |bencher| {
        bencher.iter(|| assert_eq!(limit.rows(sheet), ROWS));
    });
    group.bench_function("on all cores", |bencher| {
        bencher.iter(|| {
            let mut rows = 0;
            let result = flow_rows.each(|_, row| {
                rows += u64::from(matches!(row.outcome, Outcome::Item(_)));
                Ok::<(), ()>(())
            });
            result.expect("read").expect("processed");
            assert_eq!(rows, ROWS);
        });
    });
    group.bench_function("parse, render, check, fingerprint", |bencher| {
        bencher.iter(|| {
            let items = flow_rows
                .all_rendered_rows()
                .expect("rows")
                .filter(|(_, row)| matches!(row.outcome, Outcome::Item(_)));
            assert_eq!(items.count() as u64, ROWS);
        });
    });
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
