//! What can go wrong, as a closed list, and the order in which a seed makes it go wrong.
//!
//! slurmd is not on the list: who kills it kills the jobs on its node, and the promise is that no
//! outage of anything else does.

use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use crate::proxy::{Stall, Wire};

/// Who may be killed with -9, in the order in which they are started again: each after what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Munged,
    Mariadb,
    Postgresql,
    Slurmdbd,
    Slurmctld,
    /// The gateway's supervisor; its workers end with it.
    Gateway,
    CtlWorker,
    DbdWorker,
    Mimerd,
}

impl Victim {
    pub(super) const ALL: [Self; 9] = [
        Self::Munged,
        Self::Mariadb,
        Self::Postgresql,
        Self::Slurmdbd,
        Self::Slurmctld,
        Self::Gateway,
        Self::CtlWorker,
        Self::DbdWorker,
        Self::Mimerd,
    ];

    /// As in the report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Munged => "munged",
            Self::Mariadb => "mariadb",
            Self::Postgresql => "postgresql",
            Self::Slurmdbd => "slurmdbd",
            Self::Slurmctld => "slurmctld",
            Self::Gateway => "gateway",
            Self::CtlWorker => "gateway_ctl",
            Self::DbdWorker => "gateway_dbd",
            Self::Mimerd => "mimerd",
        }
    }

    /// Longest time that it stays away, in milliseconds. Whoever has a supervisor is back at once.
    const fn longest_ms(self) -> u64 {
        match self {
            // Well below SlurmdTimeout: nodes that cannot speak for longer are set down.
            Self::Munged => 5_000,
            Self::Mariadb | Self::Postgresql | Self::Slurmdbd | Self::Slurmctld => 8_000,
            Self::Mimerd => 5_000,
            Self::Gateway | Self::CtlWorker | Self::DbdWorker => 0,
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Killed with -9, and away for as long.
    Kill { victim: Victim, away: Duration },
    /// Every connection between broker and gateway is closed in the middle.
    Cut,
    /// That wire is bad for as long.
    Bad { wire: Wire, lasts: Duration },
}

impl Fault {
    /// How long it lasts.
    pub(super) fn lasts(self) -> Duration {
        match self {
            Self::Kill { away, .. } => away,
            Self::Cut => Duration::ZERO,
            Self::Bad { lasts, .. } => lasts,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { victim, away } => {
                write!(f, "kill -9 {}, away for {} ms", victim.name(), away.as_millis())
            }
            Self::Cut => write!(f, "cut the wire"),
            Self::Bad { wire, lasts } => {
                write!(f, "for {} ms: ", lasts.as_millis())?;
                match (wire.stall, wire.bytes_per_s) {
                    (Stall::Answers, _) => write!(f, "answers do not pass"),
                    (Stall::Everything, _) => write!(f, "nothing passes"),
                    (Stall::Off, Some(rate)) => write!(f, "{rate} bytes/s"),
                    (Stall::Off, None) => write!(f, "{} ms late", wire.latency.as_millis()),
                }
            }
        }
    }
}

/// Faults, each kind as often as it stands in the deck before any comes again.
#[derive(Debug)]
pub(super) struct Deck {
    dice: Dice,
    left: Vec<Card>,
}

#[derive(Clone, Copy, Debug)]
enum Card {
    Kill(Victim),
    Cut,
    Late,
    Narrow,
    Stall(Stall),
}

impl Deck {
    pub(super) const fn new(dice: Dice) -> Self {
        Self { dice, left: Vec::new() }
    }

    /// One to three faults that happen at about the same time.
    pub(super) fn draw(&mut self) -> Vec<Fault> {
        let count = match self.dice.below(10) {
            0..6 => 1,
            6..9 => 2,
            _ => 3,
        };
        (0..count).map(|_| self.one()).collect()
    }

    /// True when every kind has come as often as every other.
    pub(super) fn is_even(&self) -> bool {
        self.left.is_empty()
    }

    /// Milliseconds to wait, up to and without a bound.
    pub(super) fn pause(&mut self, bound_ms: u64) -> Duration {
        Duration::from_millis(self.dice.below(bound_ms))
    }

    /// One of so many.
    pub(super) fn number(&mut self, count: usize) -> usize {
        usize::try_from(self.dice.below(count as u64)).unwrap_or(0)
    }

    fn one(&mut self) -> Fault {
        let card = match self.left.pop() {
            Some(card) => card,
            None => {
                self.left = cards();
                self.dice.shuffle(&mut self.left);
                self.left.pop().unwrap_or(Card::Cut)
            }
        };
        let lasts = Duration::from_millis(500 + self.dice.below(6_000));
        let wire = Wire::default();
        match card {
            Card::Kill(victim) => {
                let away = self.pause(victim.longest_ms() + 1);
                Fault::Kill { victim, away }
            }
            Card::Cut => Fault::Cut,
            Card::Late => {
                let latency = Duration::from_millis(50 + self.dice.below(1_000));
                Fault::Bad { wire: Wire { latency, ..wire }, lasts }
            }
            Card::Narrow => {
                let bytes_per_s = u32::try_from(500 + self.dice.below(20_000)).ok();
                Fault::Bad { wire: Wire { bytes_per_s, ..wire }, lasts }
            }
            Card::Stall(stall) => {
                // Up to beyond the broker's own deadline.
                let lasts = lasts + self.pause(12_000);
                Fault::Bad { wire: Wire { stall, ..wire }, lasts }
            }
        }
    }
}

/// slurmctld thrice: its death is what the protocol of job ids is for.
fn cards() -> Vec<Card> {
    let mut cards: Vec<Card> = Victim::ALL.into_iter().map(Card::Kill).collect();
    cards.extend([Card::Kill(Victim::Slurmctld); 2]);
    cards.extend([Card::Cut, Card::Late, Card::Narrow]);
    cards.extend([Stall::Answers, Stall::Everything].map(Card::Stall));
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_deck_kills_everybody() {
        let mut deck = Deck::new(Dice::new(1));
        let mut faults = deck.draw();
        while !deck.is_even() {
            faults.extend(deck.draw());
        }
        for victim in Victim::ALL {
            let of_them =
                |fault: &Fault| matches!(fault, Fault::Kill { victim: v, .. } if *v == victim);
            assert!(faults.iter().any(of_them), "{victim:?} lives");
        }
        assert!(faults.contains(&Fault::Cut));
    }

    #[test]
    fn whoever_is_needed_is_started_first() {
        assert!(Victim::Munged < Victim::Slurmdbd && Victim::Mariadb < Victim::Slurmdbd);
        assert!(Victim::Slurmdbd < Victim::Slurmctld && Victim::Postgresql < Victim::Mimerd);
    }
}
