//! Tests that run over both stores: a file, and a schema of a Postgres database.
//!
//! The database is that of `TREATY_TEST_POSTGRES`, for example
//! `postgres://treaty@127.0.0.1:5432/treaty`, with the password of `TREATY_LEDGER_PASSWORD`. Without
//! it, the tests over Postgres say that they were skipped. Each test has a schema of its own.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::api::SignStatus;
use crate::expr::Fingerprint;
use crate::util::postgres_address::PostgresAddress;

/// A place for a ledger, which is removed when it is dropped.
struct Place {
    location: Location,
    /// Whether the schema of Postgres is removed with it.
    is_own: bool,
    _folder: TempDir,
}

impl Place {
    fn file() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            location: Location::File(folder.path().join("l.db")),
            is_own: true,
            _folder: folder,
        }
    }

    /// Returns a schema that does not exist; none if no database is set.
    fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var("TREATY_TEST_POSTGRES") else {
            eprintln!("skipped: TREATY_TEST_POSTGRES is not set");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let schema = format!("test_{}", version::random_id().expect("random"));
        let address = PostgresAddress::parse(&url, &schema, folder.path()).expect("an address");
        let password = std::env::var("TREATY_LEDGER_PASSWORD").ok();
        let settings = PostgresSettings {
            address,
            password: password.map(SecretString::from),
        };
        let local = folder.path().join("l.postgres");
        Some(Self {
            location: Location::Postgres {
                settings: Box::new(settings),
                local,
            },
            is_own: true,
            _folder: folder,
        })
    }

    fn hold(&self) -> Result<Store, LedgerError> {
        Store::hold(&self.location, &binding(), "a test", "2026-11-23 08:00:00")
    }

    fn read(&self) -> Store {
        Store::read(&self.location, &binding()).expect("read")
    }

    /// Returns another place of the same ledger, as another machine has it.
    fn on_another_machine(&self) -> Option<Self> {
        let Location::Postgres { settings, .. } = &self.location else {
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let local = folder.path().join("l.postgres");
        Some(Self {
            location: Location::Postgres {
                settings: settings.clone(),
                local,
            },
            is_own: false,
            _folder: folder,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Location::Postgres { settings, .. } = &self.location
            && self.is_own
            && let Ok(connection) = database::Connection::to_postgres(settings)
        {
            let schema = settings.address.quoted_schema();
            // The database of a test is thrown away in any case.
            let _ = connection.execute_batch(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"));
        }
    }
}

/// Defines tests over each store.
macro_rules! over_both_stores {
    ($($name:ident),* $(,)?) => {
        mod over_a_file {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::Place::file()).await;
            })*
        }
        mod over_postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(place) = super::Place::postgres() {
                    super::$name(&place).await;
                }
            })*
        }
    };
}

over_both_stores!(
    records_every_kind_of_write,
    one_run_at_a_time_holds_a_ledger,
    a_collision_leaves_out_its_own_job_only,
    a_message_of_the_service_may_contain_any_character,
    refuses_another_endpoint_or_app,
    an_export_is_imported_unchanged,
    records_callbacks_once,
    a_ledger_that_was_put_back_is_refused,
    a_database_that_loses_transactions_in_a_run_ends_it,
    reading_creates_nothing,
    a_snapshot_does_not_change,
);

fn binding() -> Binding {
    Binding {
        endpoint: "sandbox".into(),
        app_id: Some(String::new()),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).expect("in range")
}

fn begun(id: EntityId, key: &str) -> Write {
    Write::ItemBegun {
        id,
        flow: "loan".into(),
        key: key.into(),
        fingerprint: Fingerprint([7; 16]),
        content: Some(Fingerprint([8; 16])),
        cells: None,
        run: 1,
        at: at(id),
        afresh: false,
    }
}

fn receipt(subject: EntityId, step: &str, receipt: serde_json::Value) -> Write {
    Write::Receipt {
        subject,
        step: step.into(),
        op: Op::PlatformSignTask,
        receipt: Arc::new(receipt),
    }
}

