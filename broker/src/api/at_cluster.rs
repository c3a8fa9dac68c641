//! `?cluster=NAME`: which cluster a request is about, where there are several.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::ApiError;
use crate::app::App;

/// Which cluster a request is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct AtCluster {
    /// Slurm's name of the cluster; needed where the broker has several.
    cluster: Option<String>,
}

impl AtCluster {
    pub(super) fn stand(&self, app: &App) -> Result<App, ApiError> {
        stand(app, self.cluster.as_deref())
    }
}

/// The App at the cluster that is meant: the named one, or the only one.
pub(super) fn stand(app: &App, cluster: Option<&str>) -> Result<App, ApiError> {
    let there = || format!("the broker has {}", app.clusters.names());
    match cluster {
        Some(name) => app.on(name).ok_or_else(|| {
            let message = format!("there is no cluster {name:?}; {}", there());
            ApiError::new(StatusCode::NOT_FOUND, "no_such_cluster", message)
        }),
        None if app.clusters.only().is_some() => Ok(app.clone()),
        None => {
            let message = format!("say which cluster, as ?cluster=NAME; {}", there());
            Err(ApiError::new(StatusCode::BAD_REQUEST, "cluster_not_named", message))
        }
    }
}
