//! `treaty sandbox`: the emulated API over HTTP, on this machine.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::SignedDuration;

use super::args::{Global, LogFormat, Sandbox as Args};
use super::endpoint::world;
use super::exit::{CliError, Exit};
use super::{diagnostics, faults, out};
use crate::api::operation::Op;
use crate::api::{ErrorCode, is_safe};
use crate::diagnostic::Findings;
use crate::sandbox::{AutoSign, Counters, FaultyServer, Notifier, Sandbox, StoreError};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    if !args.addr.ip().is_loopback() {
        return Err(CliError::new(
            Exit::Usage,
            format!("{} is no address of this machine alone", args.addr.ip()),
            "the sandbox has no real secrets to keep strangers out: use 127.0.0.1 or [::1]",
        )
        .into());
    }
    let notifier = notifier(args)?;
    let faults = match args.faults.as_deref().map(faults::read).transpose()? {
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
            .map_err(|error| not_listened_on(args.addr, &error))?;
        let base = format!("http://{}", listener.local_addr()?);
        let sandbox = if args.memory {
            Sandbox::in_memory(&base)
        } else {
            Sandbox::open(&world(&global.project), &base).map_err(|error| not_opened(&error))?
        };
        if !global.quiet {
            out::line(format_args!("the sandbox serves {base}/opentreaty-service"));
            out::line(format_args!("its flows are shown at {base}/"));
            out::line(format_args!(
                "any app id and secret are accepted; Ctrl-C ends it"
            ));
        }
        let takes = SignedDuration::try_from(args.signing_takes.0);
        let sandbox = sandbox.with_signing_duration(takes.unwrap_or(SignedDuration::MAX));
        tokio::spawn(notifier.run(sandbox.clone()));
        let mut sandbox = sandbox.with_credentials();
        if global.verbose > 0 {
            let log_format = global.log_format;
            sandbox = sandbox.on_call(Arc::new(move |op, code| hear(log_format, op, code)));
        }
        let ended = async {
            drop(tokio::signal::ctrl_c().await);
        };
        if !global.quiet {
            let log_format = global.log_format;
            sandbox = sandbox.on_warning(Arc::new(move |line| out::tell(log_format, line)));
        }
        let Some(faults) = faults else {
            axum::serve(listener, sandbox.router())
                .with_graceful_shutdown(ended)
                .await?;
            return Ok(Exit::Done);
        };
        if !global.quiet {
            out::line(format_args!("its faults are counted at {base}/faults"));
        }
        let server = FaultyServer::new(sandbox, faults);
        server.serve(listener, ended).await?;
        if !global.quiet {
            out::line(told(&server.counters()));
        }
        Ok(Exit::Done)
    })
}

/// Why nothing can be served at an address, and what to do about it.
fn not_listened_on(addr: SocketAddr, error: &std::io::Error) -> CliError {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there, perhaps another sandbox: end it, or choose another port with --addr; port 0 takes a free one"
        }
        ErrorKind::PermissionDenied => {
            "choose a port above 1023 with --addr; port 0 takes a free one"
        }
        _ => "choose another address of this machine with --addr",
    };
    CliError::new(
        Exit::Error,
        format!("{addr} cannot be listened on: {error}"),
        hint,
    )
}

/// Why a world cannot be opened, and how to do without it.
fn not_opened(error: &StoreError) -> CliError {
    let (exit, hint) = match error {
        StoreError::Busy(_) => (
            Exit::Held,
            "end it first, or serve an empty world that is not kept: --memory",
        ),
        StoreError::Broken { .. } => (
            Exit::Error,
            "an empty world that is not kept can be served without it: --memory",
        ),
    };
    CliError::new(exit, error.to_string(), hint)
}

/// Says that an operation was called, and how it was answered.
fn hear(log_format: LogFormat, op: Op, code: ErrorCode) {
    match (log_format, code.0) {
        (LogFormat::Json, number) => out::note(serde_json::json!({
            "event": "served", "operation": op.path(), "errCode": number,
        })),
        (LogFormat::Text, 0) => out::note(format_args!("{op}  ok")),
        (LogFormat::Text, _) => out::note(format_args!("{op}  {code} {}", code.message())),
    }
}

/// How many faults of each kind were dealt.
fn told(counters: &Counters) -> String {
    let kinds = counters.injected.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    let faults: u64 = counters.injected.values().sum();
    let list = if kinds.is_empty() { "" } else { ": " };
    format!(
        "{faults} of {} calls went wrong{list}{}",
        counters.calls,
        kinds.join(", ")
    )
}

fn notifier(args: &Args) -> Result<Notifier, CliError> {
    if let Some(url) = args.callback.as_deref().filter(|url| !is_safe(url)) {
        return Err(CliError::new(
            Exit::Usage,
            format!("callbacks cannot go to {url}"),
            "use an https:// address, or http:// on this machine",
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