fn intent(subject: EntityId, step: &str) -> Write {
    Write::Intent {
        subject,
        step: step.into(),
        op: Op::PlatformSignTask,
        legal: true,
    }
}

fn ended(id: EntityId, status: ItemStatus, message: Option<&str>) -> Write {
    let failure = message.map(|message| Failure {
        code: Some(30_500_125),
        message: message.into(),
        hint: "a hint".into(),
    });
    Write::ItemEnded {
        id,
        status,
        failure,
        at: at(100 + id),
    }
}

/// Writes of every kind, in groups.
#[allow(clippy::too_many_lines)]
fn writes() -> Vec<Vec<Write>> {
    let account = Resource {
        id: 50,
        remote_id: Some("a1".into()),
        fields: [("mobile".to_owned(), Fingerprint([3; 16]).into())].into(),
        grant: Some(RecordedGrant {
            deadline: Some(1_800_000_000_000),
        }),
    };
    let resource = |identity: &str, resource: &Resource| Write::Resource {
        kind: ResourceKind::Account,
        identity: identity.into(),
        resource: resource.clone(),
    };
    let signed = SignState {
        status: SignStatus::Signed,
        time: Some("2026-11-23 09:00:00".into()),
    };
    vec![
        vec![
            Write::RunBegun {
                run: RunRecord {
                    id: 1,
                    name: "first".into(),
                },
                at: "2026-11-23 08:00:00".into(),
            },
            Write::AccountsFound { count: 3 },
            Write::AccountsFound { count: 4 },
        ],
        vec![
            resource("thirdId 借款人", &account),
            resource(
                "kept",
                &Resource {
                    id: 51,
                    remote_id: None,
                    grant: None,
                    ..account
                },
            ),
            Write::ResourceForgotten {
                kind: ResourceKind::Account,
                identity: "kept".into(),
            },
        ],
        (1..=8).map(|id| begun(id, &format!("HT-{id}"))).collect(),
        vec![
            receipt(1, "process", json!({ "flowId": "f1", "docId": "d1" })),
            intent(1, "signers.borrower"),
            receipt(
                1,
                "signers.borrower",
                json!({ "accountId": "a1", "signUrl": "https://s/1" }),
            ),
            Write::Deferred {
                subject: 1,
                step: "signers.lender".into(),
                op: Op::PlatformSignTask,
                deferral: Deferral {
                    order: 10,
                    operation: Op::PlatformSignTask.path().to_owned(),
                    after: vec!["signers.borrower".into()],
                    request: json!({ "flowId": "f1", "key": "\u{0}字" }),
                },
            },
            Write::Deferred {
                subject: 1,
                step: "archive".into(),
                op: Op::Archive,
                deferral: Deferral {
                    order: 9,
                    operation: Op::Archive.path().to_owned(),
                    after: Vec::new(),
                    request: json!({ "flowId": "f1" }),
                },
            },
            ended(1, ItemStatus::Waiting, None),
            Write::Polled {
                id: 1,
                at: at(500),
                signers: vec![("signers.borrower".into(), signed)],
            },
        ],
        vec![
            intent(2, "signers.borrower"),
            ended(2, ItemStatus::InDoubt, Some("no response")),
            begun(2, "HT-2"),
            ended(3, ItemStatus::Failed, Some("was refused: 手机号")),
            Write::Refused {
                subject: 3,
                step: "signers.borrower".into(),
                op: Op::PlatformSignTask,
            },
            intent(4, "signers.borrower"),
            Write::Void {
                subject: 4,
                step: "signers.borrower".into(),
            },
            intent(5, "signers.borrower"),
            Write::Withdrawn { id: 5 },
            Write::ItemForgotten { id: 6 },
            intent(7, "signers.borrower"),
            ended(7, ItemStatus::Revoked, None),
            Write::DeferralsDropped { subject: 1 },
        ],
        vec![
            Write::ItemBegun {
                id: 7,
                flow: "loan".into(),
                key: "HT-7".into(),
                fingerprint: Fingerprint([9; 16]),
                content: None,
                cells: Some(Fingerprint([1; 16])),
                run: 1,
                at: at(900),
                afresh: true,
            },
            Write::FlowRenamed {
                from: "loan".into(),
                to: "loans".into(),
            },
            Write::RunEnded {
                run: 1,
                at: "2026-11-23 08:05:00".into(),
                exit: 3,
            },
        ],
    ]
}

