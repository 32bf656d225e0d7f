//! Relative URLs of files, from the folder of the page: they work as long as the folders stay where
//! they are.

use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters of a path segment that are encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes a file name.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// Returns the URL of the folder `to`, relative to the folder `from`. It ends with a slash. `None`
/// if there is none, for example on another drive.
pub(super) fn folder_url(from: &Path, to: &Path) -> Option<String> {
    let (from, to) = (normalized(from)?, normalized(to)?);
    let is_common = |(a, b): &(Component<'_>, Component<'_>)| a == b;
    let common = from.components().zip(to.components());
    let common = common.take_while(is_common).count();
    if common == 0 {
        return None;
    }
    let up = from.components().skip(common).map(|_| "../");
    let mut url: String = up.collect();
    if url.is_empty() {
        url.push_str("./");
    }
    for name in to.components().skip(common) {
        url.push_str(&encoded(name.as_os_str().to_str()?));
        url.push('/');
    }
    Some(url)
}

/// Returns the URL of a file below a folder with a URL; `None` if the path leaves the folder.
pub(super) fn file_url(folder: &str, path: &str) -> Option<String> {
    let segment = |component| match component {
        Component::Normal(name) => name.to_str().map(encoded),
        _ => None,
    };
    let segments: Option<Vec<String>> = Path::new(path).components().map(segment).collect();
    let segments = segments.filter(|segments| !segments.is_empty())?;
    Some(format!("{folder}{}", segments.join("/")))
}

/// Returns the absolute path without `.` and `..`, as a browser computes it.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in std::path::absolute(path).ok()?.components() {
        match component {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_from_the_reports_to_the_project() {
        let url = |from: &str, to: &str| folder_url(Path::new(from), Path::new(to));
        let url = |from, to| url(from, to).expect("a URL");
        assert_eq!(url("/p/reports/run", "/p"), "../../");
        assert_eq!(url("reports/run", "."), "../../");
        assert_eq!(url("/p/../out/run", "/p q"), "../../p%20q/");
        assert_eq!(url("/p", "/p"), "./");
    }

    #[test]
    fn encodes_paths_and_refuses_those_outside() {
        let url = |path| file_url("../../", path);
        let signed = url("signed/借 #1%.pdf");
        assert_eq!(
            signed.as_deref(),
            Some("../../signed/%E5%80%9F%20%231%25.pdf")
        );
        let odd = url("javascript:alert(1)");
        assert_eq!(odd.as_deref(), Some("../../javascript%3Aalert%281%29"));
        for outside in ["", "/etc/passwd", "../x.pdf", "signed/../../x.pdf"] {
            assert_eq!(url(outside), None, "{outside}");
        }
    }
}
