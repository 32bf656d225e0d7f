//! `treaty state …`: what is recorded, looked at and corrected.

mod adopt;
mod carry;
mod change;
mod list;
mod show;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::apply::holder;
use super::args::{Consent, Global, State, StateCommand};
use super::exit::{CliError, Exit};
use super::progress::Progress;
use super::session::{Session, binding, load};
use super::{endpoint, out, prompt};
use crate::address::{Address, AddressPattern};
use crate::api::time;
use crate::client::{Client, Credentials};
use crate::desired::Resources;
use crate::diagnostic::Findings;
use crate::execute::PROCESS;
use crate::expr::Salt;
use crate::ledger::{
    Binding, KnownItem, KnownResource, KnownStep, Ledger, LedgerError, Records, ResourceKind,
    Sqlite, Write, seal_identity, seal_parts,
};
use crate::manifest::Project;

pub(super) fn run(global: &Global, args: &State) -> anyhow::Result<Exit> {
    match &args.command {
        StateCommand::List(own) => list::run(global, own),
        StateCommand::Show(own) => show::run(global, own),
        StateCommand::Forget(own) => change::forget(global, own),
        StateCommand::Adopt(own) => adopt::run(global, own),
        StateCommand::Settle(own) => change::settle(global, own),
        StateCommand::Export(own) => carry::export(global, own),
        StateCommand::Import(own) => carry::import(global, own),
    }
}

/// The step and the field that tell an item's flow.
pub(super) const FLOW_ID: (&str, &str) = (PROCESS, "flowId");

/// A project and its ledger's place.
pub(super) struct Place {
    pub(super) session: Session,
    pub(super) project: Project,
    /// What is wrong with the project: only those care who need more than its settings.
    pub(super) findings: Findings,
    pub(super) credentials: Option<Credentials>,
    pub(super) binding: Binding,
}

impl Place {
    /// Loads the project. A command that changes the ledger must say enough before anything is opened.
    pub(super) fn of(global: &Global, consent: Option<&Consent>) -> anyhow::Result<Self> {
        let session = Session::begin(global);
        let mut findings = Findings::default();
        let project = load(&session, global, &mut findings)?;
        if let Some(consent) = consent {
            prompt::check(consent, &project.settings)?;
        }
        let credentials = endpoint::credentials(&project.settings.endpoint, &session.environ)?;
        Ok(Self {
            binding: binding(&project.settings, credentials.as_ref()),
            session,
            findings,
            credentials,
            project,
        })
    }

    pub(super) fn read(&self) -> Result<Sqlite, LedgerError> {
        let ledger = self.read_at_once()?;
        ledger.wait_until_verified()?;
        Ok(ledger)
    }

    /// The same for those who have something to do until all of it was read through: they ask whether it is sound before
    /// anybody is told what it says.
    pub(super) fn read_at_once(&self) -> Result<Sqlite, LedgerError> {
        Sqlite::read(&self.project.settings.ledger, &self.binding)
    }

    /// A client that calls as long as the ledger is held, or was opened to be read.
    pub(super) fn client(&self, ledger: &Sqlite, progress: &Progress) -> anyhow::Result<Client> {
        endpoint::client(
            &self.project.root,
            &self.project.settings,
            self.credentials.clone(),
            ledger.lease(),
            &progress.listener(),
        )
    }

    /// Says something beside the result.
    pub(super) fn tell(&self, text: impl std::fmt::Display) {
        out::tell(self.session.log_format, text);
    }

    pub(super) fn hold(&self) -> Result<Sqlite, LedgerError> {
        Sqlite::hold(
            &self.project.settings.ledger,
            &self.binding,
            &holder(),
            &time::text(self.session.started),
        )
    }

    /// Asks, unless that was said beforehand, and writes.
    fn agreed(
        &self,
        consent: &Consent,
        ledger: &Sqlite,
        writes: Vec<Write>,
        done: &str,
    ) -> anyhow::Result<Exit> {
        if !prompt::confirmed(consent, &self.project.settings)? {
            self.tell("Nothing was done.");
            return Ok(Exit::Done);
        }
        runtime()?.block_on(ledger.write(writes))?;
        out::line(done);
        Ok(Exit::Done)
    }
}

pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// What recorded things are called in the manifests.
pub(super) struct Names {
    standing: Resources,
    names: BTreeMap<(&'static str, String), String>,
}

impl Names {
    pub(super) fn of(project: &Project, salt: &Salt, findings: &mut Findings) -> Self {
        let standing = Resources::of(project, salt, findings);
        let mut names = BTreeMap::new();
        let mut add = |kind: ResourceKind, identity: String, name: &String| {
            names.insert((kind.word(), identity), name.clone());
        };
        for (name, absent) in &standing.absent {
            add(ResourceKind::Account, absent.third_id.clone(), name);
        }
        for (name, account) in &standing.accounts {
            add(ResourceKind::Account, account.third_id().to_owned(), name);
        }
        for (name, seal) in &standing.seals {
            if let Some(account) = standing.accounts.get(&seal.account) {
                let identity = seal_identity(account.third_id(), &seal.alias);
                add(ResourceKind::Seal, identity, name);
            }
        }
        for (name, template) in &standing.templates {
            if let Some(print) = template.source.fingerprint() {
                add(ResourceKind::Template, print.to_string(), name);
            }
        }
        Self { standing, names }
    }

    /// What should stand.
    pub(super) fn standing(&self) -> &Resources {
        &self.standing
    }

