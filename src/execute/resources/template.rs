//! Templates: uploaded once for each content and name.

use crate::address::TemplateId;
use crate::api::operation::Op;
use crate::api::{CreateTemplate, MIME_PDF};
use crate::desired::{Template, TemplateSource};
use crate::execute::error::Halt;
use crate::execute::executor::Apply;
use crate::ledger::{Thing, ThingKind, Write};
use crate::plan::TemplateAction;
use crate::util::failpoint::point;

impl Apply<'_> {
    /// Does what the plan says about a template.
    pub(crate) async fn template(
        &self,
        template: &Template,
        action: &TemplateAction,
    ) -> Result<TemplateId, Halt> {
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
        let uploaded = self.caller.client.upload(file_name, MIME_PDF, bytes).await;
        let request = CreateTemplate {
            file_key: uploaded.map_err(|failure| Halt::of(Op::UploadUrl, failure))?,
            template_name: template_name.clone(),
            template_type_id: None,
            template_form_keys: None,
        };
        let answer = self.caller.call(&request).await?;
        point("template.answered");
        let write = Write::Thing {
            kind: ThingKind::Template,
            identity: fingerprint.to_string(),
            thing: Thing {
                id: self.caller.ledger.next_subject(),
                remote_id: Some(answer.template_id.0.clone()),
                fields: std::collections::BTreeMap::default(),
                grant: None,
            },
        };
        self.caller.ledger.write(vec![write]).await?;
        point("template.recorded");
        Ok(answer.template_id)
    }
}
