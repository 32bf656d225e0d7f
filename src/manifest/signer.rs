//! Decodes `signers`: signing methods, signing order and seal positions.

use super::decode::{Decoder, StaticText};
use super::yaml::{Kind, Node};
use crate::diagnostic::Span;
use crate::expr::Expr;

/// A signer of a flow.
#[derive(Debug)]
pub struct Signer {
    /// The signer's name in the flow.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The signing method and its accounts.
    pub kind: SignerKind,
    /// The seal positions.
    pub positions: Positions,
    /// The signers that must have signed before this one is added.
    pub after: Vec<StaticText>,
}

/// The five signing methods (5.5.2–5.5.6).
#[derive(Debug)]
pub enum SignerKind {
    /// The platform signs automatically.
    Platform(AutoSigner),
    /// The platform signs automatically for an account that granted silent signing.
    User {
        /// The account.
        account: StaticText,
        /// The seal and the document password.
        signer: AutoSigner,
        /// Whether the account owner is notified after signing.
        notice_sign_message: Option<Expr>,
    },
    /// A person signs.
    Person {
        /// The person's account.
        account: StaticText,
        /// The kinds of seal that the signer may use, by name or number.
        seal_type: Vec<Expr>,
    },
    /// A person signs for an organization.
    Organization {
        /// The person's account.
        account: StaticText,
        /// The organization's account.
        organization: StaticText,
    },
    /// A person signs in person and for an organization in one task.
    PersonAndOrganization {
        /// The person's account.
        account: StaticText,
        /// The organization's account.
        organization: Option<StaticText>,
    },
}

impl SignerKind {
    /// Returns the field name that declares the signing method.
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

/// The fields that both automatic signing methods have.
#[derive(Debug)]
pub struct AutoSigner {
    /// The seal's name in the manifests. Default: the account's default seal.
    pub seal: Option<StaticText>,
    /// The password of an encrypted document.
    pub doc_pwd: Option<Expr>,
}

/// The seal positions of a signer.
#[derive(Debug)]
pub enum Positions {
    /// Positions in the only document of the flow. Empty: the signer chooses.
    Single(Vec<Position>),
    /// Positions by document name.
    ByDocument(Vec<(StaticText, Vec<Position>)>),
}

/// A position of a seal.
#[derive(Debug)]
pub struct Position {
    /// The location of the declaration.
    pub span: Span,
    /// The kind of position (`signType`).
    pub anchor: Anchor,
    /// Horizontal coordinate on the page, or offset from the keyword.
    pub pos_x: Option<Expr>,
    /// Vertical coordinate on the page, or offset from the keyword.
    pub pos_y: Option<Expr>,
    /// Width of the scaled seal.
    pub scale: Option<Expr>,
}

/// The kind of position (`signType`).
#[derive(Debug)]
pub enum Anchor {
    /// At a keyword in the document's text (1).
    Keyword(Expr),
    /// At coordinates on pages (2).
    Page(Expr),
    /// Across the seam of several pages (3).
    Seam(Expr),
}

/// Decodes a signer.
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
            format!("the signer {name} has no kind or several kinds"),
            format!("set exactly one of {}", kinds.join(", ")),
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
    let has_no_positions = match &positions {
        Positions::Single(list) => list.is_empty(),
        Positions::ByDocument(map) => map.iter().all(|(_, list)| list.is_empty()),
    };
    if has_no_positions && matches!(kind, SignerKind::Platform(_) | SignerKind::User { .. }) {
        decoder.error(
            span,
            format!("the signer {name} needs positions"),
            "automatic signers cannot choose positions: add positions: [ { keyword: … } ]",
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
            "the position has no anchor or several anchors",
            "set exactly one of keyword: a word of the document, page: \"1\", seam: \"1-3\"",
        );
        return None;
    };
    if matches!(anchor, Anchor::Page(_)) && (pos_x.is_none() || pos_y.is_none()) {
        decoder.error(
            &node.span,
            "a position by page needs posX and posY",
            "use for example { page: \"1\", posX: 300, posY: 120 }",
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
