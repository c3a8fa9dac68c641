//! Changes of a history's grants.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Made, Operation, Played, Player, Who, money, time};
use crate::grant_change::{self, CarryOver, GiveBack, Supersede, TopUp, Transfer};

impl Player<'_> {
    pub(super) async fn change(&self, tx: &mut PgConnection, step: &Operation) -> Played {
        let change_id = self.ids[0];
        let changed = match *step {
            Operation::TopUp { grant, amount, who } => {
                let asked = TopUp {
                    change_id,
                    grant_id: self.grant_id(grant),
                    gpu_seconds: time(amount.0),
                    usek: money(amount.1),
                    decided_by: self.person(who),
                };
                grant_change::top_up(tx, &asked, &self.stamp(who)).await
            }
            Operation::GiveBack { grant, amount } => {
                let grant_id = self.grant_id(grant);
                let (gpu_seconds, usek) = (time(amount.0), money(amount.1));
                let asked = GiveBack { change_id, grant_id, gpu_seconds, usek };
                grant_change::give_back(tx, &asked, &self.stamp(Who::Insider)).await
            }
            Operation::Transfer { from, to, amount, who } => {
                let asked = Transfer {
                    change_id,
                    from_grant_id: self.grant_id(from),
                    to_grant_id: self.grant_id(to),
                    gpu_seconds: time(amount.0),
                    usek: money(amount.1),
                    decided_by: self.person(who),
                };
                grant_change::transfer(tx, &asked, &self.stamp(who)).await
            }
            Operation::CarryOver { from, to, who } => {
                let (from_grant_id, to_grant_id) = (self.grant_id(from), self.grant_id(to));
                let decided_by = self.person(who);
                let asked = CarryOver { change_id, from_grant_id, to_grant_id, decided_by };
                grant_change::carry_over(tx, &asked, &self.stamp(who)).await
            }
            Operation::Supersede { old, new, who } => {
                let (old_grant_id, new_grant_id) = (self.grant_id(old), self.grant_id(new));
                let decided_by = self.person(who);
                let asked = Supersede { change_id, old_grant_id, new_grant_id, decided_by };
                grant_change::supersede(tx, &asked, &self.stamp(who)).await
            }
            _ => unreachable!("{step:?} changes no grant"),
        };
        changed.map(|_| Made::Nothing).map_err(|refused| refused.code())
    }

    fn grant_id(&self, grant: usize) -> Uuid {
        self.grants.get(grant).map_or(Uuid::nil(), |grant| grant.0)
    }
}
