//! The location of a project's ledger, with the password of its database.

use std::path::Path;

use secrecy::SecretString;

use super::password_file::{self, check_access};
use crate::expr::Environ;
use crate::ledger::{LedgerError, Location, PostgresSettings};
use crate::manifest::LedgerSetting;
use crate::util::input_file;
use crate::util::postgres_address::PostgresAddress;

/// Returns the location of a ledger. The password of a database is read from the environment.
///
/// # Errors
///
/// [`LedgerError::Refused`] if a file with the password cannot be used.
pub(in crate::cli) fn ledger_location(
    setting: &LedgerSetting,
    environ: &Environ,
) -> Result<Location, LedgerError> {
    Ok(match setting {
        LedgerSetting::File(path) => path.into(),
        LedgerSetting::Postgres { address, local } => {
            let password = password(address, environ).map_err(|why| LedgerError::Refused {
                path: address.to_string(),
                why,
            })?;
            let settings = Box::new(PostgresSettings {
                address: address.clone(),
                password,
            });
            let local = local.clone();
            Location::Postgres { settings, local }
        }
    })
}

/// Returns the password of a database: a variable, the file that another variable names, or the line
/// for the database in a file of libpq. None if there is none: the server may need none.
fn password(address: &PostgresAddress, environ: &Environ) -> Result<Option<SecretString>, String> {
    let variable = |name: &str| environ.get(name).filter(|value| !value.is_empty());
    if let Some(password) = variable("TREATY_LEDGER_PASSWORD") {
        return Ok(Some(SecretString::from(password)));
    }
    let failed = |name: &'static str| {
        move |why: String| {
            t!(
                "the file in %{name} cannot be used: %{why}",
                name = name,
                why = why
            )
            .into_owned()
        }
    };
    if let Some(file) = variable("TREATY_LEDGER_PASSWORD_FILE") {
        let failed = failed("TREATY_LEDGER_PASSWORD_FILE");
        let text = input_file::read_text(Path::new(file), input_file::MAX_SECRET);
        let text = text.map_err(|error| failed(error.to_string()))?;
        return Ok(Some(SecretString::from(
            text.trim_end_matches(['\r', '\n']),
        )));
    }
    let Some(file) = variable("PGPASSFILE") else {
        return Ok(None);
    };
    let failed = failed("PGPASSFILE");
    let file = Path::new(file);
    check_access(file).map_err(&failed)?;
    password_file::find(file, address).map_err(failed)
}
