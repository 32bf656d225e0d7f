//! One item: a row's contract, rendered and checked.

use std::collections::BTreeMap;
use std::path::Path;

use super::account::{Account, SilentSign, Who, organization, person};
use super::check;
use super::content::{Contents, LocalFile, Site};
use super::document::{Document, document};
use super::rendering::Rendering;
use crate::api::Position;
use crate::api::code::{NOTICE_TYPE, SEAL_TYPE, SIGN_PLATFORM};
use crate::api::operation::Op;
use crate::expr::{Expr, Fingerprint, Salt};
use crate::manifest::{self, Anchor, Flow, Positions, RowAccountKind, path};

/// A contract as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is known by.
    pub key: String,
    /// The people and organizations that the row declares, by their names in the flow.
    pub accounts: BTreeMap<String, Account>,
    /// What is signed: at least one.
    pub documents: Vec<Document>,
    /// The options of the flow.
    pub process: Process,
    /// Who signs, in this order.
    pub signers: Vec<Signer>,
    /// Whether the flow is archived once all have signed (5.7.5).
    pub archive: bool,
    /// Where the signed documents are put then: a path inside the project.
    pub download: Option<String>,
    /// Everything above but volatile values.
    pub fingerprint: Fingerprint,
    /// That of all but its people; only of what is sent.
    pub content: Option<Fingerprint>,
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
    /// Files that go along.
    pub attachments: Vec<Attachment>,
}

/// A file that goes along with a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The file.
    pub file: LocalFile,
    /// Its name at the API.
    pub name: String,
}

/// Who signs, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Signer {
    /// Its name in the flow.
    pub name: String,
    /// Who it is and how he signs.
    pub kind: SignerKind,
    /// The documents that he signs; empty: all of them, wherever he likes.
    pub places: Vec<Place>,
    /// Signers that must have signed before this one is added.
    pub after: Vec<String>,
}

/// A document that somebody signs, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Which of the item's documents.
    pub document: usize,
    /// Its password, for a signer without a person.
    pub doc_pwd: Option<String>,
    /// Where the seal goes; empty: the person chooses.
    pub positions: Vec<Position>,
}

/// The kinds of signers (5.5.2–5.5.6). Accounts are names in the flow or the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerKind {
    /// The platform, at once.
    Platform {
        /// The seal's name in the manifests.
        seal: Option<String>,
    },
    /// An account that granted it, at once.
    User {
        /// Its name.
        account: String,
        /// The seal's name in the manifests.
        seal: Option<String>,
        /// Whether it is told.
        notice_sign_message: Option<bool>,
    },
    /// A person, who is asked.
    Person {
        /// His account's name.
        account: String,
        /// Kinds of seal that he may use.
        seal_type: Option<String>,
    },
    /// A person, who is asked to sign for an organization.
    Organization {
        /// His account's name.
        account: String,
        /// The organization's.
        organization: String,
    },
    /// A person, who is asked to sign for himself and an organization.
    PersonAndOrganization {
        /// His account's name.
        account: String,
        /// The organization's.
        organization: Option<String>,
    },
}

impl SignerKind {
    /// The account that signs, and the organization that it signs for; the platform's is not known by name.
    pub fn accounts(&self) -> (Option<&String>, Option<&String>) {
        match self {
            Self::Platform { .. } => (None, None),
            Self::User { account, .. } | Self::Person { account, .. } => (Some(account), None),
            Self::Organization {
                account,
                organization,
            } => (Some(account), Some(organization)),
            Self::PersonAndOrganization {
                account,
                organization,
            } => (Some(account), organization.as_ref()),
        }
    }

    /// The name of the seal that is used without asking.
    pub fn seal(&self) -> Option<&String> {
        match self {
            Self::Platform { seal } | Self::User { seal, .. } => seal.as_ref(),
            _ => None,
        }
    }

    /// The operation that adds the signer to a flow of one document, or of several.
    pub fn operation(&self, several: bool) -> Op {
        let (one, of_several) = match self {
            Self::Platform { .. } => (Op::PlatformSignTask, Op::ContractsPlatformSignTask),
            Self::User { .. } => (Op::UserSignTask, Op::ContractsUserSignTask),
            Self::Person { .. } => (Op::HandPersonSignTask, Op::ContractsHandPersonSignTask),
            Self::Organization { .. } => (Op::HandOrgSignTask, Op::ContractsHandOrgSignTask),
            Self::PersonAndOrganization { .. } => (Op::HandSignTask, Op::ContractsHandSignTask),
        };
        if several { of_several } else { one }
    }

    /// Whether nobody is asked: the signature is there when the call returns.
    pub fn signs_at_once(&self) -> bool {
        matches!(self, Self::Platform { .. } | Self::User { .. })
    }
}

