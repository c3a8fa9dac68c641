//! `mimer quote`: what a job would cost at most, or why it would be refused.

use record::{GpuSeconds, MicroSek};
use serde::Deserialize;

use crate::amount;
use crate::failure::Failure;
use crate::plan::PlanArguments;
use crate::project;
use crate::session::{Ending, Session};
use crate::table::Sheet;

#[derive(Deserialize)]
struct Quoted {
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
}

/// Asks for a quote; changes nothing.
pub(crate) async fn quote(plan: PlanArguments, session: &Session) -> Result<Ending, Failure> {
    let project_id = project::find(session, &plan.project).await?;
    // A quote has the shape of a plan; name and script have no price.
    let body = plan.body(record::id::fresh(), "quote", "#!/bin/sh\n");
    let path = format!("/v1/projects/{project_id}/quotes");
    let answer = session.client.post(&path, &body, &[]).await?;
    session.show(&answer, |quoted: Quoted| {
        Sheet::default()
            .line("would hold", format!("{} GPU time", amount::show_gpu_time(quoted.gpu_seconds)))
            .line("costs at most", amount::show_kronor(quoted.usek))
            .text()
    })?;
    Ok(Ending::Well)
}
