//! Operations on the rig's ledger other than apply: deletion, repair, export and import, audit.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use treaty::address::Address;
use treaty::desired::{Resources, RowLookup};
use treaty::diagnostic::Findings;
use treaty::execute::Stop;
use treaty::expr::RunTime;
use treaty::ledger::{HoldOptions, ImportError, Imported, Ledger, Records, Store, VersionPolicy};
use treaty::repair::{
    AdoptError, Adopter, Audit, AuditedItem, Revocation, RevocationStats, TaskReissue,
    resolve_not_done,
};

use crate::support::rig::{Rig, binding};

impl Rig {
    /// Deletes the ledger.
    pub(crate) fn forget_ledger(&self) {
        for ending in ["db", "db-wal", "db-shm", "db.lock", "db.marker"] {
            let _ = std::fs::remove_file(self.ledger_path().with_extension(ending));
        }
    }

    /// Returns the key of the item in doubt.
    pub(crate) fn key_in_doubt(&self) -> String {
        let items = self.ledger().items_after(None, 0, 100).expect("read");
        let mut items = items.into_iter();
        let found = items.find(|item| item.record.status == treaty::ledger::ItemStatus::InDoubt);
        found.expect("an item in doubt").key
    }

    /// Returns the recorded flow id of a row.
    pub(crate) fn flow_of(&self, key: &str) -> String {
        let ledger = self.ledger();
        let item = ledger.item("loans", key).expect("read").expect("recorded");
        let steps = ledger.known_steps(item.id).expect("read");
        let process = steps.iter().find(|step| step.name == "process");
        match &process.expect("a flow").step {
            treaty::ledger::Step::Receipt(receipt) => {
                receipt["flowId"].as_str().expect("an id").to_owned()
            }
            step => panic!("{step:?}"),
        }
    }

    pub(crate) async fn adopt(&self, key: &str, flow_id: &str) -> Result<Vec<String>, String> {
        self.adopt_in("loans", key, flow_id).await
    }

    /// Adopts a flow, as `treaty state adopt` does.
    pub(crate) async fn adopt_in(
        &self,
        flow: &str,
        key: &str,
        flow_id: &str,
    ) -> Result<Vec<String>, String> {
        self.correct(flow, key, async |adopter, item, _| {
            adopter
                .item(
                    flow,
                    item,
                    flow_id,
                    treaty::manifest::ExistingAccounts::Adopt,
                )
                .await
        })
        .await
    }

    /// Resolves an item in doubt as done.
    pub(crate) async fn settle_done(
        &self,
        key: &str,
        flow_id: &str,
    ) -> Result<Vec<String>, String> {
        self.correct("loans", key, async |adopter, item, ledger| {
            let known = ledger.item("loans", key).expect("read").expect("recorded");
            let steps = ledger.known_steps(known.id).expect("read");
            let address = Address::item("loans", key);
            adopter
                .resolve(&address, known.id, &steps, Some(item), flow_id)
                .await
        })
        .await
    }

    async fn correct(
        &self,
        flow: &str,
        key: &str,
        how: impl AsyncFnOnce(
            &Adopter<'_>,
            &treaty::desired::Item,
            &treaty::ledger::Store,
        ) -> Result<treaty::repair::Adoption, AdoptError>,
    ) -> Result<Vec<String>, String> {
        let mut findings = Findings::default();
        let project = self.manifests(&mut findings);
        let ledger = self.ledger();
        let standing = Resources::of(&project, ledger.salt(), &mut findings);
        let rows = RowLookup {
            project: &project,
            resources: &standing,
            run: &RunTime::at(Timestamp::now()),
            salt: ledger.salt(),
        };
        let item = rows.item(flow, key, &mut findings).expect("a row");
        let client = self.client();
        let adopter = Adopter::new(&ledger, &client, self.project.root(), &standing);
        let adoption = how(&adopter, &item, &ledger)
            .await
            .map_err(|error| error.to_string())?;
        ledger.write(adoption.writes).await.expect("written");
        Ok(adoption.notes)
    }

