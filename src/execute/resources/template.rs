//! Templates, which are uploaded once for each content and name.

use crate::address::TemplateId;
use crate::api::operation::Op;
use crate::api::{CreateTemplate, MIME_PDF};
use crate::desired::{Template, TemplateSource};
use crate::execute::error::StepError;
use crate::execute::executor::Executor;
use crate::ledger::{Resource, ResourceKind, Write};
use crate::plan::TemplateAction;
use crate::util::failpoint::failpoint;

impl Executor<'_> {
    /// Applies the planned action to a template, and returns its id.
    pub(crate) async fn apply_template(
        &self,
        template: &Template,
        action: &TemplateAction,
    ) -> Result<TemplateId, StepError> {
        let (file_name, bytes, template_name, fingerprint) = match (action, &template.source) {
            (TemplateAction::Unchanged(id), _) => return Ok(id.clone()),
            (TemplateAction::Create, TemplateSource::Adopted(id)) => return Ok(id.as_str().into()),
            (
                TemplateAction::Create,
                TemplateSource::File {
                    file_name,
                    bytes,
                    template_name,
                    fingerprint,
                },
            ) => (file_name, bytes, template_name, fingerprint),
        };
        let uploaded = self.context.client.upload(file_name, MIME_PDF, bytes).await;
        let request = CreateTemplate {
            file_key: uploaded.map_err(|failure| StepError::of(Op::UploadUrl, failure))?,
            template_name: template_name.clone(),
            template_type_id: None,
            template_form_keys: None,
        };
        let answer = self.context.call(&request).await?;
        failpoint("template.answered");
        let write = Write::Resource {
            kind: ResourceKind::Template,
            identity: fingerprint.to_string(),
            resource: Resource {
                id: self.context.ledger.next_subject(),
                remote_id: Some(answer.template_id.0.clone()),
                fields: std::collections::BTreeMap::default(),
                grant: None,
            },
        };
        self.context.ledger.write(vec![write]).await?;
        failpoint("template.recorded");
        Ok(answer.template_id)
    }
}
