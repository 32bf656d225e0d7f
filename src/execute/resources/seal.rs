//! Seals: made once for each account and alias.

use crate::address::{AccountId, SealId};
use crate::api::{
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePersonImageSeal, CreatePersonSeal,
    SealAnswer,
};
use crate::desired::{Seal, SealSource};
use crate::execute::error::StepError;
use crate::execute::executor::Apply;
use crate::execute::journal::ProbeResult;
use crate::ledger::{Resource, ResourceKind, SEAL_FINGERPRINT, Write, seal_identity};
use crate::plan::SealAction;
use crate::util::failpoint::failpoint;

impl Apply<'_> {
    /// Does what the plan says about a seal. Those of an account that is `unseen` were not asked for: it may have been there
    /// all the same, and have this one.
    pub(crate) async fn seal(
        &self,
        seal: &Seal,
        third_id: &str,
        account: &AccountId,
        action: &SealAction,
        unseen: bool,
    ) -> Result<SealId, StepError> {
        let identity = seal_identity(third_id, &seal.alias);
        let known = self
            .context
            .ledger
            .resource(ResourceKind::Seal, &identity)?;
        let record = |id: i64, remote_id: Option<String>, made: bool| {
            let fields = made
                .then(|| (SEAL_FINGERPRINT.to_owned(), seal.fingerprint))
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
        let subject = known
            .as_ref()
            .map_or_else(|| self.context.ledger.next_subject(), |thing| thing.id);
        match action {
            SealAction::Unchanged(id) => Ok(id.clone()),
            SealAction::Adopt(id) => {
                self.context
                    .ledger
                    .write(vec![record(subject, Some(id.0.clone()), false)])
                    .await?;
                Ok(id.clone())
            }
            SealAction::Create => {
                // The thing without an id is the intent. What the plan saw is older than this run's first call, so
                // an intent of an earlier run is looked up again.
                let begun = known.is_some_and(|thing| thing.remote_id.is_none());
                if unseen
                    && let ProbeResult::Found(found) =
                        self.context.probe_seal(account, &seal.alias).await?
                {
                    let found = found.seal_id;
                    let adopted = record(subject, Some(found.0.clone()), begun);
                    self.context.ledger.write(vec![adopted]).await?;
                    return Ok(found);
                }
                if !begun {
                    self.context
                        .ledger
                        .write(vec![record(subject, None, true)])
                        .await?;
                    tracing::debug!(step = "seal", "intent written");
                    failpoint("seal.intent");
                }
                let answer = self.create_seal(seal, account, begun).await?;
                failpoint("seal.answered");
                self.context
                    .ledger
                    .write(vec![record(subject, Some(answer.seal_id.0.clone()), true)])
                    .await?;
                failpoint("seal.recorded");
                Ok(answer.seal_id)
            }
        }
    }

    /// Makes the call that fits how the seal is made.
    async fn create_seal(
        &self,
        seal: &Seal,
        account: &AccountId,
        begun: bool,
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
                self.context.send_once(begun, &request, probe).await
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
                self.context.send_once(begun, &request, probe).await
            }
            SealSource::Image {
                file_name,
                content_type,
                bytes,
                of_person,
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
                if *of_person {
                    self.context.send_once(begun, &request, probe).await
                } else {
                    let request = CreateOrganizationImageSeal(request);
                    self.context.send_once(begun, &request, probe).await
                }
            }
        }
        .map_err(StepError::from)
    }
}
