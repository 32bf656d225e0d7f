//! The operations of the emulated service, one file for each kind of record.

mod account;
mod document;
mod file;
mod flow;
mod position;
mod process;
mod seal;
mod session;
mod sign_task;
mod sign_task_request;

use super::world::Grant;
use crate::api::operation::{Refusal, Serve};
use crate::api::{
    AccountAnswer, Archive, AutoSignAnswer, CreateByFileKey, CreateByTemplate, CreateOrganization,
    CreateOrganizationImageSeal, CreateOrganizationSeal, CreatePerson, CreatePersonImageSeal,
    CreatePersonSeal, CreateTemplate, DeleteAccount, DocAnswer, DocUrlAnswer, Download,
    DownloadUrl, ExchangeId, FlowAnswer, GrantSilentSign, HandSignAnswer, Nothing, QuerySeals,
    Revoke, RevokeSilentSign, SealAnswer, SealEntry, SignedDoc, TemplateAnswer, UndoTask,
    UpdateOrganization, UpdatePerson, UploadUrl, UploadUrlAnswer, ViewUrl, ViewUrlAnswer, contract,
    contracts,
};

pub(crate) use file::{MAX_FILE_BYTES, new_key};
pub use seal::MAX_SEAL_SIZE;
pub(crate) use seal::seal_size;
pub(crate) use session::Session;

impl Serve for Session<'_> {
    fn upload_url(&mut self, request: UploadUrl) -> Result<UploadUrlAnswer, Refusal> {
        file::upload_url(self, request)
    }

    fn create_person(&mut self, request: CreatePerson) -> Result<AccountAnswer, Refusal> {
        account::create_person(self, request)
    }

    fn create_organization(
        &mut self,
        request: CreateOrganization,
    ) -> Result<AccountAnswer, Refusal> {
        account::create_organization(self, request)
    }

    fn update_person(&mut self, request: UpdatePerson) -> Result<Nothing, Refusal> {
        account::update_person(self, request)
    }

    fn update_organization(&mut self, request: UpdateOrganization) -> Result<Nothing, Refusal> {
        account::update_organization(self, request)
    }

    fn grant_silent_sign(&mut self, request: GrantSilentSign) -> Result<Nothing, Refusal> {
        account::set_grant(
            self,
            &request.grant_account_id,
            Some(Grant {
                deadline: request.deadline,
            }),
        )
    }

    fn revoke_silent_sign(&mut self, request: RevokeSilentSign) -> Result<Nothing, Refusal> {
        account::set_grant(self, &request.grant_account_id, None)
    }

    fn exchange_id(&mut self, request: ExchangeId) -> Result<AccountAnswer, Refusal> {
        account::exchange_id(self, &request)
    }

    fn delete_account(&mut self, request: DeleteAccount) -> Result<Nothing, Refusal> {
        account::delete(self, &request)
    }

    fn create_template(&mut self, request: CreateTemplate) -> Result<TemplateAnswer, Refusal> {
        document::create_template(self, request)
    }

    fn create_by_file_key(&mut self, request: CreateByFileKey) -> Result<DocAnswer, Refusal> {
        document::create_by_file_key(self, request)
    }

    fn create_by_template(&mut self, request: CreateByTemplate) -> Result<DocAnswer, Refusal> {
        document::create_by_template(self, request)
    }

    fn download_url(&mut self, request: DownloadUrl) -> Result<DocUrlAnswer, Refusal> {
        document::download_url(self, &request)
    }

    fn add_process(&mut self, request: contract::AddProcess) -> Result<FlowAnswer, Refusal> {
        process::add(self, request)
    }

    fn platform_sign_task(
        &mut self,
        request: contract::PlatformSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_task::sign_automatically(self, request.into())
    }

    fn user_sign_task(
        &mut self,
        request: contract::UserSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_task::sign_automatically(self, request.into())
    }

    fn hand_person_sign_task(
        &mut self,
        request: contract::HandPersonSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn hand_org_sign_task(
        &mut self,
        request: contract::HandOrgSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn hand_sign_task(
        &mut self,
        request: contract::HandSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn detail(&mut self, request: contract::Detail) -> Result<contract::DetailAnswer, Refusal> {
        flow::detail(self, &request)
    }

    fn contracts_add_process(
        &mut self,
        request: contracts::AddProcess,
    ) -> Result<FlowAnswer, Refusal> {
        process::add(self, request)
    }

    fn contracts_platform_sign_task(
        &mut self,
        request: contracts::PlatformSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_task::sign_automatically(self, request.into())
    }

    fn contracts_user_sign_task(
        &mut self,
        request: contracts::UserSignTask,
    ) -> Result<AutoSignAnswer, Refusal> {
        sign_task::sign_automatically(self, request.into())
    }

    fn contracts_hand_person_sign_task(
        &mut self,
        request: contracts::HandPersonSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn contracts_hand_org_sign_task(
        &mut self,
        request: contracts::HandOrgSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn contracts_hand_sign_task(
        &mut self,
        request: contracts::HandSignTask,
    ) -> Result<HandSignAnswer, Refusal> {
        sign_task::add_signer(self, request.into())
    }

    fn contracts_detail(
        &mut self,
        request: contracts::Detail,
    ) -> Result<contracts::DetailAnswer, Refusal> {
        flow::contracts_detail(self, &request)
    }

    fn download(&mut self, request: Download) -> Result<Vec<SignedDoc>, Refusal> {
        flow::download(self, &request)
    }

    fn view_url(&mut self, request: ViewUrl) -> Result<ViewUrlAnswer, Refusal> {
        flow::view_url(self, &request)
    }

    fn undo_task(&mut self, request: UndoTask) -> Result<Nothing, Refusal> {
        flow::undo_task(self, &request)
    }

    fn revoke(&mut self, request: Revoke) -> Result<Nothing, Refusal> {
        flow::revoke(self, &request)
    }

    fn archive(&mut self, request: Archive) -> Result<Nothing, Refusal> {
        flow::archive(self, &request)
    }

    fn query_seals(&mut self, request: QuerySeals) -> Result<Vec<SealEntry>, Refusal> {
        seal::query(self, &request)
    }

    fn create_person_seal(&mut self, request: CreatePersonSeal) -> Result<SealAnswer, Refusal> {
        seal::create_person(self, request)
    }

    fn create_organization_seal(
        &mut self,
        request: CreateOrganizationSeal,
    ) -> Result<SealAnswer, Refusal> {
        seal::create_organization(self, request)
    }

    fn create_person_image_seal(
        &mut self,
        request: CreatePersonImageSeal,
    ) -> Result<SealAnswer, Refusal> {
        seal::create_image(self, request, true)
    }

    fn create_organization_image_seal(
        &mut self,
        request: CreateOrganizationImageSeal,
    ) -> Result<SealAnswer, Refusal> {
        seal::create_image(self, request.0, false)
    }
}
