//! The tree as Slurm should know it, small and large.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::{
    agency::Category,
    fixture::{Site, by, day, now},
    fund::{self, NewFund},
    grant_change::{self, Supersede},
    pool::{self, NewPool, NewShare, ShareMode},
    proof,
};

#[sqlx::test(migrations = false)]
async fn a_project_stands_once_under_every_fund_that_pays_for_it(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let second = NewFund { fund_id: id::fresh(), ..site.new_fund() };
    fund::create(&mut tx, &second, &stamp).await.unwrap();
    let of_second = NewPool { pool_id: id::fresh(), fund_id: second.fund_id, ..site.new_pool() };
    let mut elsewhere = NewPool { pool_id: id::fresh(), ..of_second.clone() };
    elsewhere.cluster = "rudolf".to_owned();
    for pool in [&of_second, &elsewhere] {
        pool::create(&mut tx, pool, &stamp).await.unwrap();
    }
    let first = site.granted(&mut tx, |_| {}).await;
    let other = site.granted(&mut tx, |grant| grant.valid_until = day(8, 1)).await;
    let [late, far] = [of_second.pool_id, elsewhere.pool_id];
    let third = site.granted(&mut tx, |grant| grant.pool_id = late).await;
    site.granted(&mut tx, |grant| grant.pool_id = far).await;
    // All were decided at one instant; which fund came first is then the order of their ids.
    let lowest = site.fund_id.min(second.fund_id);

    let projects = on_cluster(&mut tx, "mimer").await.unwrap();
    assert_eq!(projects.len(), 2);
    let mine = |fund_id| projects.iter().find(|project| project.fund_id == fund_id).unwrap();
    let (one, two) = (mine(site.fund_id), mine(second.fund_id));
    assert_eq!(one.slug, "stroke-2027");
    assert_eq!(one.member_person_ids, [site.member]);
    let mut ids = vec![(first.grant_id, site.pool_id), (other.grant_id, site.pool_id)];
    ids.sort_unstable();
    assert_eq!(one.grant_ids, ids);
    assert_eq!(one.pools.len(), 1, "a pool is named once");
    assert_eq!(one.open_until, Some(day(9, 30)));
    assert_eq!(two.grant_ids, [(third.grant_id, late)]);
    let own = "public_stroke".to_owned();
    for project in [one, two] {
        assert_eq!(project.is_first_fund, project.fund_id == lowest);
        let tail = &project.fund_id.simple().to_string()[28..];
        let later = format!("public_stroke_{tail}");
        assert_eq!(project.account(), if project.is_first_fund { own.clone() } else { later });
    }

    let there = on_cluster(&mut tx, "rudolf").await.unwrap();
    assert_eq!((there.len(), there[0].account()), (1, two.account()), "one account everywhere");
    assert!(on_cluster(&mut tx, "nowhere").await.unwrap().is_empty());
}

#[sqlx::test(migrations = false)]
async fn what_has_ended_stays_in_the_tree(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let old = site.granted(&mut tx, |_| {}).await.grant_id;
    let new = site.granted(&mut tx, |grant| grant.valid_until = day(8, 1)).await.grant_id;
    let decided_by = site.decider;
    let asked =
        Supersede { change_id: id::fresh(), old_grant_id: old, new_grant_id: new, decided_by };
    grant_change::supersede(&mut tx, &asked, &by(decided_by)).await.unwrap();
    let projects = on_cluster(&mut tx, "mimer").await.unwrap();
    assert_eq!((projects.len(), projects[0].grant_ids.len()), (1, 2));
    assert_eq!(projects[0].open_until, Some(day(8, 1)));
    grant_change::expire_due(&mut tx, day(8, 1), 9, &by(site.operator)).await.unwrap();
    let projects = on_cluster(&mut tx, "mimer").await.unwrap();
    assert_eq!((projects[0].grant_ids.len(), projects[0].open_until), (2, None));
}

