//! The calls that items need.

use super::diff::FlowPlan;
use super::forecast::Calls;
use crate::api::operation::Op;
use crate::desired::{DocumentSource, Item};
use crate::manifest::{Flow, Named};

/// The calls that an unsent item needs, without those for its accounts.
pub(super) fn calls(item: &Item) -> Calls {
    let mut calls = Calls::default();
    for document in &item.documents {
        match document.source {
            DocumentSource::Template { .. } => calls.add(Op::CreateByTemplate, 1),
            DocumentSource::File(_) => {
                calls.add(Op::UploadUrl, 1);
                calls.add(Op::CreateByFileKey, 1);
            }
        }
    }
    let several = item.documents.len() > 1;
    let process = if several {
        Op::ContractsAddProcess
    } else {
        Op::AddProcess
    };
    calls.add(process, 1);
    for signer in &item.signers {
        calls.add(signer.kind.operation(several), 1);
    }
    calls
}

/// Adds the uploads of attachments. An attachment that is the same for all rows is uploaded once.
pub(super) fn add_attachments(flow: &Named<Flow>, plan: &mut FlowPlan) {
    let sent = plan.work();
    for attachment in &flow.process.attachments {
        let uses = attachment.file.uses();
        let is_per_row = uses.row || uses.key;
        let uploads = if is_per_row { sent } else { sent.min(1) };
        plan.calls.add(Op::UploadUrl, uploads);
    }
}
