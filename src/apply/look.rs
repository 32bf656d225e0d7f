//! Looking whether a call was carried out whose answer is not known.

use super::halt::Halt;
use super::run::Apply;
use crate::api::operation::Op;
use crate::api::{
    AutoSignAnswer, Detail, DetailAnswer, ExchangeId, HandSignAnswer, QuerySeals, SealAnswer,
    SignStatus, SignerDetail, UndoTask, not_there,
};
use crate::client::Failure;
use crate::id::{AccountId, FlowId};

/// What looking tells.
pub(super) enum Seen<A> {
    /// It was carried out, and this is what it would have answered.
    There(A),
    /// It was not.
    NotThere,
    /// That cannot be told.
    Unclear(String),
}

impl Apply<'_> {
    /// The account of a `thirdId`; none where there is no such account.
    pub(super) async fn account_of(&self, third_id: &str) -> Result<Option<AccountId>, Halt> {
        ask_account(self.client, third_id).await
    }

    /// A seal by its alias.
    pub(super) async fn look_for_seal(
        &self,
        account: &AccountId,
        alias: &str,
    ) -> Result<Seen<SealAnswer>, Halt> {
        let query = QuerySeals {
            account_id: account.clone(),
        };
        let seals = self.call(&query).await?;
        let own = seals
            .into_iter()
            .find(|seal| seal.seal_alias.as_deref() == Some(alias));
        Ok(own.map_or(Seen::NotThere, |seal| {
            Seen::There(SealAnswer {
                seal_id: seal.seal_id,
                account_id: Some(account.clone()),
            })
        }))
    }

    /// A person's task. One that is there and not signed is taken back, so that it can be made again and its link known.
    pub(super) async fn look_for_person(
        &self,
        flow: &FlowId,
        account: &AccountId,
        of_others: usize,
    ) -> Result<Seen<HandSignAnswer>, Halt> {
        let is_his = |signer: &SignerDetail| {
            signer.account_id == *account && signer.authorization_org_id.is_none()
        };
        let tasks: Vec<SignStatus> = live(&self.detail(flow).await?)
            .filter(|signer| is_his(signer))
            .map(|signer| signer.sign_status)
            .collect();
        if tasks.len() <= of_others {
            return Ok(Seen::NotThere);
        }
        if of_others > 0 {
            return Ok(Seen::Unclear(
                "the same person signs this flow more than once".to_owned(),
            ));
        }
        if tasks
            .iter()
            .any(|status| matches!(status, SignStatus::Signed | SignStatus::Ended))
        {
            // He has acted on it: his link is of no use any more.
            return Ok(Seen::There(HandSignAnswer {
                sign_url: String::new(),
                sign_short_url: None,
                third_order_no: None,
            }));
        }
        let undo = UndoTask {
            flow_id: flow.clone(),
            account_id: account.clone(),
        };
        let undone = self.client.call(&undo).await;
        if let Err(failure @ (Failure::NotSent(_) | Failure::Credentials(_))) = undone {
            return Err(Halt::of(Op::UndoTask, failure));
        }
        if live(&self.detail(flow).await?).any(is_his) {
            return Ok(Seen::Unclear(
                "the person's task is there, its link is lost, and it cannot be undone".to_owned(),
            ));
        }
        Ok(Seen::NotThere)
    }

    /// The platform's signature. Its account is not known before it has signed: it is a signer that nobody else explains.
    pub(super) async fn look_for_platform(
        &self,
        flow: &FlowId,
        others: &[AccountId],
        of_platform: usize,
    ) -> Result<Seen<AutoSignAnswer>, Halt> {
        let detail = self.detail(flow).await?;
        let unexplained: Vec<&SignerDetail> = live(&detail)
            .filter(|signer| !others.contains(&signer.account_id))
            .collect();
        match unexplained.first() {
            None => Ok(Seen::NotThere),
            Some(_) if of_platform > 0 => Ok(Seen::Unclear(
                "the platform signs this flow more than once".to_owned(),
            )),
            Some(signer) => Ok(Seen::There(AutoSignAnswer {
                flow_id: flow.clone(),
                account_id: signer.account_id.clone(),
            })),
        }
    }

    async fn detail(&self, flow: &FlowId) -> Result<DetailAnswer, Halt> {
        let request = Detail {
            flow_id: flow.clone(),
        };
        self.call(&request).await
    }
}

/// Asks for the account of a `thirdId`: "no such account" is an answer.
pub(super) async fn ask_account(
    client: &crate::client::Client,
    third_id: &str,
) -> Result<Option<AccountId>, Halt> {
    let request = ExchangeId {
        third_id: third_id.to_owned(),
    };
    match client.call(&request).await {
        Ok(answer) => Ok(Some(answer.account_id)),
        Err(Failure::Refused { code, .. }) if not_there(code) => Ok(None),
        Err(failure) => Err(Halt::of(Op::ExchangeId, failure)),
    }
}

/// The signers whose task was not taken back.
fn live(detail: &DetailAnswer) -> impl Iterator<Item = &SignerDetail> {
    detail
        .sign_detail
        .iter()
        .filter(|signer| signer.sign_status != SignStatus::Withdrawn)
}
