//! treaty as a library, against a sandbox in memory, over a transport that injects faults.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use treaty::api::FlowStatus;
use treaty::client::{Client, Settings};
use treaty::desired::Resources;
use treaty::diagnostic::Findings;
use treaty::execute::{ExecutionContext, Executor, RunStats, Stop, SyncStats};
use treaty::expr::{Environ, RunTime};
use treaty::ledger::{Binding, KnownItem, KnownStep, Ledger, Records, Store};
use treaty::manifest::{self, Tolerance};
use treaty::plan::{Fatal, Observe, Plan, Planner, Retry, Selection, build_plan};
pub(crate) use treaty::sandbox::Fault;
use treaty::sandbox::{AutoSign, Counters, Faults, Flow, Rule, Sandbox, Task, World};
use treaty::sync::{Sync, SyncMode, Wait};

use crate::support::faulty_transport::{FaultyTransport, TransportState};
pub(crate) use crate::support::faulty_transport::{HANG_AFTER, HANG_BEFORE, LATE, NOT_SENT};
use crate::support::project::Project;

/// A project, a world and a ledger.
pub(crate) struct Rig {
    pub(crate) project: Project,
    pub(crate) sandbox: Sandbox,
    wire: Arc<FaultyTransport>,
    pub(crate) rate: Option<f64>,
    pub(crate) throttle_codes: Vec<i64>,
    /// Selects only items that have failed or are in doubt.
    pub(crate) retry: Option<Retry>,
    /// The addresses of the items to send again.
    pub(crate) reissue: Vec<&'static str>,
    /// The resources that the plan looks up.
    pub(crate) observe: Observe,
    /// The maximum number of revoked items.
    pub(crate) max_revoke: Option<u64>,
    /// The maximum number of items in progress and of requests in flight.
    pub(crate) window: usize,
}

/// Returns the pending task of a flow.
pub(crate) fn pending(flow: &Flow) -> &Task {
    let task = flow.tasks.iter().find(|task| task.is_pending());
    task.expect("a task that is to be signed")
}

/// Returns the binding of the rig's ledgers.
pub(crate) fn binding() -> Binding {
    Binding {
        endpoint: "test".into(),
        app_id: Some(String::new()),
    }
}

impl Rig {
    /// Returns a rig with the example's manifests and the first rows of its sheet.
    pub(crate) fn loans(rows: usize) -> Self {
        let project = Project::loans();
        let sheet: Vec<String> = project
            .sheet()
            .lines()
            .take(rows + 1)
            .map(str::to_owned)
            .collect();
        project.set_sheet(&sheet.join("\r\n"));
        Self::of(project)
    }

    /// Returns a rig with a project and an empty world.
    pub(crate) fn of(project: Project) -> Self {
        let sandbox = Sandbox::in_memory("http://world");
        let wire = FaultyTransport {
            sandbox: sandbox.clone(),
            hangs: tokio::sync::Notify::new(),
            state: Mutex::default(),
        };
        Self {
            project,
            sandbox,
            wire: Arc::new(wire),
            rate: None,
            throttle_codes: Vec::new(),
            retry: None,
            reissue: Vec::new(),
            observe: Observe::Resources,
            max_revoke: None,
            window: 4,
        }
    }

    /// Adds the clerk as a signer; `after` is empty or begins with the signers to wait for.
    pub(crate) fn with_witness(&self, after: &str) {
        let borrower = "      borrower:\n        person: { account";
        let witness =
            format!("      witness: {{ {after}person: {{ account: clerk }} }}\n{borrower}");
        self.project
            .replace("manifests/loans.yaml", borrower, &witness);
    }

    /// Sets the duration of automatic signatures. Resets faults and counts.
    pub(crate) fn signing_takes(&mut self, time: jiff::SignedDuration) {
        self.sandbox = self.sandbox.clone().with_signing_duration(time);
        self.wire = Arc::new(FaultyTransport {
            sandbox: self.sandbox.clone(),
            hangs: tokio::sync::Notify::new(),
            state: Mutex::default(),
        });
    }