/// Returns everything that a ledger records, without what differs between two ledgers.
fn export(ledger: &Store) -> Vec<String> {
    let mut out = Vec::new();
    ledger.export("test", &mut out).expect("exported");
    let text = String::from_utf8(out).expect("text");
    let lines = text.lines().skip(1).map(str::to_owned).collect();
    let header = text.lines().next().expect("a header");
    let header: serde_json::Value = serde_json::from_str(header).expect("JSON");
    let header = &header["ledger"];
    let own = json!([header["version"]["serial"], header["existingAccounts"]]);
    [vec![own.to_string()], lines].concat()
}

/// The expected export is that of a file, whose statements have been used for long.
async fn records_every_kind_of_write(place: &Place) {
    let mut exports = Vec::new();
    let file = Place::file();
    for place in [&file, place] {
        let ledger = place.hold().expect("held");
        for group in writes() {
            ledger.write(group).await.expect("written");
        }
        exports.push(export(&ledger));
        check_reads(&ledger);
    }
    assert!(exports[0].len() > 9, "{exports:?}");
    assert_eq!(exports[0], exports[1]);
}

fn check_reads(ledger: &Store) {
    assert_eq!(ledger.flows().expect("read"), ["loans"]);
    let item = ledger
        .item("loans", "HT-1")
        .expect("read")
        .expect("an item");
    assert_eq!(item.status, ItemStatus::Waiting);
    assert_eq!(item.moved_at, Some(at(500)));
    let doubt = ledger
        .item("loans", "HT-2")
        .expect("read")
        .expect("an item");
    assert_eq!(doubt.status, ItemStatus::InDoubt);
    assert_eq!(doubt.attempts, 2);
    let again = ledger
        .item("loans", "HT-7")
        .expect("read")
        .expect("an item");
    assert_eq!((again.earlier, again.sent), (1, false));
    let mut keys = Vec::new();
    let mut each = |key: &str, _| keys.push(key.to_owned());
    ledger.items("loans", &mut each).expect("read");
    keys.sort();
    assert_eq!(
        keys,
        ["HT-1", "HT-2", "HT-3", "HT-4", "HT-5", "HT-7", "HT-8"]
    );
    let steps: Vec<String> = ledger
        .known_steps(1)
        .expect("read")
        .into_iter()
        .map(|step| step.name)
        .collect();
    assert_eq!(steps, ["process", "signers.borrower"]);
    let refused = ledger.refused(3).expect("read");
    assert_eq!(
        refused,
        [("signers.borrower".to_owned(), Op::PlatformSignTask)]
    );
    let mut under_way = Vec::new();
    let mut each = |id, _: &str, key: &str| under_way.push((id, key.to_owned()));
    ledger.under_way(&mut each).expect("read");
    assert_eq!(under_way, [(1, "HT-1".to_owned()), (2, "HT-2".to_owned())]);
    let account = ledger
        .resource(ResourceKind::Account, "thirdId 借款人")
        .expect("read")
        .expect("an account");
    assert!(account.grant.is_some());
    assert_eq!(ledger.declared_resources().expect("read").len(), 1);
    let signers = ledger.other_signers("loans", &["lender"]).expect("read");
    assert_eq!(signers, ["borrower"]);
    let run = ledger.run(None).expect("read").expect("a run");
    assert_eq!((run.record.name.as_str(), run.exit), ("first", Some(3)));
    assert_eq!(ledger.accounts_found().expect("read"), Some(7));
    let page = ledger.items_after(Some(1), 2, 2).expect("read");
    assert_eq!(page.len(), 2);
    let first = ledger.item_by_id(1).expect("read").expect("an item");
    assert_eq!(first.flow_id.as_deref(), Some("f1"));
    let mut pending = 0;
    ledger
        .each_pending(&mut |_| {
            pending += 1;
            std::ops::ControlFlow::Continue(())
        })
        .expect("read");
    assert_eq!(pending, 0, "the only signer with a page has signed");
    assert!(ledger.has_run("first").expect("read"));
    assert_eq!(ledger.next_subject(), 1);
}

