//! Limits of an association or a QOS: read, and the difference to what they shall be.
//!
//! slurmdbd numbers TRES and has a sentinel for "not limited"; the broker has names and an absent
//! entry. A limit is lifted by writing -1 (TRES) or INFINITE (jobs).

use std::collections::BTreeMap;

use slurm_wire::Limits;

use crate::error::SlurmError;
use crate::policy::PolicyError;
use crate::sys;
use crate::text::{Lender, Loan};
use crate::tres::TresNames;

/// Copies limits; `None` when they have a TRES number that is not known (yet).
pub(crate) fn read(
    lender: &Lender<'_>,
    view: &sys::shim_limits,
    names: &TresNames,
) -> Option<Limits> {
    let named = |field| names.named(&lender.copy(field).unwrap_or_default());
    Some(Limits {
        at_once: named(view.at_once)?,
        minutes: named(view.minutes)?,
        running_jobs: count(view.running_jobs),
        submitted_jobs: count(view.submitted_jobs),
    })
}

fn count(number: u32) -> Option<u32> {
    (number < sys::NO_VAL).then_some(number)
}

/// What to write so that limits become others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// As slurmdbd reads it; `None` leaves all as it is.
    pub(crate) at_once: Option<String>,
    /// The same.
    pub(crate) minutes: Option<String>,
    /// NO_VAL leaves it as it is.
    pub(crate) running_jobs: u32,
    /// The same.
    pub(crate) submitted_jobs: u32,
}

impl Difference {
    /// Nothing to write.
    pub(crate) const NONE: Self = Self {
        at_once: None,
        minutes: None,
        running_jobs: sys::NO_VAL,
        submitted_jobs: sys::NO_VAL,
    };

    /// As the shim takes it; `loan` keeps the texts alive.
    pub(crate) fn lend(&self, loan: &mut Loan) -> Result<sys::shim_limits, SlurmError> {
        Ok(sys::shim_limits {
            at_once: loan.lend_option("at_once", self.at_once.as_deref())?,
            minutes: loan.lend_option("minutes", self.minutes.as_deref())?,
            running_jobs: self.running_jobs,
            submitted_jobs: self.submitted_jobs,
        })
    }

    /// From `now` to `wanted`.
    pub(crate) fn between(
        now: &Limits,
        wanted: &Limits,
        names: &TresNames,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            at_once: tres(&now.at_once, &wanted.at_once, names)?,
            minutes: tres(&now.minutes, &wanted.minutes, names)?,
            running_jobs: jobs(now.running_jobs, wanted.running_jobs),
            submitted_jobs: jobs(now.submitted_jobs, wanted.submitted_jobs),
        })
    }
}

type Amounts = BTreeMap<String, u64>;

fn tres(now: &Amounts, wanted: &Amounts, names: &TresNames) -> Result<Option<String>, PolicyError> {
    let set = wanted.iter().filter(|(name, amount)| now.get(*name) != Some(amount));
    let lifted = now.keys().filter(|name| !wanted.contains_key(*name));
    let parts = set
        .map(|(name, amount)| (name, amount.to_string()))
        .chain(lifted.map(|name| (name, "-1".to_owned())))
        .map(|(name, amount)| {
            let id = names.number(name);
            id.map(|id| format!("{id}={amount}"))
                .ok_or_else(|| PolicyError::UnknownTres { tres: name.clone() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((!parts.is_empty()).then(|| parts.join(",")))
}

fn jobs(now: Option<u32>, wanted: Option<u32>) -> u32 {
    if now == wanted { sys::NO_VAL } else { wanted.unwrap_or(sys::INFINITE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> TresNames {
        TresNames::from([(1, "cpu"), (1001, "gres/gpu"), (1002, "gres/gpu:h200")])
    }

    fn minutes(amounts: &[(&str, u64)]) -> Limits {
        let minutes = amounts.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        Limits { minutes, ..Limits::default() }
    }

    #[test]
    fn only_what_differs_is_written_and_what_is_not_named_is_lifted() {
        let now = minutes(&[("cpu", 5), ("gres/gpu", 60), ("gres/gpu:h200", 60)]);
        let wanted = minutes(&[("gres/gpu", 60), ("gres/gpu:h200", 90)]);
        let difference = Difference::between(&now, &wanted, &site()).unwrap();
        assert_eq!(difference.minutes.as_deref(), Some("1002=90,1=-1"));
        assert_eq!(difference.at_once, None);
        assert_eq!(Difference::between(&now, &now, &site()), Ok(Difference::NONE));
    }

    #[test]
    fn no_limit_is_none_and_zero_is_a_limit() {
        let none = Limits::default();
        let zero = Limits { running_jobs: Some(0), submitted_jobs: Some(3), ..none.clone() };
        let set = Difference::between(&none, &zero, &site()).unwrap();
        assert_eq!((set.running_jobs, set.submitted_jobs), (0, 3));
        let lifted = Difference::between(&zero, &none, &site()).unwrap();
        assert_eq!((lifted.running_jobs, lifted.submitted_jobs), (sys::INFINITE, sys::INFINITE));
        assert_eq!((count(sys::INFINITE), count(sys::NO_VAL), count(0)), (None, None, Some(0)));
    }

    #[test]
    fn a_tres_that_slurm_does_not_count_is_refused_by_name() {
        let wanted = minutes(&[("gres/gpu:b300", 1)]);
        let refused = Difference::between(&Limits::default(), &wanted, &site());
        let tres = "gres/gpu:b300".to_owned();
        assert_eq!(refused, Err(PolicyError::UnknownTres { tres }));
    }
}
