//! The fields of `treaty.yaml` and of manifests. Fields that may be declared for the project and
//! for an environment are optional here; [`settings`](super::settings) merges them and has their
//! defaults.

use std::marker::PhantomData;
use std::num::{NonZeroU32, NonZeroUsize};

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::account::Account;
use super::check::{self, Check};
use super::collections::{FieldMap, List, NamedMap};
use super::decode::context;
use super::env_list::EnvName;
use super::flow::Flow;
use super::moves::Move;
use super::prune::Prune;
use super::seal::{Seal, Template};
use super::settings::{InvalidRows, Millis, RateLimit, ReportFormat, Tolerance};
use super::value::{StaticText, forward_schema, parsed};
use super::variable::Variable;
use crate::api::operation::Op;

/// A project: this file and the manifests that its patterns match.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "treaty.yaml: a project of treaty")]
pub(super) struct ProjectFile {
    /// The version of the manifest language. Must be 1.
    #[schemars(with = "Version")]
    pub(super) version: StaticText,
    /// The project's name.
    pub(super) project: String,
    /// Glob patterns of the manifest files, relative to this folder. `.yaml` also matches `.yml`.
    /// Default: manifests/*.yaml.
    pub(super) manifests: Option<Vec<StaticText>>,
    /// The environment that is used without the option -e.
    #[serde(default)]
    #[allow(dead_code)]
    default_environment: DecodedFirst<String>,
    /// The environments of the project, by name.
    #[schemars(extend("minProperties" = 1))]
    #[allow(dead_code)]
    environments: DecodedFirst<NamedMap<Environment>>,
    /// The reports of a run.
    #[serde(default)]
    pub(super) reports: Reports,
    /// Variables that expressions use as var.NAME: a value, or a declaration with type and default.
    #[serde(default)]
    #[allow(dead_code)]
    variables: DecodedFirst<NamedMap<Variable>>,
    /// Environment variables that expressions can read as env.NAME, in all environments. Those that
    /// begin with TREATY_ cannot be listed. Default: none.
    #[serde(default)]
    #[allow(dead_code)]
    env: DecodedFirst<List<EnvName>>,
    /// Rate limits and concurrency.
    #[serde(default)]
    pub(super) limits: Limits,
    /// Retries, timeouts and backoff.
    #[serde(default)]
    pub(super) retries: Retries,
    /// Limits for invalid rows, failed items and revoked items.
    #[serde(default)]
    pub(super) failures: Failures,
    /// Conditions of every flow, as if each flow declared them.
    #[serde(default, deserialize_with = "check::of_project")]
    pub(super) checks: List<Check>,
    /// The kinds that apply removes when no manifest declares them any more; true for all. Default: false.
    #[serde(default)]
    pub(super) prune: Prune,
    /// The file of the ledger, inside the project, or a database: `postgres://USER@HOST/DATABASE`. Default:
    /// .treaty/{environment}.db.
    pub(super) ledger: Option<StaticText>,
    /// People and organizations, by name.
    #[serde(default)]
    pub(super) accounts: NamedMap<Account>,
    /// Seals of accounts, by name.
    #[serde(default)]
    pub(super) seals: NamedMap<Seal>,
    /// PDF forms that documents are created from, by name.
    #[serde(default)]
    pub(super) templates: NamedMap<Template>,
    /// Contracts with their documents, signers and rows, by name.
    #[serde(default, deserialize_with = "flows")]
    pub(super) flows: NamedMap<Flow>,
    /// Declarations that were renamed: what was recorded or sent under the old name belongs to the new
    /// one.
    #[serde(default)]
    pub(super) moved: List<Move>,
}

/// Accounts, seals, templates and flows. All files of a project share one namespace.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "a manifest of treaty", extend("type" = ["object", "null"]))]
pub(super) struct Manifest {
    /// People and organizations, by name.
    #[serde(default)]
    pub(super) accounts: NamedMap<Account>,
    /// Seals of accounts, by name.
    #[serde(default)]
    pub(super) seals: NamedMap<Seal>,
    /// PDF forms that documents are created from, by name.
    #[serde(default)]
    pub(super) templates: NamedMap<Template>,
    /// Contracts with their documents, signers and rows, by name.
    #[serde(default, deserialize_with = "flows")]
    pub(super) flows: NamedMap<Flow>,
    /// Declarations that were renamed: what was recorded or sent under the old name belongs to the new
    /// one.
    #[serde(default)]
    pub(super) moved: List<Move>,
}

/// A field that is decoded before the others, because expressions in them depend on it.
#[derive(Debug)]
struct DecodedFirst<T>(PhantomData<T>);

forward_schema!(DecodedFirst<T> => T, T);

impl<T> Default for DecodedFirst<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T> Deserialize<'de> for DecodedFirst<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Ok(Self::default())
    }
}

