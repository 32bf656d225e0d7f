//! Every fault, alone and mixed, in 5% and in 30% of the calls: no task is duplicated, nothing is
//! lost, and unresolved items are reported as in doubt.
//!
//! `cargo test faults -- --nocapture` shows the table; `TREATY_LONG=1` runs many more seeds.

use std::ops::Range;
use std::time::Duration;

use treaty::api::ErrorCode;
use treaty::sandbox::{Faults, Rule};

use crate::support::project::{Project, root};
use crate::support::rig::{Fault, Rig};
use crate::support::truth::{Comparison, Declared, audit, until_quiet};

/// The code with which the service throttles.
const THROTTLE: ErrorCode = ErrorCode(1_439_001);

const SECOND: Duration = Duration::from_secs(1);

/// Returns the kinds of faults, each with the name of its row in the table.
fn kinds() -> Vec<(&'static str, Vec<Fault>)> {
    let statuses = [500, 502, 503, 504];
    let mut kinds = vec![
        ("lost before", vec![Fault::LostBefore]),
        ("lost after", vec![Fault::LostAfter]),
        (
            "answer late",
            vec![
                Fault::AnswerLate(3 * SECOND),
                Fault::AnswerLate(40 * SECOND),
            ],
        ),
        (
            "work late",
            vec![Fault::WorkLate(SECOND), Fault::WorkLate(4 * SECOND)],
        ),
        (
            "slow",
            vec![Fault::Slow(2 * SECOND), Fault::Slow(20 * SECOND)],
        ),
        (
            "429",
            vec![
                Fault::Throttled { retry_after: None },
                Fault::Throttled {
                    retry_after: Some(2),
                },
            ],
        ),
        ("429, done", vec![Fault::StatusAfter(429)]),
        ("throttle code, done", vec![Fault::Failed(THROTTLE)]),
        (
            "refusal, done",
            vec![
                Fault::Failed(ErrorCode::FLOW_CHECK),
                Fault::Failed(ErrorCode::PARAMETER),
                Fault::Failed(ErrorCode::NOT_SIGNED),
            ],
        ),
        ("5xx, undone", statuses.map(Fault::Status).to_vec()),
        ("5xx, done", statuses.map(Fault::StatusAfter).to_vec()),
        ("garbage", vec![Fault::Garbage]),
        ("wrong content type", vec![Fault::ContentType]),
        ("fields missing", vec![Fault::Fieldless]),
        ("truncated", vec![Fault::Truncated]),
        ("huge", vec![Fault::Huge]),
        (
            "refused",
            vec![Fault::Refused(Duration::ZERO), Fault::Refused(2 * SECOND)],
        ),
    ];
    let all = kinds
        .iter()
        .flat_map(|(_, faults)| faults.clone())
        .collect();
    kinds.push(("all mixed", all));
    kinds
}

/// Returns faults of these kinds for `percent` percent of the calls.
fn faults(kinds: &[Fault], percent: u32, seed: u64) -> Faults {
    let share = f64::from(percent) / 100.0;
    let count = u32::try_from(kinds.len()).expect("few");
    // A rule applies to a call only if no earlier rule did.
    let each = 1.0 - (1.0 - share).powf(1.0 / f64::from(count));
    Faults {
        seed,
        rules: kinds
            .iter()
            .map(|fault| Rule::always(*fault).share(each))
            .collect(),
    }
}

/// A project, and its expected items.
struct Family {
    rig: fn() -> Rig,
    flow: &'static str,
    keys: fn() -> Vec<String>,
    signers: &'static [&'static str],
}

fn keys(prefix: &str, count: usize, width: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{prefix}{number:0width$}"))
        .collect()
}

/// Three projects:
///
/// - one document and two signers
/// - several documents, three signers in turn, archive and download
/// - five kinds of signers, some in turn, and archive
const FAMILIES: [Family; 3] = [
    Family {
        rig: || Rig::loans(3),
        flow: "loans",
        keys: || keys("HT-2026-", 3, 4),
        signers: &["lender", "borrower"],
    },
    Family {
        rig: tenancy,
        flow: "leases",
        keys: || keys("ZL-2026-", 2, 3),
        signers: &["tenant", "agent", "landlord"],
    },
    Family {
        rig: five,
        flow: "loans",
        keys: || keys("HT-2026-", 2, 4),
        signers: &["lender", "seal", "borrower", "agent", "witness"],
    },
];

fn tenancy() -> Rig {
    let project = Project::copy_of(&root().join("examples/tenancy"));
    let sheet = project.read("tenants.csv");
    let rows: Vec<&str> = sheet.lines().take(3).collect();
    project.write("tenants.csv", rows.join("\n"));
    Rig::of(project)
}

