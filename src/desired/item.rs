//! One item: a row's contract, rendered and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::account::{Account, SilentSign, Who, organization, person};
use super::rendering::Rendering;
use crate::api::Position;
use crate::api::code::{NOTICE_TYPE, SEAL_TYPE, SIGN_PLATFORM};
use crate::manifest::{self, Anchor, Flow, Positions, RowAccountKind, path};
use crate::pdf;
use crate::render::Fingerprint;

/// A contract as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is known by.
    pub key: String,
    /// The people and organizations that the row declares, by their names in the flow.
    pub accounts: BTreeMap<String, Account>,
    /// What is signed.
    pub document: Document,
    /// The options of the flow.
    pub process: Process,
    /// Who signs, in this order.
    pub signers: Vec<Signer>,
    /// Everything above but volatile values.
    pub fingerprint: Fingerprint,
}

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name at the API.
    pub name: String,
    /// What it is made of.
    pub source: DocumentSource,
}

/// What a document is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// A template and the values of its form fields.
    Template {
        /// The template's name in the manifests.
        template: String,
        /// The values, by field.
        fields: BTreeMap<String, String>,
    },
    /// A local PDF.
    File(PathBuf),
}

/// The options of a flow (5.5.1). Accounts are names in the flow or the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// What it is about.
    pub business_scene: String,
    /// Who starts it.
    pub initiator: Option<String>,
    /// Who pays.
    pub payer: Option<String>,
    /// The last moment for signing, in milliseconds since 1970.
    pub sign_validity: Option<i64>,
    /// Where people may sign.
    pub sign_platform: Option<String>,
    /// How people are told.
    pub notice_type: Option<String>,
    /// Where callbacks go.
    pub notice_url: Option<String>,
    /// Where a person's browser goes after signing.
    pub redirect_url: Option<String>,
    /// Whether the time is put beside each signature.
    pub add_sign_time: Option<bool>,
}

/// Who signs, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Signer {
    /// Its name in the flow.
    pub name: String,
    /// Who it is and how he signs.
    pub kind: SignerKind,
    /// Where the seal goes.
    pub positions: Vec<Position>,
}

/// The kinds of signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerKind {
    /// The platform, at once.
    Platform {
        /// The seal's name in the manifests.
        seal: Option<String>,
    },
    /// A person, who is asked.
    Person {
        /// His account's name in the flow or the manifests.
        account: String,
        /// Kinds of seal that he may use.
        seal_type: Option<String>,
    },
}

pub(super) fn item(
    root: &Path,
    flow: &Flow,
    key: &str,
    rendering: &mut Rendering<'_>,
) -> Option<Item> {
    rendering.note("key", key);
    let mut accounts = BTreeMap::new();
    for declared in &flow.accounts {
        rendering.note("account", &declared.name);
        let origin = rendering.row_place(&declared.span);
        let who = match &declared.kind {
            RowAccountKind::Person(fields) => person(rendering, fields).map(Who::Person),
            RowAccountKind::Organization(fields) => {
                rendering.note("creator", &fields.creator.text);
                organization(rendering, fields).map(Who::Organization)
            }
        };
        let account = who.map(|who| Account {
            who,
            silent_sign: SilentSign::No,
            origin,
        });
        accounts.extend(account.map(|account| (declared.name.clone(), account)));
    }
    // The manifest's check lets one document through.
    let document = flow
        .documents
        .first()
        .and_then(|declared| document(root, flow, declared, rendering));
    let process = process(rendering, &flow.process);
    let signers: Vec<Option<Signer>> = flow
        .signers
        .iter()
        .map(|declared| signer(rendering, flow, declared))
        .collect();
    Some(Item {
        key: key.to_owned(),
        accounts,
        document: document?,
        process: process?,
        signers: signers.into_iter().collect::<Option<_>>()?,
        fingerprint: rendering.fingerprint(),
    })
}

fn document(
    root: &Path,
    flow: &Flow,
    declared: &manifest::Document,
    rendering: &mut Rendering<'_>,
) -> Option<Document> {
    rendering.note("document", &declared.name);
    let name = rendering.required("name", &declared.doc_name);
    let source = match &declared.source {
        manifest::DocumentSource::Template {
            template,
            simple_form_fields,
        } => {
            rendering.note("template", &template.text);
            let mut fields = BTreeMap::new();
            for (field, _, expr) in simple_form_fields {
                if let Some(value) = rendering
                    .text(field, expr)
                    .filter(|value| !value.is_empty())
                {
                    fields.insert(field.clone(), value);
                }
            }
            DocumentSource::Template {
                template: template.text.clone(),
                fields,
            }
        }
        manifest::DocumentSource::File(file) => {
            DocumentSource::File(local_pdf(root, flow, file, rendering)?)
        }
    };
    Some(Document {
        name: name?,
        source,
    })
}

