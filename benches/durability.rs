//! What durability costs, and how long a run takes to resume: the program itself, against the sandbox over loopback.
//!
//! `cargo bench --bench durability` sends 50,000 loans twice: with the ledger on the disk of the temporary folder, and
//! with it in memory (`/dev/shm`), where a sync to disk is nothing. Then 100,000 recorded items are resumed, and the
//! time until the first call is taken where it arrives. `ITEMS` sends another number.

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
    for (what, place) in [
        ("disk", std::env::temp_dir()),
        ("memory", memory.to_owned()),
    ] {
        if !place.is_dir() {
            println!("{}: not there", place.display());
            continue;
        }
        let office = Office::new(&place, items);
        let took = office.apply();
        let rate = count(items) / took.as_secs_f64();
        println!(
            "{items} items, ledger in {what}: {:.1} s, {rate:.0} items/s",
            took.as_secs_f64()
        );
        rates.push(rate);
    }
    if let [disk, memory] = rates[..] {
        println!("durable / not durable: {:.2}", disk / memory);
    }
    resume(2 * items);
}

/// Time until the first call of a run whose items are recorded, all but the last.
fn resume(items: usize) {
    let office = Office::new(&std::env::temp_dir(), items);
    office.apply();
    office.sheet(items + 1);
    for observe in ["none", "resources"] {
        let began = Instant::now();
        office.first_call.lock().expect("a lock").take();
        office.run(&["apply", "--yes", "-q", "--observe", observe]);
        let first = office.first_call.lock().expect("a lock").expect("a call");
        println!(
            "{items} recorded items, --observe {observe}: {:.2} s until the first call",
            (first - began).as_secs_f64()
        );
        office.sheet(items + 2);
    }
}

/// A project, and a server that notes when it is called first.
struct Office {
    folder: tempfile::TempDir,
    first_call: Arc<Mutex<Option<Instant>>>,
}

impl Office {
    fn new(place: &Path, items: usize) -> Self {
        let folder = tempfile::tempdir_in(place).expect("a folder");
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
        let office = Self { folder, first_call };
        office.sheet(items);
        office
    }

    /// The example's rows again and again, each with a key and a customer of its own.
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
        let began = Instant::now();
        self.run(&["apply", "--yes", "-q", "--observe", "resources"]);
        began.elapsed()
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
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let base = format!("http://{}", listener.local_addr().expect("an address"));
            let sandbox = Sandbox::in_memory(&base).with_credentials();
            let note = move |request: Request, next: axum::middleware::Next| {
                first_call
                    .lock()
                    .expect("a lock")
                    .get_or_insert_with(Instant::now);
                next.run(request)
            };
            let app = sandbox.router().layer(axum::middleware::from_fn(note));
            tell.send(base).expect("somebody waits");
            axum::serve(listener, app).await.expect("served");
        });
    });
    told.recv().expect("an address")
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

/// A count as a number to divide by; far below what the type holds exactly.
#[allow(clippy::cast_precision_loss)]
fn count(items: usize) -> f64 {
    items as f64
}
