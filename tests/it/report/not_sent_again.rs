//! Contracts that were to be sent again and were not.

use jiff::{SignedDuration, Timestamp};
use treaty::sandbox::{AutoSign, Sandbox};

use crate::sandbox::servers::{project_of, run};
use crate::support::serve::serve;

/// All have signed since the last sync: the first revocation fails, and the run stops before the
/// others. All are failed, with their causes, and none is sent.
#[test]
fn are_failed_with_their_causes() {
    let (tell, told) = std::sync::mpsc::channel();
    let base = serve(move |base| {
        let sandbox = Sandbox::in_memory(base);
        tell.send(sandbox.clone()).expect("somebody waits");
        sandbox.with_credentials().router()
    });
    let sandbox = told.recv().expect("a world");
    let project = project_of(&base, 3);
    project.replace("treaty.yaml", "rate: none", "rate: none, concurrency: 1");
    assert_eq!(run(&project, &["apply", "--yes"]).code, 0);
    let auto = AutoSign {
        after: SignedDuration::ZERO,
        refuse: 0.0,
        seed: 0,
    };
    sandbox.advance(Some(&auto), Timestamp::now());
    let args = "apply --yes --reissue flows.loans --max-revoke 9 --max-failures 0";
    let args: Vec<&str> = args.split(' ').collect();
    let done = run(&project, &args);
    assert_eq!(done.code, 3, "{}\n{}", done.stdout, done.stderr);
    let failed = project.report("loans.failed.csv");
    let causes: Vec<&str> = failed
        .iter()
        .map(|row| row["treaty_error"].as_str())
        .collect();
    assert_eq!(causes.len(), 3, "{causes:?}");
    assert!(causes[0].contains("all signers have signed"), "{causes:?}");
    for cause in &causes[1..] {
        assert!(cause.starts_with("not sent again: not started:"), "{cause}");
    }
    let all = project.report("loans.csv");
    assert!(all.iter().all(|row| row["treaty_status"] == "failed"));
    assert!(all.iter().all(|row| row["treaty_contract_number"] == "1"));
    assert_eq!(run(&project, &["sync"]).code, 0);
}
