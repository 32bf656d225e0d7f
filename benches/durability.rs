//! The cost of durability and the time to resume a run, with the real program against the sandbox.
//!
//! `cargo bench --bench durability` sends 50,000 loans twice: with the ledger in the temporary
//! folder on disk, and in memory (`/dev/shm`), where a sync costs nothing. Then it resumes 100,000
//! recorded items and measures the time until the first call arrives. `ITEMS` sets another number
//! of loans.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::Request;
use treaty::sandbox::Sandbox;

fn main() {
    let items = std::env::var("ITEMS")
        .ok()
        .and_then(|text| text.parse().ok());
    let items: usize = items.unwrap_or(50_000);
    let memory = Path::new("/dev/shm");
    let mut rates = Vec::new();
    for (medium, folder) in [
        ("disk", std::env::temp_dir()),
        ("memory", memory.to_owned()),
    ] {
        if !folder.is_dir() {
            println!(
                "ledger in {medium}: not measured, {} does not exist",
                folder.display()
            );
            continue;
        }
        let bench = Bench::new(&folder, items);
        let duration = bench.apply();
        let rate = count(items) / duration.as_secs_f64();
        println!(
            "{items} items, ledger in {medium}: {:.1} s, {rate:.0} items/s",
            duration.as_secs_f64()
        );
        rates.push(rate);
    }
    if let [disk, memory] = rates[..] {
        println!("items/s on disk / in memory: {:.2}", disk / memory);
    }
    resume(2 * items);
}

/// Measures the time until the first call of a run in which all items but the last are recorded.
fn resume(items: usize) {
    let bench = Bench::new(&std::env::temp_dir(), items);
    bench.apply();
    bench.sheet(items + 1);
    for observe in ["none", "resources"] {
        let started = Instant::now();
        bench.first_call.lock().expect("a lock").take();
        bench.run(&["apply", "--yes", "-q", "--observe", observe]);
        let first = bench.first_call.lock().expect("a lock").expect("a call");
        println!(
            "{items} recorded items, --observe {observe}: {:.2} s until the first call",
            (first - started).as_secs_f64()
        );
        bench.sheet(items + 2);
    }
}

/// A project and a server that records the time of the first call.
struct Bench {
    folder: tempfile::TempDir,
    first_call: Arc<Mutex<Option<Instant>>>,
}

impl Bench {
    fn new(parent: &Path, items: usize) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        let first_call: Arc<Mutex<Option<Instant>>> = Arc::default();
        let base = serve(first_call.clone());
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/loans"),
            folder.path(),
        );
        let settings = format!(
            "version: 1\nproject: bench\ndefaultEnvironment: test\nenvironments:\n  test: {{ endpoint: \"{base}\" }}\n\
             variables: {{ lender: 天谷 }}\nlimits: {{ rate: none, concurrency: 64 }}\n"
        );
        std::fs::write(folder.path().join("treaty.yaml"), settings).expect("written");
        let bench = Self { folder, first_call };
        bench.sheet(items);
        bench
    }

    /// Writes a sheet that repeats the rows of the example, each with a different key and customer.
    fn sheet(&self, items: usize) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/loans/loans.csv");
        let bytes = std::fs::read(example).expect("a sheet");
        let (text, _, _) = encoding_rs::GB18030.decode(&bytes);
        let mut lines = text.lines();
        let mut sheet = lines.next().expect("a header").to_owned();
        let rows: Vec<&str> = lines.collect();
        for at in 0..items {
            let mut cells: Vec<String> = rows[at % rows.len()]
                .split(',')
                .map(str::to_owned)
                .collect();
            cells[0] = format!("HT-{at:07}");
            cells[1] = format!("C-{at:07}");
            sheet.push_str("\r\n");
            sheet.push_str(&cells.join(","));
        }
        std::fs::write(self.folder.path().join("loans.csv"), sheet).expect("written");
    }

    fn apply(&self) -> Duration {
        let started = Instant::now();
        self.run(&["apply", "--yes", "-q", "--observe", "resources"]);
        started.elapsed()
    }

    fn run(&self, args: &[&str]) {
        let status = Command::new(env!("CARGO_BIN_EXE_treaty"))
            .current_dir(self.folder.path())
            .args(args)
            .env("TREATY_APP_ID", "bench")
            .env("TREATY_APP_SECRET", "bench")
            .stdin(Stdio::null())
            .status()
            .expect("treaty runs");
        assert!(status.success(), "{status}");
    }
}

fn serve(first_call: Arc<Mutex<Option<Instant>>>) -> String {
    let (sender, started) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let base = format!("http://{}", listener.local_addr().expect("an address"));
            let sandbox = Sandbox::in_memory(&base).with_credentials();
            let record = move |request: Request, next: axum::middleware::Next| {
                first_call
                    .lock()
                    .expect("a lock")
                    .get_or_insert_with(Instant::now);
                next.run(request)
            };
            let app = sandbox.router().layer(axum::middleware::from_fn(record));
            sender.send(base).expect("the starter waits");
            axum::serve(listener, app).await.expect("served");
        });
    });
    started.recv().expect("an address")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == ".treaty" || name == "reports" {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).expect("copied");
        }
    }
}

/// Converts a count for divisions. Counts are small enough to be exact.
#[allow(clippy::cast_precision_loss)]
fn count(items: usize) -> f64 {
    items as f64
}
