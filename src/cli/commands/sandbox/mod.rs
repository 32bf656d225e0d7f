//! `treaty sandbox`: serves the emulated API over HTTP on a loopback address.

mod fault_file;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::api::operation::Op;
use crate::api::{ErrorCode, is_safe};
use crate::cli::args::{Global, LogFormat, Sandbox as Args};
use crate::cli::context::endpoint::sandbox_folder;
use crate::cli::context::interrupt::Interrupts;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::{diagnostics, out};
use crate::diagnostic::Findings;
use crate::sandbox::{AutoSign, Counters, FaultyServer, InUse, Notifier, Sandbox, StoreError};

/// The time for open connections to finish when the server ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    if !args.addr.ip().is_loopback() {
        return Err(CliError::new(
            Exit::Usage,
            format!("{} is not a loopback address", args.addr.ip()),
            "use 127.0.0.1 or [::1]; the sandbox accepts any credentials and must not be reachable from other machines",
        )
        .into());
    }
    let notifier = notifier(args)?;
    let faults = match args.faults.as_deref().map(fault_file::read).transpose()? {
        None => None,
        Some(Ok(faults)) => Some(faults),
        Some(Err(diagnostic)) => {
            let mut findings = Findings::default();
            findings.push(diagnostic);
            diagnostics::print(&[&findings], global.log_format, None);
            return Ok(Exit::Invalid);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.addr)
            .await
            .map_err(|error| bind_error(args, &global.project, &error))?;
        let base = format!("http://{}", listener.local_addr()?);
        let mut interrupts = Interrupts::install();
        let sandbox = if args.memory {
            Sandbox::in_memory(&base)
        } else {
            Sandbox::open(&sandbox_folder(&global.project), &base)
                .map_err(|error| open_error(&error))?
        };
        if !global.quiet {
            out::line(t!(
                "the sandbox serves %{base}/opentreaty-service",
                base = base
            ));
            out::line(t!("pages of its flows: %{base}/", base = base));
            out::line(t!("it accepts any app id and secret; stop with Ctrl-C"));
        }
        let takes = SignedDuration::try_from(args.signing_takes.0);
        let sandbox = sandbox.with_signing_duration(takes.unwrap_or(SignedDuration::MAX));
        tokio::spawn(notifier.run(sandbox.clone()));
        let mut sandbox = sandbox.with_credentials();
        if global.verbose > 0 {
            let log_format = global.log_format;
            sandbox = sandbox.on_call(Arc::new(move |op, code| print_call(log_format, op, code)));
        }
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
            let server = axum::serve(listener, sandbox.router());
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

/// The error when the address cannot be bound. If another process serves the world of this project,
/// it probably has the port.
fn bind_error(args: &Args, project: &Path, error: &std::io::Error) -> CliError {
    let addr = args.addr;
    let message = t!(
        "cannot listen on %{address}: %{error}",
        address = addr,
        error = error
    );
    let in_use = (error.kind() == ErrorKind::AddrInUse && !args.memory)
        .then(|| InUse::of(&sandbox_folder(project)))
        .flatten();
    if let Some(in_use) = in_use {
        let message = format!(
            "{message}{}{}",
            t!("; "),
            t!("the sandbox world in %{world}", world = in_use)
        );
        return CliError::new(Exit::Held, message, held_hint(&in_use));
    }
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            t!(
                "stop the program that uses the port, such as a treaty sandbox in another window, or choose another port \
                with --addr; port 0 selects a free one"
            )
        }
        ErrorKind::PermissionDenied => {
            t!("choose a port above 1023 with --addr; port 0 selects a free one")
        }
        _ => t!("choose another loopback address with --addr"),
    };
    CliError::new(Exit::Error, message, hint)
}

/// The hint for a world that another process has open.
fn held_hint(in_use: &InUse) -> String {
    let kill = in_use.kill_command();
    let kill = kill.map(|kill| t!(" or %{kill}", kill = kill));
    t!(
        "use that sandbox, or stop it with Ctrl-C in its window%{kill}; for a second one, name another project folder \
         with -p, or start an empty world with --memory --addr 127.0.0.1:0",
        kill = kill.unwrap_or_default()
    )
    .into_owned()
}

/// The error when the world cannot be opened.
fn open_error(error: &StoreError) -> CliError {
    let (exit, hint) = match error {
        StoreError::Busy(in_use) => (Exit::Held, held_hint(in_use)),
        StoreError::Broken { .. } => (
            Exit::Error,
            t!("check the folder, or use an empty world in memory with --memory").into_owned(),
        ),
    };
    CliError::new(exit, error.to_string(), hint)
}

/// Prints a served operation and its error code.
fn print_call(log_format: LogFormat, op: Op, code: ErrorCode) {
    match (log_format, code.0) {
        (LogFormat::Json, number) => out::note(serde_json::json!({
            "event": "served", "operation": op.path(), "errCode": number,
        })),
        (LogFormat::Text, 0) => out::note(format_args!("{op}  ok")),
        (LogFormat::Text, _) => out::note(format_args!("{op}  {code} {}", code.message())),
    }
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
