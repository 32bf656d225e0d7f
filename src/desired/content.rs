//! The files that an item names: read, hashed, and kept where every row names the same one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::document::few_enough;
use super::rendering::Rendering;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Salt, Scope};
use crate::manifest::{ChunkSource, DocumentSource, Flow, path};
use crate::pdf::{self, PdfError};

/// A file that is sent, and what it held when its row was read: what another has written there since is not what was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it is.
    pub path: PathBuf,
    /// The hash of its bytes (BLAKE3), in hexadecimal.
    pub hash: Arc<str>,
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    /// The hash of the bytes, in hexadecimal.
    pub(super) hash: Arc<str>,
    /// Whether it is a PDF that can be signed.
    pub(super) pdf: Result<(), PdfError>,
    pages: OnceLock<usize>,
}

impl Content {
    /// What is sent of it.
    pub(super) fn file(&self) -> LocalFile {
        LocalFile {
            path: self.path.clone(),
            hash: self.hash.clone(),
        }
    }

    /// How many pages it has; one where that cannot be told.
    pub(super) fn pages(&self) -> usize {
        let count = || pdf::page_sizes(&self.bytes).map_or(1, |sizes| sizes.len());
        *self.pages.get_or_init(count)
    }
}

/// Files that do not depend on the row.
#[derive(Debug, Default)]
pub(super) struct Contents(Mutex<HashMap<PathBuf, Arc<Content>>>);

/// Where paths begin, and what was read.
pub(super) struct Site<'a> {
    pub(super) root: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) contents: &'a Contents,
}

/// The files that a flow names.
fn named(flow: &Flow) -> impl Iterator<Item = &Expr> {
    let attachments = flow.process.attachments.iter().map(|own| &own.file);
    let documents = flow.documents.iter().filter_map(|own| match &own.source {
        DocumentSource::File(file) => Some(file),
        DocumentSource::Template { .. } => None,
    });
    let chunks = flow.documents.iter().flat_map(|own| &own.chunked_fields);
    let chunks = chunks.filter_map(|chunk| match &chunk.source {
        ChunkSource::Pdf(file) => Some(file),
        ChunkSource::Html(_) | ChunkSource::PdfData(_) => None,
    });
    attachments.chain(documents).chain(chunks)
}

/// Whether all rows name the same file.
fn is_same(file: &Expr) -> bool {
    !file.uses().row && !file.uses().key
}

impl Contents {
    fn kept(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<Content>>> {
        // Nothing panics while it is held; what is in it stays true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site<'_> {
    /// What is wrong with the files that are the same for all rows: said once, and not for each of them.
    pub(super) fn settled(&self, flow: &Flow, scope: &Scope, salt: &Salt) -> Vec<Diagnostic> {
        let mut rendering = Rendering::new(scope, None, salt);
        for file in named(flow).filter(|file| is_same(file)) {
            self.content("file", file, &mut rendering);
        }
        if rendering.errors.is_empty() {
            for document in &flow.documents {
                let pages = document.chunked_fields.iter().map(|own| match &own.source {
                    ChunkSource::Pdf(file) if is_same(file) => self
                        .content("file", file, &mut rendering)
                        .map_or(1, |content| content.pages()),
                    // Whatever the row makes of it.
                    _ => 1,
                });
                let pages = pages.sum();
                few_enough(&document.chunked_fields, pages, &mut rendering);
            }
        }
        rendering.errors
    }

    /// The file that an expression names.
    pub(super) fn content(
        &self,
        name: &str,
        file: &Expr,
        rendering: &mut Rendering<'_>,
    ) -> Option<Arc<Content>> {
        let written = rendering.required(name, file)?;
        let path = match path::inside(self.root, self.folder, &written) {
            Ok(path) => path,
            Err(why) => {
                rendering.error(file, why, "files lie inside the project");
                return None;
            }
        };
        if let Some(known) = self.contents.kept().get(&path) {
            return Some(known.clone());
        }
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => {
                rendering.error(
                    file,
                    format!("{written} cannot be read: {error}"),
                    "check the path and the file",
                );
                return None;
            }
        };
        if bytes.is_empty() {
            rendering.error(
                file,
                format!("{written} is empty"),
                "the service takes no file of 0 bytes",
            );
            return None;
        }
        let content = Arc::new(Content {
            hash: blake3::hash(&bytes).to_hex().as_str().into(),
            pdf: pdf::check(&bytes),
            pages: OnceLock::new(),
            path: path.clone(),
            bytes,
        });
        if is_same(file) {
            self.contents.kept().insert(path, content.clone());
        }
        Some(content)
    }
}