    /// Injects a fault at the nth call of a path.
    pub(crate) fn fault(self, path: &'static str, nth: usize, fault: Fault) -> Self {
        self.rule(Rule::always(fault).of(path).nth(nth as u64))
    }

    /// Delays every response.
    pub(crate) fn answered_after(self, latency: Duration) -> Self {
        self.wire.state.lock().expect("a lock").latency = latency;
        self
    }

    /// Injects a fault at every call of a path.
    pub(crate) fn always(self, path: &'static str, fault: Fault) -> Self {
        self.rule(Rule::always(fault).of(path))
    }

    /// Injects a fault at the nth call of all.
    pub(crate) fn overall(self, nth: usize, fault: Fault) -> Self {
        self.rule(Rule::always(fault).nth(nth as u64))
    }

    /// Injects a fault at every call of a path whose request contains a text.
    pub(crate) fn for_request(self, path: &'static str, text: &'static str, fault: Fault) -> Self {
        let mut state = self.wire.state.lock().expect("a lock");
        state.of_requests.push((path, text, fault));
        drop(state);
        self
    }

    /// Makes a field of the responses of a path always have its first value.
    pub(crate) fn repeats(self, path: &'static str, field: &'static str) -> Self {
        let mut state = self.wire.state.lock().expect("a lock");
        state.repeated.push((path, field, None));
        drop(state);
        self
    }

    fn rule(self, rule: Rule) -> Self {
        let mut state = self.wire.state.lock().expect("a lock");
        state.faults.rules.push(rule);
        drop(state);
        self
    }

    /// Replaces the faults, and resets their counts.
    pub(crate) fn inject_faults(&self, faults: Faults) {
        let mut state = self.wire.state.lock().expect("a lock");
        state.faults = faults;
        state.counters = Counters::default();
    }

    /// Removes all faults, and resets all counts.
    pub(crate) fn stop_faults(&self) {
        *self.wire.state.lock().expect("a lock") = TransportState::default();
    }

    /// Makes probes find nothing: details omit the newest task of a flow.
    pub(crate) fn switch_probing_off(&self) {
        let mut state = self.wire.state.lock().expect("a lock");
        state.hides_newest_task = true;
    }

    /// Resolves when a call hangs.
    pub(crate) async fn hang(&self) {
        self.wire.hangs.notified().await;
    }

    pub(crate) fn calls(&self, path: &str) -> usize {
        self.wire
            .state
            .lock()
            .expect("a lock")
            .calls
            .get(path)
            .copied()
            .unwrap_or(0)
    }

    /// Returns the last request body of a path.
    pub(crate) fn body(&self, path: &str) -> serde_json::Value {
        let state = self.wire.state.lock().expect("a lock");
        let body = state
            .bodies
            .get(path)
            .unwrap_or_else(|| panic!("no call to {path}"));
        serde_json::from_slice(body).expect("JSON")
    }

    pub(crate) fn total_calls(&self) -> usize {
        self.wire.state.lock().expect("a lock").total
    }

    pub(crate) fn call_times(&self) -> Vec<tokio::time::Instant> {
        self.wire.state.lock().expect("a lock").times.clone()
    }

    /// Signs all pending tasks, and returns their number.
    pub(crate) fn sign_all(&self) -> usize {
        let pending: Vec<String> = self.sandbox.with_world(|world| {
            let open = world
                .flows()
                .filter(|flow| flow.status == FlowStatus::Signing);
            let tasks = open.flat_map(|flow| &flow.tasks);
            let pending = tasks.filter(|task| task.is_pending());
            pending.map(|task| task.token.clone()).collect()
        });
        let auto = AutoSign {
            after: jiff::SignedDuration::ZERO,
            refuse: 0.0,
            seed: 0,
        };
        self.sandbox.advance(Some(&auto), Timestamp::now());
        pending.len()
    }

