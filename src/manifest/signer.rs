//! `signers`: who signs, in which order, and where the seal goes.

use super::decode::{Decoder, StaticText};
use super::yaml::{Kind, Node};
use crate::diagnostic::Span;
use crate::expr::Expr;

/// A signer of a flow.
#[derive(Debug)]
pub struct Signer {
    /// Its name in the flow.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Who it is and how he signs.
    pub kind: SignerKind,
    /// Where the seal goes.
    pub positions: Positions,
    /// Signers that must have signed before this one is added.
    pub after: Vec<StaticText>,
}

/// The five kinds of signers (5.5.2–5.5.6).
#[derive(Debug)]
pub enum SignerKind {
    /// The platform signs at once.
    Platform(AutoSigner),
    /// An account that granted it is signed for at once.
    User {
        /// Whose account.
        account: StaticText,
        /// How.
        signer: AutoSigner,
        /// Whether he is told.
        notice_sign_message: Option<Expr>,
    },
    /// A person is asked.
    Person {
        /// Whose account.
        account: StaticText,
        /// Kinds of seal that he may use, by name or number.
        seal_type: Vec<Expr>,
    },
    /// A person is asked to sign for an organization.
    Organization {
        /// The person.
        account: StaticText,
        /// The organization.
        organization: StaticText,
    },
    /// A person is asked to sign for himself and an organization at once.
    PersonAndOrganization {
        /// The person.
        account: StaticText,
        /// The organization.
        organization: Option<StaticText>,
    },
}

impl SignerKind {
    /// The word that declares it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Platform(_) => "platform",
            Self::User { .. } => "user",
            Self::Person { .. } => "person",
            Self::Organization { .. } => "organization",
            Self::PersonAndOrganization { .. } => "personAndOrganization",
        }
    }
}

/// What the signers without a person share.
#[derive(Debug)]
pub struct AutoSigner {
    /// The seal; the account's default seal when absent.
    pub seal: Option<StaticText>,
    /// The password of an encrypted document.
    pub doc_pwd: Option<Expr>,
}

/// Where a seal goes.
#[derive(Debug)]
pub enum Positions {
    /// In the flow's one document; none means that the person chooses.
    Single(Vec<Position>),
    /// By document.
    ByDocument(Vec<(StaticText, Vec<Position>)>),
}

/// One place of a seal.
#[derive(Debug)]
pub struct Position {
    /// Where it stands in the file.
    pub span: Span,
    /// How it is found.
    pub anchor: Anchor,
    /// Horizontal place or offset.
    pub pos_x: Option<Expr>,
    /// Vertical place or offset.
    pub pos_y: Option<Expr>,
    /// Width that the seal is scaled to.
    pub scale: Option<Expr>,
}

/// How a position is found: the signType.
#[derive(Debug)]
pub enum Anchor {
    /// By a word of the document (1).
    Keyword(Expr),
    /// By page and coordinates (2).
    Page(Expr),
    /// Across the seam of pages (3).
    Seam(Expr),
}