fn five() -> Rig {
    let rig = Rig::loans(2);
    let manifest = rig.project.read("manifests/loans.yaml");
    let (head, _) = manifest.split_once("    signers:").expect("signers");
    let signers = r#"
      lender: { platform: { positions: [{ keyword: 甲方盖章 }] } }
      seal: { user: { account: acme, seal: contract-seal, positions: [{ page: "1", posX: 300, posY: 120 }] } }
      borrower: { person: { account: borrower, positions: [{ keyword: 乙方签字 }] } }
      agent: { organization: { account: clerk, organization: acme } }
      witness: { personAndOrganization: { account: witness, organization: acme }, after: [borrower, agent] }
    finish: { archive: true }
"#;
    rig.project.write(
        "manifests/loans.yaml",
        format!("{head}    signers:{signers}"),
    );
    let witness = "accounts:\n  witness: { person: { thirdId: witness, name: 何思远, idType: resident-id, idNo: \"330199198506151368\" } }";
    rig.project
        .replace("manifests/lender.yaml", "accounts:", witness);
    rig
}

/// A row of the table.
#[derive(Default)]
struct Line {
    runs: u64,
    calls: usize,
    found: Comparison,
}

fn is_long() -> bool {
    std::env::var_os("TREATY_LONG").is_some()
}

/// The number of faults from which a set counts as mixed.
const MANY: usize = 10;

/// Returns the number of signers of the project that a seed leaves out.
fn left_out(seed: u64) -> usize {
    [2, 3, 5][usize::try_from(seed / 1000 % 3).expect("small")]
}

fn seeds() -> u64 {
    if is_long() { 40 } else { 1 }
}

async fn measure(kinds: &[Fault], percent: u32, seeds: Range<u64>) -> Line {
    let mut line = Line::default();
    for seed in seeds {
        for family in &FAMILIES {
            // A short run leaves out one project in turn, except for mixed faults.
            if !is_long() && kinds.len() < MANY && left_out(seed) == family.signers.len() {
                continue;
            }
            let mut rig = (family.rig)();
            rig.throttle_codes.push(THROTTLE.0);
            rig.inject_faults(faults(kinds, percent, seed));
            let declared = Declared {
                flow: family.flow,
                keys: (family.keys)(),
                signers: family.signers,
            };
            let found = until_quiet(&rig, &[declared]).await;
            line.runs += 1;
            line.calls += rig.total_calls();
            line.found.duplicates += found.duplicates;
            line.found.lost += found.lost;
            line.found.in_doubt += found.in_doubt;
            let said = found.notes.into_iter();
            let said =
                said.map(|note| format!("{}, seed {seed}: {note}", family.signers.join(" ")));
            line.found.notes.extend(said);
        }
    }
    line
}

#[tokio::test(start_paused = true)]
async fn faults_leave_no_duplicate_and_lose_nothing() {
    println!("| fault | share | runs | calls | duplicates | lost | in doubt |");
    println!("|---|---|---|---|---|---|---|");
    let (mut wrong, mut said) = (0, Vec::new());
    for (number, (name, kinds)) in (0..).zip(kinds()) {
        for percent in [5, 30] {
            // Each row has its own seeds, because a seed selects the same calls for every fault.
            let first = (number * 100 + u64::from(percent)) * 1000;
            let Line { runs, calls, found } =
                measure(&kinds, percent, first..first + seeds()).await;
            let Comparison {
                duplicates,
                lost,
                in_doubt,
                notes,
                ..
            } = found;
            println!(
                "| {name} | {percent}% | {runs} | {calls} | {duplicates} | {lost} | {in_doubt} |"
            );
            wrong += duplicates + lost;
            said.extend(
                notes
                    .into_iter()
                    .map(|note| format!("{name} at {percent}%, {note}")),
            );
        }
    }
    println!("\n{}", said.join("\n"));
    assert_eq!(wrong, 0, "{}", said.join("\n"));
}

/// Proves that the suite detects duplicates: without probes, a lost response duplicates a task.
#[tokio::test(start_paused = true)]
async fn without_probing_lost_responses_duplicate_tasks() {
    let mut duplicates = 0;
    for seed in 0..10 {
        let rig = Rig::loans(3);
        rig.inject_faults(faults(&[Fault::LostAfter], 30, seed));
        rig.switch_probing_off();
        let _ = rig.apply_while(std::future::pending()).await;
        let declared = Declared {
            flow: "loans",
            keys: keys("HT-2026-", 3, 4),
            signers: &["lender", "borrower"],
        };
        duplicates += audit(&rig, &[declared]).duplicates;
    }
    assert!(duplicates > 0);
}
