//! A fund made by hand, once whole and once broken.

use dashboards::read::{
    FundRef,
    fund::{AccessMode, Bought, CategoryLine, Charged, EnvelopeView, FundPool, FundView, Proof},
};

use super::{at, hours, id, kronor};

pub(crate) fn public_sector() -> FundRef {
    FundRef { fund_id: id(5), name: "Public sector 2027".to_owned() }
}

/// A fund in its first year, with nothing mixed.
pub(crate) fn fund() -> FundView {
    let (low, high) = (kronor(20_000_000), kronor(50_000_000));
    FundView {
        fund: public_sector(),
        purpose: "public_sector".to_owned(),
        conditions: "For public bodies in Sweden; results are <published> where the law allows."
            .to_owned(),
        valid_from: at("2026-12-31T23:00:00Z"),
        valid_until: at("2027-12-31T23:00:00Z"),
        now: at("2027-03-04T10:00:00Z"),
        ceiling: kronor(40_000_000),
        left: kronor(11_500_000),
        settled: kronor(2_093_650),
        envelope: Some(EnvelopeView {
            low,
            high,
            bought: vec![Bought {
                class: "h200".to_owned(),
                partition: "confidential".to_owned(),
                rate_card_name: "Public sector 2027".to_owned(),
                price_usek_per_gpu_hour: kronor(40),
                factor_ppm: 1_250_000,
                low: hours(400_000),
                high: hours(1_000_000),
            }],
        }),
        carry_over_ppm: 250_000,
        pools: vec![FundPool {
            pool_id: id(70),
            cluster: "mimer".to_owned(),
            class: "h200".to_owned(),
            partition: "confidential".to_owned(),
            valid_from: at("2027-01-31T23:00:00Z"),
            valid_until: at("2027-12-31T23:00:00Z"),
            reserved: hours(150_000),
            left: hours(31_500),
            used: hours(41_873),
        }],
        access_modes: vec![
            AccessMode {
                name: "Small".to_owned(),
                least: hours(1),
                most: hours(500),
                max_days: 180,
            },
            AccessMode {
                name: "Large".to_owned(),
                least: hours(10_000),
                most: hours(100_000),
                max_days: 365,
            },
        ],
        proof: Proof {
            by_category: vec![CategoryLine {
                category: "public_body".to_owned(),
                is_own: true,
                grant_count: 12,
                gpu_seconds: hours(118_500),
                usek: kronor(5_925_000),
            }],
            charged: Charged { count: 1_204, gpu_seconds: hours(41_873), usek: kronor(2_093_650) },
            ..Proof::default()
        },
    }
}

/// A fund that some fault has mixed.
pub(crate) fn broken_fund() -> FundView {
    let mut view = fund();
    view.proof.by_category.push(CategoryLine {
        category: "academia".to_owned(),
        is_own: false,
        grant_count: 1,
        gpu_seconds: hours(100),
        usek: kronor(5_000),
    });
    view.proof.elsewhere = Charged { count: 2, gpu_seconds: hours(3), usek: kronor(150) };
    FundView {
        envelope: None,
        conditions: String::new(),
        carry_over_ppm: 0,
        pools: Vec::new(),
        access_modes: Vec::new(),
        ..view
    }
}