    /// Archives a flow as another client.
    pub(crate) async fn archive(&self, flow_id: &treaty::address::FlowId) {
        let client = Client::new(self.wire.clone(), self.settings(), Arc::new(|_| {}));
        let archive = treaty::api::Archive {
            flow_id: flow_id.clone(),
        };
        client.call(&archive).await.expect("archived");
    }

    /// Syncs once, as the command does.
    pub(crate) async fn sync(&self) -> SyncStats {
        self.sync_while(std::future::pending())
            .await
            .expect("it ends by itself")
    }

    /// Syncs once, and is cut off when the future ends.
    pub(crate) async fn sync_while(&self, end: impl Future<Output = ()>) -> Option<SyncStats> {
        tokio::select! {
            biased;
            result = self.try_sync() => Some(result.expect("a sync")),
            () = end => None,
        }
    }

    /// Syncs once. Returns `None` after a fatal error, such as a missing response.
    pub(crate) async fn sync_tolerant(&self) -> Option<SyncStats> {
        self.try_sync().await.ok()
    }

    /// Syncs until nothing is in progress.
    pub(crate) async fn follow(&self, wait: Wait) -> SyncStats {
        self.course(SyncMode::Continuous(wait))
            .await
            .expect("a sync")
    }

    async fn try_sync(&self) -> Result<SyncStats, Fatal> {
        self.course(SyncMode::Once).await
    }

    /// Syncs in the given mode.
    pub(crate) async fn course(&self, course: SyncMode) -> Result<SyncStats, Fatal> {
        let (_ask, stop) = watch::channel(Stop::No);
        self.course_until(course, stop).await
    }

    /// Syncs in the given mode until it is stopped.
    pub(crate) async fn course_until(
        &self,
        course: SyncMode,
        stop: watch::Receiver<Stop>,
    ) -> Result<SyncStats, Fatal> {
        let ledger = self.ledger();
        let client = Client::new(self.wire.clone(), self.settings(), Arc::new(|_| {}));
        let sync = Sync {
            records: &ledger,
            client: &client,
            root: self.project.root(),
            targets: Vec::new(),
            excludes: Vec::new(),
            concurrency: self.window,
            listener: Arc::new(|_| {}),
            stop,
            mode: course,
        };
        sync.run().await
    }

