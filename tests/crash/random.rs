//! Kills at seeded random times: the process gets SIGKILL three times, then a run completes.

use std::time::Duration;

use crate::night::{Loans, Night};
use crate::table::Counted;

/// A seeded pseudorandom number generator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Kills a run three times, completes it, and returns the counts.
pub(crate) fn night(seed: u64) -> Counted {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let office = Loans { rows: 40 }.begin();
    for _ in 0..3 {
        let mut process = office
            .command(&["apply", "--yes", "-q"], None)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("treaty runs");
        // The progress is random, not the time: machines differ in speed.
        let flows = || office.sandbox.with_world(|world| world.flows().count());
        let enough = flows() + usize::try_from(random.below(25)).expect("small");
        while flows() < enough && process.try_wait().expect("a process").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(random.below(8000)));
        process.kill().expect("killed");
        process.wait().expect("it ends");
    }
    office.complete();
    office.count()
}
