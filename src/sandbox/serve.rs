//! One request at one moment: the table's handlers, each in the file of its kind.

use jiff::{SignedDuration, Timestamp};

use super::papers::DocumentStore;
use super::task::{ask_person, sign_at_once};
use super::world::{Account, AppId, Doc, Flow, Grant, StoredFile, Template, World};
use crate::address::{AccountId, DocId, FileKey, FlowId, TemplateId};
use crate::api::operation::{Refusal, Serve};
use crate::api::{
    AccountAnswer, Archive, AutoSignAnswer, CreateByFileKey, CreateByTemplate, CreateOrganization,
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePerson, CreatePersonImageSeal,
    CreatePersonSeal, CreateTemplate, DeleteAccount, DocAnswer, DocUrlAnswer, Download,
    DownloadUrl, ErrorCode, ExchangeId, FlowAnswer, GrantSilentSign, HandSignAnswer, Nothing,
    QuerySeals, Revoke, RevokeSilentSign, SealAnswer, SealEntry, SignedDoc, TemplateAnswer,
    UndoTask, UpdateOrganization, UpdatePerson, UploadUrl, UploadUrlAnswer, ViewUrl, ViewUrlAnswer,
    contract, contracts,
};

/// The world at a moment, as one caller sees it.
pub(super) struct Session<'a> {
    pub(super) world: &'a mut World,
    /// The bytes of its documents.
    pub(super) papers: &'a mut DocumentStore,
    /// Who calls; nobody, where credentials are not asked for.
    pub(super) app: Option<AppId>,
    pub(super) now: Timestamp,
    /// Where the emulator can be reached: links begin with it.
    pub(super) base: &'a str,
    /// How long a signature without a person takes.
    pub(super) signing_takes: SignedDuration,
}

/// What the caller's app knows. What another app made is not there for it.
impl Session<'_> {
    fn knows(&self, owner: Option<&AppId>) -> bool {
        owner.is_none() || owner == self.app.as_ref()
    }

    /// An account that exists and was not deleted.
    pub(super) fn account(&self, id: &AccountId, missing: ErrorCode) -> Result<&Account, Refusal> {
        let found = self.world.accounts.get(id);
        found
            .filter(|account| !account.deleted && self.knows(account.app.as_ref()))
            .ok_or_else(|| missing.into())
    }

    /// The account of a `thirdId`.
    pub(super) fn third_id(&self, third_id: &str) -> Option<&AccountId> {
        self.world.third_id(self.app.as_ref(), third_id)
    }

    pub(super) fn file(&self, key: &FileKey) -> Option<&StoredFile> {
        let found = self.world.files.get(key);
        found.filter(|file| self.knows(file.app.as_ref()))
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
        found.filter(|flow| self.knows(flow.app.as_ref()))
    }
}

/// A required text must say something.
pub(super) fn filled(name: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(
            ErrorCode::PARAMETER,
            format_args!("{name} is empty"),
        ));
    }
    Ok(())
}

/// An optional text is left out, not empty.
pub(super) fn filled_if_there(name: &str, text: Option<&String>) -> Result<(), Refusal> {
    text.map_or(Ok(()), |text| filled(name, text))
}