async fn one_run_at_a_time_holds_a_ledger(place: &Place) {
    let ledger = place.hold().expect("held");
    let held = place.hold().expect_err("held by the first").to_string();
    assert!(held.contains("a test"), "{held}");
    if let Some(other) = place.on_another_machine() {
        let held = other.hold().expect_err("held by the first").to_string();
        assert!(held.contains("renewed"), "{held}");
    }
    ledger.write(vec![begun(1, "HT-1")]).await.expect("written");
    assert!(place.read().holder().expect("read").is_some());
    drop(ledger);
    let next = place.hold().expect("released");
    assert_eq!(next.next_subject(), 2);
}

/// Several machines ask for the lease at once: one of them gets it, and keeps it.
#[tokio::test]
async fn one_of_many_machines_takes_the_lease() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(place.hold().expect("made"));
    let others: Vec<Place> = (0..8).filter_map(|_| place.on_another_machine()).collect();
    let held: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = others
            .iter()
            .map(|other| scope.spawn(|| other.hold()))
            .collect();
        let results = threads
            .into_iter()
            .map(|thread| thread.join().expect("ended"));
        results.collect()
    });
    let holders: Vec<&Store> = held.iter().flatten().collect();
    let [holder] = &holders[..] else {
        panic!("{} hold it", holders.len());
    };
    holder.write(vec![begun(1, "HT-1")]).await.expect("written");
}

async fn a_collision_leaves_out_its_own_job_only(place: &Place) {
    let ledger = place.hold().expect("held");
    let first = vec![
        begun(1, "HT-1"),
        receipt(1, "document", json!({ "docId": "d" })),
    ];
    ledger.write(first).await.expect("written");
    let repeated = vec![
        begun(2, "HT-2"),
        receipt(2, "document", json!({ "docId": "d" })),
    ];
    let repeated = ledger.write(repeated);
    let other = vec![
        begun(3, "HT-3"),
        receipt(3, "document", json!({ "docId": "e" })),
    ];
    let other = ledger.write(other);
    let error = repeated.await.expect_err("it is recorded for another item");
    assert!(error.to_string().contains("HT-1"), "{error}");
    other.await.expect("written");
    assert!(ledger.item("loan", "HT-2").expect("read").is_none());
    assert!(ledger.item("loan", "HT-3").expect("read").is_some());
    // The flow of a job that was left out is created with its next item.
    let item = |id| {
        let mut write = begun(id, "HT-9");
        if let Write::ItemBegun { flow, .. } = &mut write {
            *flow = "leases".into();
        }
        write
    };
    let repeated = vec![item(9), receipt(9, "document", json!({ "docId": "d" }))];
    ledger.write(repeated).await.expect_err("of another item");
    ledger.write(vec![item(10)]).await.expect("written");
    assert!(ledger.item("leases", "HT-9").expect("read").is_some());
    let account = |identity: &str, id: EntityId| Write::Resource {
        kind: ResourceKind::Account,
        identity: identity.into(),
        resource: Resource {
            id,
            remote_id: Some("a".into()),
            fields: RecordedFields::new(),
            grant: None,
        },
    };
    ledger
        .write(vec![account("p1", 10)])
        .await
        .expect("written");
    ledger
        .write(vec![account("p2", 11)])
        .await
        .expect_err("of another account");
    ledger
        .write(vec![account("p1", 10)])
        .await
        .expect("its own");
}

