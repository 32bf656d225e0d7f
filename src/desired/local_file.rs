//! Reads and hashes the local files of items, with a cache for files that all rows share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::rendering::Rendering;
use crate::expr::Expr;
use crate::manifest::path;
use crate::pdf::{self, PdfError};
use crate::util::input_file;

/// A file to upload. The hash detects changes between plan and upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// The path of the file.
    pub path: PathBuf,
    /// The BLAKE3 hash of its bytes when the row was rendered, in hexadecimal.
    pub hash: Arc<str>,
}

/// The contents of a file.
#[derive(Debug)]
pub(super) struct FileContent {
    pub(super) path: PathBuf,
    pub(super) bytes: Bytes,
    /// The BLAKE3 hash of the bytes, in hexadecimal.
    pub(super) hash: Arc<str>,
    /// Whether the file is a PDF that can be signed.
    pub(super) pdf: Result<(), PdfError>,
    pages: OnceLock<usize>,
}

impl FileContent {
    /// Returns path and hash without the bytes.
    pub(super) fn file(&self) -> LocalFile {
        LocalFile {
            path: self.path.clone(),
            hash: self.hash.clone(),
        }
    }

    /// Returns the number of pages, or 1 when it cannot be determined.
    pub(super) fn pages(&self) -> usize {
        let count = || pdf::page_sizes(&self.bytes).map_or(1, |sizes| sizes.len());
        *self.pages.get_or_init(count)
    }
}

/// The contents of files that do not depend on the row, by path.
#[derive(Debug, Default)]
pub(super) struct FileCache(Mutex<HashMap<PathBuf, Arc<FileContent>>>);

impl FileCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<FileContent>>> {
        // A poisoned lock is usable: entries are inserted whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the files that the expressions of one flow name.
pub(super) struct FileReader<'a> {
    /// The project's folder, which no path may leave.
    pub(super) root: &'a Path,
    /// The manifest's folder, where its relative paths begin.
    pub(super) folder: &'a Path,
    pub(super) cache: &'a FileCache,
}

/// Reports whether the expression names the same file in all rows.
pub(super) fn is_static(file: &Expr) -> bool {
    !file.uses().row && !file.uses().key
}

impl FileReader<'_> {
    /// Reads the file that the field `name` names. Reports files that are outside of the project,
    /// unreadable or empty to `rendering`, and returns `None` for them.
    pub(super) fn read(
        &self,
        name: &str,
        file: &Expr,
        rendering: &mut Rendering<'_>,
    ) -> Option<Arc<FileContent>> {
        let written = rendering.required(name, file)?;
        let path = match path::inside(self.root, self.folder, &written) {
            Ok(path) => path,
            Err(why) => {
                rendering.error(file, why, t!("use a file inside the project's folder"));
                return None;
            }
        };
        if let Some(known) = self.cache.lock().get(&path) {
            return Some(known.clone());
        }
        let bytes = match input_file::read(&path, input_file::MAX_DOCUMENT) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => {
                rendering.error(
                    file,
                    t!(
                        "cannot read %{file}: %{error}",
                        file = written,
                        error = error
                    ),
                    error.hint(t!("check the path and the file's permissions")),
                );
                return None;
            }
        };
        if bytes.is_empty() {
            rendering.error(
                file,
                t!("%{file} is empty", file = written),
                t!("the API rejects empty files: export the file again"),
            );
            return None;
        }
        let content = Arc::new(FileContent {
            hash: blake3::hash(&bytes).to_hex().as_str().into(),
            pdf: pdf::check(&bytes),
            pages: OnceLock::new(),
            path: path.clone(),
            bytes,
        });
        if is_static(file) {
            self.cache.lock().insert(path, content.clone());
        }
        Some(content)
    }
}
