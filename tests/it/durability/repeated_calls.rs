//! A gateway repeats a call: the answer is a refusal or a limit although the call took effect.

use treaty::api::{ErrorCode, FlowStatus};

use crate::support::rig::{Fault, Rig};

const PLATFORM: &str = "sign/contract/platformSignTask";
const PERSON: &str = "sign/contract/handPersonSignTask";

/// A gateway repeats a slow call and answers with the limit that the repetition meets.
#[tokio::test(start_paused = true)]
async fn probes_a_throttled_call_before_it_is_sent_again() {
    let code = ErrorCode(1_439_001);
    for path in [
        "account/create/person",
        "seal/create/organize",
        PLATFORM,
        PERSON,
    ] {
        for fault in [Fault::StatusAfter(429), Fault::Failed(code)] {
            let mut rig = Rig::loans(3).fault(path, 1, fault);
            rig.throttle_codes.push(code.0);
            let (_, tally) = rig.apply().await;
            let ended = (tally.done, tally.failed, tally.in_doubt);
            assert_eq!(ended, (3, 0, 0), "{path} {fault:?}");
            rig.assert_each_once(3);
            let seals = rig.sandbox.with_world(|world| world.seal_aliases().count());
            assert_eq!(seals, 1, "{path} {fault:?}");
        }
    }
}

/// A gateway repeats a slow call, and the service refuses the repetition. The item has failed, and
/// the next run probes before it sends the call again.
#[tokio::test(start_paused = true)]
async fn probes_a_refused_call_before_the_next_run_sends_it() {
    for code in [ErrorCode::FLOW_CHECK, ErrorCode::PARAMETER] {
        for path in [PLATFORM, PERSON] {
            let rig = Rig::loans(1).fault(path, 1, Fault::Failed(code));
            let (_, tally) = rig.apply().await;
            assert_eq!((tally.failed, tally.in_doubt), (1, 0), "{path} {code}");
            let (_, tally) = rig.apply().await;
            assert_eq!((tally.done, tally.failed), (1, 0), "{path} {code}");
            rig.assert_each_once(1);
            assert!(rig.apply().await.0.is_empty(), "{path} {code}");
        }
    }
}

/// A request was refused that took effect, and the flow ended before the next run. Nobody is asked
/// again.
#[tokio::test(start_paused = true)]
async fn does_not_send_again_a_refused_call_whose_flow_has_ended() {
    for status in [
        FlowStatus::Rejected,
        FlowStatus::Expired,
        FlowStatus::Revoked,
    ] {
        let rig = Rig::loans(1).fault(PLATFORM, 1, Fault::Failed(ErrorCode::PARAMETER));
        let (_, tally) = rig.apply().await;
        assert_eq!(tally.failed, 1, "{status:?}");
        for flow in rig.sent() {
            rig.sandbox.modify_world(|world| {
                world.change_flow(&flow.id, |flow| flow.status = status);
            });
        }
        for _ in 0..2 {
            rig.apply().await;
        }
        assert_eq!(rig.calls("sign/contract/addProcess"), 1, "{status:?}");
        assert_eq!(rig.calls(PLATFORM), 1, "{status:?}");
    }
}

/// A refused row is sent anew when the service has deleted its draft.
#[tokio::test(start_paused = true)]
async fn sends_a_refused_row_anew_when_its_draft_is_gone() {
    let rig = Rig::loans(1).fault(PLATFORM, 1, Fault::Failed(ErrorCode::PARAMETER));
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.failed, 1);
    let rig = rig.fault("sign/contract/detail", 1, Fault::Failed(ErrorCode::NO_FLOW));
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (1, 0));
}

/// The row changed after a request was refused that took effect. Nobody is asked to sign both.
#[tokio::test(start_paused = true)]
async fn does_not_send_a_changed_row_beside_a_refused_call_that_took_effect() {
    let rig = Rig::loans(1).fault(PLATFORM, 1, Fault::Failed(ErrorCode::PARAMETER));
    let (_, tally) = rig.apply().await;
    assert_eq!(tally.failed, 1);
    let changed = rig.project.sheet().replace("51010.10", "51010.20");
    rig.project.set_sheet(&changed);
    let (_, tally) = rig.apply().await;
    assert_eq!((tally.done, tally.failed), (0, 1));
    assert_eq!(rig.sent().len(), 1, "the old flow only");
    assert_eq!(rig.calls(PLATFORM), 1);
}
