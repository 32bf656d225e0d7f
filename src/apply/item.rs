//! An item: a row's contract, from its people to its last signer. Reads like the API's own handbook.

use std::collections::BTreeMap;

use super::event::Ended;
use super::halt::{Fatal, Halt};
use super::run::Apply;
use super::step::Steps;
use crate::api::operation::Op;
use crate::api::{
    AddProcess, CreateByFileKey, CreateByTemplate, HandPersonSignTask, MIME_PDF, PlatformSignTask,
};
use crate::desired::{DocumentSource, Item, Signer, SignerKind};
use crate::id::{AccountId, DocId, FlowId};
use crate::ledger::Write;
use crate::plan::ItemStatus;

/// The steps of an item, by which the report finds what they answered.
pub const DOCUMENT: &str = "document";
/// The step that creates the flow.
pub const PROCESS: &str = "process";
/// What stands before a signer's name in the name of his step.
pub const SIGNER: &str = "signers.";

impl Apply<'_> {
    /// Sends an item, or goes on with it, and records how it ended.
    pub(super) async fn item(&self, flow: &str, item: &Item) -> Result<Ended, Fatal> {
        let steps = match self.begin(flow, item) {
            Ok(begun) => begun,
            Err(Halt::Fatal(fatal)) => return Err(fatal),
            Err(Halt::Failed(failure) | Halt::InDoubt(failure)) => {
                return Ok(Ended::Failed(failure));
            }
        };
        let sent = match self.lacks(item) {
            Some(failure) => Err(Halt::Failed(failure)),
            None => self.send(&steps, item).await,
        };
        let ended = match sent {
            Ok(()) => Ended::Done,
            Err(Halt::Failed(failure)) => Ended::Failed(failure),
            Err(Halt::InDoubt(failure)) => Ended::InDoubt(failure),
            Err(Halt::Fatal(fatal)) => return Err(fatal),
        };
        let (status, failure) = match &ended {
            Ended::Done => (ItemStatus::Done, None),
            Ended::Failed(failure) => (ItemStatus::Failed, Some(failure.clone())),
            Ended::InDoubt(failure) => (ItemStatus::InDoubt, Some(failure.clone())),
            Ended::Open => (ItemStatus::Open, None),
        };
        let end = Write::ItemEnded {
            id: steps.subject,
            status,
            failure,
        };
        self.ledger.write(vec![end]).await?;
        Ok(ended)
    }

    /// Notes that work begins, and gives the steps that earlier runs took.
    fn begin(&self, flow: &str, item: &Item) -> Result<Steps, Halt> {
        let known = self.ledger.item(flow, &item.key)?;
        let id = known
            .as_ref()
            .map_or_else(|| self.ledger.next_subject(), |known| known.id);
        // Before anybody was asked, what is left of another content or of a failure is worth nothing: a draft may
        // have expired, and its values may have been what was wrong.
        let afresh = known.as_ref().is_some_and(|known| {
            !known.sent
                && (known.fingerprint != item.fingerprint || known.status == ItemStatus::Failed)
        });
        let steps = match known {
            Some(known) if !afresh => self.ledger.steps(known.id)?,
            _ => Vec::new(),
        };
        drop(self.ledger.write(vec![Write::ItemBegun {
            id,
            flow: flow.to_owned(),
            key: item.key.clone(),
            fingerprint: item.fingerprint,
            run: self.run_id(),
            afresh,
        }]));
        Ok(Steps::new(id, steps))
    }

    async fn send(&self, steps: &Steps, item: &Item) -> Result<(), Halt> {
        let mut accounts = BTreeMap::new();
        for (name, account) in &item.accounts {
            accounts.insert(name.as_str(), self.row_account(account).await?);
        }
        let doc_id = self.document(steps, item).await?;
        let flow_id = self.process(steps, item, &accounts, doc_id).await?;
        for signer in &item.signers {
            self.signer(steps, item, &accounts, &flow_id, signer)
                .await?;
        }
        Ok(())
    }

    async fn document(&self, steps: &Steps, item: &Item) -> Result<DocId, Halt> {
        match &item.document.source {
            DocumentSource::Template { template, fields } => {
                let request = CreateByTemplate {
                    template_id: self.template_id(template)?,
                    name: item.document.name.clone(),
                    simple_form_fields: (!fields.is_empty()).then(|| fields.clone()),
                };
                Ok(self.spare_step(steps, DOCUMENT, &request).await?.doc_id)
            }
            DocumentSource::File(path) => {
                if let Some(answer) = steps.receipt::<CreateByFileKey>(DOCUMENT)? {
                    return Ok(answer.doc_id);
                }
                let file_name = path.file_name().unwrap_or_default().to_string_lossy();
                let bytes = tokio::fs::read(path).await.map_err(|error| {
                    Halt::failed(
                        format!("{file_name} cannot be read: {error}"),
                        "the file was there when the plan was made",
                    )
                })?;
                let uploaded = self
                    .client
                    .upload(&file_name, MIME_PDF, &bytes.into())
                    .await;
                let request = CreateByFileKey {
                    file_key: uploaded.map_err(|failure| Halt::of(Op::UploadUrl, failure))?,
                };
                Ok(self.spare_step(steps, DOCUMENT, &request).await?.doc_id)
            }
        }
    }

    async fn process(
        &self,
        steps: &Steps,
        item: &Item,
        accounts: &BTreeMap<&str, AccountId>,
        doc_id: DocId,
    ) -> Result<FlowId, Halt> {
        let process = &item.process;
        let account = |name: &Option<String>| {
            name.as_ref()
                .map(|name| self.id_of(accounts, name))
                .transpose()
        };
        let request = AddProcess {
            business_scene: process.business_scene.clone(),
            initiator_account_id: account(&process.initiator)?,
            sign_validity: process.sign_validity,
            payer: account(&process.payer)?,
            sign_platform: process.sign_platform.clone(),
            notice_type: process.notice_type.clone(),
            notice_url: process.notice_url.clone(),
            redirect_url: process.redirect_url.clone(),
            add_sign_time: process.add_sign_time,
            doc_id,
            doc_name: Some(item.document.name.clone()),
        };
        Ok(self.spare_step(steps, PROCESS, &request).await?.flow_id)
    }

    async fn signer(
        &self,
        steps: &Steps,
        item: &Item,
        accounts: &BTreeMap<&str, AccountId>,
        flow_id: &FlowId,
        signer: &Signer,
    ) -> Result<(), Halt> {
        let step = format!("{SIGNER}{}", signer.name);
        let third_order_no = Some(format!(
            "{}-{}-{}",
            self.ledger_mark, steps.subject, signer.name
        ));
        match &signer.kind {
            SignerKind::Platform { seal } => {
                let request = PlatformSignTask {
                    flow_id: flow_id.clone(),
                    third_order_no,
                    seal_id: seal.as_ref().map(|name| self.seal_id(name)).transpose()?,
                    pos_list: signer.positions.clone(),
                };
                let people = self.people(item, accounts)?;
                let others = other_signers(steps, item, signer, |kind| {
                    matches!(kind, SignerKind::Platform { .. })
                });
                let look = async || self.look_for_platform(flow_id, &people, others).await;
                self.sign_step(steps, &step, &request, None, look).await?;
            }
            SignerKind::Person { account, seal_type } => {
                let account_id = self.id_of(accounts, account)?;
                let request = HandPersonSignTask {
                    flow_id: flow_id.clone(),
                    third_order_no,
                    account_id: account_id.clone(),
                    seal_type: seal_type.clone(),
                    pos_list: (!signer.positions.is_empty()).then(|| signer.positions.clone()),
                };
                let same = |kind: &SignerKind| matches!(kind, SignerKind::Person { account: other, .. } if other == account);
                let others = other_signers(steps, item, signer, same);
                let look = async || self.look_for_person(flow_id, &account_id, others).await;
                self.sign_step(steps, &step, &request, Some(&account_id), look)
                    .await?;
            }
        }
        Ok(())
    }

    /// The accounts of all people who sign.
    fn people(
        &self,
        item: &Item,
        accounts: &BTreeMap<&str, AccountId>,
    ) -> Result<Vec<AccountId>, Halt> {
        let names = item.signers.iter().filter_map(|signer| match &signer.kind {
            SignerKind::Person { account, .. } => Some(account),
            SignerKind::Platform { .. } => None,
        });
        names.map(|name| self.id_of(accounts, name)).collect()
    }

    /// The id behind a name: the row's own account, or the project's.
    fn id_of(&self, accounts: &BTreeMap<&str, AccountId>, name: &str) -> Result<AccountId, Halt> {
        accounts
            .get(name)
            .cloned()
            .map_or_else(|| self.standing_id(name), Ok)
    }
}

/// How many other signers of the same kind come before this one, and so may be what looking finds.
fn other_signers(
    steps: &Steps,
    item: &Item,
    signer: &Signer,
    same: impl Fn(&SignerKind) -> bool,
) -> usize {
    let before = item
        .signers
        .iter()
        .take_while(|other| other.name != signer.name);
    let after = item
        .signers
        .iter()
        .skip_while(|other| other.name != signer.name)
        .skip(1);
    let begun_after = after
        .filter(|other| same(&other.kind) && steps.is_begun(&format!("{SIGNER}{}", other.name)));
    before.filter(|other| same(&other.kind)).count() + begun_after.count()
}
