//! Deferred steps of an item, taken once other signers have signed: later signers, archive,
//! download.
//!
//! Requires only the ledger, which has recorded the requests when the item was sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::context::StepContext;
use super::error::StepError;
use super::flow::FlowRef;
use crate::address::{DocId, FlowId};
use crate::api::operation::Op;
use crate::api::{Download, Operation};
use crate::execute::journal::ItemJournal;
use crate::execute::signers::{SignStates, signs_at_once};
use crate::ledger::step_name::ARCHIVE;
use crate::ledger::{Deferral, DownloadedFile, LedgerError, Write};
use crate::util::atomic_file::AtomicFile;
use crate::util::confine;
use crate::util::input_file::{self, InputError};

/// The recorded request of a download: the flow, and the target file of each document, relative to
/// the project's folder.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Downloads {
    flow_id: FlowId,
    files: BTreeMap<DocId, String>,
}

impl StepContext<'_> {
    /// Takes the deferred steps that are ready, in their order. Returns the number of those that
    /// remain, and the states of the signers.
    pub(crate) async fn advance(
        &self,
        journal: &ItemJournal,
        flow: &FlowRef,
        mut states: SignStates,
    ) -> Result<(usize, SignStates), StepError> {
        let mut waiting = journal.deferred();
        loop {
            let is_archived = |step: &str| step == ARCHIVE && journal.is_done(step);
            let is_complete = |step: &String| states.signed(step) || is_archived(step);
            // Not every service lists automatic signers. The archive call itself checks that all
            // have signed (API 5.7.5).
            let is_ready = |deferral: &Deferral| {
                let is_archive = deferral.operation == Op::Archive.path();
                let mut after = deferral.after.iter();
                after.all(|step| is_complete(step) || is_archive && states.may_have_signed(step))
            };
            // No signer is added to a flow that cannot be completed any more.
            let can_complete = states.lost().is_none();
            // A step with an intent was ready before, whatever the details show now.
            let next = waiting.iter().position(|(step, deferral)| {
                journal.is_begun(step) || can_complete && is_ready(deferral)
            });
            let Some(next) = next else {
                return Ok((waiting.len(), states));
            };
            let (step, deferral) = waiting.remove(next);
            let op = self.take_deferred(journal, &step, deferral, flow).await?;
            // A signer that was just added has not signed yet, unless it signs automatically.
            if signs_at_once(op) {
                match self.refresh_sign_states(journal, flow).await {
                    Ok((_, now)) => states = now,
                    // The next sync reads the states again.
                    Err(StepError::Failed(_)) => return Ok((waiting.len(), states)),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Takes one deferred step, and returns its operation.
    pub(crate) async fn take_deferred(
        &self,
        journal: &ItemJournal,
        step: &str,
        deferral: Deferral,
        flow: &FlowRef,
    ) -> Result<Op, StepError> {
        let unknown = || LedgerError::Broken {
            path: String::new(),
            why: format!(
                "the deferred step {step} names {}, which is not an operation",
                deferral.operation
            ),
        };
        let op = Op::at(&deferral.operation).ok_or_else(unknown)?;
        match op {
            Op::Download => self.download(journal, step, deferral.request).await?,
            _ => {
                self.perform(journal, step, op, deferral.request, flow)
                    .await?;
            }
        }
        Ok(op)
    }

    /// Downloads the signed documents to their target files, and records their sizes and hashes.
    async fn download(
        &self,
        journal: &ItemJournal,
        step: &str,
        request: serde_json::Value,
    ) -> Result<(), StepError> {
        let downloads: Downloads = serde_json::from_value(request).map_err(|error| {
            StepError::from(LedgerError::Broken {
                path: String::new(),
                why: format!("cannot read the deferred step {step}: {error}"),
            })
        })?;
        for path in downloads.files.values() {
            target(self.root, path)?;
        }
        let mut files = Vec::new();
        for (doc_id, path) in &downloads.files {
            let bytes = self.signed_document(&downloads.flow_id, doc_id).await?;
            write_document(self.root, path, &bytes)?;
            files.push(DownloadedFile {
                doc_id: Some(doc_id.clone()),
                path: Some(path.clone()),
                size: Some(bytes.len() as u64),
                sha256: Some(hex::encode(Sha256::digest(&bytes))),
            });
        }
        self.ledger
            .write(vec![Write::Receipt {
                subject: journal.subject,
                step: step.to_owned(),
                op: Download::OP,
                receipt: Arc::new(serde_json::to_value(files).unwrap_or_default()),
            }])
            .await?;
        Ok(())
    }

    /// Downloads a signed document. Retries with a fresh URL if the download fails, is truncated,
    /// or is not a PDF.
    async fn signed_document(&self, flow_id: &FlowId, doc_id: &DocId) -> Result<Bytes, StepError> {
        let mut delays = self.client.retry_delays();
        loop {
            let request = Download {
                flow_id: flow_id.clone(),
            };
            let list = self.call(&request).await?;
            let Some(listed) = list.into_iter().find(|doc| doc.doc_id == *doc_id) else {
                return Err(StepError::failed(
                    t!(
                        "sign/download does not list the document %{doc_id}",
                        doc_id = doc_id
                    ),
                    t!("look at the flow on the service's own pages"),
                ));
            };
            let (why, is_permanent) = match self.client.download(&listed.doc_url).await {
                Ok(bytes) => match pdf_problem(&bytes) {
                    None => return Ok(bytes),
                    Some(why) => (why.into_owned(), false),
                },
                // The next attempt requests a fresh URL: this one may have expired.
                Err(failure) => (failure.to_string(), failure.is_permanent()),
            };
            let Some(delay) = delays.next().filter(|_| !is_permanent) else {
                return Err(StepError::failed(
                    t!(
                        "cannot download the signed document %{doc_id}: %{why}",
                        doc_id = doc_id,
                        why = why
                    ),
                    t!("run treaty sync again"),
                ));
            };
            let waited = self.client.wait(delay).await;
            waited.map_err(|failure| StepError::of(Op::Download, failure))?;
        }
    }
}

/// Returns why a downloaded file is refused: it is not a PDF, or lacks the marker with which a PDF
/// ends.
fn pdf_problem(bytes: &[u8]) -> Option<Cow<'static, str>> {
    const END: &[u8] = b"%%EOF";
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    if !bytes.starts_with(b"%PDF-") {
        Some(t!("it is not a PDF"))
    } else if !tail.windows(END.len()).any(|part| part == END) {
        Some(t!("the PDF is truncated"))
    } else {
        None
    }
}

/// Returns where a recorded path leads. Fails if it is outside of the project: the record may be
/// imported, and a folder may have been replaced by a link since the plan was made.
fn target(root: &Path, path: &str) -> Result<PathBuf, StepError> {
    let real = if confine::is_below(path) {
        confine::real_path(root, &root.join(path))
    } else {
        Ok(None)
    };
    let (why, hint) = match real {
        Ok(Some(real)) => return Ok(real),
        Ok(None) => (
            t!("is outside of the project's folder"),
            t!("replace links that lead out of the project by folders, then run treaty sync again"),
        ),
        Err(error) => (
            t!("cannot be checked: %{error}", error = error),
            t!("check the folder and its permissions, then run treaty sync again"),
        ),
    };
    let message = t!(
        "the signed document is not written: %{path} %{why}",
        path = path,
        why = why
    );
    Err(StepError::failed(message, hint))
}

/// Writes a file atomically, readable by its owner only. A file with the same content is left as it
/// is; one with other content is an error.
fn write_document(root: &Path, path: &str, bytes: &[u8]) -> Result<(), StepError> {
    let shown = root.join(path);
    let shown = shown.display();
    // Checked again, immediately before writing.
    let target = target(root, path)?;
    // An interrupted run may have written the file already.
    match input_file::read(&target, bytes.len() as u64) {
        Ok(existing) if existing == bytes => return Ok(()),
        Ok(_) | Err(InputError::TooLarge(_) | InputError::NotRegular(_)) => {
            return Err(StepError::failed(
                t!(
                    "%{shown} already exists with different content",
                    shown = shown
                ),
                t!("move it away, then run treaty sync again"),
            ));
        }
        Err(error) if error.is_missing() => {}
        Err(error) => {
            return Err(StepError::failed(
                t!(
                    "%{shown} exists and cannot be read: %{error}",
                    shown = shown,
                    error = error
                ),
                t!("check its permissions or move it away, then run treaty sync again"),
            ));
        }
    }
    let write = || {
        let mut file = AtomicFile::create(&target)?;
        match file.write_all(bytes) {
            Ok(()) => file.finish(),
            Err(source) => Err(file.error(source)),
        }
    };
    write().map_err(|error| {
        StepError::failed(
            t!(
                "%{shown} cannot be written: %{why}",
                shown = shown,
                why = error.why
            ),
            t!("check the folder and the disk, then run treaty sync again"),
        )
    })
}