    /// The address of a recorded thing: its name, or what it is known by.
    pub(super) fn address(&self, kind: ResourceKind, identity: &str) -> Address {
        let name = self.names.get(&(kind.word(), identity.to_owned())).cloned();
        match (kind, name) {
            (ResourceKind::Account, Some(name)) => Address::Account(name),
            (ResourceKind::Seal, Some(name)) => Address::Seal(name),
            (ResourceKind::Template, Some(name)) => Address::Template(name),
            (ResourceKind::Account, None) => Address::AccountByThirdId(identity.to_owned()),
            (ResourceKind::Template, None) => Address::TemplateByFingerprint(identity.to_owned()),
            (ResourceKind::Seal, None) => {
                let (third_id, alias) = seal_parts(identity);
                Address::SealByAlias {
                    third_id: third_id.to_owned(),
                    alias: alias.to_owned(),
                }
            }
        }
    }

    /// What the thing of an address is known by.
    fn identity(&self, address: &Address) -> Option<(ResourceKind, String)> {
        let named = |kind: ResourceKind, name: &String| {
            let mut names = self.names.iter();
            let found = names.find(|((word, _), own)| *word == kind.word() && *own == name);
            found.map(|((_, identity), _)| (kind, identity.clone()))
        };
        match address {
            Address::Account(name) => named(ResourceKind::Account, name),
            Address::Seal(name) => named(ResourceKind::Seal, name),
            Address::Template(name) => named(ResourceKind::Template, name),
            Address::AccountByThirdId(third_id) => Some((ResourceKind::Account, third_id.clone())),
            Address::TemplateByFingerprint(print) => Some((ResourceKind::Template, print.clone())),
            Address::SealByAlias { third_id, alias } => {
                Some((ResourceKind::Seal, seal_identity(third_id, alias)))
            }
            Address::Flow(_) | Address::Item { .. } => None,
        }
    }

    /// What is recorded at an address, or an error that names what is near.
    fn find(&self, ledger: &Sqlite, address: &Address) -> anyhow::Result<Found> {
        if let Address::Flow(flow) = address {
            return Err(CliError::new(
                Exit::Usage,
                format!("{address} is a whole flow, and this takes one item"),
                format!("name it by its key, as in 'flows.{flow}[\"HT-1\"]'; state list --target {address} shows all"),
            )
            .into());
        }
        if let Address::Item { flow, key } = address {
            let record = ledger.item(flow, key)?;
            let known = match record {
                Some(record) => ledger.items_after(None, record.id - 1, 1)?.pop(),
                None => None,
            };
            if let Some(item) = known {
                let steps = ledger.known_steps(item.record.id)?;
                return Ok(Found::Item(Box::new(item), steps));
            }
        } else if let Some((kind, identity)) = self.identity(address)
            && let Some(thing) = ledger.resource(kind, &identity)?
        {
            return Ok(Found::Resource(KnownResource {
                kind,
                identity,
                resource: thing,
            }));
        }
        Err(self.nothing(ledger, address)?.into())
    }

    fn nothing(&self, ledger: &Sqlite, address: &Address) -> Result<CliError, LedgerError> {
        let mut near = Near::new(&address.to_string());
        ledger.each_resource(&mut |known| {
            near.see(&self.address(known.kind, &known.identity));
            ControlFlow::Continue(())
        })?;
        ledger.each_item(("", ""), &mut |known| {
            near.see(&Address::item(&known.flow, &known.key));
            ControlFlow::Continue(())
        })?;
        Ok(CliError::new(
            Exit::Usage,
            format!("nothing is recorded of {address}"),
            near.hint(),
        ))
    }
}

/// An error for the first target that means nothing that is recorded, with what is near it.
pub(super) fn meets(ledger: &Sqlite, targets: &[AddressPattern]) -> anyhow::Result<()> {
    let mut missed: Vec<(&AddressPattern, Near)> = targets
        .iter()
        .map(|target| (target, Near::new(&target.to_string())))
        .collect();
    if missed.is_empty() {
        return Ok(());
    }
    ledger.each_item(("", ""), &mut |known| {
        let address = Address::item(&known.flow, &known.key);
        missed.retain(|(target, _)| !target.matches(&address));
        for (_, near) in &mut missed {
            near.see(&Address::Flow(known.flow.clone()));
            near.see(&address);
        }
        if missed.is_empty() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let Some((target, near)) = missed.first() else {
        return Ok(());
    };
    Err(CliError::new(
        Exit::Usage,
        format!("the target {target} matches nothing that is recorded"),
        near.hint(),
    )
    .into())
}

/// What is recorded at an address.
enum Found {
    Resource(KnownResource),
    Item(Box<KnownItem>, Vec<KnownStep>),
}

/// The addresses that come nearest to one.
struct Near {
    wanted: String,
    best: Vec<(usize, String)>,
}

/// So many are named.
const NEAREST: usize = 3;

impl Near {
    fn new(wanted: &str) -> Self {
        Self {
            wanted: wanted.to_lowercase(),
            best: Vec::new(),
        }
    }

    fn see(&mut self, address: &Address) {
        let text = address.to_string();
        let most = 1 + text.chars().count() / 4;
        let worst = match self.best.get(NEAREST - 1) {
            Some((worst, _)) => (*worst).min(most + 1),
            None => most + 1,
        };
        // What differs in length by more is no nearer.
        if text.len().abs_diff(self.wanted.len()) >= worst * 4 {
            return;
        }
        let distance = strsim::damerau_levenshtein(&self.wanted, &text.to_lowercase());
        if distance < worst && !self.best.iter().any(|(_, known)| *known == text) {
            let at = self.best.partition_point(|(known, _)| *known <= distance);
            self.best.insert(at, (distance, text));
            self.best.truncate(NEAREST);
        }
    }

    fn hint(&self) -> String {
        if self.best.is_empty() {
            return "treaty state list shows what is recorded".to_owned();
        }
        let best: Vec<&str> = self.best.iter().map(|(_, text)| text.as_str()).collect();
        format!("near it are {}", best.join(", "))
    }
}
