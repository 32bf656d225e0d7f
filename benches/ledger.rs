//! Benchmarks the group commit of the ledger: 1, 16 and 256 receipts that are waited for together.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treaty::api::operation::Op;
use treaty::ledger::{Binding, Ledger, Store, Write};

fn commits(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let binding = Binding {
        endpoint: "bench".into(),
        app_id: Some(String::new()),
    };
    let ledger =
        Store::hold(&folder.path().join("l.db"), &binding, "a bench", "now").expect("a ledger");
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
    for receipts in [1u64, 16, 256] {
        group.throughput(Throughput::Elements(receipts));
        group.bench_function(format!("{receipts} receipts at once"), |bencher| {
            bencher.iter(|| {
                let written: Vec<_> = (0..receipts)
                    .map(|_| ledger.write(vec![receipt(ledger.next_subject())]))
                    .collect();
                for write in written {
                    runtime.block_on(write).expect("written");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
