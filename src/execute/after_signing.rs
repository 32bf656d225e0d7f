//! What is written down of an item for the time when all have signed: the archive, the download.

use std::collections::BTreeMap;

use super::flow::FlowRef;
use super::steps::{ARCHIVE, DOWNLOAD, step_of};
use crate::address::DocId;
use crate::api::operation::Op;
use crate::api::{Archive, Download, Operation};
use crate::desired::{Document, Item};
use crate::ledger::Deferral;

/// What comes once all have signed: the archive, the download.
pub(crate) fn afterwards(
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
    let archive = Deferral {
        order: u32::MAX - 1,
        operation: Archive::OP.path().to_owned(),
        after: item.signers.iter().map(step_of).collect(),
        request: serde_json::to_value(request).unwrap_or_default(),
    };
    let mut afterwards = vec![(ARCHIVE.to_owned(), Archive::OP, archive)];
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
        afterwards.push((DOWNLOAD.to_owned(), Download::OP, download));
    }
    afterwards
}

/// Where a signed document goes: each of several has its own name in the file's.
fn file_of(target: &str, document: &Document, count: usize) -> String {
    match target.rsplit_once('.') {
        Some((stem, ending)) if count > 1 => format!("{stem}-{}.{ending}", document.label),
        _ => target.to_owned(),
    }
}
