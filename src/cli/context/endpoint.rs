//! Creates the API client of an environment: its credentials, and a transport to the service or to
//! the sandbox in this process.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::{logging, out};
use crate::cli::process;
use crate::client::{Client, Credentials, HttpTransport, Settings, Transport, TransportError};
use crate::execute::{Event, FencedTransport, Listener};
use crate::expr::Environ;
use crate::ledger::LeaseHandle;
use crate::manifest::{self, Endpoint};
use crate::sandbox::Sandbox;
use crate::util::input_file::{self, InputError};

/// The base URL of the sandbox in this process. Nothing is sent there. The signing links work once
/// `treaty sandbox` serves the same world.
const SANDBOX_URL: &str = "http://127.0.0.1:7878";

/// The folder of the sandbox world of a project.
pub(in crate::cli) fn sandbox_folder(root: &Path) -> std::path::PathBuf {
    root.join(".treaty").join("sandbox")
}

/// Creates a client for the endpoint of the project. With a lease, it sends only while the lease is
/// valid.
pub(in crate::cli) fn client(
    root: &Path,
    settings: &manifest::Settings,
    credentials: Option<Credentials>,
    lease: Option<LeaseHandle>,
    progress: &Progress,
) -> anyhow::Result<Client> {
    let transport = transport(root, settings)?;
    Ok(client_with_transport(
        transport,
        settings,
        credentials,
        lease,
        &progress.listener(),
    ))
}

/// Creates the transport to the endpoint of the project.
pub(in crate::cli) fn transport(
    root: &Path,
    settings: &manifest::Settings,
) -> anyhow::Result<Arc<dyn Transport>> {
    Ok(match &settings.endpoint {
        Endpoint::Sandbox => Arc::new(SandboxTransport(Sandbox::open(
            &sandbox_folder(root),
            SANDBOX_URL,
        )?)),
        Endpoint::Url(_) => {
            let connections = concurrency(settings);
            warn_of_lowered(settings.limits.concurrency, connections);
            let connections = connections.get();
            let http = HttpTransport::new(connections, settings.retries.timeout)
                .map_err(anyhow::Error::msg)
                .context("the HTTPS client cannot be created")?;
            Arc::new(http)
        }
    })
}

/// Creates a client that uses an existing transport.
pub(in crate::cli) fn client_with_transport(
    transport: Arc<dyn Transport>,
    settings: &manifest::Settings,
    credentials: Option<Credentials>,
    lease: Option<LeaseHandle>,
    listener: &Listener,
) -> Client {
    let transport = match lease {
        Some(lease) => Arc::new(FencedTransport { transport, lease }),
        None => transport,
    };
    let endpoint = match &settings.endpoint {
        Endpoint::Sandbox => SANDBOX_URL.to_owned(),
        Endpoint::Url(url) => url.clone(),
    };
    let concurrency = concurrency(settings);
    let limits = &settings.limits;
    let retries = &settings.retries;
    let settings = Settings {
        endpoint,
        credentials,
        rate: limits.rate.map(|rate| rate.0),
        operation_rates: limits
            .operations
            .iter()
            .map(|(op, rate)| (*op, rate.0))
            .collect(),
        concurrency,
        attempts: retries.attempts,
        backoff: retries.backoff,
        max_backoff: retries.max_backoff,
        timeout: retries.timeout,
        outage: retries.outage,
        throttle_codes: retries.throttle_codes.clone(),
    };
    let listener = listener.clone();
    Client::new(
        transport,
        settings,
        Arc::new(move |event| listener(Event::Client(event))),
    )
}

/// Returns the maximum number of requests in flight: that of the settings, or fewer if the process
/// cannot have as many connections.
fn concurrency(settings: &manifest::Settings) -> NonZeroUsize {
    let declared = settings.limits.concurrency;
    match &settings.endpoint {
        Endpoint::Sandbox => declared,
        Endpoint::Url(_) => process::max_connections().map_or(declared, |max| declared.min(max)),
    }
}

/// Says that fewer requests are in flight than the settings allow.
fn warn_of_lowered(declared: NonZeroUsize, lowered: NonZeroUsize) {
    if lowered == declared {
        return;
    }
    let text = t!(
        "limits.concurrency is %{declared}, but this process may have only %{lowered} requests in flight: its limit of open files is too low; raise it with ulimit -Hn",
        declared = declared,
        lowered = lowered
    );
    if !logging::emit(|| tracing::warn!(event = "note", "{text}")) {
        out::warning(text);
    }
}

/// Reads the credentials from the environment; none for the sandbox in this process.
pub(in crate::cli) fn credentials(
    endpoint: &Endpoint,
    environ: &Environ,
) -> Result<Option<Credentials>, CliError> {
    if *endpoint == Endpoint::Sandbox {
        return Ok(None);
    }
    let app_id = credential(environ, "TREATY_APP_ID")?;
    let app_secret = credential(environ, "TREATY_APP_SECRET")?;
    if !app_id.chars().all(|c| c.is_ascii_graphic()) {
        return Err(CliError::new(
            Exit::Credentials,
            t!("the app id contains characters that are not allowed in an HTTP header"),
            "",
        ));
    }
    Ok(Some(Credentials {
        app_id,
        app_secret: SecretString::from(app_secret),
    }))
}

/// Reads the app secret that requests to a sandbox for other machines need.
pub(in crate::cli) fn app_secret(environ: &Environ) -> Result<SecretString, CliError> {
    credential(environ, "TREATY_APP_SECRET").map(SecretString::from)
}

/// Reads a variable, or the file that the variable with the suffix `_FILE` names.
fn credential(environ: &Environ, name: &str) -> Result<String, CliError> {
    let missing = |message: String| {
        CliError::new(
            Exit::Credentials,
            message,
            t!(
                "set %{name}, or set %{name}_FILE to the path of a file that contains it; -e sandbox needs no credentials",
                name = name
            ),
        )
    };
    if let Some(value) = environ.get(name).filter(|value| !value.trim().is_empty()) {
        return Ok(value.trim().to_owned());
    }
    let file = environ
        .get(&format!("{name}_FILE"))
        .ok_or_else(|| missing(t!("%{name} is not set", name = name).into_owned()))?;
    match input_file::read_text(Path::new(file), input_file::MAX_SECRET) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) => Err(missing(
            t!("the file in %{name}_FILE is empty", name = name).into_owned(),
        )),
        Err(error) => {
            let message = t!(
                "the file in %{name}_FILE cannot be read: %{error}",
                name = name,
                error = error
            )
            .into_owned();
            let refused = missing(message.clone());
            Err(match &error {
                InputError::Io(_) => refused,
                other => CliError::new(Exit::Credentials, message, other.hint("")),
            })
        }
    }
}

/// The transport to the sandbox in this process.
struct SandboxTransport(Sandbox);

impl Transport for SandboxTransport {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let response = self.0.handle(&request, Timestamp::now());
        Box::pin(async move {
            // Other items make progress here, as they would during a network request.
            tokio::task::yield_now().await;
            Ok(response)
        })
    }
}
