//! A person of a sheet, who is asked to sign.

/// The person of a pending signer, or the reason why it is not known.
pub(super) type KnownPerson = Result<Person, &'static str>;

/// Name and mobile number of a signer.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) mobile: Option<String>,
}
