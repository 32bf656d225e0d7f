//! Moments counted in buckets, whose width doubles when there are too many: whatever the number of items and however
//! long they took, what is held stays small.

use std::collections::BTreeMap;

/// No more buckets are held.
pub(super) const BUCKETS: usize = 512;

/// How many items were sent, and how many came to their end, in each bucket of time.
#[derive(Debug)]
pub(super) struct Moments {
    /// In seconds.
    width: i64,
    /// By the number of the bucket, counted from 1970: items come in the sheet's order, not in that of time.
    buckets: BTreeMap<i64, [u64; 2]>,
    /// The first and the last moment of each kind.
    spans: [Option<(i64, i64)>; 2],
}

/// A bucket that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Its first second since 1970.
    pub(super) from: i64,
    /// The second after its last.
    pub(super) to: i64,
    /// How many were sent, and how many ended.
    pub(super) counts: [u64; 2],
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            width: 1,
            buckets: BTreeMap::new(),
            spans: [None; 2],
        }
    }
}

impl Moments {
    /// Counts a moment, in seconds since 1970: of `which` 0 an item was sent, of 1 it ended.
    pub(super) fn count(&mut self, second: i64, which: usize) {
        let (first, last) = self.spans[which].unwrap_or((second, second));
        self.spans[which] = Some((first.min(second), last.max(second)));
        let bucket = self.buckets.entry(second.div_euclid(self.width));
        bucket.or_default()[which] += 1;
        while self.buckets.len() > BUCKETS {
            self.width *= 2;
            let narrow = std::mem::take(&mut self.buckets);
            for (at, counts) in narrow {
                let wide = self.buckets.entry(at.div_euclid(2)).or_default();
                wide[0] += counts[0];
                wide[1] += counts[1];
            }
        }
    }

    /// When items were first and last sent, or came to their end.
    pub(super) fn span(&self, which: usize) -> Option<(i64, i64)> {
        self.spans[which]
    }

    /// How long a bucket is, in seconds.
    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// The buckets that are not empty, in the order of time.
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
    fn the_buckets_stay_few_and_nothing_is_lost() {
        let mut moments = Moments::default();
        // Backwards, since the sheet's order is not that of time; some before 1970.
        for second in (-5_000..95_000).rev() {
            moments.count(second, 0);
            if second % 4 == 0 {
                moments.count(second, 1);
            }
        }
        let buckets: Vec<Bucket> = moments.buckets().collect();
        assert!(buckets.len() <= BUCKETS);
        assert_eq!(moments.width, 256);
        let sum = |which: usize| buckets.iter().map(|b| b.counts[which]).sum::<u64>();
        assert_eq!((sum(0), sum(1)), (100_000, 25_000));
        assert_eq!(moments.span(0), Some((-5_000, 94_999)));
        assert_eq!(moments.span(1), Some((-5_000, 94_996)));
        assert!(buckets.windows(2).all(|two| two[0].to == two[1].from));
    }

    #[test]
    fn a_second_is_the_least() {
        let mut moments = Moments::default();
        moments.count(7, 1);
        moments.count(7, 1);
        moments.count(9, 0);
        let buckets: Vec<Bucket> = moments.buckets().collect();
        let bucket = |from, counts| Bucket {
            from,
            to: from + 1,
            counts,
        };
        assert_eq!(buckets, [bucket(7, [0, 2]), bucket(9, [1, 0])]);
    }
}
