//! The context of a request, and checks that all operations share.

use jiff::{SignedDuration, Timestamp};

use crate::address::{AccountId, DocId, FileKey, FlowId, TemplateId};
use crate::api::ErrorCode;
use crate::api::operation::Refusal;
use crate::sandbox::document_store::DocumentStore;
use crate::sandbox::links::Links;
use crate::sandbox::world::{Account, AppId, Doc, Flow, IdForm, StoredFile, Template, World};

/// The context of one request: the state, the caller and the time.
pub(crate) struct Session<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) documents: &'a mut DocumentStore,
    /// The app of the request. `None` if the request has no credentials.
    pub(crate) app: Option<AppId>,
    pub(crate) now: Timestamp,
    /// Creates the addresses in responses.
    pub(crate) links: Links<'a>,
    /// The form of new ids of documents and flows.
    pub(crate) id_form: IdForm,
    /// The duration of an automatic signature.
    pub(crate) signing_duration: SignedDuration,
}

/// Lookups of the records that are visible to the app of the request.
impl Session<'_> {
    fn is_visible(&self, owner: Option<&AppId>) -> bool {
        owner.is_none() || owner == self.app.as_ref()
    }

    /// Returns an account that is not deleted, or a refusal with the code `missing`.
    pub(super) fn account(&self, id: &AccountId, missing: ErrorCode) -> Result<&Account, Refusal> {
        let found = self.world.accounts.get(id);
        found
            .filter(|account| !account.deleted && self.is_visible(account.app.as_ref()))
            .ok_or_else(|| missing.into())
    }

    /// Returns the account with a `thirdId`.
    pub(super) fn account_by_third_id(&self, third_id: &str) -> Option<&AccountId> {
        self.world.visible_account(self.app.as_ref(), third_id)
    }

    pub(super) fn file(&self, key: &FileKey) -> Option<&StoredFile> {
        let found = self.world.files.get(key);
        found.filter(|file| self.is_visible(file.app.as_ref()))
    }

    pub(super) fn template(&self, id: &TemplateId) -> Option<&Template> {
        let found = self.world.templates.get(id);
        found.filter(|template| self.file(&template.file).is_some())
    }

    pub(super) fn doc(&self, id: &DocId) -> Option<&Doc> {
        let found = self.world.docs.get(id);
        found.filter(|doc| self.file(&doc.file).is_some())
    }

    pub(super) fn flow(&self, id: &FlowId) -> Option<&Flow> {
        let found = self.world.flows.get(id);
        found.filter(|flow| self.is_visible(flow.app.as_ref()))
    }
}

/// Refuses an empty or blank text.
pub(super) fn require_text(name: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{name} is empty"),
        ));
    }
    Ok(())
}

/// Refuses an optional text that is present but empty or blank.
pub(super) fn require_text_if_present(name: &str, text: Option<&String>) -> Result<(), Refusal> {
    text.map_or(Ok(()), |text| require_text(name, text))
}

/// Refuses an organization's account where a person's is needed, and the reverse.
pub(super) fn require_kind(account: &Account, is_person: bool) -> Result<(), Refusal> {
    if account.is_person == is_person {
        return Ok(());
    }
    let message = if is_person {
        "the account is not a person"
    } else {
        "the account is not an organization"
    };
    Err(Refusal::new(ErrorCode::PARAMETER, message))
}