async fn a_message_of_the_service_may_contain_any_character(place: &Place) {
    let ledger = place.hold().expect("held");
    let message = "refused\u{0}: \u{7f}\u{e000}字";
    let answer = json!({ "flowId": "f1", "more": "a\u{0}b", "signUrl": "u".repeat(9000) });
    ledger
        .write(vec![begun(1, "HT-1"), receipt(1, "process", answer)])
        .await
        .expect("written");
    let failed = ended(1, ItemStatus::Failed, Some(message));
    ledger.write(vec![failed]).await.expect("written");
    let item = ledger.item_by_id(1).expect("read").expect("an item");
    assert_eq!(item.flow_id.as_deref(), Some("f1"));
    let failure = item.record.failure.expect("a failure");
    assert!(failure.message.starts_with("refused"), "{failure:?}");
}

async fn refuses_another_endpoint_or_app(place: &Place) {
    drop(place.hold().expect("made"));
    for other in [
        Binding {
            endpoint: "https://o.tsign.cn/opentreaty-service".into(),
            ..binding()
        },
        Binding {
            app_id: Some("another".into()),
            ..binding()
        },
    ] {
        let error = Store::read(&place.location, &other).expect_err("refused");
        assert!(matches!(error, LedgerError::Bound { .. }), "{error}");
    }
}

async fn an_export_is_imported_unchanged(place: &Place) {
    let ledger = place.hold().expect("held");
    for group in writes() {
        ledger.write(group).await.expect("written");
    }
    let mut exported = Vec::new();
    ledger.export("test", &mut exported).expect("exported");
    for target in [Some(Place::file()), Place::postgres()]
        .into_iter()
        .flatten()
    {
        let options = HoldOptions {
            policy: VersionPolicy::Import,
            ..HoldOptions::default()
        };
        let empty = Store::hold_with(&target.location, &binding(), "a test", "now", &options);
        let empty = empty.expect("held");
        let imported = empty.import("export", &exported[..], &binding());
        assert_eq!(imported.expect("imported").items, 7);
        let mut again = Vec::new();
        target.read().export("test", &mut again).expect("exported");
        assert_eq!(
            String::from_utf8_lossy(&again),
            String::from_utf8_lossy(&exported)
        );
    }
}

async fn records_callbacks_once(place: &Place) {
    let ledger = place.hold().expect("held");
    let created = vec![
        begun(1, "HT-1"),
        receipt(1, "process", json!({ "flowId": "f1" })),
    ];
    ledger.write(created).await.expect("written");
    let inbox = Inbox::open(&place.location, &binding(), &HoldOptions::default()).expect("opened");
    let event = |digest: u8, flow: &str| CallbackEvent {
        digest: Fingerprint([digest; 16]),
        flow_id: flow.into(),
        at: at(1),
    };
    let record = async |event| inbox.record(event).await.expect("recorded");
    assert_eq!(record(event(1, "f1")).await, CallbackReceipt::New);
    assert_eq!(record(event(1, "f1")).await, CallbackReceipt::Repeated);
    assert_eq!(record(event(2, "other")).await, CallbackReceipt::Unknown);
    inbox.check_writable().await.expect("writable");
    assert_eq!(inbox.unhandled().await.expect("counted"), 1);
    let notices = ledger.notices(10).expect("read");
    let [notice] = &notices[..] else {
        panic!("{notices:?}");
    };
    assert_eq!(notice.item, Some(1));
    let handled = Write::NoticesHandled {
        notices: vec![notice.id],
        at: at(2),
    };
    ledger.write(vec![handled]).await.expect("written");
    assert_eq!(inbox.unhandled().await.expect("counted"), 0);
}

