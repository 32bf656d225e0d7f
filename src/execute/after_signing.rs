//! The steps of an item that follow once all signers have signed.

use std::collections::BTreeMap;

use super::flow::FlowRef;
use crate::address::DocId;
use crate::api::operation::Op;
use crate::api::{Archive, Download, Operation};
use crate::desired::{Document, Item};
use crate::ledger::Deferral;
use crate::ledger::step_name::{self, ARCHIVE, DOWNLOAD};

/// Returns the deferred archive and download steps of an item, as far as its flow declares them.
pub(crate) fn completion_steps(
    item: &Item,
    flow: &FlowRef,
    docs: &[DocId],
) -> Vec<(String, Op, Deferral)> {
    if !item.archive {
        return Vec::new();
    }
    let flow_id = flow.id.clone();
    let request = Archive {
        flow_id: flow_id.clone(),
    };
    let signers = item.signers.iter();
    let signer_steps = signers.map(|signer| step_name::signer(&signer.name));
    let archive = Deferral {
        order: u32::MAX - 1,
        operation: Archive::OP.path().to_owned(),
        after: signer_steps.collect(),
        request: serde_json::to_value(request).unwrap_or_default(),
    };
    let mut completion_steps = vec![(ARCHIVE.to_owned(), Archive::OP, archive)];
    if let Some(target) = &item.download {
        let files: BTreeMap<&DocId, String> = docs
            .iter()
            .zip(&item.documents)
            .map(|(id, document)| (id, file_of(target, document, docs.len())))
            .collect();
        let download = Deferral {
            order: u32::MAX,
            operation: Download::OP.path().to_owned(),
            after: vec![ARCHIVE.to_owned()],
            request: serde_json::json!({ "flowId": flow_id, "files": files }),
        };
        completion_steps.push((DOWNLOAD.to_owned(), Download::OP, download));
    }
    completion_steps
}

/// Returns the target file of a signed document. With several documents, the document's label is
/// added to the file's name.
fn file_of(target: &str, document: &Document, count: usize) -> String {
    match target.rsplit_once('.') {
        Some((stem, extension)) if count > 1 => format!("{stem}-{}.{extension}", document.label),
        _ => target.to_owned(),
    }
}
