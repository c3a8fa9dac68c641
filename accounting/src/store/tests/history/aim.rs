//! Aiming a step: chance alone would name a hold that is open, or the right sum, too seldom.
//!
//! An aimed step names what is there by the model, as far as anything is, and amounts that fit. It
//! may still be refused. Steps that are not aimed stay as they were drawn: most of the refusals, and
//! ids used again, come from those.

use super::{
    model::{Grant, Model, State, Way},
    step::{Ask, Figures, PEOPLE, Proposal, Ran, Step},
};

impl Model {
    /// The step as it should be taken, given what there is.
    pub(super) fn aim(&self, step: &Step) -> Step {
        let fresh = self.moves.keys().max().map_or(0, |last| last + 1);
        let aimed = match step {
            Step::TopUp { grant, figures, .. } => self
                .near(*grant, |_| true)
                .map(|grant| Step::TopUp { transfer: fresh, grant, figures: *figures }),
            Step::GiveBack { grant, figures, .. } => self.rich(*grant).map(|grant| {
                let figures = within(*figures, self.grants[&grant].free);
                Step::GiveBack { transfer: fresh, grant, figures }
            }),
            Step::Expire { grant, .. } => {
                self.rich(*grant).map(|grant| Step::Expire { transfer: fresh, grant })
            }
            Step::Transfer { from, to, figures, .. } => self.rich(*from).and_then(|from| {
                let figures = within(*figures, self.grants[&from].free);
                let to = self.beside(from, *to)?;
                Some(Step::Transfer { transfer: fresh, from, to, figures })
            }),
            Step::CarryOver { from, to, figures, .. } => self.carried(*from).and_then(|from| {
                let figures = within(*figures, self.grants[&from].expired);
                let to = self.beside(from, *to)?;
                Some(Step::CarryOver { transfer: fresh, from, to, figures })
            }),
            Step::Place(ask) => self.fitting(ask).map(Step::Place),
            Step::Replace { old, ask } => self.nth(*old, State::Open).map(|old| {
                let replaced = &self.holds[&old].ask;
                let ask = self.fitting(ask).unwrap_or_else(|| ask.clone());
                let (project, attempt) = (replaced.project, replaced.attempt);
                Step::Replace { old, ask: Ask { project, attempt, ..ask } }
            }),
            Step::Extend(more) => self.longer(more).map(Step::Extend),
            Step::Shorten { extension } => {
                self.standing(*extension).map(|extension| Step::Shorten { extension })
            }
            Step::Settle { hold, runs } => self.settled(*hold, runs),
            Step::Release { hold, cancelled } => {
                let hold = self.nth(*hold, State::Open);
                hold.map(|hold| Step::Release { hold, cancelled: *cancelled })
            }
            Step::Propose(proposal) => self.right(proposal).map(Step::Propose),
            Step::Confirm { clearing, by } => self.waiting(*clearing).map(|clearing| {
                let by = (self.clearings[&clearing].proposal.by + 1 + by % (PEOPLE - 1)) % PEOPLE;
                Step::Confirm { clearing, by }
            }),
            Step::Reject { clearing, by } => {
                self.waiting(*clearing).map(|clearing| Step::Reject { clearing, by: *by })
            }
            Step::OpenFund { .. }
            | Step::OpenPool { .. }
            | Step::OverAllocate { .. }
            | Step::OpenGrant { .. } => None,
        };
        aimed.unwrap_or_else(|| step.clone())
    }

    /// The grant that a number comes down to, of those that fit.
    fn near(&self, number: usize, fits: impl Fn(&Grant) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            self.grants.iter().filter(|(_, grant)| fits(grant)).map(|(&id, _)| id).collect();
        fitting.get(number.checked_rem(fitting.len())?).copied()
    }

    fn rich(&self, number: usize) -> Option<usize> {
        self.near(number, |grant| grant.free.0 > 0 && grant.free.1 > 0)
    }