async fn a_ledger_that_was_put_back_is_refused(place: &Place) {
    let ledger = place.hold().expect("held");
    ledger
        .write(vec![begun(1, "HT-1"), intent(1, "process")])
        .await
        .expect("written");
    let known = ledger.version().expect("read");
    drop(ledger);
    let newer = Evidence {
        source: "reports/run.json".into(),
        version: Some(LedgerVersion {
            serial: known.serial + 1,
            ..known
        }),
    };
    let options = HoldOptions {
        evidence: vec![newer],
        ..HoldOptions::default()
    };
    let error = Store::hold_with(&place.location, &binding(), "a test", "now", &options)
        .expect_err("it is older");
    assert!(matches!(error, LedgerError::Older { .. }), "{error}");
}

async fn a_database_that_loses_transactions_in_a_run_ends_it(place: &Place) {
    let ledger = place.hold().expect("held");
    for id in 1..=3 {
        let group = vec![begun(id, &format!("HT-{id}")), intent(id, "process")];
        ledger.write(group).await.expect("written");
    }
    let lease = ledger.lease().expect("held");
    // A standby that was behind has taken over.
    let connection = opening::open(&place.location).expect("connected");
    let lost = "UPDATE meta SET value = CAST(value AS BIGINT) - 2 WHERE name = 'serial'";
    connection.execute(lost, &[]).expect("lost");
    let error = ledger
        .write(vec![begun(4, "HT-4")])
        .await
        .expect_err("it went back");
    assert!(matches!(error, LedgerError::Older { .. }), "{error}");
    lease
        .check()
        .await
        .expect_err("no request is sent any more");
    drop(ledger);
    let error = place.hold().expect_err("the marker knows it");
    assert!(matches!(error, LedgerError::Older { .. }), "{error}");
}

async fn reading_creates_nothing(place: &Place) {
    let ledger = place.read();
    assert!(!ledger.exists().expect("looked up"));
    assert!(ledger.item("loan", "HT-1").expect("read").is_none());
    assert!(!place.read().exists().expect("looked up"));
}

async fn a_snapshot_does_not_change(place: &Place) {
    let ledger = place.hold().expect("held");
    ledger.write(vec![begun(1, "HT-1")]).await.expect("written");
    let reader = place.read();
    reader.hold_snapshot().expect("held");
    ledger.write(vec![begun(2, "HT-2")]).await.expect("written");
    assert!(reader.item("loan", "HT-2").expect("read").is_none());
    assert!(place.read().item("loan", "HT-2").expect("read").is_some());
}

/// Ends all other connections to the schema of a ledger.
fn end_connections(place: &Place) {
    let Location::Postgres { settings, .. } = &place.location else {
        return;
    };
    let connection = database::Connection::to_postgres(settings).expect("connected");
    // The server cuts off a long name.
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE application_name = CAST(CAST(? AS TEXT) AS NAME) AND pid <> pg_backend_pid()";
    let name = settings.application_name();
    let count = connection.query_one(sql, database::params![&name], |row| row.get::<i64>(0));
    count.expect("ended");
}

/// The number of times that all connections are ended in a test.
const ENDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_loses_and_repeats_nothing() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let ledger = place.hold().expect("held");
    let before = ledger.version().expect("read").serial;
    let other = place.on_another_machine().expect("the same schema");
    let ending = std::thread::spawn(move || {
        for _ in 0..ENDS {
            // A login takes a tenth of a second without optimization.
            std::thread::sleep(Duration::from_millis(400));
            end_connections(&other);
        }
    });
    let mut written = 0;
    while !ending.is_finished() {
        written += 1;
        let key = format!("HT-{written}");
        let group = vec![begun(written, &key), intent(written, "process")];
        ledger.write(group).await.expect("written");
        let item = ledger.item("loan", &key).expect("read");
        assert_eq!(item.expect("an item").attempts, 1, "written once");
    }
    ending.join().expect("ended");
    let mut count = 0;
    ledger.items("loan", &mut |_, _| count += 1).expect("read");
    assert_eq!(count, written);
    let grown = ledger.version().expect("read").serial - before;
    assert_eq!(grown, written, "each group was committed once");
}
