//! What an answer of the broker settles.

/// How far the agent may forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Everything up to here is safe; go on after it.
    Through(u64),
    /// The batch is safe, but the broker lacks numbers before it that this node no longer has.
    Hole {
        /// End of the batch.
        through_seq: u64,
        /// What the broker said.
        broker_seq: u64,
    },
    /// The broker took nothing of the batch and waits for numbers that it was already sent.
    Nothing,
    /// The broker has more than this node ever numbered.
    Ahead,
}

/// One answer, and what the spool knows about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// First number of the batch.
    pub(super) first_seq: u64,
    /// Last number of the batch.
    pub(super) last_seq: u64,
    /// The broker's contiguous high-water mark.
    pub(super) broker_seq: u64,
    /// First number after the broker's mark that is still in the spool.
    pub(super) first_after_mark: Option<u64>,
    /// The number that the next segment will get.
    pub(super) next_seq: u64,
}

/// Decides what an answer settles.
///
/// The mark only moves over numbers without a hole. If this node dropped some (a full spool, a
/// damaged file), the mark stays below that hole for ever; waiting for it would fill the disk. So a
/// batch that was taken (its answer was a success) and that lies behind a hole nobody can fill is
/// settled by itself. The hole stays visible at the broker, as it should.
pub(super) fn settle(answered: Answered) -> Settled {
    let Answered { first_seq, last_seq, broker_seq, first_after_mark, next_seq } = answered;
    if broker_seq >= next_seq {
        Settled::Ahead
    } else if broker_seq >= last_seq {
        Settled::Through(broker_seq)
    } else if first_after_mark != Some(broker_seq + 1) {
        Settled::Hole { through_seq: last_seq, broker_seq }
    } else if broker_seq + 1 == first_seq {
        Settled::Nothing
    } else {
        // It took a part, or it went back to an earlier state and this node still has the rest.
        Settled::Through(broker_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batch 11..=20 of a stream that has numbered up to 30.
    fn answer(broker_seq: u64, first_after_mark: Option<u64>) -> Settled {
        settle(Answered { first_seq: 11, last_seq: 20, broker_seq, first_after_mark, next_seq: 31 })
    }

    #[test]
    fn a_full_answer_settles_the_batch_and_a_later_mark_more() {
        assert_eq!(answer(20, Some(21)), Settled::Through(20));
        assert_eq!(answer(25, Some(26)), Settled::Through(25));
    }

    #[test]
    fn a_broker_that_took_a_part_or_was_restored_gets_the_rest_again() {
        assert_eq!(answer(15, Some(16)), Settled::Through(15));
        assert_eq!(answer(3, Some(4)), Settled::Through(3));
    }

    #[test]
    fn a_hole_that_nobody_can_fill_does_not_stop_the_stream() {
        assert_eq!(answer(3, Some(11)), Settled::Hole { through_seq: 20, broker_seq: 3 });
    }

    #[test]
    fn no_progress_is_told_apart_from_progress() {
        assert_eq!(answer(10, Some(11)), Settled::Nothing);
    }

    #[test]
    fn a_broker_ahead_means_a_spool_restored_from_a_copy() {
        assert_eq!(answer(31, None), Settled::Ahead);
    }
}
