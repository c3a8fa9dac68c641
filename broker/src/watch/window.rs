//! Stretches of time that slurmdbd is asked for, and how often it may be asked.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

/// What had ended so long before the mark is read again: slurmdbd hears of an end seconds late, and
/// minutes late when it was away.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
/// The clocks of slurmctld's machine and of this one differ by less.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);
/// Longest stretch of one question.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// Shortest, after questions whose answers did not come.
const SHORTEST: TimeDelta = TimeDelta::minutes(1);
/// How far back the slow second reading goes: a month and what a late invoice takes.
const AGAIN_FROM: TimeDelta = TimeDelta::days(35);

/// Questions to slurmdbd in any minute, whatever happens. Undisturbed there are 13: the newest ends
/// every five seconds, and one stretch of the second reading.
pub(super) const QUESTIONS_PER_MINUTE: usize = 30;

/// One stretch: its first instant, and the one after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

/// How long the stretches are: halved when an answer does not come, doubled when one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step(TimeDelta);

impl Default for Step {
    fn default() -> Self {
        Self(LONGEST)
    }
}

impl Step {
    pub(super) fn answered(&mut self) {
        self.0 = (self.0 * 2).min(LONGEST);
    }

    pub(super) fn not_answered(&mut self) {
        self.0 = (self.0 / 2).max(SHORTEST);
    }

    /// The stretch to ask for when everything until `read_until` was read, and how far everything is
    /// read after it. It overlaps what was read, and is never wholly inside it.
    pub(super) fn next(
        self,
        read_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> (Window, DateTime<Utc>) {
        let from = read_until - OVERLAP;
        let until = (read_until + self.0).min(now.max(read_until) + CLOCKS_DIFFER);
        (Window { from, until }, until.min(now).max(read_until))
    }
}

/// The next stretch of the slow second reading, and where it stands after it.
pub(super) fn again(again_from: DateTime<Utc>, now: DateTime<Utc>) -> (Window, DateTime<Utc>) {
    let oldest = now - AGAIN_FROM;
    let from = if again_from >= now - OVERLAP { oldest } else { again_from.max(oldest) };
    let until = (from + LONGEST).min(now);
    (Window { from, until }, until)
}

/// When slurmdbd was asked within the last minute.
#[derive(Debug, Default)]
pub(super) struct Budget {
    asked_at: VecDeque<DateTime<Utc>>,
}

impl Budget {
    /// Counts a question; false if there were as many as there may be.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> bool {
        while self.asked_at.front().is_some_and(|at| now - *at >= TimeDelta::minutes(1)) {
            self.asked_at.pop_front();
        }
        if self.asked_at.len() >= QUESTIONS_PER_MINUTE {
            return false;
        }
        self.asked_at.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    #[test]
    fn undisturbed_each_question_reaches_back_over_what_was_read_and_up_to_now() {
        let (window, read_until) = Step::default().next(at(0), at(1));
        assert_eq!(window, Window { from: at(-10), until: at(6) });
        assert_eq!(read_until, at(1));
    }

    #[test]
    fn after_an_outage_the_stretches_follow_each_other_without_a_gap() {
        let (mut read_until, now) = (at(0), at(150));
        let mut windows = Vec::new();
        while read_until < now {
            let (window, next) = Step::default().next(read_until, now);
            assert!(next > read_until && window.from < read_until);
            windows.push(window);
            read_until = next;
        }
        assert_eq!(windows.len(), 3);
        assert!(windows.windows(2).all(|pair| pair[1].from < pair[0].until));
    }

    #[test]
    fn a_stretch_that_is_too_much_is_halved_and_still_moves_on() {
        let mut step = Step::default();
        for _ in 0..20 {
            step.not_answered();
        }
        let (window, read_until) = step.next(at(0), at(600));
        assert_eq!((window.until, read_until), (at(1), at(1)));
        step.answered();
        assert_eq!(step.next(at(0), at(600)).1, at(2));
    }

    #[test]
    fn a_clock_that_was_set_back_reads_on_from_where_it_was() {
        let (window, read_until) = Step::default().next(at(10), at(5));
        assert_eq!(read_until, at(10));
        assert!(window.until > window.from);
    }

    #[test]
    fn the_second_reading_walks_over_the_month_and_begins_anew() {
        let now = at(0);
        let (window, mut stand) = again(now, now);
        assert_eq!(window.from, now - AGAIN_FROM);
        let mut questions = 1;
        while stand < now - OVERLAP {
            (_, stand) = again(stand, now);
            questions += 1;
        }
        assert_eq!(questions, 35 * 24);
    }

    #[test]
    fn no_minute_has_more_questions_than_it_may() {
        let mut budget = Budget::default();
        let mut asked = 0;
        for second in 0..60 {
            for _ in 0..2 {
                asked += usize::from(budget.take(at(0) + TimeDelta::seconds(second)));
            }
        }
        assert_eq!(asked, QUESTIONS_PER_MINUTE);
        assert!(budget.take(at(1)));
    }
}
