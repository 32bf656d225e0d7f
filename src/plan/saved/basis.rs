//! The inputs of a plan: fingerprints of the project's files, its variables, its sheets and its
//! resources.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::stale::Stale;
use crate::address::Address;
use crate::desired::{AccountHolder, Resources, TemplateSource};
use crate::expr::{Fingerprint, Fingerprinter, Salt};
use crate::manifest::Project;
use crate::util::input_file::{self, InputError};

/// The fingerprints of the inputs of a plan, with the key of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basis {
    /// `treaty.yaml` and the manifests, by path.
    pub files: BTreeMap<String, Fingerprint>,
    /// The values of the variables, by name. Fingerprints of rows leave out every value that also
    /// contains the time of the run.
    pub variables: BTreeMap<String, Fingerprint>,
    /// The environment variables that expressions can read, by name.
    pub env: BTreeMap<String, Fingerprint>,
    /// The sheets by flow: path and content.
    pub sheets: BTreeMap<String, (String, Fingerprint)>,
    /// The resources, by address, with the values of environment variables and files.
    pub resources: BTreeMap<Address, Fingerprint>,
}

impl Basis {
    /// Reads the files of a project and the sheets of its flows.
    ///
    /// # Errors
    /// The path of a sheet that cannot be read, with the reason.
    pub fn of(
        project: &Project,
        resources: &Resources,
        salt: &Salt,
    ) -> Result<Self, (String, InputError)> {
        Ok(Self {
            files: files(project, salt),
            variables: variables(project, salt),
            env: env(project, salt),
            sheets: sheets(project, salt)?,
            resources: resource_fingerprints(resources, salt),
        })
    }

    /// Compares the files, variables and sheets with those of a project as it is now.
    ///
    /// # Errors
    /// [`Stale::Changed`] with what differs.
    pub fn check_inputs(&self, project: &Project, salt: &Salt) -> Result<(), Stale> {
        let mut changes = Vec::new();
        let now = files(project, salt);
        for (path, fingerprint) in &self.files {
            match now.get(path) {
                Some(own) if own == fingerprint => {}
                Some(_) => changes.push(t!("%{file} has changed", file = path)),
                None => changes.push(t!("%{file} is no longer part of the project", file = path)),
            }
        }
        let new = now.keys().filter(|path| !self.files.contains_key(*path));
        changes.extend(new.map(|path| t!("%{file} is new", file = path)));
        let own = variables(project, salt);
        changes.extend(different(&self.variables, &own).map(|name| {
            t!(
                "the variable %{name} has another value than in the plan",
                name = name
            )
        }));
        let own = env(project, salt);
        changes.extend(different(&self.env, &own).map(|name| {
            t!(
                "the environment variable %{name} has another value than in the plan",
                name = name
            )
        }));
        // Flows that are new or gone are in the files.
        for (flow, declared) in &project.flows {
            let (Some((path, fingerprint)), Some(rows)) = (self.sheets.get(flow), &declared.rows)
            else {
                continue;
            };
            match sheet(&rows.file.path, salt) {
                Ok(own) if own == *fingerprint && *rows.file.shown == **path => {}
                Ok(_) => changes.push(t!(
                    "the sheet %{file} of flows.%{flow} has changed",
                    file = rows.file.shown,
                    flow = flow
                )),
                Err(error) => changes.push(t!(
                    "the sheet %{file} of flows.%{flow} cannot be read: %{error}",
                    file = rows.file.shown,
                    flow = flow,
                    error = error
                )),
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        Err(Stale::Changed(
            changes.into_iter().map(Into::into).collect(),
        ))
    }

    /// Compares the resources with those of the project as it is now. They have the values of
    /// environment variables and the content of templates and images.
    ///
    /// # Errors
    /// [`Stale::Changed`] with the resources that differ.
    pub fn check_resources(&self, resources: &Resources, salt: &Salt) -> Result<(), Stale> {
        let now = resource_fingerprints(resources, salt);
        let changes: Vec<String> = different(&self.resources, &now)
            .map(|address| {
                let text = t!(
                    "%{address} has other values: a variable, an environment variable or a file has changed",
                    address = address
                );
                text.into_owned()
            })
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        Err(Stale::Changed(changes))
    }
}

/// Returns the names of which the planned and the present fingerprints differ.
fn different<'a, N: Ord>(
    planned: &'a BTreeMap<N, Fingerprint>,
    now: &'a BTreeMap<N, Fingerprint>,
) -> impl Iterator<Item = &'a N> {
    let names: BTreeSet<&N> = planned.keys().chain(now.keys()).collect();
    let names = names.into_iter();
    names.filter(|name| planned.get(name) != now.get(name))
}