    /// Resolves an item in doubt as not done.
    pub(crate) async fn resolve_not_done(&self, key: &str) {
        let ledger = self.ledger();
        let known = ledger.item("loans", key).expect("read").expect("recorded");
        let steps = ledger.known_steps(known.id).expect("read");
        let adoption = resolve_not_done(known.id, &steps);
        ledger.write(adoption.writes).await.expect("written");
    }

    pub(crate) fn export(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.ledger().export("a test", &mut out).expect("exported");
        out
    }

    pub(crate) fn import(&self, lines: &[u8]) -> Result<Imported, ImportError> {
        let options = HoldOptions {
            policy: VersionPolicy::Import,
            ..HoldOptions::default()
        };
        let held = Store::hold_with(&self.ledger_path(), &binding(), "a test", "now", &options);
        held?.import("lines", lines, &binding())
    }

    /// Revokes all flows in progress, and is cut off while a call hangs.
    pub(crate) async fn withdraw_until_it_hangs(&self) {
        tokio::select! {
            _ = self.withdraw() => unreachable!("it hangs"),
            () = self.hang() => {}
        }
        self.stop_faults();
    }

    /// Revokes all flows in progress. Returns `None` after a fatal error.
    pub(crate) async fn withdraw(&self) -> Option<RevocationStats> {
        let ledger = self.ledger();
        let mut items = ledger.items_after(None, 0, 1000).expect("read");
        items.retain(|item| item.record.is_under_way());
        let client = self.client();
        let (_ask, stop) = watch::channel(Stop::No);
        let withdrawal = self.withdrawal(&ledger, &client, stop);
        withdrawal.revoke(items).await.ok()
    }

    /// Reissues a signer's task for every loan.
    pub(crate) async fn ask_anew(&self, signer: &str) -> Option<RevocationStats> {
        self.ask_anew_in("loans", signer).await
    }

    /// Reissues a signer's task for every item in progress, with the current rows.
    pub(crate) async fn ask_anew_in(&self, flow: &str, signer: &str) -> Option<RevocationStats> {
        let mut findings = Findings::default();
        let project = self.manifests(&mut findings);
        let ledger = self.ledger();
        let standing = Resources::of(&project, ledger.salt(), &mut findings);
        let rows = RowLookup {
            project: &project,
            resources: &standing,
            run: &RunTime::at(Timestamp::now()),
            salt: ledger.salt(),
        };
        let mut items = ledger.items_after(None, 0, 1000).expect("read");
        items.retain(|item| item.record.is_under_way());
        let keys = items.iter().map(|item| item.key.as_str()).collect();
        let contracts = rows.items(flow, &keys, &mut findings);
        let anew = items
            .iter()
            .zip(contracts)
            .map(|(known, item)| TaskReissue {
                known: known.clone(),
                item,
                signer: signer.to_owned(),
            });
        let anew = anew.collect();
        let client = self.client();
        let (_ask, stop) = watch::channel(Stop::No);
        self.withdrawal(&ledger, &client, stop)
            .reissue_tasks(anew)
            .await
            .ok()
    }

    fn withdrawal<'a>(
        &'a self,
        ledger: &'a treaty::ledger::Store,
        client: &'a treaty::client::Client,
        stop: watch::Receiver<Stop>,
    ) -> Revocation<'a> {
        Revocation {
            records: ledger,
            client,
            root: self.project.root(),
            concurrency: self.window,
            listener: Arc::new(|_| {}),
            stop,
        }
    }

    /// Audits every item.
    pub(crate) async fn audit(&self) -> Vec<AuditedItem> {
        let ledger = self.ledger();
        let client = self.client();
        let (_ask, stop) = watch::channel(Stop::No);
        let audit = Audit {
            records: &ledger,
            client: &client,
            root: self.project.root(),
            run: None,
            targets: Vec::new(),
            excludes: Vec::new(),
            has_predecessor: false,
            skip: std::collections::HashSet::new(),
            concurrency: 4,
            listener: Arc::new(|_| {}),
            stop,
        };
        let mut found = Vec::new();
        let whole = audit.run(|audited| {
            found.push(audited);
            Ok(())
        });
        assert!(whole.await.expect("an audit"), "it came to its end");
        found
    }
}
