//! Read access to all records: resources, items, steps and runs.
//!
//! Records are streamed or read in pages, never all at once. A callback must not query the ledger:
//! the connection is locked while it is read.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::record::{EntityId, ItemRecord, Resource, ResourceKind, RunRecord, SignState, Step};
use super::{Ledger, LedgerError};

/// A resource with its kind and identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownResource {
    /// The kind.
    pub kind: ResourceKind,
    /// The identity within its kind.
    pub identity: String,
    /// The other columns.
    pub resource: Resource,
}

/// An item with its flow, key and run.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownItem {
    /// The flow's name.
    pub flow: String,
    /// The key.
    pub key: String,
    /// The other columns.
    pub record: ItemRecord,
    /// The name of the last run that worked on it; none if it was adopted.
    pub run: Option<String>,
    /// The id of its flow at the service; none if the flow was not created, or not read:
    /// [`Records::each_item`].
    pub flow_id: Option<String>,
}

/// A run with its times and exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRun {
    /// The run.
    pub record: RunRecord,
    /// The start, in the API's format.
    pub begun: String,
    /// The end, in the API's format; none if it is running or was interrupted.
    pub ended: Option<String>,
    /// The exit code.
    pub exit: Option<i32>,
}

/// A signer who was asked to sign and has not signed, in a flow in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The item's id.
    pub item: EntityId,
    /// The flow's name.
    pub flow: String,
    /// The item's key.
    pub key: String,
    /// The signer's name.
    pub signer: String,
    /// The flow's id.
    pub flow_id: String,
    /// The id of the signer's account.
    pub account_id: String,
    /// The link to the signing page; empty if it is unknown.
    pub sign_url: String,
    /// Whether the item is waiting and has no failure.
    pub is_waiting: bool,
    /// The time at which all steps that need no signature were done.
    pub sent_at: Option<Timestamp>,
}

/// A step with its operation.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownStep {
    /// The name.
    pub name: String,
    /// The path of the operation.
    pub operation: String,
    /// The state.
    pub step: Step,
    /// The state of its signer, if the step adds one and the flow was polled.
    pub sign: Option<SignState>,
}

/// An item with its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemWithSteps {
    /// The item.
    pub record: ItemRecord,
    /// The steps, ordered by name.
    pub steps: Vec<RawStep>,
}

/// A step with unparsed JSON. Readers of millions of steps can parse them on other threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawStep {
    /// The name.
    pub name: String,
    /// The receipt, as JSON.
    pub receipt: Option<String>,
    /// Whether the request may have been sent.
    pub begun: bool,
    /// Whether a deferral is recorded.
    pub has_deferral: bool,
    /// The state of its signer, if the step adds one and the flow was polled.
    pub sign: Option<SignState>,
}

/// Read access to all records of a ledger.
pub trait Records: Ledger {
    /// Visits every resource, ordered by kind and identity.
    fn each_resource(
        &self,
        each: &mut dyn FnMut(KnownResource) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// Returns the accounts and seals that manifests declare or declared, ordered by kind and identity.
    fn declared_resources(&self) -> Result<Vec<KnownResource>, LedgerError>;

    /// Visits every item, ordered by flow and id. Does not read the ids of their flows.
    fn each_item(
        &self,
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// Visits every item, ordered by flow and id, and reads the ids of their flows.
    fn each_item_with_flow_id(
        &self,
        each: &mut dyn FnMut(KnownItem) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// Returns up to `most` items with an id greater than `after`, of one run or of all.
    fn items_after(
        &self,
        run: Option<i64>,
        after: EntityId,
        most: u32,
    ) -> Result<Vec<KnownItem>, LedgerError>;

    /// Looks up an item by id.
    fn item_by_id(&self, id: EntityId) -> Result<Option<KnownItem>, LedgerError>;

    /// Looks up an item and its steps by key. The steps are ordered by name.
    fn item_with_steps(&self, flow: &str, key: &str) -> Result<Option<ItemWithSteps>, LedgerError>;

    /// Returns the steps of an item or a resource, in the order of execution.
    fn known_steps(&self, subject: EntityId) -> Result<Vec<KnownStep>, LedgerError>;

    /// Looks up a resource by id.
    fn resource_by_id(&self, id: EntityId) -> Result<Option<KnownResource>, LedgerError>;

    /// Returns the run with a name, or the last run.
    fn run(&self, name: Option<&str>) -> Result<Option<KnownRun>, LedgerError>;

    /// Returns the last runs, the newest first, at most `most`.
    fn runs(&self, most: u32) -> Result<Vec<KnownRun>, LedgerError>;

    /// Returns the last run that worked on an item.
    fn working_run(&self) -> Result<Option<KnownRun>, LedgerError>;

    /// Visits every signer who was asked to sign and has not signed, of flows in progress, ordered
    /// by item id.
    fn each_pending(
        &self,
        each: &mut dyn FnMut(Pending) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// Returns the names of the signers of a flow's items that are not in `known`.
    fn other_signers(&self, flow: &str, known: &[&str]) -> Result<Vec<String>, LedgerError>;

    /// Returns whether a run is the last one that worked on some item of a flow.
    fn has_worked_on(&self, flow: &str, run: i64) -> Result<bool, LedgerError>;

    /// Visits the ids of a flow's items whose last run is `run`, in ascending order.
    fn each_of_run(
        &self,
        flow: &str,
        run: i64,
        each: &mut dyn FnMut(EntityId),
    ) -> Result<(), LedgerError>;
}