fn variables(project: &Project, salt: &Salt) -> BTreeMap<String, Fingerprint> {
    let values = project.variables.iter();
    values
        .map(|(name, value)| (name.clone(), salt.of(&value.to_string())))
        .collect()
}

fn env(project: &Project, salt: &Salt) -> BTreeMap<String, Fingerprint> {
    let values = project.env.values();
    values
        .map(|(name, value)| {
            let mut print = Fingerprinter::new(salt);
            if let Some(value) = value {
                print.field("value", value);
            }
            (name.to_owned(), print.finish())
        })
        .collect()
}

fn files(project: &Project, salt: &Salt) -> BTreeMap<String, Fingerprint> {
    let sources = project.sources.iter();
    sources
        .map(|file| (file.path.clone(), salt.of(&file.text)))
        .collect()
}

fn sheets(
    project: &Project,
    salt: &Salt,
) -> Result<BTreeMap<String, (String, Fingerprint)>, (String, InputError)> {
    let mut sheets = BTreeMap::new();
    for (flow, declared) in &project.flows {
        if let Some(rows) = &declared.rows {
            let shown = rows.file.shown.to_string();
            let print = sheet(&rows.file.path, salt).map_err(|error| (shown.clone(), error))?;
            sheets.insert(flow.clone(), (shown, print));
        }
    }
    Ok(sheets)
}

fn sheet(path: &std::path::Path, salt: &Salt) -> Result<Fingerprint, InputError> {
    let mut hasher = blake3::Hasher::new_keyed(&salt.0);
    hasher.update_reader(input_file::open(path)?)?;
    let mut print = [0; 16];
    print.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ok(Fingerprint(print))
}

fn resource_fingerprints(resources: &Resources, salt: &Salt) -> BTreeMap<Address, Fingerprint> {
    let mut prints = BTreeMap::new();
    for (name, account) in &resources.accounts {
        let mut print = Fingerprinter::new(salt);
        print.field("thirdId", account.third_id());
        for (field, value) in account.fields() {
            print.field(field, &value);
        }
        if let AccountHolder::Organization(organization) = &account.holder {
            print.field("creator", &organization.creator);
        }
        print.field("silentSign", &format!("{:?}", account.silent_sign));
        prints.insert(Address::Account(name.clone()), print.finish());
    }
    for (name, absent) in &resources.absent {
        let mut print = Fingerprinter::new(salt);
        print.field("absent", &absent.third_id);
        prints.insert(Address::Account(name.clone()), print.finish());
    }
    for (name, seal) in &resources.seals {
        let mut print = Fingerprinter::new(salt);
        print.field("account", &seal.account);
        print.field("alias", &seal.alias);
        print.field("seal", &seal.fingerprint.to_string());
        prints.insert(Address::Seal(name.clone()), print.finish());
    }
    for (name, template) in &resources.templates {
        let print = match &template.source {
            TemplateSource::File { fingerprint, .. } => *fingerprint,
            TemplateSource::Adopted(id) => salt.of(id),
        };
        prints.insert(Address::Template(name.clone()), print);
    }
    prints
}