impl Serve for Session<'_> {
    fn upload_url(&mut self, request: UploadUrl) -> Result<UploadUrlAnswer, Refusal> {
        super::file::upload_url(self, request)
    }

    fn create_person(&mut self, request: CreatePerson) -> Result<AccountAnswer, Refusal> {
        super::account::create_person(self, request)
    }

    fn create_organization(
        &mut self,
        request: CreateOrganization,
    ) -> Result<AccountAnswer, Refusal> {
        super::account::create_organization(self, request)
    }

    fn update_person(&mut self, request: UpdatePerson) -> Result<Nothing, Refusal> {
        super::account::update_person(self, request)
    }

    fn update_organization(&mut self, request: UpdateOrganization) -> Result<Nothing, Refusal> {
        super::account::update_organization(self, request)
    }

    fn grant_silent_sign(&mut self, request: GrantSilentSign) -> Result<Nothing, Refusal> {
        super::account::set_grant(
            self,
            &request.grant_account_id,
            Some(Grant {
                deadline: request.deadline,
            }),
        )
    }

    fn revoke_silent_sign(&mut self, request: RevokeSilentSign) -> Result<Nothing, Refusal> {
        super::account::set_grant(self, &request.grant_account_id, None)
    }

    fn exchange_id(&mut self, request: ExchangeId) -> Result<AccountAnswer, Refusal> {
        super::account::exchange_id(self, &request)
    }

    fn delete_account(&mut self, request: DeleteAccount) -> Result<Nothing, Refusal> {
        super::account::delete(self, &request)
    }

    fn create_template(&mut self, request: CreateTemplate) -> Result<TemplateAnswer, Refusal> {
        super::document::create_template(self, request)
    }

    fn create_by_file_key(&mut self, request: CreateByFileKey) -> Result<DocAnswer, Refusal> {
        super::document::create_by_file_key(self, request)
    }

    fn create_by_template(&mut self, request: CreateByTemplate) -> Result<DocAnswer, Refusal> {
        super::document::create_by_template(self, request)
    }

    fn download_url(&mut self, request: DownloadUrl) -> Result<DocUrlAnswer, Refusal> {
        super::document::download_url(self, &request)
    }

    fn add_process(&mut self, request: contract::AddProcess) -> Result<FlowAnswer, Refusal> {
        super::process::add(self, request.into())
    }

    fn platform_sign_task(
        &mut self,
        request: contract::PlatformSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_at_once(self, request.into())
    }

    fn user_sign_task(
        &mut self,
        request: contract::UserSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_at_once(self, request.into())
    }

    fn hand_person_sign_task(
        &mut self,
        request: contract::HandPersonSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn hand_org_sign_task(
        &mut self,
        request: contract::HandOrgSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn hand_sign_task(
        &mut self,
        request: contract::HandSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn detail(&mut self, request: contract::Detail) -> Result<contract::DetailAnswer, Refusal> {
        super::flow::detail(self, &request)
    }

    fn contracts_add_process(
        &mut self,
        request: contracts::AddProcess,
    ) -> Result<FlowAnswer, Refusal> {
        super::process::add(self, request.into())
    }

    fn contracts_platform_sign_task(
        &mut self,
        request: contracts::PlatformSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_at_once(self, request.into())
    }

    fn contracts_user_sign_task(
        &mut self,
        request: contracts::UserSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_at_once(self, request.into())
    }

    fn contracts_hand_person_sign_task(
        &mut self,
        request: contracts::HandPersonSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn contracts_hand_org_sign_task(
        &mut self,
        request: contracts::HandOrgSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn contracts_hand_sign_task(
        &mut self,
        request: contracts::HandSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        ask_person(self, request.into())
    }

    fn contracts_detail(
        &mut self,
        request: contracts::Detail,
    ) -> Result<contracts::DetailAnswer, Refusal> {
        super::flow::contracts_detail(self, &request)
    }

    fn download(&mut self, request: Download) -> Result<Vec<SignedDoc>, Refusal> {
        super::flow::download(self, &request)
    }

    fn view_url(&mut self, request: ViewUrl) -> Result<ViewUrlAnswer, Refusal> {
        super::flow::view_url(self, &request)
    }

    fn undo_task(&mut self, request: UndoTask) -> Result<Nothing, Refusal> {
        super::flow::undo_task(self, &request)
    }

    fn revoke(&mut self, request: Revoke) -> Result<Nothing, Refusal> {
        super::flow::revoke(self, &request)
    }

    fn archive(&mut self, request: Archive) -> Result<Nothing, Refusal> {
        super::flow::archive(self, &request)
    }

    fn query_seals(&mut self, request: QuerySeals) -> Result<Vec<SealEntry>, Refusal> {
        super::seal::query(self, &request)
    }

    fn create_person_seal(&mut self, request: CreatePersonSeal) -> Result<SealAnswer, Refusal> {
        super::seal::create_person(self, request)
    }

    fn create_organization_seal(
        &mut self,
        request: CreateOrganizationSeal,
    ) -> Result<SealAnswer, Refusal> {
        super::seal::create_organization(self, request)
    }

    fn create_person_image_seal(
        &mut self,
        request: CreatePersonImageSeal,
    ) -> Result<SealAnswer, Refusal> {
        super::seal::create_image(self, request, true)
    }

    fn create_organization_image_seal(
        &mut self,
        request: CreateOrganizationImageSeal,
    ) -> Result<SealAnswer, Refusal> {
        super::seal::create_image(self, request.0, false)
    }
}
