//! The duration that a plan forecasts, compared with the run on a paused clock.

use std::time::Duration;

use crate::support::rig::Rig;

/// Returns the forecast and the measured seconds of a run of 200 loans. The measurement starts
/// after the lookups, because they precede the plan.
async fn told_and_taken(rate: f64, latency: Duration) -> (f64, f64) {
    let mut rig = Rig::loans(200).answered_after(latency);
    (rig.rate, rig.window) = (Some(rate), 32);
    let (plan, tally) = rig.apply().await;
    assert_eq!(tally.done, 200);
    let times = rig.call_times();
    let asked = rig.calls("account/idexchange");
    let taken = times[times.len() - 1] - times[asked];
    let told = plan.calls().seconds(Some(rate), |_| None);
    (told.expect("a limit"), taken.as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn forecasts_the_duration_of_the_run() {
    for (rate, milliseconds) in [(10.0, 0), (10.0, 200), (40.0, 5), (40.0, 50)] {
        let (told, taken) = told_and_taken(rate, Duration::from_millis(milliseconds)).await;
        let share = taken / told;
        assert!(
            (0.97..=1.03).contains(&share),
            "{rate}/s, {milliseconds} ms: {told} s told, {taken} s taken"
        );
    }
}
