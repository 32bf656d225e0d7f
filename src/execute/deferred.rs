//! Going on with an item once others have signed: later signers, the archive, the signed documents.
//!
//! Needs the ledger alone: what is to be sent was written down when the item was.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::context::StepContext;
use super::error::StepError;
use super::flow::FlowRef;
use super::steps::ARCHIVE;
use crate::address::{DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{Download, Operation};
use crate::execute::journal::ItemJournal;
use crate::execute::signers::{SignStates, signs_at_once};
use crate::ledger::{Deferral, LedgerError, Write};
use crate::util::atomic_file::AtomicFile;

/// What is downloaded, and where it goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Downloads {
    flow_id: FlowId,
    files: BTreeMap<DocId, String>,
}

impl StepContext<'_> {
    /// Takes every waiting step whose time has come, in their order; says how many still wait, and how far the signers are.
    pub(crate) async fn advance(
        &self,
        steps: &ItemJournal,
        flow: &FlowRef,
        mut states: SignStates,
    ) -> Result<(usize, SignStates), StepError> {
        let mut waiting = steps.deferred();
        loop {
            let archived = |step: &str| step == ARCHIVE && steps.is_done(step);
            let ready = |step: &String| states.signed(step) || archived(step);
            // Not every service lists those who sign at once; whether all have signed is checked by the archive itself (5.7.5).
            let ready_for = |deferral: &Deferral| {
                let ends = deferral.operation == Op::Archive.path();
                let mut after = deferral.after.iter();
                after.all(|step| ready(step) || ends && states.may_have_signed(step))
            };
            // Nobody is asked to sign what cannot be signed by all any more.
            let goes_on = states.lost().is_none();
            // What was begun had its turn, whatever the detail seems to tell now.
            let next = waiting.iter().position(|(step, deferral)| {
                steps.is_begun(step) || goes_on && ready_for(deferral)
            });
            let Some(next) = next else {
                return Ok((waiting.len(), states));
            };
            let (step, deferral) = waiting.remove(next);
            let op = self.take(steps, &step, deferral, flow).await?;
            // Who was just asked has not signed; who signs by himself may have.
            if signs_at_once(op) {
                match self.refresh_sign_states(steps, flow).await {
                    Ok((_, now)) => states = now,
                    // All that could be done is done: the next visit looks.
                    Err(StepError::Failed(_)) => return Ok((waiting.len(), states)),
                    Err(halt) => return Err(halt),
                }
            }
        }
    }

    pub(crate) async fn take(
        &self,
        steps: &ItemJournal,
        step: &str,
        deferral: Deferral,
        flow: &FlowRef,
    ) -> Result<Op, StepError> {
        let unknown = || LedgerError::Broken {
            path: String::new(),
            why: format!(
                "the step {step} waits for {}, which is no operation",
                deferral.operation
            ),
        };
        let op = Op::at(&deferral.operation).ok_or_else(unknown)?;
        match op {
            Op::Download => self.download(steps, step, deferral.request).await?,
            _ => {
                self.perform(steps, step, op, deferral.request, flow)
                    .await?;
            }
        }
        Ok(op)
    }

    /// Puts the signed documents where they belong, each whole or not at all.
    async fn download(
        &self,
        steps: &ItemJournal,
        step: &str,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let wanted: Downloads = serde_json::from_value(request).map_err(|error| {
            StepError::from(LedgerError::Broken {
                path: String::new(),
                why: format!("the step {step} cannot be read: {error}"),
            })
        })?;
        let mut kept = Vec::new();
        for (doc_id, path) in &wanted.files {
            let bytes = self.signed_document(&wanted.flow_id, doc_id).await?;
            keep(&self.root.join(path), &bytes)?;
            kept.push(serde_json::json!({
                "docId": doc_id,
                "path": path,
                "size": bytes.len(),
                "sha256": hex::encode(Sha256::digest(&bytes)),
            }));
        }
        self.ledger
            .write(vec![Write::Receipt {
                subject: steps.subject,
                step: step.to_owned(),
                op: Download::OP,
                receipt: Arc::new(serde_json::Value::Array(kept)),
            }])
            .await?;
        Ok(())
    }

    /// A signed document, from a fresh address each time: one that is cut off or no PDF is asked for again.
    async fn signed_document(&self, flow_id: &FlowId, doc_id: &DocId) -> Result<Bytes, StepError> {
        let mut delays = self.client.retry_delays();
        loop {
            let request = Download {
                flow_id: flow_id.clone(),
            };
            let list = self.call(&request).await?;
            let Some(place) = list.into_iter().find(|doc| doc.doc_id == *doc_id) else {
                return Err(StepError::failed(
                    format!("sign/download does not list the document {doc_id}"),
                    "look at the flow on the service's own pages",
                ));
            };
            let (why, is_permanent) = match self.client.download(&place.doc_url).await {
                Ok(bytes) => match not_whole(&bytes) {
                    None => return Ok(bytes),
                    Some(why) => (why.to_owned(), false),
                },
                // An address that has expired is replaced by a fresh one.
                Err(failure) => (failure.to_string(), failure.is_permanent()),
            };
            let Some(delay) = delays.next().filter(|_| !is_permanent) else {
                return Err(StepError::failed(
                    format!("the signed document {doc_id} cannot be downloaded: {why}"),
                    "run treaty sync again",
                ));
            };
            self.client.wait(delay).await;
        }
    }
}

/// Why what was downloaded is not kept. A PDF's last lines say where everything in it stands: one that is cut off lacks
/// them.
fn not_whole(bytes: &[u8]) -> Option<&'static str> {
    const END: &[u8] = b"%%EOF";
    let last = &bytes[bytes.len().saturating_sub(1024)..];
    if !bytes.starts_with(b"%PDF-") {
        Some("it is no PDF")
    } else if !last.windows(END.len()).any(|part| part == END) {
        Some("the PDF is cut off")
    } else {
        None
    }
}

/// Writes a file whole or not at all, for nobody else to read.
fn keep(path: &Path, bytes: &[u8]) -> Result<(), StepError> {
    // What is there already was put there by somebody else, or by a run that was cut off.
    match std::fs::read(path) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) => {
            return Err(StepError::failed(
                format!("{} is there already, and is another file", path.display()),
                "move it away, then run treaty sync again",
            ));
        }
        Err(_) => {}
    }
    let put = || {
        let mut file = AtomicFile::create(path)?;
        match file.write_all(bytes) {
            Ok(()) => file.finish(),
            Err(source) => Err(file.error(source)),
        }
    };
    put().map_err(|error| {
        StepError::failed(
            error.to_string(),
            "check the folder and the disk, then run treaty sync again",
        )
    })
}