pub(super) fn item(
    root: &Path,
    flow: &Flow,
    key: &str,
    contents: &Contents,
    content_salt: Option<&Salt>,
    rendering: &mut Rendering<'_>,
) -> Option<Item> {
    let site = Site {
        root,
        folder: &flow.folder,
        contents,
    };
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
    if let Some(salt) = content_salt {
        rendering.begin_content(salt);
    }
    let documents: Vec<Option<Document>> = flow
        .documents
        .iter()
        .map(|declared| document(&site, declared, rendering))
        .collect();
    let process = process(&site, rendering, &flow.process);
    let signers: Vec<Option<Signer>> = flow
        .signers
        .iter()
        .map(|declared| signer(rendering, flow, &documents, declared))
        .collect();
    let finish = flow.finish.as_ref();
    let download = finish.and_then(|finish| finish.download.as_ref());
    let download = download.and_then(|declared| target(&site, declared, rendering));
    let archive = finish.is_some_and(|finish| finish.archive);
    if archive {
        rendering.note("archive", "true");
    }
    Some(Item {
        key: key.to_owned(),
        accounts,
        documents: documents.into_iter().collect::<Option<_>>()?,
        process: process?,
        signers: signers.into_iter().collect::<Option<_>>()?,
        archive,
        download,
        fingerprint: rendering.fingerprint(),
        content: rendering.content(),
    })
}

/// Where the signed documents go.
/// File systems take names of 255 bytes; what is put after a name while the file is written, or to tell several documents
/// apart, needs the rest.
const LONGEST_NAME: usize = 200;

fn target(site: &Site<'_>, declared: &Expr, rendering: &mut Rendering<'_>) -> Option<String> {
    let written = rendering.required("download", declared)?;
    let parts: Vec<&str> = written.split('/').collect();
    let goes_back = parts
        .windows(2)
        .any(|pair| pair[0] != ".." && pair[1] == "..");
    if goes_back {
        rendering.error(
            declared,
            format!("{written} goes back in the middle of the path"),
            "a cell that stands in a path has no .. in it",
        );
        return None;
    }
    if let Some(long) = parts.iter().find(|part| part.len() > LONGEST_NAME) {
        let bytes = long.len();
        rendering.error(
            declared,
            format!("the path has a name of {bytes} bytes, and no file can have one of more than {LONGEST_NAME}"),
            "a Chinese character takes three bytes: name the file by a shorter column",
        );
        return None;
    }
    match path::inside(site.root, site.folder, &written) {
        Ok(path)
            if path
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("pdf")) =>
        {
            Some(path::shown(site.root, &path))
        }
        Ok(_) => {
            rendering.error(
                declared,
                format!("{written} is no name of a PDF"),
                "write it as signed/{{ key }}.pdf",
            );
            None
        }
        Err(why) => {
            rendering.error(declared, why, "signed documents stay inside the project");
            None
        }
    }
}

fn process(
    site: &Site<'_>,
    rendering: &mut Rendering<'_>,
    declared: &manifest::Process,
) -> Option<Process> {
    rendering.note("process", "");
    let name = |name: &Option<manifest::StaticText>| name.as_ref().map(|name| name.text.clone());
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
    let attachments: Vec<Option<Attachment>> = declared
        .attachments
        .iter()
        .map(|declared| attachment(site, declared, rendering))
        .collect();
    let process = Process {
        business_scene: String::new(),
        attachments: attachments.into_iter().collect::<Option<_>>()?,
        initiator,
        payer,
        sign_validity: sign_validity(rendering, declared.sign_validity.as_ref()),
        sign_platform: rendering.codes(&declared.sign_platform, &SIGN_PLATFORM),
        notice_type: rendering.codes(&declared.notice_type, &NOTICE_TYPE),
        notice_url: rendering.optional_checked(
            "noticeUrl",
            declared.notice_url.as_ref(),
            check::web_address,
        ),
        redirect_url: rendering.optional("redirectUrl", declared.redirect_url.as_ref()),
        add_sign_time,
    };
    Some(Process {
        business_scene: business_scene?,
        ..process
    })
}

fn sign_validity(rendering: &mut Rendering<'_>, declared: Option<&Expr>) -> Option<i64> {
    let moment = rendering.integer("signValidity", declared)?;
    if let (Some(expr), Err((message, hint))) = (declared, check::milliseconds(moment)) {
        rendering.error(expr, format!("signValidity {message}"), hint);
    }
    Some(moment)
}

fn attachment(
    site: &Site<'_>,
    declared: &manifest::Attachment,
    rendering: &mut Rendering<'_>,
) -> Option<Attachment> {
    rendering.note("attachment", "");
    let name = rendering.required("name", &declared.name);
    let content = site.content("file", &declared.file, rendering)?;
    rendering.note("content", &content.hash);
    Some(Attachment {
        file: content.file(),
        name: name?,
    })
}

