//! Counts times in buckets. The bucket width doubles when there are too many buckets, so memory is
//! bounded.

use std::collections::BTreeMap;

/// The maximum number of buckets.
pub(super) const MAX_BUCKETS: usize = 512;

/// The numbers of sent and of ended items by time.
#[derive(Debug)]
pub(super) struct TimeBuckets {
    /// The bucket width in seconds.
    width: i64,
    /// Counts of sent and ended items by bucket number since 1970. A map, because items are not in
    /// order of time.
    buckets: BTreeMap<i64, [u64; 2]>,
    /// The first and the last time of each kind, in seconds since 1970.
    spans: [Option<(i64, i64)>; 2],
}

/// A non-empty bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The first second, since 1970.
    pub(super) from: i64,
    /// The second after the last.
    pub(super) to: i64,
    /// The numbers of sent and of ended items.
    pub(super) counts: [u64; 2],
}

impl Default for TimeBuckets {
    fn default() -> Self {
        Self {
            width: 1,
            buckets: BTreeMap::new(),
            spans: [None; 2],
        }
    }
}

impl TimeBuckets {
    /// Counts a time in seconds since 1970. `which` is 0 for a sent item and 1 for an ended item.
    pub(super) fn count(&mut self, second: i64, which: usize) {
        let (first, last) = self.spans[which].unwrap_or((second, second));
        self.spans[which] = Some((first.min(second), last.max(second)));
        let bucket = self.buckets.entry(second.div_euclid(self.width));
        bucket.or_default()[which] += 1;
        while self.buckets.len() > MAX_BUCKETS {
            self.width *= 2;
            let narrow = std::mem::take(&mut self.buckets);
            for (at, counts) in narrow {
                let wide = self.buckets.entry(at.div_euclid(2)).or_default();
                wide[0] += counts[0];
                wide[1] += counts[1];
            }
        }
    }

    /// Returns the first and the last time of a kind, in seconds since 1970.
    pub(super) fn span(&self, which: usize) -> Option<(i64, i64)> {
        self.spans[which]
    }

    /// Returns the bucket width in seconds.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// Returns the non-empty buckets in order of time.
    pub(super) fn buckets(&self) -> impl Iterator<Item = Bucket> {
        self.buckets.iter().map(|(at, counts)| Bucket {
            from: at * self.width,
            to: (at + 1) * self.width,
            counts: *counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_the_number_of_buckets_without_losing_counts() {
        let mut counted = TimeBuckets::default();
        // In descending order, because items are not in order of time; some times are before 1970.
        for second in (-5_000..95_000).rev() {
            counted.count(second, 0);
            if second % 4 == 0 {
                counted.count(second, 1);
            }
        }
        let buckets: Vec<Bucket> = counted.buckets().collect();
        assert!(buckets.len() <= MAX_BUCKETS);
        assert_eq!(counted.width, 256);
        let sum = |which: usize| buckets.iter().map(|b| b.counts[which]).sum::<u64>();
        assert_eq!((sum(0), sum(1)), (100_000, 25_000));
        assert_eq!(counted.span(0), Some((-5_000, 94_999)));
        assert_eq!(counted.span(1), Some((-5_000, 94_996)));
        assert!(buckets.windows(2).all(|two| two[0].to == two[1].from));
    }

    #[test]
    fn starts_with_buckets_of_a_second() {
        let mut counted = TimeBuckets::default();
        counted.count(7, 1);
        counted.count(7, 1);
        counted.count(9, 0);
        let buckets: Vec<Bucket> = counted.buckets().collect();
        let bucket = |from, counts| Bucket {
            from,
            to: from + 1,
            counts,
        };
        assert_eq!(buckets, [bucket(7, [0, 2]), bucket(9, [1, 0])]);
    }
}