#[sqlx::test(migrations = false)]
async fn pools_come_with_how_their_share_is_kept_and_funds_once(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let second = NewPool { pool_id: id::fresh(), class: "z".to_owned(), ..site.new_pool() };
    pool::create(&mut tx, &second, &stamp).await.unwrap();
    for gpus in [4, 8] {
        let (pool_share_id, pool_id) = (id::fresh(), site.pool_id);
        let new = NewShare { pool_share_id, pool_id, mode: ShareMode::Capped { gpus } };
        pool::set_share(&mut tx, &new, &stamp).await.unwrap();
    }
    let pools = pools_on_cluster(&mut tx, "mimer").await.unwrap();
    let told: Vec<_> = pools.iter().map(|(pool, mode)| (pool.pool_id, mode.clone())).collect();
    let capped = ShareMode::Capped { gpus: 8 };
    assert_eq!(told, [(site.pool_id, capped), (second.pool_id, ShareMode::None)]);
    let funds = funds_on_cluster(&mut tx, "mimer").await.unwrap();
    assert_eq!(funds.iter().map(|fund| fund.fund_id).collect::<Vec<_>>(), [site.fund_id]);
    assert!(funds_on_cluster(&mut tx, "rudolf").await.unwrap().is_empty());
}

#[sqlx::test(migrations = false)]
async fn the_proof_of_a_fund_counts_what_is_there(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let grant = site.granted(&mut tx, |_| {}).await;
    let told = proof::of_fund(&mut tx, site.fund_id).await.unwrap().unwrap();
    assert_eq!((told.mixed, told.moved_across, told.outside_period), (0, 0, 0));
    assert_eq!(told.by_category.len(), 1);
    let public = told.by_category[0];
    assert_eq!((public.category, public.grant_count), (Category::PublicBody, 1));
    assert_eq!((public.gpu_seconds, public.usek), (grant.gpu_seconds, grant.usek));
    assert_eq!((told.grant_ids, told.project_ids), (vec![grant.grant_id], vec![site.project_id]));
    assert_eq!(proof::of_fund(&mut tx, Uuid::nil()).await.unwrap(), None);

    // A fault that both defences let pass would be counted.
    for fault in [
        "update quotas.agency set category = 'academia'",
        "update quotas.fund set valid_until = valid_until - interval '5 months'",
    ] {
        sqlx::query(fault).execute(&mut *tx).await.unwrap();
    }
    let told = proof::of_fund(&mut tx, site.fund_id).await.unwrap().unwrap();
    assert_eq!((told.mixed, told.outside_period), (1, 1));
}

/// 300 agencies, 2,000 projects and 10,000 grants in two funds: read whole in a few queries.
#[sqlx::test(migrations = false)]
async fn ten_thousand_grants_are_read_in_well_under_a_second(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local session_replication_role = replica").execute(&mut *tx).await.unwrap();
    for fill in [
        "insert into quotas.agency
         select gen_random_uuid(), 'A' || n, lpad(n::text, 10, '0'), 'public_body', $1
         from generate_series(1, 300) n where $2::uuid is not null and $3::uuid is not null",
        "insert into quotas.project
         select gen_random_uuid(),
             (select agency_id from quotas.agency offset n % 300 limit 1), 'p-' || n || 'x', 'T',
             'open', $2, 'acct_' || n, $1
         from generate_series(1, 2000) n where $3::uuid is not null",
        "insert into quotas.project_member
         select gen_random_uuid(), project_id, gen_random_uuid(), $1, null
         from quotas.project, generate_series(1, 3)
         where $2::uuid is not null and $3::uuid is not null",
        "insert into quotas.grant
         select gen_random_uuid(), gen_random_uuid(), project_id, $3, 3600, 1, $1,
             $1 + interval '1 day', 1, 1, $1
         from quotas.project, generate_series(1, 5)
         where slug like 'p-%' and $2::uuid is not null",
    ] {
        sqlx::query(fill)
            .bind(now())
            .bind(site.controller)
            .bind(site.pool_id)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    sqlx::query("analyze").execute(&db).await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let started = std::time::Instant::now();
    let projects = on_cluster(&mut tx, "mimer").await.unwrap();
    let pools = pools_on_cluster(&mut tx, "mimer").await.unwrap();
    let took = started.elapsed();
    assert_eq!((projects.len(), pools.len()), (2_000, 1));
    assert_eq!(projects.iter().map(|project| project.grant_ids.len()).sum::<usize>(), 10_000);
    println!("10,000 grants of 2,000 projects were read in {} ms", took.as_millis());
    assert!(took.as_secs() < 5, "{took:?}: not even a busy machine needs this long");
}