    /// Returns the path of the ledger.
    pub(crate) fn ledger_path(&self) -> std::path::PathBuf {
        self.project.path(".treaty/l.db")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.wire.clone(), self.settings(), Arc::new(|_| {}))
    }

    /// Returns a client with a listener.
    pub(crate) fn client_with(
        &self,
        listener: Arc<dyn Fn(treaty::client::ClientEvent) + Send + std::marker::Sync>,
    ) -> Client {
        Client::new(self.wire.clone(), self.settings(), listener)
    }

    pub(crate) fn ledger(&self) -> Store {
        let held = Store::hold(&self.ledger_path(), &binding(), "a test", "now");
        held.expect("a ledger").synchronous()
    }

    pub(crate) fn manifests(&self, findings: &mut Findings) -> manifest::Project {
        let root = self.project.root();
        manifest::Project::load(root, None, &Environ::default(), findings).expect("a project")
    }

    /// Plans and applies, as the command does.
    pub(crate) async fn apply(&self) -> (Plan, RunStats) {
        self.apply_while(std::future::pending())
            .await
            .expect("it ends by itself")
    }

    /// Plans and applies, and is cut off when the future ends, like a killed process.
    pub(crate) async fn apply_while(
        &self,
        end: impl Future<Output = ()>,
    ) -> Option<(Plan, RunStats)> {
        let (_ask, stop) = watch::channel(Stop::No);
        tokio::select! {
            biased;
            result = self.apply_until(stop) => result,
            () = end => None,
        }
    }

    /// Plans and applies, as the command does, until it is stopped.
    pub(crate) async fn apply_until(
        &self,
        stop: watch::Receiver<Stop>,
    ) -> Option<(Plan, RunStats)> {
        let mut findings = Findings::default();
        let project = self.manifests(&mut findings);
        let ledger = self.ledger();
        let standing = Resources::of(&project, ledger.salt(), &mut findings);
        let client = Client::new(self.wire.clone(), self.settings(), Arc::new(|_| {}));
        let surveyor = Planner {
            project: &project,
            resources: &standing,
            ledger: &ledger,
            selection: Selection {
                retry: self.retry,
                reissue: self
                    .reissue
                    .iter()
                    .map(|address| address.parse().expect("an address"))
                    .collect(),
                max_revoke: self.max_revoke.map(Tolerance::Count),
                ..Selection::default()
            },
            run: RunTime::at(Timestamp::now()),
            listener: Arc::new(|_| {}),
        };
        let asked = Some((&client, self.observe));
        let Ok(survey) = build_plan(&surveyor, asked, &mut findings).await else {
            return None;
        };
        assert_eq!(findings.errors(), 0, "{:?}", findings.kept());
        let run = ledger
            .begin_run(&format!("{:?}", Timestamp::now()), "now")
            .await
            .expect("a run");
        let executor = Executor::new(ExecutionContext {
            resources: &standing,
            planned: &survey,
            ledger: &ledger,
            client: &client,
            root: &project.root,
            run,
            tolerate: None,
            listener: Arc::new(|_| {}),
            stop,
        });
        let tally = executor.run().await;
        drop(executor);
        Some((survey.plan, tally))
    }

    /// Plans and applies. Returns whether the plan was empty; false if the plan failed.
    pub(crate) async fn apply_survey_tolerant(&self) -> bool {
        self.apply_while(std::future::pending())
            .await
            .is_some_and(|(plan, _)| plan.is_empty())
    }

    fn settings(&self) -> Settings {
        Settings {
            endpoint: "http://world".into(),
            credentials: None,
            rate: self.rate,
            operation_rates: BTreeMap::new(),
            concurrency: NonZeroUsize::new(self.window).expect("positive"),
            attempts: 4,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            outage: Duration::from_mins(3),
            throttle_codes: self.throttle_codes.clone(),
        }
    }

    /// Returns the item that was recorded first, and its steps.
    pub(crate) fn first(&self) -> (KnownItem, Vec<KnownStep>) {
        let ledger = self.ledger();
        let item = ledger.items_after(None, 0, 1).expect("read").remove(0);
        let steps = ledger.known_steps(item.record.id).expect("read");
        (item, steps)
    }

    /// Returns the flows with at least one live task.
    pub(crate) fn sent(&self) -> Vec<Flow> {
        self.sandbox.with_world(|world| {
            let flows = world.flows();
            flows
                .filter(|flow| flow.live_tasks().next().is_some())
                .cloned()
                .collect()
        })
    }

    /// Asserts that each item has one flow, with one live task for each signer.
    pub(crate) fn assert_each_once(&self, items: usize) {
        self.sandbox.with_world(|world| {
            let sent: Vec<&Flow> = world
                .flows()
                .filter(|flow| flow.live_tasks().next().is_some())
                .collect();
            assert_eq!(sent.len(), items, "flows that somebody was asked to sign");
            let mut people = BTreeMap::new();
            for flow in sent {
                let live: Vec<_> = flow.live_tasks().collect();
                assert_eq!(live.len(), 2, "live tasks of {}", flow.id);
                assert_eq!(
                    live.iter()
                        .filter(|account| ***account == World::platform())
                        .count(),
                    1
                );
                for account in live {
                    *people.entry(account.clone()).or_insert(0) += 1;
                }
            }
            people.remove(&World::platform());
            assert_eq!(people.len(), items, "people who were asked");
            assert!(
                people.values().all(|asked| *asked == 1),
                "somebody was asked twice"
            );
            // The clerk, the lender, and one person for each row.
            assert_eq!(world.account_count(), items + 2);
        });
    }
}
