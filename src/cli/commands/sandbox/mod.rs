//! `treaty sandbox`: serves the emulated API over HTTP.

mod calls;
mod fault_file;
mod fixture_file;
mod record;
mod start_error;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use record::Record;
use secrecy::ExposeSecret;

use crate::api::is_safe;
use crate::cli::args::{Global, Ids, Sandbox as Args};
use crate::cli::context::endpoint::{app_secret, sandbox_folder};
use crate::cli::context::interrupt::Interrupts;
use crate::cli::context::session::Session;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out};
use crate::diagnostic::{Diagnostic, Findings};
use crate::sandbox::{
    AutoSign, Counters, FaultyServer, IdForm, Notifier, RemoteAccess, Sandbox, Spelling,
};

/// The time for open connections to finish when the server ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let remote = remote_access(global, args)?;
    let notifier = notifier(args)?;
    let invalid = |diagnostics: Vec<Diagnostic>| {
        let mut findings = Findings::default();
        findings.extend(diagnostics);
        diagnostics::print(&[&findings], global.log_format, None);
        Ok(Exit::Invalid)
    };
    let faults = match args.faults.as_deref().map(fault_file::read).transpose()? {
        None => None,
        Some(Ok(faults)) => Some(faults),
        Some(Err(diagnostic)) => return invalid(vec![diagnostic]),
    };
    let fixtures = args.fixtures.as_deref().map(fixture_file::read);
    let fixtures = match fixtures.transpose()? {
        None => None,
        Some(Ok(fixtures)) => Some(fixtures),
        Some(Err(diagnostics)) => return invalid(diagnostics),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.addr)
            .await
            .map_err(|error| start_error::bind_error(args, &global.project, &error))?;
        let base = format!("http://{}", listener.local_addr()?);
        // Emptied only once the address is bound: another server may write the same file.
        let record = args.record.as_deref().map(record::open).transpose()?;
        let mut interrupts = Interrupts::install();
        let sandbox = if args.memory {
            Sandbox::in_memory(&base)
        } else {
            Sandbox::open(&sandbox_folder(&global.project), &base)
                .map_err(|error| start_error::open_error(&error))?
        };
        if !global.quiet {
            out::line(t!(
                "the sandbox serves %{base}/opentreaty-service",
                base = base
            ));
            out::line(t!("pages of its flows: %{base}/", base = base));
            out::line(match remote {
                None => t!("it accepts any app id and secret; stop with Ctrl-C"),
                Some(_) => t!(
                    "it serves other machines with the app secret of TREATY_APP_SECRET; stop with Ctrl-C"
                ),
            });
        }
        let mut sandbox = with_settings(sandbox, args);
        if let Some(fixtures) = fixtures {
            sandbox = sandbox
                .with_fixtures(fixtures)
                .map_err(|error| start_error::fixtures_error(&error))?;
        }
        if let Some(remote) = remote {
            sandbox = sandbox.with_remote_access(remote);
        }
        tokio::spawn(notifier.run(sandbox.clone()));
        let mut sandbox = with_observer(sandbox.with_credentials(), global, record);
        let (end, ended) = tokio::sync::watch::channel(false);
        tokio::spawn(async move {
            interrupts.next().await;
            // The receivers are gone once the server has ended.
            let _ = end.send(true);
            interrupts.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
        let ended = || {
            let mut ended = ended.clone();
            async move { drop(ended.wait_for(|is_ended| *is_ended).await) }
        };
        if !global.quiet {
            let log_format = global.log_format;
            sandbox = sandbox.on_warning(Arc::new(move |line| out::log_note(log_format, line)));
        }
        let Some(faults) = faults else {
            let app = sandbox.router();
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            let server = axum::serve(listener, app);
            tokio::select! {
                result = server.with_graceful_shutdown(ended()) => result?,
                // Clients may keep their connections open.
                () = async { ended().await; tokio::time::sleep(SHUTDOWN_TIMEOUT).await } => {}
            }
            return Ok(Exit::Done);
        };
        if !global.quiet {
            out::line(t!("counts of injected faults: %{base}/faults", base = base));
        }
        let server = FaultyServer::new(sandbox, faults);
        server.serve(listener, ended()).await?;
        if !global.quiet {
            out::line(fault_summary(&server.counters()));
        }
        Ok(Exit::Done)
    })
}

/// Applies the settings of the emulated service.
fn with_settings(sandbox: Sandbox, args: &Args) -> Sandbox {
    let takes = SignedDuration::try_from(args.signing_takes.0);
    sandbox
        .with_signing_duration(takes.unwrap_or(SignedDuration::MAX))
        .with_spelling(if args.strict {
            Spelling::Strict
        } else {
            Spelling::Lenient
        })
        .with_ids(match args.ids {
            Ids::Hex => IdForm::Hex,
            Ids::Numeric => IdForm::Numeric,
        })
}

/// Logs and records the calls, if this is requested.
fn with_observer(sandbox: Sandbox, global: &Global, record: Option<Record>) -> Sandbox {
    let (log_format, is_verbose) = (global.log_format, global.verbose > 0);
    if !is_verbose && record.is_none() {
        return sandbox;
    }
    sandbox.on_call(Arc::new(move |call| {
        if is_verbose {
            calls::print(log_format, call);
        }
        if let Some(record) = &record {
            record.write(call, log_format);
        }
    }))
}

/// Returns the access from other machines. An address that others can reach requires it.
fn remote_access(global: &Global, args: &Args) -> Result<Option<RemoteAccess>, CliError> {
    if args.allow_remote {
        let secret = app_secret(&Session::begin(global).environ)?;
        return Ok(Some(RemoteAccess::new(secret.expose_secret())));
    }
    if !args.addr.ip().is_loopback() {
        return Err(CliError::new(
            Exit::Usage,
            format!("{} is not a loopback address", args.addr.ip()),
            "use 127.0.0.1 or [::1]: the sandbox accepts any credentials there; to serve other machines, add \
             --allow-remote and set TREATY_APP_SECRET to the secret that they send",
        ));
    }
    Ok(None)
}

/// The number of injected faults by kind.
fn fault_summary(counters: &Counters) -> String {
    let kinds = counters.injected.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let faults: u64 = counters.injected.values().sum();
    let list = if kinds.is_empty() { "" } else { ": " };
    format!(
        "{faults} faults in {} calls{list}{}",
        counters.calls,
        kinds.join(", ")
    )
}

/// Creates the sender of callbacks from the arguments.
fn notifier(args: &Args) -> Result<Notifier, CliError> {
    if let Some(url) = args.callback.as_deref().filter(|url| !is_safe(url)) {
        return Err(CliError::new(
            Exit::Usage,
            format!("invalid callback URL {url}"),
            "use an https:// URL, or http:// with a loopback address",
        ));
    }
    let after = args
        .auto_sign
        .map(|after| SignedDuration::try_from(after.0).unwrap_or(SignedDuration::MAX));
    Ok(Notifier {
        url: args.callback.clone(),
        interval: args.callback_interval.0,
        auto_sign: after.map(|after| AutoSign {
            after,
            refuse: args.refuse,
            seed: args.seed,
        }),
    })
}