fn signer(
    rendering: &mut Rendering<'_>,
    flow: &Flow,
    documents: &[Option<Document>],
    declared: &manifest::Signer,
) -> Option<Signer> {
    rendering.note("signer", &declared.name);
    rendering.note("kind", declared.kind.word());
    for earlier in &declared.after {
        rendering.note("after", &earlier.text);
    }
    let kind = signer_kind(rendering, &declared.kind);
    let (account, organization) = kind.accounts();
    for (role, name) in [
        ("account", account),
        ("organization", organization),
        ("seal", kind.seal()),
    ] {
        if let Some(name) = name {
            rendering.note(role, name);
        }
    }
    let doc_pwd = match &declared.kind {
        manifest::SignerKind::Platform(auto) | manifest::SignerKind::User { signer: auto, .. } => {
            auto.doc_pwd.as_ref()
        }
        _ => None,
    };
    let doc_pwd = rendering.optional("docPwd", doc_pwd);
    let number = |name: &str| {
        flow.documents
            .iter()
            .position(|document| document.name == name)
    };
    let listed: Vec<(usize, &[manifest::Position])> = match &declared.positions {
        Positions::Single(list) if list.is_empty() => Vec::new(),
        Positions::Single(list) => vec![(0, list)],
        // Names that no document has were refused before.
        Positions::ByDocument(map) => map
            .iter()
            .filter_map(|(name, list)| Some((number(&name.text)?, &list[..])))
            .collect(),
    };
    let mut places = Vec::new();
    for (document, list) in listed {
        // A document that is wrong by itself is not there; that was said.
        let signed = documents.get(document)?.as_ref()?;
        if documents.len() > 1 {
            rendering.note("document", &signed.label);
        }
        let positions: Vec<Option<Position>> = list
            .iter()
            .map(|position| self::position(rendering, position))
            .collect();
        let locked = signed.encryption == Some(true);
        if let (true, None, Some(encryption)) = (
            locked && kind.signs_at_once(),
            &doc_pwd,
            &flow.documents[document].encryption,
        ) {
            rendering.error(
                encryption,
                format!("the signer {} needs docPwd", declared.name),
                "the document is encrypted, and nobody is there to give its password",
            );
        }
        places.push(Place {
            document,
            doc_pwd: doc_pwd.clone().filter(|_| locked),
            positions: positions.into_iter().collect::<Option<_>>()?,
        });
    }
    Some(Signer {
        name: declared.name.clone(),
        kind,
        places,
        after: declared
            .after
            .iter()
            .map(|name| name.text.clone())
            .collect(),
    })
}

fn signer_kind(rendering: &mut Rendering<'_>, declared: &manifest::SignerKind) -> SignerKind {
    let name = |name: &Option<manifest::StaticText>| name.as_ref().map(|name| name.text.clone());
    match declared {
        manifest::SignerKind::Platform(auto) => SignerKind::Platform {
            seal: name(&auto.seal),
        },
        manifest::SignerKind::User {
            account,
            signer: auto,
            notice_sign_message,
        } => SignerKind::User {
            account: account.text.clone(),
            seal: name(&auto.seal),
            notice_sign_message: notice_sign_message
                .as_ref()
                .and_then(|expr| rendering.flag("noticeSignMessage", expr)),
        },
        manifest::SignerKind::Person { account, seal_type } => SignerKind::Person {
            account: account.text.clone(),
            seal_type: rendering.codes(seal_type, &SEAL_TYPE),
        },
        manifest::SignerKind::Organization {
            account,
            organization,
        } => SignerKind::Organization {
            account: account.text.clone(),
            organization: organization.text.clone(),
        },
        manifest::SignerKind::PersonAndOrganization {
            account,
            organization,
        } => SignerKind::PersonAndOrganization {
            account: account.text.clone(),
            organization: name(organization),
        },
    }
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
        scale: scale(rendering, declared.scale.as_ref()),
    })
}

/// The width that a seal is shown with.
fn scale(rendering: &mut Rendering<'_>, declared: Option<&Expr>) -> Option<f64> {
    let scale = rendering.number("scale", declared)?;
    if let (Some(expr), false) = (declared, scale > 0.0) {
        rendering.error(
            expr,
            "scale must be above 0",
            "it is the width of the seal; without it the seal is as large as it was made",
        );
    }
    Some(scale)
}

/// Pages as the API writes them: `1-3,5`.
fn pages(text: &str) -> Result<(), check::Problem> {
    let number = |text: &str| text.parse::<u32>().is_ok_and(|page| page > 0);
    let ordered = |first: &str, last: &str| first.parse::<u32>().ok() <= last.parse::<u32>().ok();
    let fine = text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => number(first) && number(last) && ordered(first, last),
        None => number(part),
    });
    if fine {
        Ok(())
    } else {
        Err(check::problem(
            "is no list of pages",
            "write it as 1 or 1-3,5",
        ))
    }
}
