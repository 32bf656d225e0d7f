//! Random projects, sheets, worlds, signers and faults. In the end each item has one live flow,
//! each signer has one task, the ledger agrees with the world, and the plan is empty.
//!
//! `TREATY_LONG=1` runs many more scenarios, with another seed each time. The seed is printed;
//! `TREATY_SEED=…` repeats it.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};
use treaty::api::FlowStatus;
use treaty::plan::{ItemAction, Plan};
use treaty::sandbox::{SealChoice, Task, UserAction};

use crate::support::rig::Rig;
use crate::support::script::{Act, PEOPLE, Script, any_script};
use crate::support::truth::{Declared, until_quiet};

#[test]
fn random_scenarios_duplicate_and_lose_nothing() {
    let long = std::env::var_os("TREATY_LONG").is_some();
    let by_time = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |time| time.as_secs())
    };
    let seed = match std::env::var("TREATY_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) if long => by_time(),
        Err(_) => 1,
    };
    println!("TREATY_SEED={seed}");
    let config = ProptestConfig {
        cases: if long { 600 } else { 16 },
        rng_seed: RngSeed::Fixed(seed),
        // No regression file is written; the seed repeats the scenarios.
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    };
    let told = TestRunner::new(config).run(&any_script(), |script| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(tell(script))
    });
    if let Err(failure) = told {
        panic!("TREATY_SEED={seed}\n{failure}");
    }
}

/// Executes a scenario to its end and checks the result.
async fn tell(mut script: Script) -> TestCaseResult {
    let mut rig = Rig::of(script.project());
    rig.window = script.window;
    for customer in &script.existing {
        make_account(&rig, *customer);
    }
    rig.inject_faults(script.faults());
    for act in std::mem::take(&mut script.acts) {
        happens(&rig, &mut script, act).await;
    }
    put_back(&rig, &mut script).await;
    let flows: Vec<String> = (0..script.flows.len())
        .map(|number| format!("f{number}"))
        .collect();
    let declared: Vec<Declared<'_>> = script
        .flows
        .iter()
        .enumerate()
        .map(|(number, flow)| Declared {
            flow: &flows[number],
            keys: flow.keys(number),
            signers: flow.names(),
        })
        .collect();
    let found = until_quiet(&rig, &declared).await;
    prop_assert_eq!((found.duplicates, found.lost), (0, 0), "{:#?}", found.notes);
    one_flow_an_item(&rig)
}

/// Checks that each item has one flow, rows removed from the sheet included.
fn one_flow_an_item(rig: &Rig) -> TestCaseResult {
    let mut names: Vec<String> = rig
        .sent()
        .into_iter()
        .map(|flow| flow.docs[0].name.clone())
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    prop_assert_eq!(all, names.len(), "an item has two flows");
    Ok(())
}

async fn happens(rig: &Rig, script: &mut Script, act: Act) {
    match act {
        Act::Apply => drop(rig.apply_while(std::future::pending()).await),
        Act::Sync => drop(rig.sync_tolerant().await),
        Act::SignAll => drop(rig.sign_all()),
        Act::Sign(who) => does(rig, who, |task| UserAction::Sign(with(rig, task))),
        Act::Refuse(who) => does(rig, who, |_| UserAction::Refuse {
            reason: "不同意".to_owned(),
        }),
        Act::Row(flow, row, text) => {
            let number = flow.index(script.flows.len());
            let flow = &mut script.flows[number];
            flow.rows[row] = text;
            flow.write_sheet(&rig.project, number);
        }
    }
}

/// Lets one signer with a pending task act.
fn does(rig: &Rig, who: Index, deed: impl Fn(&Task) -> UserAction) {
    let flows = rig.sent().into_iter();
    let open = flows.filter(|flow| flow.status == FlowStatus::Signing);
    let open = open.flat_map(|flow| flow.tasks).filter(Task::is_pending);
    let open: Vec<Task> = open.collect();
    if !open.is_empty() {
        let task = who.get(&open[..]);
        let acted = rig.sandbox.act(&task.token, &deed(task), Timestamp::now());
        acted.expect("he was asked");
    }
}

/// Returns the first allowed seal for the signer, and for the organization if there is one.
fn with(rig: &Rig, task: &Task) -> Vec<SealChoice> {
    let choices = rig.sandbox.with_world(|world| world.choices(task));
    choices
        .into_iter()
        .filter_map(|own| own.into_iter().next())
        .collect()
}

/// Restores changed rows as an operator would, because partly sent items cannot be completed with
/// other values.
async fn put_back(rig: &Rig, script: &mut Script) {
    // A row has one of three values, and the lookups may fail.
    for _ in 0..40 {
        let Some((plan, _)) = rig.apply_while(std::future::pending()).await else {
            continue;
        };
        if !change_blocked(rig, script, &plan) {
            return;
        }
    }
    panic!("rows cannot be put back");
}

fn change_blocked(rig: &Rig, script: &mut Script, plan: &Plan) -> bool {
    let mut any = false;
    for flow_plan in &plan.flows {
        let number: usize = flow_plan.flow[1..].parse().expect("a number");
        let flow = &mut script.flows[number];
        let mut there = flow.rows.iter_mut().flatten();
        for planned in &flow_plan.rows {
            let text = there.next().expect("as many rows");
            if planned.action == ItemAction::Changed {
                *text = (*text + 1) % 3;
                any = true;
            }
        }
        flow.write_sheet(&rig.project, number);
    }
    any
}

fn make_account(rig: &Rig, customer: usize) {
    let (name, id) = PEOPLE[customer];
    let person = serde_json::json!({ "thirdId": format!("C{customer}"), "name": name, "idNo": id, "idType": 19 });
    let request = http::Request::post("/account/create/person")
        .header("Content-Type", "application/json")
        .body(Bytes::from(person.to_string()))
        .expect("a request");
    // The account may already exist.
    rig.sandbox.handle(&request, Timestamp::now());
}
