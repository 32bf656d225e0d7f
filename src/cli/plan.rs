//! `treaty plan`.

use super::args::{Global, Plan, PlanFormat};
use super::exit::Exit;
use super::progress::Progress;
use super::session::{Session, binding, invalid};
use super::{endpoint, show};
use crate::apply::{Selection, Surveyor, survey};
use crate::desired::Standing;
use crate::diagnostic::Findings;
use crate::ledger::{Ledger, Sqlite};

pub(super) fn run(global: &Global, args: &Plan) -> anyhow::Result<Exit> {
    let session = Session::begin(global);
    let mut findings = Findings::default();
    let Some(project) = session.project(global, &mut findings) else {
        return Err(invalid(findings.errors(), "").into());
    };
    let settings = &project.settings;
    let credentials = endpoint::credentials(&settings.endpoint, &session.environ);
    let known = credentials.as_ref().ok().and_then(Option::as_ref);
    // Without credentials nothing is asked; what is wrong with the project is still worth saying first.
    let ledger = match &credentials {
        Ok(_) => Sqlite::read(&settings.ledger, &binding(settings, known))?,
        Err(_) => Sqlite::empty(&binding(settings, None))?,
    };
    let standing = Standing::of(&project, ledger.salt(), &mut findings);
    let progress = Progress::new(global);
    let listener = progress.listener();
    let client = match &credentials {
        Ok(credentials) => Some(endpoint::client(
            &project.root,
            settings,
            credentials.clone(),
            &listener,
        )?),
        Err(_) => None,
    };
    let asked = client
        .as_ref()
        .map(|client| (client, args.selected.observe.into()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let surveyor = Surveyor {
        project: &project,
        standing: &standing,
        ledger: &ledger,
        selection: Selection::from(&args.selected),
        run: session.run_time.clone(),
        listener: listener.clone(),
    };
    let survey = runtime.block_on(survey(&surveyor, asked, &mut findings))?;
    progress.finish();
    session.settled(settings, &findings, &survey)?;
    credentials?;
    let plan = &survey.plan;
    match args.format {
        PlanFormat::Text => anstream::print!("{}", show::text(plan, settings, args.selected.all)),
        PlanFormat::Json => anstream::println!("{:#}", show::json(plan, settings)),
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    })
}