/// Decodes flows, whose expressions may use `row`, `key` and `run`.
fn flows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NamedMap<Flow>, D::Error> {
    context::in_flow(|| NamedMap::deserialize(deserializer))
}

/// The version of the manifest language.
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = null, "enum" = [1, "1"]))]
struct Version;

/// An environment of the project. Its limits, retries, failures, ledger and variables take
/// precedence over the project's; its list env is added to the project's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Environment {
    /// sandbox (the emulator in treaty) or the https:// address of the API. http:// is allowed only
    /// for this machine.
    #[schemars(regex(
        pattern = r"sandbox|https://.+|http://(127\.0\.0\.1|\[::1\]|localhost)([:/].*)?"
    ))]
    pub(super) endpoint: StaticText,
    /// Whether changes must be confirmed with --confirm NAME. Default: false.
    #[serde(default)]
    pub(super) protected: bool,
    /// Values of variables that expressions use as var.NAME.
    #[serde(default)]
    #[allow(dead_code)]
    variables: DecodedFirst<NamedMap<StaticText>>,
    /// Environment variables that expressions can read as env.NAME in this environment, in addition
    /// to the project's. Default: none.
    #[serde(default)]
    #[allow(dead_code)]
    env: DecodedFirst<List<EnvName>>,
    /// Rate limits and concurrency.
    #[serde(default)]
    pub(super) limits: Limits,
    /// Retries, timeouts and backoff.
    #[serde(default)]
    pub(super) retries: Retries,
    /// Limits for invalid rows, failed items and revoked items.
    #[serde(default)]
    pub(super) failures: Failures,
    /// The file of the ledger, inside the project, or a database: `postgres://USER@HOST/DATABASE`. Default:
    /// .treaty/{environment}.db.
    pub(super) ledger: Option<StaticText>,
}

/// Rate limits and concurrency.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    /// The rate limit of all operations together: N/s, N/m, N/h or none. Default: 10/s, or none on
    /// the sandbox.
    pub(super) rate: Option<RateLimit>,
    /// The maximum number of requests in flight. Default: 16.
    pub(super) concurrency: Option<Concurrency>,
    /// Rate limits of single operations, by API path: N/s, N/m or N/h.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": operations() }))]
    pub(super) operations: FieldMap<RateLimit>,
}

/// Returns the paths of all operations.
fn operations() -> Vec<&'static str> {
    Op::ALL.iter().map(|op| op.path()).collect()
}

/// The maximum number of requests in flight, from 1.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, transparent)]
pub(super) struct Concurrency(pub(super) NonZeroUsize);

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().unwrap_or_else(|_| {
            let hint = match text.as_str() {
                "auto" => {
                    "auto is no longer supported: set the maximum number of requests in flight, such as 16"
                }
                _ => "it is the maximum number of requests in flight, from 1, such as 16",
            };
            context::refuse(&text, hint);
            NonZeroUsize::MIN
        });
        Ok(Self(number))
    }
}

/// Retries, timeouts and backoff.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Retries {
    /// The maximum number of attempts, including the first. Default: 6.
    pub(super) attempts: Option<Attempts>,
    /// The delay before the first retry. It doubles with each retry. Default: 500ms.
    pub(super) backoff: Option<Millis>,
    /// The maximum delay before a retry. Default: 30s.
    pub(super) max_backoff: Option<Millis>,
    /// The timeout of one request. Default: 30s.
    pub(super) timeout: Option<Millis>,
    /// The maximum outage of an endpoint that answered before. After it the run stops. Default:
    /// attempts times maxBackoff.
    pub(super) outage: Option<Millis>,
    /// Additional business error codes of the API that mean that a request was throttled, such as
    /// 1435099.
    pub(super) throttle_codes: Option<Vec<i64>>,
}

/// A number of attempts, from 1.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline, transparent)]
pub(super) struct Attempts(pub(super) NonZeroU32);

impl<'de> Deserialize<'de> for Attempts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = "it is a number from 1, such as 6";
        let placeholder = Self(NonZeroU32::MIN);
        parsed(deserializer, hint, placeholder, |text| {
            text.parse().ok().map(Self)
        })
    }
}

/// Limits for invalid rows, failed items and revoked items.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Failures {
    /// The handling of invalid rows. Default: refuse.
    pub(super) invalid_rows: Option<InvalidRows>,
    /// The number or share of failed items (20, 5%) after which no new item is started. Default: no
    /// limit.
    pub(super) tolerate: Option<Tolerance>,
    /// The number of sent items of a flow that one apply may revoke, or their share of the flow's
    /// recorded items. Default: 10%.
    pub(super) revoke: Option<Tolerance>,
}

/// The reports of a run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reports {
    /// The folder of the reports, inside the project. Default: reports.
    pub(super) directory: Option<StaticText>,
    /// The report formats to write. Default: csv, json and html.
    pub(super) formats: Option<Vec<ReportFormat>>,
}
