//! How shares are kept, told and told again.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::{
    agency::Category,
    fixture::{Site, by, constraint, day, trail},
    pool::{self, NewPool},
};

fn nodes(names: &[&str]) -> ShareMode {
    ShareMode::SetAside { nodes: names.iter().map(|&name| name.to_owned()).collect() }
}

fn new(pool_id: Uuid, mode: ShareMode) -> NewShare {
    NewShare { pool_share_id: id::fresh(), pool_id, mode }
}

#[sqlx::test(migrations = false)]
async fn the_newest_way_counts_and_the_older_ones_stay(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let (pool_id, stamp) = (site.pool_id, by(site.operator));
    assert_eq!(share_of(&mut tx, pool_id).await.unwrap(), ShareMode::None);
    let (guaranteed, capped) = (ShareMode::Guaranteed { gpus: 8 }, ShareMode::Capped { gpus: 4 });
    let modes = [nodes(&["node01", "node02"]), guaranteed, capped, ShareMode::None];
    for (version, mode) in (1..).zip(modes) {
        let asked = new(pool_id, mode);
        let share = set_share(&mut tx, &asked, &stamp).await.unwrap();
        assert_eq!((share.version, &share.mode), (version, &asked.mode));
        assert_eq!(set_share(&mut tx, &asked, &stamp).await.unwrap(), share);
        assert_eq!(share_of(&mut tx, pool_id).await.unwrap(), asked.mode);
        let other = NewShare { mode: ShareMode::Guaranteed { gpus: 9 }, ..asked };
        let refused = set_share(&mut tx, &other, &stamp).await;
        assert!(matches!(refused, Err(ShareError::ShareIdReused(_))));
    }
    let told = trail(&mut tx, pool_id).await;
    assert_eq!(told.iter().filter(|action| *action == "pool.set_share").count(), 4);
}

#[sqlx::test(migrations = false)]
async fn a_share_names_something_of_a_pool(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let (no_guarantee, no_cap) = (ShareMode::Guaranteed { gpus: 0 }, ShareMode::Capped { gpus: 0 });
    let empty = [nodes(&[]), nodes(&["node01", " "]), nodes(&["a", "a"]), no_guarantee, no_cap];
    for mode in empty {
        let refused = set_share(&mut tx, &new(site.pool_id, mode), &stamp).await;
        assert!(matches!(refused, Err(ShareError::ShareEmpty(_))));
    }
    let refused = set_share(&mut tx, &new(Uuid::nil(), ShareMode::None), &stamp).await;
    assert!(matches!(refused, Err(ShareError::NoSuchPool(_))));
    let refused = sqlx::query("insert into quotas.pool_share values ($1, $2, 1, 'capped')")
        .bind(id::fresh())
        .bind(site.pool_id)
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert!(constraint(&refused).is_none_or(|rule| rule != "pool_share_pkey"), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn a_node_is_set_aside_for_one_pool_at_a_time(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let second = NewPool { pool_id: id::fresh(), ..site.new_pool() };
    let elsewhere =
        NewPool { pool_id: id::fresh(), cluster: "rudolf".to_owned(), ..site.new_pool() };
    for pool in [&second, &elsewhere] {
        pool::create(&mut tx, pool, &stamp).await.unwrap();
    }
    let first = new(site.pool_id, nodes(&["node01", "node02"]));
    set_share(&mut tx, &first, &stamp).await.unwrap();
    let wider = new(site.pool_id, nodes(&["node01", "node02", "node03"]));
    set_share(&mut tx, &wider, &stamp).await.unwrap();
    let taken = new(second.pool_id, nodes(&["node09", "node02"]));
    let refused = set_share(&mut tx, &taken, &stamp).await;
    assert!(matches!(
        refused,
        Err(ShareError::NodeSetAsideElsewhere { ref node, other_pool_id })
            if node == "node02" && other_pool_id == site.pool_id
    ));
    let same_name = new(elsewhere.pool_id, nodes(&["node02"]));
    set_share(&mut tx, &same_name, &stamp).await.unwrap();
    let over = Stamp { now: day(11, 30), ..stamp };
    set_share(&mut tx, &taken, &over).await.unwrap();
    set_share(&mut tx, &new(site.pool_id, ShareMode::None), &stamp).await.unwrap();
}
