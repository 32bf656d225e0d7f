//! Seals, which are created once for each account and alias.

use crate::address::{AccountId, SealId};
use crate::api::operation::Op;
use crate::api::{
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal,
    SealAnswer,
};
use crate::desired::{Seal, SealSource};
use crate::execute::error::StepError;
use crate::execute::executor::Executor;
use crate::execute::journal::ProbeResult;
use crate::ledger::{Resource, ResourceKind, SEAL_FINGERPRINT, Write, seal_identity};
use crate::plan::SealAction;
use crate::util::failpoint::failpoint;

impl Executor<'_> {
    /// Applies the planned action to a seal, and returns its id. `is_unseen`: the plan did not look
    /// up the seals of the account, so the seal may exist already.
    pub(crate) async fn apply_seal(
        &self,
        seal: &Seal,
        third_id: &str,
        account: &AccountId,
        action: &SealAction,
        is_unseen: bool,
    ) -> Result<SealId, StepError> {
        let identity = seal_identity(third_id, &seal.alias);
        let known = self
            .context
            .ledger
            .resource(ResourceKind::Seal, &identity)?;
        let record = |id: i64, remote_id: Option<String>, is_created: bool| {
            let fields = is_created
                .then(|| (SEAL_FINGERPRINT.to_owned(), seal.fingerprint.into()))
                .into_iter()
                .collect();
            Write::Resource {
                kind: ResourceKind::Seal,
                identity: identity.clone(),
                resource: Resource {
                    id,
                    remote_id,
                    fields,
                    grant: None,
                },
            }
        };
        let subject = known.as_ref().map_or_else(
            || self.context.ledger.next_subject(),
            |resource| resource.id,
        );
        match action {
            SealAction::Unchanged(id) => Ok(id.clone()),
            SealAction::Adopt(id) => {
                let adopted = record(subject, Some(id.0.clone()), false);
                self.context.write_response(Op::QuerySeals, adopted).await?;
                Ok(id.clone())
            }
            SealAction::Create => {
                // A record without a remote id is the intent. The call of the run that wrote it may
                // have taken effect after the plan's lookup, so the seal is probed again.
                let is_begun = known.is_some_and(|resource| resource.remote_id.is_none());
                if is_unseen
                    && let ProbeResult::Found(found) =
                        self.context.probe_seal(account, &seal.alias).await?
                {
                    let found = found.seal_id;
                    let adopted = record(subject, Some(found.0.clone()), is_begun);
                    self.context.write_response(Op::QuerySeals, adopted).await?;
                    return Ok(found);
                }
                if !is_begun {
                    self.context
                        .ledger
                        .write(vec![record(subject, None, true)])
                        .await?;
                    tracing::debug!(step = "seal", "intent written");
                    failpoint("seal.intent");
                }
                let answer = self.create_seal(seal, account, is_begun).await?;
                failpoint("seal.answered");
                let created = record(subject, Some(answer.seal_id.0.clone()), true);
                self.context.write_response(Op::QuerySeals, created).await?;
                failpoint("seal.recorded");
                Ok(answer.seal_id)
            }
        }
    }

    /// Sends the call that creates the seal from its source.
    async fn create_seal(
        &self,
        seal: &Seal,
        account: &AccountId,
        is_begun: bool,
    ) -> Result<SealAnswer, StepError> {
        let probe = async || self.context.probe_seal(account, &seal.alias).await;
        match &seal.source {
            SealSource::Person {
                template_type,
                text,
            } => {
                let request = CreatePersonSeal {
                    account_id: account.clone(),
                    alias: seal.alias.clone(),
                    width: seal.width,
                    height: seal.height,
                    text: text.clone(),
                    template_type: template_type.clone(),
                    color: seal.color.clone(),
                };
                self.context.send_once(is_begun, &request, probe).await
            }
            SealSource::Organization {
                template_type,
                h_text,
                q_text,
                text,
            } => {
                let request = CreateOrganizationSeal {
                    account_id: account.clone(),
                    alias: seal.alias.clone(),
                    width: seal.width,
                    height: seal.height,
                    h_text: h_text.clone(),
                    q_text: q_text.clone(),
                    text: text.clone(),
                    template_type: template_type.clone(),
                    color: seal.color.clone(),
                };
                self.context.send_once(is_begun, &request, probe).await
            }
            SealSource::Image {
                file_name,
                content_type,
                bytes,
                is_person,
            } => {
                let file = self.context.shared_file(file_name, content_type, bytes);
                let request = CreatePersonImageSeal {
                    account_id: account.clone(),
                    alias: seal.alias.clone(),
                    width: seal.width,
                    height: seal.height,
                    color: seal.color.clone(),
                    file_key: file.await?,
                };
                if *is_person {
                    self.context.send_once(is_begun, &request, probe).await
                } else {
                    let request = CreateOrganizationImageSeal(request);
                    self.context.send_once(is_begun, &request, probe).await
                }
            }
        }
        .map_err(StepError::from)
    }
}
