//! The calls that add a signer: five kinds, each for one document or several (sections 5.5 and
//! 5.6).

use super::identity::SignerIdentity;
use crate::address::{AccountId, DocId};
use crate::api::contract::{AutoPositions, HandPositions};
use crate::api::contracts::{AutoSignDoc, AutoSignDocs, HandSignDoc, HandSignDocs};
use crate::api::operation::Op;
use crate::api::{
    Archive, AutoSignAnswer, HandSignAnswer, Nothing, Operation, Position, SignTask, SigningMethod,
    contract, contracts,
};
use crate::desired::SealPlacement;
use crate::execute::context::StepContext;
use crate::execute::error::StepError;
use crate::execute::flow::FlowRef;
use crate::execute::journal::{ItemJournal, ProbeResult};
use crate::ledger::LedgerError;

/// A request to add a signer to a flow, with the positions of the signature.
pub(crate) struct SignerRequest<'a> {
    pub(crate) flow: &'a FlowRef,
    pub(crate) third_order_no: String,
    pub(crate) places: &'a [SealPlacement],
    /// The documents of the flow.
    pub(crate) docs: &'a [DocId],
}

impl SignerRequest<'_> {
    /// The operation that adds the signer, and the body of its request.
    pub(crate) fn request(self, signs: SigningMethod) -> (Op, serde_json::Value) {
        if self.flow.several {
            self.several(signs)
        } else {
            self.one(signs)
        }
    }

    fn one(self, signs: SigningMethod) -> (Op, serde_json::Value) {
        let positions = self.places.iter().flat_map(|place| &place.positions);
        let pos_list: Vec<Position> = positions.cloned().collect();
        let hand = HandPositions {
            pos_list: (!pos_list.is_empty()).then(|| pos_list.clone()),
        };
        let auto = AutoPositions {
            doc_pwd: self.places.iter().find_map(|place| place.doc_pwd.clone()),
            pos_list,
        };
        match signs {
            SigningMethod::Platform(signer) => self.task(signer, auto),
            SigningMethod::User(signer) => self.task(signer, auto),
            SigningMethod::Person(signer) => self.task(signer, hand),
            SigningMethod::Organization(signer) => self.task(signer, hand),
            SigningMethod::PersonAndOrganization(signer) => self.task(signer, hand),
        }
    }

    fn several(self, signs: SigningMethod) -> (Op, serde_json::Value) {
        let auto = self.places.iter().map(|place| AutoSignDoc {
            doc_id: self.docs[place.document].clone(),
            doc_pwd: place.doc_pwd.clone(),
            pos_list: place.positions.clone(),
        });
        let auto = AutoSignDocs {
            sign_doc_list: auto.collect(),
        };
        let hand = self.places.iter().map(|place| HandSignDoc {
            doc_id: self.docs[place.document].clone(),
            pos_list: (!place.positions.is_empty()).then(|| place.positions.clone()),
        });
        let hand = HandSignDocs {
            sign_doc_list: (!self.places.is_empty()).then(|| hand.collect()),
        };
        match signs {
            SigningMethod::Platform(signer) => self.task(signer, auto),
            SigningMethod::User(signer) => self.task(signer, auto),
            SigningMethod::Person(signer) => self.task(signer, hand),
            SigningMethod::Organization(signer) => self.task(signer, hand),
            SigningMethod::PersonAndOrganization(signer) => self.task(signer, hand),
        }
    }

    /// The request for a signer and its documents, in the form in which it is recorded: a deferred
    /// request is sent later exactly as it was recorded.
    fn task<S, D>(self, signer: S, docs: D) -> (Op, serde_json::Value)
    where
        SignTask<S, D>: Operation,
    {
        let request = SignTask {
            flow_id: self.flow.id.clone(),
            third_order_no: Some(self.third_order_no),
            signer,
            docs,
        };
        // A request is plain data with text keys, which JSON can always express.
        let body = serde_json::to_value(&request).unwrap_or_default();
        (SignTask::<S, D>::OP, body)
    }
}

/// Whether an operation adds a signer that signs automatically.
pub(crate) fn signs_at_once(op: Op) -> bool {
    matches!(
        op,
        Op::PlatformSignTask
            | Op::UserSignTask
            | Op::ContractsPlatformSignTask
            | Op::ContractsUserSignTask
    )
}

