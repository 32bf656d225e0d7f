//! `treaty ask`: sends one read-only API request and prints the response.

use std::collections::BTreeMap;

use anyhow::Context;

use crate::api::operation::{Op, Operation};
use crate::api::{Download, DownloadUrl, ExchangeId, QuerySeals, ViewUrl, contract, contracts};
use crate::cli::args::{Ask as Args, Global};
use crate::cli::context::endpoint;
use crate::cli::context::runtime::runtime;
use crate::cli::context::session::{Session, invalid, load_project};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::progress::Progress;
use crate::cli::output::{diagnostics, links, out};
use crate::client::{CallFailure, Client};
use crate::diagnostic::{Findings, did_you_mean};

pub(super) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    let op = operation(&args.operation)?;
    let fields: BTreeMap<&str, &str> = args
        .fields
        .iter()
        .map(|field| {
            field.split_once('=').ok_or_else(|| {
                CliError::new(
                    Exit::Usage,
                    t!("%{field} is not a field", field = field),
                    t!("write fields as NAME=VALUE, such as flowId=123456"),
                )
            })
        })
        .collect::<Result<_, _>>()?;
    if fields.len() < args.fields.len() {
        let message = t!("a field is given twice");
        return Err(CliError::new(Exit::Usage, message, t!("give each field once")).into());
    }
    let request = serde_json::to_value(&fields)?;
    let parsed = op
        .request(request.clone())
        .map_err(|error| CliError::new(Exit::Usage, format!("{op}: {error}"), fields_hint(op)))?;
    let unknown = fields.keys().find(|name| parsed.get(**name).is_none());
    if let Some(unknown) = unknown {
        let known = parsed
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys());
        let message = t!(
            "%{operation} has no field %{field}",
            operation = op,
            field = unknown
        );
        let hint = match did_you_mean(unknown, known.map(String::as_str)) {
            Some(near) => t!("did you mean %{near}?", near = near).into_owned(),
            None => fields_hint(op),
        };
        return Err(CliError::new(Exit::Usage, message, hint).into());
    }
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let project = load_project(&session, global, &mut findings)?;
    if findings.errors() > 0 {
        diagnostics::print(&[&findings], global.log_format, None);
        return Err(invalid(
            findings.errors(),
            &t!("correct the errors and run the command again"),
        )
        .into());
    }
    let credentials = endpoint::credentials(&project.settings.endpoint, &session.environ)?;
    let progress = Progress::new(global);
    let client = endpoint::client(
        &project.root,
        &project.settings,
        credentials,
        None,
        &progress,
    )?;
    let runtime = runtime()?;
    let response = runtime.block_on(send(&client, op, request));
    progress.finish();
    match response? {
        Ok(response) => {
            out::json(&links::checked(&response));
            Ok(Exit::Done)
        }
        Err(failure) => Err(call_error(op, failure).into()),
    }
}

/// Returns where the fields of an operation are listed.
fn fields_hint(op: Op) -> String {
    t!(
        "section %{section} of the API document lists its fields",
        section = op.section()
    )
    .into_owned()
}

/// Looks up a read-only operation by its path.
fn operation(path: &str) -> Result<Op, CliError> {
    let op = Op::at(path.trim_start_matches('/')).filter(|op| op.is_read_only());
    op.ok_or_else(|| {
        let reads: Vec<&str> = Op::ALL
            .iter()
            .filter(|op| op.is_read_only())
            .map(|op| op.path())
            .collect();
        CliError::new(
            Exit::Usage,
            t!(
                "%{operation} is not a read-only operation",
                operation = path
            ),
            t!(
                "read-only operations: %{operations}",
                operations = reads.join(", ")
            ),
        )
    })
}

/// Sends a request. The outer error is a bug; the inner one a failed call.
async fn send(
    client: &Client,
    op: Op,
    request: serde_json::Value,
) -> anyhow::Result<Result<serde_json::Value, CallFailure>> {
    match op {
        Op::ExchangeId => call::<ExchangeId>(client, request).await,
        Op::DownloadUrl => call::<DownloadUrl>(client, request).await,
        Op::Detail => call::<contract::Detail>(client, request).await,
        Op::ContractsDetail => call::<contracts::Detail>(client, request).await,
        Op::Download => call::<Download>(client, request).await,
        Op::ViewUrl => call::<ViewUrl>(client, request).await,
        Op::QuerySeals => call::<QuerySeals>(client, request).await,
        other => Err(anyhow::anyhow!("{other} is not a read-only operation")),
    }
}

async fn call<O: Operation>(
    client: &Client,
    request: serde_json::Value,
) -> anyhow::Result<Result<serde_json::Value, CallFailure>> {
    let request: O = serde_json::from_value(request).context("the request")?;
    let response = client.call(&request).await;
    response
        .map(|response| serde_json::to_value(response).context("the response"))
        .map_or_else(|failure| Ok(Err(failure)), |response| response.map(Ok))
}

/// Converts a failed call into an error with an exit code and a hint.
pub(super) fn call_error(op: Op, failure: CallFailure) -> CliError {
    match failure {
        CallFailure::Refused { code, message } => {
            CliError::new(Exit::Error, format!("{op}: {code} {message}"), code.hint())
        }
        CallFailure::Credentials(why) => CliError::new(Exit::Credentials, why, ""),
        CallFailure::NotSent(problem) | CallFailure::Outage(problem) => CliError::new(
            Exit::Unreachable,
            t!(
                "the endpoint cannot be reached: %{problem}",
                problem = problem
            ),
            match problem.hint {
                "" => t!("check the endpoint and the network"),
                hint => t!(hint),
            },
        ),
        failure => CliError::new(
            Exit::Error,
            format!("{op}: {failure}"),
            t!("run the command again"),
        ),
    }
}
