//! Passwords in a file in the format of libpq: a line `host:port:database:user:password` for each.

use std::path::Path;

use secrecy::SecretString;

use crate::util::input_file::{self, MAX_TEXT};
use crate::util::postgres_address::PostgresAddress;

/// Returns the password of the first line that matches an address.
///
/// # Errors
///
/// The reason if the file cannot be read.
pub(super) fn find(file: &Path, address: &PostgresAddress) -> Result<Option<SecretString>, String> {
    let text = input_file::read_text(file, MAX_TEXT).map_err(|error| error.to_string())?;
    let port = address.port.to_string();
    let sought = [&address.host, &port, &address.database, &address.user];
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.map(fields).find_map(|fields| {
        let (password, names) = fields.split_last()?;
        let is_match = names.len() == sought.len()
            && names
                .iter()
                .zip(sought)
                .all(|(name, sought)| name == "*" || name == sought);
        is_match.then(|| SecretString::from(password.as_str()))
    }))
}

/// Splits a line at colons. A backslash makes the next character an ordinary one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == ':' {
            fields.push(String::new());
        } else if let Some(field) = fields.last_mut() {
            let escaped = (character == '\\').then(|| characters.next()).flatten();
            field.push(escaped.unwrap_or(character));
        }
    }
    fields
}

/// Fails if other users can read a file with a password.
#[cfg(unix)]
pub(super) fn check_access(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = std::fs::metadata(file).map_err(|error| error.to_string())?;
    let others = found.permissions().mode() & 0o077;
    if others != 0 {
        return Err(t!("other users can read it; run chmod 600").into_owned());
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn check_access(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_first_matching_line_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgpass");
        let lines = "# a comment\nother:5432:treaty:treaty:no\ndb:*:treaty:tre\\:aty:a\\:b\\\\c\n*:*:*:*:last\n";
        std::fs::write(&file, lines).expect("written");
        let address = |user: &str| {
            let text = format!("postgres://{user}@db/treaty");
            PostgresAddress::parse(&text, "treaty", folder.path()).expect("an address")
        };
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
        mode(0o644).expect("changed");
        let error = check_access(&file).expect_err("others can read it");
        assert!(error.contains("chmod 600"), "{error}");
        mode(0o600).expect("changed");
        check_access(&file).expect("only the owner can read it");
        let password = |user: &str| {
            let found = find(&file, &address(user)).expect("read");
            found.map(|password| password.expose_secret().to_owned())
        };
        assert_eq!(password("tre%3Aaty").as_deref(), Some("a:b\\c"));
        assert_eq!(password("else").as_deref(), Some("last"));
    }
}