/// The identity of the signer that a request adds.
pub(crate) fn signer_identity(op: Op, request: &serde_json::Value) -> Option<SignerIdentity> {
    let id = |name: &str| {
        let id = request.get(name)?.as_str()?;
        Some(AccountId(id.to_owned()))
    };
    let signs = matches!(
        op,
        Op::PlatformSignTask
            | Op::UserSignTask
            | Op::HandPersonSignTask
            | Op::HandOrgSignTask
            | Op::HandSignTask
            | Op::ContractsPlatformSignTask
            | Op::ContractsUserSignTask
            | Op::ContractsHandPersonSignTask
            | Op::ContractsHandOrgSignTask
            | Op::ContractsHandSignTask
    );
    signs.then(|| SignerIdentity {
        account: id("accountId"),
        organization: id("authorizationOrgId"),
        both: matches!(op, Op::HandSignTask | Op::ContractsHandSignTask),
    })
}

impl StepContext<'_> {
    /// Sends a request that adds a signer or archives a flow, exactly once.
    pub(crate) async fn perform(
        &self,
        journal: &ItemJournal,
        step: &str,
        op: Op,
        request: serde_json::Value,
        flow: &FlowRef,
    ) -> Result<(), StepError> {
        let call = Call {
            context: self,
            journal,
            step,
            flow,
        };
        match op {
            Op::PlatformSignTask => call.auto::<contract::PlatformSignTask>(request).await,
            Op::UserSignTask => call.auto::<contract::UserSignTask>(request).await,
            Op::HandPersonSignTask => call.hand::<contract::HandPersonSignTask>(request).await,
            Op::HandOrgSignTask => call.hand::<contract::HandOrgSignTask>(request).await,
            Op::HandSignTask => call.hand::<contract::HandSignTask>(request).await,
            Op::ContractsPlatformSignTask => {
                call.auto::<contracts::PlatformSignTask>(request).await
            }
            Op::ContractsUserSignTask => call.auto::<contracts::UserSignTask>(request).await,
            Op::ContractsHandPersonSignTask => {
                call.hand::<contracts::HandPersonSignTask>(request).await
            }
            Op::ContractsHandOrgSignTask => call.hand::<contracts::HandOrgSignTask>(request).await,
            Op::ContractsHandSignTask => call.hand::<contracts::HandSignTask>(request).await,
            Op::Archive => {
                let request: Archive = read(step, request)?;
                let probe = async || self.probe_archive(flow).await;
                match self
                    .journaled_step(journal, step, &request, None, probe)
                    .await
                {
                    Ok(Nothing) => Ok(()),
                    // Some flows archive themselves once all have signed.
                    Err(StepError::Failed(failure)) => match probe().await? {
                        ProbeResult::Found(_) => {
                            self.record_receipt::<Archive>(journal, step, &Nothing, None)
                                .await
                        }
                        _ => Err(StepError::Failed(failure)),
                    },
                    Err(error) => Err(error),
                }
            }
            other => Err(unreadable(step, &format!("{other} is no call that waits"))),
        }
    }
}

/// A request that adds a signer.
struct Call<'a> {
    context: &'a StepContext<'a>,
    journal: &'a ItemJournal,
    step: &'a str,
    flow: &'a FlowRef,
}

impl Call<'_> {
    /// Adds an automatic signer.
    async fn auto<O: Operation<Answer = AutoSignAnswer>>(
        self,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let probe = async |identity: &SignerIdentity| {
            self.context
                .probe_signature(self.flow, self.journal, self.step, identity)
                .await
        };
        self.add::<O>(request, probe).await
    }

    /// Adds a signer that is asked to sign.
    async fn hand<O: Operation<Answer = HandSignAnswer>>(
        self,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let probe = async |identity: &SignerIdentity| {
            self.context
                .probe_person_task(self.flow, self.journal, self.step, identity)
                .await
        };
        self.add::<O>(request, probe).await
    }

    async fn add<O: Operation>(
        &self,
        request: serde_json::Value,
        probe: impl AsyncFn(&SignerIdentity) -> Result<ProbeResult<O::Answer>, StepError>,
    ) -> Result<(), StepError> {
        let identity = signer_identity(O::OP, &request)
            .ok_or_else(|| unreadable(self.step, "its operation adds no signer"))?;
        let request: O = read(self.step, request)?;
        let probe = async || probe(&identity).await;
        self.context
            .journaled_step(self.journal, self.step, &request, Some(&identity), probe)
            .await
            .map(drop)
    }
}

fn read<O: Operation>(step: &str, request: serde_json::Value) -> Result<O, StepError> {
    serde_json::from_value(request).map_err(|error| unreadable(step, &error.to_string()))
}

fn unreadable(step: &str, why: &str) -> StepError {
    StepError::from(LedgerError::Broken {
        path: String::new(),
        why: format!("the step {step} cannot be read: {why}"),
    })
}
