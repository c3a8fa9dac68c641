//! The window that funds, pools, grants, requests and permits are valid in.

use chrono::{DateTime, Utc};

use crate::instant;

/// From the first instant to the end, which no longer belongs to it.
#[derive(clap::Args)]
pub(crate) struct Window {
    /// First day, as 2027-03-01, from midnight in Stockholm; or an RFC 3339 instant.
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    pub(crate) from: DateTime<Utc>,
    /// Day it is over: 2028-01-01 means midnight in Stockholm as that day begins.
    #[arg(long, value_name = "DATE", value_parser = instant::instant)]
    pub(crate) until: DateTime<Utc>,
}
