//! The client of a project's endpoint: credentials, and a transport to the service or to the sandbox in this process.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;

use super::exit::{CliError, Exit};
use crate::client::{Client, Credentials, HttpTransport, Settings, Transport, TransportError};
use crate::execute::{Event, FencedTransport, Listener};
use crate::expr::Environ;
use crate::ledger::LeaseHandle;
use crate::manifest::{self, Endpoint};
use crate::sandbox::Sandbox;

/// Where the emulator inside treaty seems to be: nothing is ever sent there, and once `treaty sandbox` serves the same
/// world, the links that were given out lead to its pages.
const INSIDE: &str = "http://127.0.0.1:7878";

/// Where the emulator keeps its world.
pub(super) fn world(root: &Path) -> std::path::PathBuf {
    root.join(".treaty").join("sandbox")
}

/// A client for the project's endpoint. With a lease, it sends only while the ledger is held.
pub(super) fn client(
    root: &Path,
    settings: &manifest::Settings,
    credentials: Option<Credentials>,
    pulse: Option<LeaseHandle>,
    listener: &Listener,
) -> anyhow::Result<Client> {
    let transport = transport(root, settings)?;
    Ok(client_over(
        transport,
        settings,
        credentials,
        pulse,
        listener,
    ))
}

/// The transport to the project's endpoint.
pub(super) fn transport(
    root: &Path,
    settings: &manifest::Settings,
) -> anyhow::Result<Arc<dyn Transport>> {
    Ok(match &settings.endpoint {
        Endpoint::Sandbox => Arc::new(Inside(Sandbox::open(&world(root), INSIDE)?)),
        Endpoint::Url(_) => {
            let connections = settings.limits.concurrency.get();
            let http = HttpTransport::new(connections, settings.retries.timeout)
                .map_err(anyhow::Error::msg)
                .context("HTTPS cannot be used")?;
            Arc::new(http)
        }
    })
}

/// A client over a transport that exists already.
pub(super) fn client_over(
    transport: Arc<dyn Transport>,
    settings: &manifest::Settings,
    credentials: Option<Credentials>,
    pulse: Option<LeaseHandle>,
    listener: &Listener,
) -> Client {
    let transport = match pulse {
        Some(lease) => Arc::new(FencedTransport { transport, lease }),
        None => transport,
    };
    let endpoint = match &settings.endpoint {
        Endpoint::Sandbox => INSIDE.to_owned(),
        Endpoint::Url(url) => url.clone(),
    };
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
        concurrency: limits.concurrency,
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

/// The credentials that the endpoint needs; the emulator inside treaty needs none.
pub(super) fn credentials(
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
            "the app id has characters that no header can carry",
            "",
        ));
    }
    Ok(Some(Credentials {
        app_id,
        app_secret: SecretString::from(app_secret),
    }))
}

fn credential(environ: &Environ, name: &str) -> Result<String, CliError> {
    let missing = |message: String| {
        CliError::new(
            Exit::Credentials,
            message,
            format!(
                "set {name}, or {name}_FILE to the path of a file that holds it; -e sandbox needs neither"
            ),
        )
    };
    if let Some(value) = environ.get(name).filter(|value| !value.trim().is_empty()) {
        return Ok(value.trim().to_owned());
    }
    let file = environ
        .get(&format!("{name}_FILE"))
        .ok_or_else(|| missing(format!("{name} is not set")))?;
    match std::fs::read_to_string(file) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) => Err(missing(format!("the file that {name}_FILE names is empty"))),
        Err(error) => Err(missing(format!(
            "the file that {name}_FILE names cannot be read: {error}"
        ))),
    }
}

/// The transport to the sandbox in this process.
struct Inside(Sandbox);

impl Transport for Inside {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let answer = self.0.handle(&request, Timestamp::now());
        Box::pin(async move {
            // Other items run meanwhile, as they would while a real response is waited for.
            tokio::task::yield_now().await;
            Ok(answer)
        })
    }
}