pub(super) fn signer(
    decoder: &mut Decoder<'_>,
    name: &str,
    span: &Span,
    node: &Node,
) -> Option<Signer> {
    let mut fields = decoder.fields(node, "a signer")?;
    let kinds = [
        "person",
        "platform",
        "user",
        "organization",
        "personAndOrganization",
    ];
    let mut found = kinds
        .iter()
        .filter_map(|kind| fields.optional(kind).map(|node| (*kind, node)));
    let (first, second) = (found.next(), found.next());
    drop(found);
    let after = fields.optional("after");
    let after = after.map_or(&[][..], |node| decoder.list(node, "after"));
    let after = after
        .iter()
        .filter_map(|node| decoder.settled(node, "after"))
        .collect();
    fields.finish(decoder);
    let (Some((word, node)), None) = (first, second) else {
        decoder.error(
            span,
            format!("the signer {name} is of no kind, or of two"),
            format!("it has one of {}", kinds.join(", ")),
        );
        return None;
    };
    let mut fields = decoder.fields(node, word)?;
    let positions = fields
        .optional("positions")
        .map_or(Positions::Single(Vec::new()), |node| {
            positions(decoder, node)
        });
    let kind = match word {
        "platform" => Some(SignerKind::Platform(auto_signer(decoder, &mut fields))),
        "user" => {
            let account = fields.settled(decoder, "account");
            let notice_sign_message = fields.optional_expr(decoder, "noticeSignMessage");
            let signer = auto_signer(decoder, &mut fields);
            account.map(|account| SignerKind::User {
                account,
                signer,
                notice_sign_message,
            })
        }
        "person" => {
            let seal_type = fields.exprs(decoder, "sealType");
            let account = fields.settled(decoder, "account");
            account.map(|account| SignerKind::Person { account, seal_type })
        }
        "organization" => {
            let account = fields.settled(decoder, "account");
            let organization = fields.settled(decoder, "organization");
            account
                .zip(organization)
                .map(|(account, organization)| SignerKind::Organization {
                    account,
                    organization,
                })
        }
        _ => {
            let account = fields.settled(decoder, "account");
            let organization = fields.optional_settled(decoder, "organization");
            account.map(|account| SignerKind::PersonAndOrganization {
                account,
                organization,
            })
        }
    };
    fields.finish(decoder);
    let kind = kind?;
    let nowhere = match &positions {
        Positions::Single(list) => list.is_empty(),
        Positions::ByDocument(map) => map.iter().all(|(_, list)| list.is_empty()),
    };
    if nowhere && matches!(kind, SignerKind::Platform(_) | SignerKind::User { .. }) {
        decoder.error(
            span,
            format!("the signer {name} needs positions"),
            "nobody is there to choose a place: positions: [ { keyword: … } ]",
        );
    }
    Some(Signer {
        name: name.to_owned(),
        span: span.clone(),
        kind,
        positions,
        after,
    })
}

fn auto_signer(decoder: &mut Decoder<'_>, fields: &mut super::decode::Fields<'_>) -> AutoSigner {
    AutoSigner {
        seal: fields.optional_settled(decoder, "seal"),
        doc_pwd: fields.optional_expr(decoder, "docPwd"),
    }
}

fn positions(decoder: &mut Decoder<'_>, node: &Node) -> Positions {
    if let Kind::Mapping(entries) = &node.kind {
        let mut by_document = Vec::new();
        for (document, list) in entries {
            let document = decoder.settled(document, "a document's name");
            let list = decoder.list(list, "positions");
            let list = list
                .iter()
                .filter_map(|node| position(decoder, node))
                .collect();
            by_document.extend(document.map(|document| (document, list)));
        }
        return Positions::ByDocument(by_document);
    }
    let list = decoder.list(node, "positions");
    Positions::Single(
        list.iter()
            .filter_map(|node| position(decoder, node))
            .collect(),
    )
}

fn position(decoder: &mut Decoder<'_>, node: &Node) -> Option<Position> {
    let mut fields = decoder.fields(node, "a position")?;
    let keyword = fields
        .optional_expr(decoder, "keyword")
        .map(Anchor::Keyword);
    let page = fields.optional_expr(decoder, "page").map(Anchor::Page);
    let seam = fields.optional_expr(decoder, "seam").map(Anchor::Seam);
    let pos_x = fields.optional_expr(decoder, "posX");
    let pos_y = fields.optional_expr(decoder, "posY");
    let scale = fields.optional_expr(decoder, "scale");
    fields.finish(decoder);
    let mut anchors = [keyword, page, seam].into_iter().flatten();
    let (Some(anchor), None) = (anchors.next(), anchors.next()) else {
        decoder.error(
            &node.span,
            "the position does not say how it is found, or says it twice",
            "it has one of keyword: a word of the document, page: \"1\", seam: \"1-3\"",
        );
        return None;
    };
    if matches!(anchor, Anchor::Page(_)) && (pos_x.is_none() || pos_y.is_none()) {
        decoder.error(
            &node.span,
            "a position by page needs posX and posY",
            "{ page: \"1\", posX: 300, posY: 120 }",
        );
    }
    Some(Position {
        span: node.span.clone(),
        anchor,
        pos_x,
        pos_y,
        scale,
    })
}
