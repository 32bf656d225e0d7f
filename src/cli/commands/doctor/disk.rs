//! The check of the free space for the ledger and the reports.

use std::borrow::Cow;
use std::path::Path;

use super::check::{Check, Level};
use crate::manifest::Settings;

const NAME: &str = t_key!("disk");
const MEBIBYTE: u64 = 1024 * 1024;
/// The free space from which on there is no warning, and no error.
const ENOUGH: u64 = 1024 * MEBIBYTE;
const LITTLE: u64 = 64 * MEBIBYTE;

pub(super) fn check(settings: &Settings) -> Check {
    let places = [
        (t!("the ledger"), settings.ledger.local()),
        (t!("reports"), &settings.reports.directory),
    ];
    let free: Vec<(Cow<'static, str>, u64)> = places
        .into_iter()
        .filter_map(|(what, path)| Some((what, free_space(path)?)))
        .collect();
    report(&free)
}

fn report(free: &[(Cow<'static, str>, u64)]) -> Check {
    let Some(least) = free.iter().map(|(_, bytes)| *bytes).min() else {
        return Check::new(NAME, Level::Warning, t!("the free space is unknown"), "");
    };
    let each: Vec<String> = free
        .iter()
        .map(|(what, bytes)| {
            t!(
                "%{size} MiB for %{what}",
                size = bytes / MEBIBYTE,
                what = what
            )
            .into_owned()
        })
        .collect();
    let message = t!("free: %{places}", places = each.join(&t!(", ")));
    let level = match least {
        ENOUGH.. => return Check::ok(NAME, message),
        LITTLE.. => Level::Warning,
        _ => Level::Error,
    };
    let hint = t!("free disk space: a run stops when the ledger cannot be written");
    Check::new(NAME, level, message, hint)
}

/// Returns the bytes that this user can write to the disk of a path, which need not exist.
#[cfg(unix)]
fn free_space(path: &Path) -> Option<u64> {
    let absolute = std::path::absolute(path).ok()?;
    let existing = absolute.ancestors().find(|folder| folder.exists())?;
    let disk = rustix::fs::statvfs(existing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_space_is_a_warning_and_almost_none_an_error() {
        let level =
            |least: u64| report(&[("the ledger".into(), ENOUGH), ("reports".into(), least)]).level;
        assert_eq!(level(ENOUGH), Level::Ok);
        assert_eq!(level(ENOUGH - 1), Level::Warning);
        assert_eq!(level(LITTLE - 1), Level::Error);
        assert_eq!(report(&[]).level, Level::Warning);
    }
}
