//! TLS to a server that is not on this machine.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::settings::PostgresSettings;

/// Returns the connector, which checks certificates with the file of the settings, or with the
/// certificates of the system.
pub(super) fn connector(settings: &PostgresSettings) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &settings.address.root_certificates {
        Some(file) => builder.with_root_certificates(roots(file)?),
        None => builder
            .with_platform_verifier()
            .map_err(|error| error.to_string())?,
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let invalid = |why: &dyn std::fmt::Display| {
        t!(
            "the file %{file} of sslrootcert cannot be used: %{why}",
            file = file.display(),
            why = why
        )
        .into_owned()
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| invalid(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| invalid(&error))?;
        roots.add(certificate).map_err(|error| invalid(&error))?;
    }
    if roots.is_empty() {
        return Err(invalid(&t!("it has no certificate")));
    }
    Ok(roots)
}