    /// Another grant of the same fund.
    fn beside(&self, grant: usize, number: usize) -> Option<usize> {
        let fund = self.grants[&grant].fund;
        let others: Vec<usize> = self
            .grants
            .iter()
            .filter(|&(&id, other)| id != grant && other.fund == fund)
            .map(|(&id, _)| id)
            .collect();
        others.get(number.checked_rem(others.len())?).copied()
    }

    /// A grant that lost something when it expired, not carried over yet.
    fn carried(&self, number: usize) -> Option<usize> {
        let lost: Vec<usize> = self
            .grants
            .iter()
            .filter(|(_, grant)| grant.expired != (0, 0))
            .map(|(&id, _)| id)
            .filter(|&id| {
                !self.moves.values().any(|m| (m.way, m.from) == (Way::CarryOver, Some(id)))
            })
            .collect();
        lost.get(number.checked_rem(lost.len())?).copied()
    }

    pub(super) fn nth(&self, number: usize, state: State) -> Option<usize> {
        let fitting: Vec<usize> =
            self.holds.iter().filter(|(_, hold)| hold.state == state).map(|(&id, _)| id).collect();
        fitting.get(number.checked_rem(fitting.len())?).copied()
    }

    /// A new hold over grants of one fund, for no more time than they have.
    fn fitting(&self, ask: &Ask) -> Option<Ask> {
        let first = self.rich(ask.grants.first().copied().unwrap_or_default())?;
        let second = self.beside(first, ask.attempt);
        let grants: Vec<usize> =
            [Some(first), second.filter(|_| ask.time % 2 == 0)].into_iter().flatten().collect();
        let free: i64 = grants.iter().map(|grant| self.grants[grant].free.0).sum();
        let fresh = self.holds.keys().max().map_or(0, |last| last + 1);
        Some(Ask {
            hold: fresh,
            attempt: 100 + fresh,
            project: ask.project,
            grants,
            time: 1 + ask.time % free,
            rate: ask.rate % 2,
        })
    }

    /// Runs nobody told of yet, for a hold that is open, or now and then for one that was settled.
    fn settled(&self, hold: usize, runs: &[Ran]) -> Option<Step> {
        let late = if hold.is_multiple_of(4) { self.nth(hold, State::Settled) } else { None };
        let hold = late.or_else(|| self.nth(hold, State::Open))?;
        let fresh = self.runs.keys().max().map_or(0, |last| last + 1);
        let runs = runs.iter().zip(fresh..);
        let mut runs: Vec<Ran> =
            runs.map(|(&(_, time, chargeable), run)| (run, time, chargeable)).collect();
        if runs.is_empty() {
            runs.push((fresh, self.holds[&hold].ask.time, true)); // Exactly what was held.
        }
        Some(Step::Settle { hold, runs })
    }

    /// A proposal to clear overrun that there is.
    fn right(&self, proposal: &Proposal) -> Option<Proposal> {
        let grant = self.near(proposal.grant, |grant| !grant.overruns.is_empty())?;
        let overrun: i64 = self.grants[&grant].overruns.iter().map(|(_, figures)| figures.0).sum();
        let clearing = self.clearings.keys().max().map_or(0, |last| last + 1);
        let time = 1 + proposal.time % overrun;
        Some(Proposal { clearing, grant, time, ..*proposal })
    }

    fn waiting(&self, number: usize) -> Option<usize> {
        let waiting: Vec<usize> = self
            .clearings
            .iter()
            .filter(|(_, cleared)| cleared.end.is_none())
            .map(|(&id, _)| id)
            .collect();
        waiting.get(number.checked_rem(waiting.len())?).copied()
    }
}

/// Figures that are no more than these.
fn within(wanted: Figures, most: Figures) -> Figures {
    (wanted.0 % (most.0 + 1), wanted.1 % (most.1 + 1))
}
