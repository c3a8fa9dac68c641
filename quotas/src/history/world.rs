//! What every history finds: agencies, projects and people, and a price of 1 µSEK a GPU-second.

use accounting::rate_card::{self, NewRate, NewRateCard};
use record::id;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    agency::{self, Category, NewAgency},
    fixture::{NUMBERS, by, day, migrate},
    project::{self, DataClass, NewProject},
};

/// The classes of GPU, by place.
pub(super) const CLASSES: [&str; 2] = ["h200", "a100"];

/// Whose each project is, by place.
pub(super) const AGENCY_OF_PROJECT: [usize; 4] = [0, 0, 1, 2];

/// What kind of applicant each agency is, by place.
pub(super) const CATEGORIES: [Category; 3] =
    [Category::PublicBody, Category::PublicBody, Category::Academia];

pub(super) struct World {
    pub(super) operator: Uuid,
    pub(super) decider: Uuid,
    /// Asks for every project and decides on none.
    pub(super) requester: Uuid,
    /// A member of the first project.
    pub(super) insider: Uuid,
    pub(super) agency_ids: [Uuid; 3],
    pub(super) project_ids: [Uuid; 4],
    /// One for each class.
    pub(super) rate_ids: [Uuid; 2],
}

impl World {
    pub(super) async fn lay_out(db: &PgPool) -> Self {
        migrate(db).await;
        let mut tx = db.begin().await.unwrap();
        let world = Self {
            operator: id::fresh(),
            decider: id::fresh(),
            requester: id::fresh(),
            insider: id::fresh(),
            agency_ids: [(); 3].map(|()| id::fresh()),
            project_ids: [(); 4].map(|()| id::fresh()),
            rate_ids: [(); 2].map(|()| id::fresh()),
        };
        let stamp = by(world.requester);
        let numbers = [NUMBERS[0], NUMBERS[1], "556016-0680"];
        for (place, number) in numbers.into_iter().enumerate() {
            let agency = NewAgency {
                agency_id: world.agency_ids[place],
                name: format!("Agency {place}"),
                organisation_number: number.parse().unwrap(),
                category: CATEGORIES[place],
            };
            agency::create(&mut tx, &agency, &stamp).await.unwrap();
        }
        for (place, agency) in AGENCY_OF_PROJECT.into_iter().enumerate() {
            let project = NewProject {
                project_id: world.project_ids[place],
                agency_id: world.agency_ids[agency],
                slug: format!("project-{place}").parse().unwrap(),
                title: format!("Project {place}"),
                data_class: DataClass::Open,
                controller_person_id: id::fresh(),
                slurm_account: format!("public_{place}").parse().unwrap(),
            };
            project::create(&mut tx, &project, &stamp).await.unwrap();
        }
        project::add_member(&mut tx, world.project_ids[0], world.insider, &stamp).await.unwrap();
        let rate = |(rate_id, class): (Uuid, &str)| NewRate {
            rate_id,
            class: class.to_owned(),
            partition: "gpu".to_owned(),
            category: rate_card::ANY_CATEGORY.to_owned(),
            price_usek_per_gpu_hour: 3_600,
            factor_ppm: 1_000_000,
        };
        let card = NewRateCard {
            rate_card_id: id::fresh(),
            name: "2027".to_owned(),
            valid_from: day(1, 1),
            valid_until: None,
            charges_node_failure: false,
            rates: world.rate_ids.into_iter().zip(CLASSES).map(rate).collect(),
        };
        rate_card::publish(&mut tx, &card, &stamp).await.unwrap();
        tx.commit().await.unwrap();
        world
    }
}
