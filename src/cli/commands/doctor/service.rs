//! The checks of credentials, endpoint, clock and proxy. They share one request.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header;
use jiff::Timestamp;

use super::check::{Check, Level};
use crate::api::ExchangeId;
use crate::cli::args::Global;
use crate::cli::context::endpoint;
use crate::cli::context::ledger::LedgerContext;
use crate::cli::context::runtime::runtime;
use crate::cli::exit::{self, Exit};
use crate::cli::output::progress::Progress;
use crate::client::{CallFailure, Problem, Transport, TransportError, proxy_of};
use crate::expr::Environ;
use crate::manifest::{Endpoint, Settings};

/// The longest time to wait for the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The difference between the clocks from which there is a warning or an error, in seconds.
const CLOCK_WARNING: i64 = 60;
const CLOCK_ERROR: i64 = 300;
/// A `thirdId` that no row has.
const NOBODY: &str = "treaty-doctor";

/// The checks that need the service, and the exit code if one of them is an error.
pub(super) struct ServiceChecks {
    pub(super) checks: Vec<Check>,
    pub(super) exit: Exit,
}

pub(super) fn checks(global: &Global, context: &LedgerContext) -> anyhow::Result<ServiceChecks> {
    let settings = &context.project.settings;
    let environ = &context.session.environ;
    let is_sandbox = settings.endpoint == Endpoint::Sandbox;
    let credentials = endpoint::credentials(&settings.endpoint, environ);
    let transport = match endpoint::transport(&context.project.root, settings) {
        Ok(transport) => transport,
        Err(error) => {
            let (exit, hint) = exit::classify(&error);
            let check = Check::new(t_key!("endpoint"), Level::Error, format!("{error:#}"), hint);
            return Ok(ServiceChecks {
                checks: vec![check],
                exit,
            });
        }
    };
    let observed = Arc::new(Observed {
        transport,
        clock: Mutex::default(),
    });
    let own = credentials.as_ref().ok().cloned().flatten();
    let progress = Progress::new(global);
    let client = endpoint::client_with_transport(
        observed.clone(),
        &once(settings),
        own,
        None,
        &progress.listener(),
    );
    let request = ExchangeId {
        third_id: NOBODY.to_owned(),
    };
    let began = Instant::now();
    let response = runtime()?.block_on(client.call(&request)).map(drop);
    let took = began.elapsed().as_millis();
    progress.finish();
    let clock = *observed
        .clock
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let (reached, endpoint_exit) = endpoint_check(&settings.endpoint, &response, took);
    let (accepted, credentials_exit) = match &credentials {
        Err(error) => {
            let check = Check::new(
                t_key!("credentials"),
                Level::Error,
                &error.message,
                &error.hint,
            );
            (check, error.exit)
        }
        Ok(_) if is_sandbox => {
            let check = Check::ok(
                "credentials",
                t!("not needed by the sandbox in this process"),
            );
            (check, Exit::Done)
        }
        Ok(_) => credentials_check(&response),
    };
    Ok(ServiceChecks {
        checks: vec![accepted, reached, clock_check(is_sandbox, clock)],
        exit: match endpoint_exit {
            Exit::Done => credentials_exit,
            exit => exit,
        },
    })
}

/// The settings for one attempt.
fn once(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.retries.attempts = 1;
    settings.retries.outage = Duration::ZERO;
    settings.retries.timeout = settings.retries.timeout.min(TIMEOUT);
    settings
}

/// Returns whether the service responded, and the exit code.
fn endpoint_check(
    endpoint: &Endpoint,
    response: &Result<(), CallFailure>,
    took: u128,
) -> (Check, Exit) {
    let error = |message: String, hint: Cow<'static, str>| {
        let check = Check::new("endpoint", Level::Error, message, hint);
        (check, Exit::Unreachable)
    };
    let check = match response {
        Err(CallFailure::NotSent(problem) | CallFailure::Outage(problem)) => {
            return error(problem.message.clone(), hint_of(problem));
        }
        // A status of HTTP, not a code of the API.
        Err(CallFailure::Refused { code, message }) if code.0 < 1000 => {
            let hint = t!(
                "check the address of the endpoint in treaty.yaml, and the gateway in front of the service"
            );
            let message = t!(
                "%{endpoint} responds with %{code} %{message}",
                endpoint = endpoint,
                code = code,
                message = message
            );
            return error(message.into_owned(), hint);
        }
        Err(failure @ CallFailure::Unknown { .. }) => {
            let hint = t!(
                "check the address of the endpoint, the network and the gateway in front of the service"
            );
            return error(failure.to_string(), hint);
        }
        Err(CallFailure::Throttled { .. }) => Check::new(
            "endpoint",
            Level::Warning,
            t!("the service responds, but throttles requests"),
            t!("wait, or lower limits.rate in treaty.yaml"),
        ),
        _ => Check::ok(
            "endpoint",
            t!(
                "%{endpoint} responded in %{milliseconds} ms",
                endpoint = endpoint,
                milliseconds = took
            ),
        ),
    };
    (check, Exit::Done)
}

