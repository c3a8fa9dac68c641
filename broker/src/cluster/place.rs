//! Where a job goes in Slurm: the account, QOS and reservation that its project and pool have there.

use quotas::tree::ProjectPlace;
use sqlx::PgConnection;

use super::memory;
use super::name;
use super::object::Key;
use crate::config::{Cluster, Keep};

/// Names that the gateway is asked to submit with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The account.
    pub(crate) account: String,
    /// The QOS; `None`: Slurm's default.
    pub(crate) qos: Option<String>,
    /// The reservation, where nodes are set aside for the pool.
    pub(crate) reservation: Option<String>,
}

/// Where a job of a project goes that is paid from a pool.
///
/// Where Slurm is kept by the broker, the names are those it makes, there or not yet: Slurm takes
/// the job once it has them. Where it is only shown, a QOS or a reservation is named once the
/// operator has applied it, so that jobs run before that too.
pub(crate) async fn place(
    tx: &mut PgConnection,
    cluster: &Cluster,
    of: &ProjectPlace,
) -> Result<Place, sqlx::Error> {
    let own = of.slurm_account.as_str();
    if cluster.keep == Keep::Off {
        return Ok(Place { account: own.to_owned(), qos: None, reservation: None });
    }
    let account = name::project_account(own, of.fund_id, of.is_first_fund);
    let mut qos = Some(name::qos(&account));
    let mut reservation = of.is_set_aside.then(|| name::reservation(of.pool_id));
    if cluster.keep == Keep::Show {
        if let Some(name) = &qos
            && !memory::has(tx, &cluster.name, &Key::qos(name)).await?
        {
            qos = None;
        }
        if let Some(name) = &reservation
            && !memory::has(tx, &cluster.name, &Key::reservation(name)).await?
        {
            reservation = None;
        }
    }
    Ok(Place { account, qos, reservation })
}
