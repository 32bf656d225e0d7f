//! The arguments of `treaty doctor`.

use super::values::Format;

pub(super) const DOCTOR: &str = "\
Check what a run needs: credentials, endpoint, clock, ledger, disk and proxy.

Each check is ok, a warning or an error, with a hint. One read-only request is sent, which looks up an account that \
does not exist. Nothing is changed, and a run that is in progress is not disturbed.

Exit codes: 0 no error, 69 the endpoint is not reachable, 77 credentials are missing or refused, 1 another error.";

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
