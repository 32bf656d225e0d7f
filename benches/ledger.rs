//! The ledger's group commit: receipts that are waited for one by one, and 256 at a time as many items wait for them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treaty::api::operation::Op;
use treaty::ledger::{Binding, Ledger, Sqlite, Write};

fn commits(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let binding = Binding {
        endpoint: "bench".into(),
        app_id: String::new(),
    };
    let ledger =
        Sqlite::hold(&folder.path().join("l.db"), &binding, "a bench", "now").expect("a ledger");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let receipt = |subject| Write::Receipt {
        subject,
        step: "document".into(),
        op: Op::CreateByTemplate,
        receipt: std::sync::Arc::new(serde_json::json!({ "docId": "2018041823454409001" })),
    };
    let mut group = criterion.benchmark_group("ledger");
    for together in [1u64, 16, 256] {
        group.throughput(Throughput::Elements(together));
        group.bench_function(format!("{together} receipts at once"), |bencher| {
            bencher.iter(|| {
                let written: Vec<_> = (0..together)
                    .map(|_| ledger.write(vec![receipt(ledger.next_subject())]))
                    .collect();
                for one in written {
                    runtime.block_on(one).expect("written");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
