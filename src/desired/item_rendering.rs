//! Renders the contract of a row.

use std::collections::BTreeMap;
use std::path::Path;

use super::account::{Account, AccountHolder, SilentSign, organization, person};
use super::check;
use super::document::{Document, document};
use super::local_file::{FileCache, FileReader};
use super::rendering::Rendering;
use crate::api::Position;
use crate::expr::{Expr, Salt};
use crate::manifest::{self, Anchor, Flow, Named, Positions, RowAccountKind, StaticText, path};

use super::item::{Attachment, Item, Process, SealPlacement, Signer, SignerKind};

/// Renders an item. `content_salt` is the key of the content fingerprint, when it is requested.
/// Adds errors to `rendering` and returns `None` when a required field is invalid.
pub(super) fn item(
    root: &Path,
    flow: &Named<Flow>,
    key: &str,
    cache: &FileCache,
    content_salt: Option<&Salt>,
    rendering: &mut Rendering<'_>,
) -> Option<Item> {
    let files = FileReader {
        root,
        folder: &flow.folder,
        cache,
    };
    rendering.add_input("key", key);
    let mut accounts = BTreeMap::new();
    for declared in &flow.accounts {
        rendering.add_input("account", &declared.name);
        let origin = rendering.row_place(&declared.span);
        let holder = match &declared.kind {
            RowAccountKind::Person(fields) => person(rendering, fields).map(AccountHolder::Person),
            RowAccountKind::Organization(fields) => {
                rendering.add_name("creator", "accounts", &fields.creator.text);
                organization(rendering, fields).map(AccountHolder::Organization)
            }
        };
        let account = holder.map(|holder| Account {
            holder,
            silent_sign: SilentSign::No,
            protect: false,
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
        .map(|declared| document(&files, declared, rendering))
        .collect();
    let process = process(&files, rendering, &flow.process);
    let signers: Vec<Option<Signer>> = flow
        .signers
        .iter()
        .map(|declared| signer(rendering, flow, &documents, declared))
        .collect();
    let finish = flow.finish.as_ref();
    let download = finish.and_then(|finish| finish.download.as_ref());
    let download = download.and_then(|declared| download_path(&files, declared, rendering));
    let archive = finish.is_some_and(|finish| finish.archive);
    if archive {
        rendering.add_input("archive", "true");
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
        content: rendering.content_fingerprint(),
        cells: None,
    })
}

/// The maximum length of a file name, in bytes. File systems allow 255; the rest is for the
/// suffixes of temporary files and of several documents.
const MAX_NAME_BYTES: usize = 200;

/// Renders the path for the signed documents and checks that it is a PDF inside the project.
fn download_path(
    files: &FileReader<'_>,
    declared: &Expr,
    rendering: &mut Rendering<'_>,
) -> Option<String> {
    let written = rendering.required("download", declared)?;
    let parts: Vec<&str> = written.split('/').collect();
    let goes_back = parts
        .windows(2)
        .any(|pair| pair[0] != ".." && pair[1] == "..");
    if goes_back {
        rendering.error(
            declared,
            t!("the path %{path} has .. in the middle", path = written),
            t!("remove .. from the cell, or use another column"),
        );
        return None;
    }
    if let Some(long) = parts.iter().find(|part| part.len() > MAX_NAME_BYTES) {
        let bytes = long.len();
        rendering.error(
            declared,
            t!(
                "the path has a file name of %{bytes} bytes, at most %{max} are allowed",
                bytes = bytes,
                max = MAX_NAME_BYTES
            ),
            t!("use a shorter column; a Chinese character takes three bytes"),
        );
        return None;
    }
    match path::inside(files.root, files.folder, &written) {
        Ok(path)
            if path
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("pdf")) =>
        {
            Some(path::shown(files.root, &path))
        }
        Ok(_) => {
            rendering.error(
                declared,
                t!("the path %{path} does not end in .pdf", path = written),
                t!("use a path such as signed/{{ key }}.pdf"),
            );
            None
        }
        Err(why) => {
            rendering.error(declared, why, t!("use a path inside the project's folder"));
            None
        }
    }
}

fn process(
    files: &FileReader<'_>,
    rendering: &mut Rendering<'_>,
    declared: &manifest::Process,
) -> Option<Process> {
    rendering.add_input("process", "");
    let name = |name: &Option<StaticText>| name.as_ref().map(|name| name.text.clone());
    let (initiator, payer) = (name(&declared.initiator), name(&declared.payer));
    for (role, account) in [("initiator", &initiator), ("payer", &payer)] {
        if let Some(account) = account {
            rendering.add_name(role, "accounts", account);
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
        .map(|declared| attachment(files, declared, rendering))
        .collect();
    let process = Process {
        business_scene: String::new(),
        attachments: attachments.into_iter().collect::<Option<_>>()?,
        initiator,
        payer,
        sign_validity: sign_validity(rendering, declared.sign_validity.as_deref()),
        sign_platform: rendering.codes(&declared.sign_platform),
        notice_type: rendering.codes(&declared.notice_type),
        notice_url: rendering.optional_checked(
            "noticeUrl",
            declared.notice_url.as_deref(),
            check::web_address,
        ),
        redirect_url: rendering.optional("redirectUrl", declared.redirect_url.as_deref()),
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
        rendering.value_error("signValidity", expr, &message, hint);
    }
    Some(moment)
}

fn attachment(
    files: &FileReader<'_>,
    declared: &manifest::Attachment,
    rendering: &mut Rendering<'_>,
) -> Option<Attachment> {
    rendering.add_input("attachment", "");
    let name = rendering.required("name", &declared.name);
    let content = files.read("file", &declared.file, rendering)?;
    rendering.add_input("content", &content.hash);
    Some(Attachment {
        file: content.file(),
        name: name?,
    })
}

fn signer(
    rendering: &mut Rendering<'_>,
    flow: &Flow,
    documents: &[Option<Document>],
    declared: &Named<manifest::Signer>,
) -> Option<Signer> {
    rendering.add_input("signer", &declared.name);
    rendering.add_input("kind", declared.kind.word());
    for earlier in &declared.after {
        rendering.add_input("after", &earlier.text);
    }
    let kind = signer_kind(rendering, &declared.kind);
    let (account, organization) = kind.accounts();
    for (role, section, name) in [
        ("account", "accounts", account),
        ("organization", "accounts", organization),
        ("seal", "seals", kind.seal()),
    ] {
        if let Some(name) = name {
            rendering.add_name(role, section, name);
        }
    }
    let doc_pwd = declared.kind.doc_pwd();
    let doc_pwd = rendering.optional("docPwd", doc_pwd.map(|declared| &**declared));
    let index = |name: &str| {
        flow.documents
            .iter()
            .position(|document| document.name == name)
    };
    let listed: Vec<(usize, &[manifest::Position])> = match declared.kind.positions() {
        Positions::Single(list) if list.is_empty() => Vec::new(),
        Positions::Single(list) => vec![(0, list)],
        // Loading the manifest already rejected unknown documents.
        Positions::ByDocument(map) => map
            .iter()
            .filter_map(|list| Some((index(&list.name)?, &list.value[..])))
            .collect(),
    };
    let mut placements = Vec::new();
    for (document, list) in listed {
        // The errors of an invalid document are already recorded.
        let signed = documents.get(document)?.as_ref()?;
        if documents.len() > 1 {
            rendering.add_input("document", &signed.label);
        }
        let positions: Vec<Option<Position>> = list
            .iter()
            .map(|position| self::position(rendering, position))
            .collect();
        let is_encrypted = signed.encryption == Some(true);
        if let (true, None, Some(encryption)) = (
            is_encrypted && kind.signs_at_once(),
            &doc_pwd,
            &flow.documents[document].encryption,
        ) {
            rendering.error(
                encryption,
                t!("the signer %{signer} needs docPwd", signer = declared.name),
                t!("automatic signers of an encrypted document need its password: add docPwd"),
            );
        }
        placements.push(SealPlacement {
            document,
            doc_pwd: doc_pwd.clone().filter(|_| is_encrypted),
            positions: positions.into_iter().collect::<Option<_>>()?,
        });
    }
    Some(Signer {
        name: declared.name.clone(),
        kind,
        placements,
        after: declared
            .after
            .iter()
            .map(|name| name.text.clone())
            .collect(),
    })
}

fn signer_kind(rendering: &mut Rendering<'_>, declared: &manifest::SignerKind) -> SignerKind {
    let text = |name: &StaticText| name.text.clone();
    let seal = declared.seal().map(text);
    match declared {
        manifest::SignerKind::Platform(_) => SignerKind::Platform { seal },
        manifest::SignerKind::User(user) => SignerKind::User {
            account: text(&user.account),
            seal,
            notice_sign_message: user
                .notice_sign_message
                .as_ref()
                .and_then(|expr| rendering.flag("noticeSignMessage", expr)),
        },
        manifest::SignerKind::Person(person) => SignerKind::Person {
            account: text(&person.account),
            seal_type: rendering.codes(&person.seal_type),
        },
        manifest::SignerKind::Organization(signer) => SignerKind::Organization {
            account: text(&signer.account),
            organization: text(&signer.organization),
        },
        manifest::SignerKind::PersonAndOrganization(signer) => SignerKind::PersonAndOrganization {
            account: text(&signer.account),
            organization: signer.organization.as_ref().map(text),
        },
    }
}

fn position(rendering: &mut Rendering<'_>, declared: &manifest::Position) -> Option<Position> {
    rendering.add_input("position", "");
    let (sign_type, key, pos_page) = match &declared.anchor {
        Anchor::Keyword(keyword) => (1, Some(rendering.required("keyword", keyword)?), None),
        Anchor::Page(page) => (2, None, Some(rendering.checked("page", page, pages)?)),
        Anchor::Seam(pages_) => (3, None, Some(rendering.checked("seam", pages_, pages)?)),
    };
    Some(Position {
        sign_type: Some(sign_type),
        pos_page,
        pos_x: rendering.number("posX", declared.pos_x.as_deref()),
        pos_y: rendering.number("posY", declared.pos_y.as_deref()),
        key,
        scale: scale(rendering, declared.scale.as_deref()),
    })
}

/// Renders the width of a seal.
fn scale(rendering: &mut Rendering<'_>, declared: Option<&Expr>) -> Option<f64> {
    let scale = rendering.number("scale", declared)?;
    if let (Some(expr), false) = (declared, scale > 0.0) {
        rendering.error(
            expr,
            t!("scale must be greater than 0"),
            t!("set the width of the seal, or remove scale to use the seal's own size"),
        );
    }
    Some(scale)
}

/// Checks a list of pages in the API's form: `1-3,5`.
fn pages(text: &str) -> Result<(), check::Problem> {
    let number = |text: &str| text.parse::<u32>().is_ok_and(|page| page > 0);
    let ordered = |first: &str, last: &str| first.parse::<u32>().ok() <= last.parse::<u32>().ok();
    let is_valid = text.split(',').all(|part| match part.split_once('-') {
        Some((first, last)) => number(first) && number(last) && ordered(first, last),
        None => number(part),
    });
    if is_valid {
        Ok(())
    } else {
        Err(check::problem(
            t!("is not a list of pages"),
            t!("use the form 1 or 1-3,5"),
        ))
    }
}