fn hint_of(problem: &Problem) -> Cow<'static, str> {
    match problem.hint {
        "" => t!("check the address of the endpoint and the network"),
        hint => t!(hint),
    }
}

/// Returns whether the service accepts the credentials, and the exit code.
fn credentials_check(response: &Result<(), CallFailure>) -> (Check, Exit) {
    let name = "credentials";
    match response {
        Ok(()) => (Check::ok(name, t!("accepted by the service")), Exit::Done),
        Err(CallFailure::Refused { code, .. }) if code.0 >= 1000 => {
            (Check::ok(name, t!("accepted by the service")), Exit::Done)
        }
        Err(CallFailure::Credentials(why)) => {
            let hint =
                t!("check that TREATY_APP_ID and TREATY_APP_SECRET belong to this environment");
            let message = t!("refused by the service: %{why}", why = why);
            (
                Check::new(name, Level::Error, message, hint),
                Exit::Credentials,
            )
        }
        Err(_) => {
            let message = t!("present, but not checked: there is no response of the service");
            (Check::new(name, Level::Warning, message, ""), Exit::Done)
        }
    }
}

/// The clock of the service, and this machine's at the same time.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    service: Timestamp,
    own: Timestamp,
}

fn clock_check(is_sandbox: bool, clocks: Option<Clocks>) -> Check {
    let name = t_key!("clock");
    let Some(Clocks { service, own }) = clocks else {
        return if is_sandbox {
            Check::ok(name, t!("the sandbox uses the clock of this machine"))
        } else {
            let message = t!("not checked: there is no time of the service");
            Check::new(name, Level::Warning, message, "")
        };
    };
    let seconds = own.duration_since(service).as_secs();
    let level = match seconds.abs() {
        CLOCK_ERROR.. => Level::Error,
        CLOCK_WARNING.. => Level::Warning,
        _ => return Check::ok(name, t!("as the service's, to the minute")),
    };
    let message = if seconds > 0 {
        t!("%{seconds} s ahead of the service's", seconds = seconds)
    } else {
        t!("%{seconds} s behind the service's", seconds = -seconds)
    };
    let hint = t!(
        "set the clock of this machine, for example with NTP: signing deadlines and the age of callbacks depend on it"
    );
    Check::new(name, level, message, hint)
}

/// Shows whether requests go through a proxy.
pub(super) fn proxy(endpoint: &Endpoint, environ: &Environ) -> Check {
    let name = t_key!("proxy");
    let Endpoint::Url(url) = endpoint else {
        return Check::ok(name, t!("not used by the sandbox in this process"));
    };
    let variables = [
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ];
    let set: Vec<&str> = variables
        .into_iter()
        .filter(|name| environ.get(name).is_some_and(|value| !value.is_empty()))
        .collect();
    let set = match set.as_slice() {
        [] => t!("no proxy variable is set"),
        [one] => t!("%{name} is set", name = one),
        several => t!("%{names} are set", names = several.join(&t!(", "))),
    };
    Check::ok(
        name,
        match proxy_of(url) {
            Some(proxy) => t!(
                "requests go through %{proxy} (%{set})",
                proxy = proxy,
                set = set
            ),
            None => t!("requests go to the endpoint directly (%{set})", set = set),
        },
    )
}

/// A transport that notes the time of the service.
struct Observed {
    transport: Arc<dyn Transport>,
    clock: Mutex<Option<Clocks>>,
}

impl Transport for Observed {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let response = self.transport.send(request).await;
            let date = response.as_ref().ok().and_then(|response| {
                let date = response.headers().get(header::DATE)?.to_str().ok()?;
                let date: SystemTime = httpdate::parse_http_date(date).ok()?;
                Timestamp::try_from(date).ok()
            });
            if let Some(service) = date {
                let own = Timestamp::now();
                let clocks = Some(Clocks { service, own });
                *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = clocks;
            }
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_clocks() {
        let service: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
        let check = |seconds: i64| {
            let own = service + jiff::SignedDuration::from_secs(seconds);
            clock_check(false, Some(Clocks { service, own }))
        };
        assert_eq!(check(59).level, Level::Ok);
        assert_eq!(check(-60).level, Level::Warning);
        assert_eq!(check(300).level, Level::Error);
        assert!(check(-400).lines()[0].contains("400 s behind the service's"));
        assert_eq!(clock_check(false, None).level, Level::Warning);
        assert_eq!(clock_check(true, None).level, Level::Ok);
    }
}