/// The path of a local PDF, once it was seen to be one. What it holds is part of the fingerprint.
fn local_pdf(
    root: &Path,
    flow: &Flow,
    file: &crate::render::Expr,
    rendering: &mut Rendering<'_>,
) -> Option<PathBuf> {
    let written = rendering.required("file", file)?;
    let path = match path::inside(root, &flow.folder, &written) {
        Ok(path) => path,
        Err(why) => {
            rendering.error(file, why, "documents lie inside the project");
            return None;
        }
    };
    match std::fs::read(&path) {
        Err(error) => {
            rendering.error(
                file,
                format!("{written} cannot be read: {error}"),
                "check the path and the file",
            );
            None
        }
        Ok(bytes) => {
            if let Err(error) = pdf::check(&bytes) {
                rendering.error(file, format!("{written}: {error}"), "a document is a PDF");
                return None;
            }
            rendering.note("content", &blake3::hash(&bytes).to_hex());
            Some(path)
        }
    }
}

fn process(rendering: &mut Rendering<'_>, declared: &manifest::Process) -> Option<Process> {
    rendering.note("process", "");
    let name = |name: &Option<manifest::Settled>| name.as_ref().map(|name| name.text.clone());
    let (initiator, payer) = (name(&declared.initiator), name(&declared.payer));
    for (role, account) in [("initiator", &initiator), ("payer", &payer)] {
        if let Some(account) = account {
            rendering.note(role, account);
        }
    }
    let business_scene = rendering.required("businessScene", &declared.business_scene);
    let add_sign_time = declared
        .add_sign_time
        .as_ref()
        .and_then(|expr| rendering.flag("addSignTime", expr));
    let process = Process {
        business_scene: String::new(),
        initiator,
        payer,
        sign_validity: rendering.integer("signValidity", declared.sign_validity.as_ref()),
        sign_platform: rendering.codes(&declared.sign_platform, &SIGN_PLATFORM),
        notice_type: rendering.codes(&declared.notice_type, &NOTICE_TYPE),
        notice_url: rendering.optional("noticeUrl", declared.notice_url.as_ref()),
        redirect_url: rendering.optional("redirectUrl", declared.redirect_url.as_ref()),
        add_sign_time,
    };
    Some(Process {
        business_scene: business_scene?,
        ..process
    })
}

fn signer(
    rendering: &mut Rendering<'_>,
    flow: &Flow,
    declared: &manifest::Signer,
) -> Option<Signer> {
    rendering.note("signer", &declared.name);
    rendering.note("kind", declared.kind.word());
    let kind = match &declared.kind {
        manifest::SignerKind::Platform(auto) => {
            let seal = auto.seal.as_ref().map(|seal| seal.text.clone());
            if let Some(seal) = &seal {
                rendering.note("seal", seal);
            }
            SignerKind::Platform { seal }
        }
        manifest::SignerKind::Person { account, seal_type } => {
            rendering.note("account", &account.text);
            SignerKind::Person {
                account: account.text.clone(),
                seal_type: rendering.codes(seal_type, &SEAL_TYPE),
            }
        }
        // The manifest's check has refused the other kinds.
        _ => return None,
    };
    let positions = match &declared.positions {
        Positions::Single(list) => &list[..],
        Positions::ByDocument(map) => {
            let document = flow
                .documents
                .first()
                .map(|document| document.name.as_str());
            let own = map
                .iter()
                .find(|(name, _)| Some(name.text.as_str()) == document);
            own.map_or(&[][..], |(_, list)| list)
        }
    };
    let positions: Vec<Option<Position>> = positions
        .iter()
        .map(|declared| position(rendering, declared))
        .collect();
    Some(Signer {
        name: declared.name.clone(),
        kind,
        positions: positions.into_iter().collect::<Option<_>>()?,
    })
}

fn position(rendering: &mut Rendering<'_>, declared: &manifest::Position) -> Option<Position> {
    rendering.note("position", "");
    let (sign_type, key, pos_page) = match &declared.anchor {
        Anchor::Keyword(keyword) => (1, Some(rendering.required("keyword", keyword)?), None),
        Anchor::Page(page) => (2, None, Some(rendering.checked("page", page, pages)?)),
        Anchor::Seam(pages_) => (3, None, Some(rendering.checked("seam", pages_, pages)?)),
    };
    Some(Position {
        sign_type: Some(sign_type),
        pos_page,
        pos_x: rendering.number("posX", declared.pos_x.as_ref()),
        pos_y: rendering.number("posY", declared.pos_y.as_ref()),
        key,
        scale: rendering.number("scale", declared.scale.as_ref()),
    })
}

/// Pages as the API writes them: `1-3,5`.
fn pages(text: &str) -> Result<(), super::check::Problem> {
    let number = |text: &str| text.parse::<u32>().is_ok_and(|page| page > 0);
    let fine = text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => number(first) && number(last),
        None => number(part),
    });
    if fine {
        Ok(())
    } else {
        Err(("is no list of pages", "write it as 1 or 1-3,5"))
    }
}
