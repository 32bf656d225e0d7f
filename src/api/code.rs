//! The enumerations and limits of the API: numbers in requests, names in manifests (appendix and
//! section 5.5.1).

/// An enumeration: numbers of the API, each with its name in manifests.
#[derive(Debug)]
pub struct Codes {
    /// The field name, for messages.
    pub field: &'static str,
    /// The numbers and names.
    pub list: &'static [(i64, &'static str)],
}

impl Codes {
    /// Returns the number for a name, or for a listed number as text.
    pub fn number(&self, text: &str) -> Option<i64> {
        let as_number = text.parse::<i64>().ok();
        self.list
            .iter()
            .find(|(number, name)| *name == text || Some(*number) == as_number)
            .map(|(number, _)| *number)
    }

    /// Returns all names with their numbers, for a hint.
    pub fn choices(&self) -> String {
        let all: Vec<String> = self
            .list
            .iter()
            .map(|(number, name)| format!("{name} ({number})"))
            .collect();
        all.join(", ")
    }
}

/// Types of identity documents of a person.
pub const ID_TYPE: Codes = Codes {
    field: "idType",
    list: &[
        (13, "passport"),
        (14, "military-id"),
        (15, "social-security-card"),
        (16, "armed-police-id"),
        (17, "hk-macau-permit"),
        (18, "taiwan-permit"),
        (RESIDENT_ID, "resident-id"),
        (20, "household-register"),
        (21, "temporary-resident-id"),
        (22, "foreign-permanent-resident-id"),
        (23, "other"),
        (27, "police-id"),
    ],
};

/// The resident identity card. Its number has a check digit.
pub const RESIDENT_ID: i64 = 19;

/// Types of documents of an organization.
pub const ORGAN_TYPE: Codes = Codes {
    field: "organType",
    list: &[
        (10, "organization-code"),
        (SOCIAL_CREDIT_CODE, "social-credit-code"),
        (12, "business-registration"),
        (25, "shareholder-code"),
        (26, "legal-person-code"),
        (28, "public-institution"),
        (29, "social-organization"),
        (30, "private-non-enterprise"),
        (31, "foreign-representative-office"),
        (32, "government-approval"),
    ],
};

/// The unified social credit code. It has a check digit.
pub const SOCIAL_CREDIT_CODE: i64 = 11;

/// Platforms on which people can sign.
pub const SIGN_PLATFORM: Codes = Codes {
    field: "signPlatform",
    list: &[(1, "h5"), (2, "alipay"), (3, "wechat")],
};

/// Channels for notifications to signers.
pub const NOTICE_TYPE: Codes = Codes {
    field: "noticeType",
    list: &[(1, "sms"), (2, "email"), (3, "alipay")],
};

/// Types of seals that a person can use.
pub const SEAL_TYPE: Codes = Codes {
    field: "sealType",
    list: &[(0, "handdrawn"), (1, "template")],
};

/// An enumeration of the API as the type of a manifest field.
pub trait Code {
    /// The numbers and names.
    const CODES: &'static Codes;
}

/// The type of [`ID_TYPE`].
pub enum IdType {}
/// The type of [`ORGAN_TYPE`].
pub enum OrganType {}
/// The type of [`SIGN_PLATFORM`].
pub enum SignPlatform {}
/// The type of [`NOTICE_TYPE`].
pub enum NoticeType {}
/// The type of [`SEAL_TYPE`].
pub enum SealType {}

impl Code for IdType {
    const CODES: &'static Codes = &ID_TYPE;
}

impl Code for OrganType {
    const CODES: &'static Codes = &ORGAN_TYPE;
}

impl Code for SignPlatform {
    const CODES: &'static Codes = &SIGN_PLATFORM;
}

impl Code for NoticeType {
    const CODES: &'static Codes = &NOTICE_TYPE;
}

impl Code for SealType {
    const CODES: &'static Codes = &SEAL_TYPE;
}

/// Colours of a seal.
pub const SEAL_COLORS: &[&str] = &["RED", "BLUE", "BLACK"];
/// MIME types of seal images (5.8.4).
pub const SEAL_IMAGES: &[&str] = &["image/png", "image/jpeg"];
/// Shapes of a personal seal (5.8.2).
pub const PERSON_SEAL_TEMPLATES: &[&str] = &["SQUARE", "RECTANGLE", "BORDERLESS"];
/// Shapes of an organization seal (5.8.3).
pub const ORGANIZATION_SEAL_TEMPLATES: &[&str] =
    &["ROUND_STAR", "ROUND_NONE", "OVAL_STAR", "OVAL_NONE"];

/// The maximum number of chunks of a document (5.4.2).
pub const CHUNKS: usize = 10;
/// MIME types of chunks (5.4.2).
pub const CHUNK_TYPES: &[&str] = &["text/html", "application/pdf"];

/// The maximum length of a `thirdId` in bytes (5.2.1).
pub const THIRD_ID_BYTES: usize = 50;
