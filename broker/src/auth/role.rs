//! Roles, and the rule that keeps three of them apart.

use sqlx::PgConnection;
use uuid::Uuid;

/// What a person may be.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, sqlx::Type,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "broker.role", rename_all = "snake_case")]
pub enum Role {
    /// Asks for and uses GPU time on behalf of an agency.
    AgencyMember,
    /// Decides requests.
    Decider,
    /// Runs the cluster and sets its share; never decides, never grants access.
    Operator,
    /// Sets prices, sees charges, hands over invoices.
    Finance,
    /// Answers for the data: records and revokes permits.
    Controller,
}

impl Role {
    /// All roles, for tests that go through them.
    pub const ALL: [Self; 5] =
        [Self::AgencyMember, Self::Decider, Self::Operator, Self::Finance, Self::Controller];

    /// The word for it in settings and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AgencyMember => "agency_member",
            Self::Decider => "decider",
            Self::Operator => "operator",
            Self::Finance => "finance",
            Self::Controller => "controller",
        }
    }

    /// The role of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// True if one person may hold both: deciding, operating and asking are kept apart.
    pub const fn may_stand_beside(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::Decider, Self::Operator | Self::AgencyMember)
                | (Self::Operator, Self::Decider | Self::Controller | Self::AgencyMember)
                | (Self::Controller, Self::Operator)
                | (Self::AgencyMember, Self::Decider | Self::Operator)
        )
    }
}

/// A role and the agency it is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleHeld {
    /// Which role.
    pub role: Role,
    /// The agency of an [`Role::AgencyMember`].
    pub agency_id: Option<Uuid>,
}

/// Why a role was not given.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Invariant 8.
    #[error("a person who is {} cannot also be {}: deciding, operating and asking are kept apart",
        held.word(), wanted.word())]
    MustStayApart {
        /// The role the person has.
        held: Role,
        /// The role that was refused.
        wanted: Role,
    },
    /// A member without an agency, or another role with one.
    #[error("agency_member needs an agency, and no other role may name one")]
    AgencyMismatch,
    /// One person asks on behalf of one agency.
    #[error(
        "this person is a member of agency {held:?} and cannot also be one of {wanted:?}; use another login"
    )]
    OtherAgency {
        /// The agency the person is a member of.
        held: Option<Uuid>,
        /// The agency that was refused.
        wanted: Option<Uuid>,
    },
    /// The database failed.
    #[error("reading or writing roles")]
    Database(#[from] sqlx::Error),
}

/// The roles of a person.
pub async fn roles_of(
    tx: &mut PgConnection,
    person_id: Uuid,
) -> Result<Vec<RoleHeld>, sqlx::Error> {
    sqlx::query_as!(
        RoleHeld,
        r#"select role as "role: Role", agency_id from broker.person_role
           where person_id = $1 order by role"#,
        person_id
    )
    .fetch_all(tx)
    .await
}

/// Gives a person a role; the same role again changes nothing.
pub async fn give(
    tx: &mut PgConnection,
    person_id: Uuid,
    wanted: RoleHeld,
    stamp: &record::Stamp<'_>,
) -> Result<(), RoleError> {
    if (wanted.role == Role::AgencyMember) != wanted.agency_id.is_some() {
        return Err(RoleError::AgencyMismatch);
    }
    // The person's row is the lock: two roles given at once must see each other.
    sqlx::query!("select person_id from record.person where person_id = $1 for update", person_id)
        .fetch_optional(&mut *tx)
        .await?;
    for held in roles_of(tx, person_id).await? {
        if held == wanted {
            return Ok(());
        }
        if held.role == wanted.role {
            return Err(RoleError::OtherAgency { held: held.agency_id, wanted: wanted.agency_id });
        }
        if !wanted.role.may_stand_beside(held.role) {
            return Err(RoleError::MustStayApart { held: held.role, wanted: wanted.role });
        }
    }
    sqlx::query!(
        "insert into broker.person_role (person_id, role, agency_id) values ($1, $2, $3)
         on conflict do nothing",
        person_id,
        wanted.role as Role,
        wanted.agency_id,
    )
    .execute(&mut *tx)
    .await?;
    let details = serde_json::json!({ "role": wanted.role, "agency_id": wanted.agency_id });
    stamp.audit(tx, "role.give", ("person", person_id), details).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use record::{Actor, Stamp, id};
    use sqlx::PgPool;

    use super::*;
    use crate::stage::{day, migrate, wide};

    /// Whichever of two roles comes first, the other is refused, also when both come at once.
    #[sqlx::test(migrations = false)]
    async fn two_roles_that_must_stay_apart_are_never_both_given(db: PgPool) {
        migrate(&db).await;
        let person_id = id::fresh();
        let mut tx = db.acquire().await.unwrap();
        record::person::remember(&mut tx, person_id, "otto", "Otto").await.unwrap();
        drop(tx);
        let wide = wide(&db, 8).await;
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(8));
        let mut racers = tokio::task::JoinSet::new();
        for role in [Role::Decider, Role::Operator].repeat(4) {
            let (db, start) = (wide.clone(), start.clone());
            racers.spawn(async move {
                start.wait().await;
                let stamp = Stamp {
                    actor: Actor::Program("test"),
                    now: day(7, 1),
                    why: None,
                    trace_id: Uuid::nil(),
                };
                let mut tx = db.begin().await?;
                give(&mut tx, person_id, RoleHeld { role, agency_id: None }, &stamp).await?;
                tx.commit().await?;
                Ok::<_, RoleError>(())
            });
        }
        let outcomes = racers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
        let held = roles_of(&mut db.acquire().await.unwrap(), person_id).await.unwrap();
        assert_eq!(held.len(), 1);
    }

    #[test]
    fn keeping_apart_goes_both_ways() {
        for one in Role::ALL {
            for other in Role::ALL {
                assert_eq!(one.may_stand_beside(other), other.may_stand_beside(one));
            }
        }
    }

    #[test]
    fn an_operator_can_never_decide() {
        assert!(!Role::Operator.may_stand_beside(Role::Decider));
    }
}
