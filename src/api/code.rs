//! The API's enumerations: numbers on the wire, names in manifests (appendix and section 5.5.1).

/// A list of codes, each with the name that manifests may use.
#[derive(Debug)]
pub struct Codes {
    /// What the list is called in messages.
    pub what: &'static str,
    /// Number and name.
    pub list: &'static [(i64, &'static str)],
}

impl Codes {
    /// The number for a name or a number in text.
    pub fn number(&self, text: &str) -> Option<i64> {
        let as_number = text.parse::<i64>().ok();
        self.list
            .iter()
            .find(|(number, name)| *name == text || Some(*number) == as_number)
            .map(|(number, _)| *number)
    }

    /// All names with their numbers, for a hint.
    pub fn choices(&self) -> String {
        let all: Vec<String> = self
            .list
            .iter()
            .map(|(number, name)| format!("{name} ({number})"))
            .collect();
        all.join(", ")
    }
}

/// Kinds of a person's identity document.
pub const ID_TYPE: Codes = Codes {
    what: "idType",
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

/// The resident identity card, whose number carries a check digit.
pub const RESIDENT_ID: i64 = 19;

/// Kinds of an organization's document.
pub const ORGAN_TYPE: Codes = Codes {
    what: "organType",
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

/// The unified social credit code, which carries a check digit.
pub const SOCIAL_CREDIT_CODE: i64 = 11;

/// Where people may sign.
pub const SIGN_PLATFORM: Codes = Codes {
    what: "signPlatform",
    list: &[(1, "h5"), (2, "alipay"), (3, "wechat")],
};

/// How people are told.
pub const NOTICE_TYPE: Codes = Codes {
    what: "noticeType",
    list: &[(1, "sms"), (2, "email"), (3, "alipay")],
};

/// Kinds of seal that a person may use.
pub const SEAL_TYPE: Codes = Codes {
    what: "sealType",
    list: &[(0, "handdrawn"), (1, "template")],
};

/// Colours of a seal.
pub const SEAL_COLORS: &[&str] = &["RED", "BLUE", "BLACK"];
/// What a seal's image may be (5.8.4).
pub const SEAL_IMAGES: &[&str] = &["image/png", "image/jpeg"];
/// Shapes of a person's seal (5.8.2).
pub const PERSON_SEAL_TEMPLATES: &[&str] = &["SQUARE", "RECTANGLE", "BORDERLESS"];
/// Shapes of an organization's seal (5.8.3).
pub const ORGANIZATION_SEAL_TEMPLATES: &[&str] =
    &["ROUND_STAR", "ROUND_NONE", "OVAL_STAR", "OVAL_NONE"];

/// The most chunks that a document may have (5.4.2).
pub const CHUNKS: usize = 10;
/// What a chunk may be (5.4.2).
pub const CHUNK_TYPES: &[&str] = &["text/html", "application/pdf"];

/// The most bytes that a `thirdId` may have (5.2.1).
pub const THIRD_ID_BYTES: usize = 50;
