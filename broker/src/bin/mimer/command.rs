//! The command line as it is typed, and which file carries each command out.

use clap::{Parser, Subcommand};

use crate::client::Client;
use crate::completion::{Flavour, completion};
use crate::failure::Failure;
use crate::login::{Login, logout};
use crate::me::me;
use crate::plan::PlanArguments;
use crate::profile::ProfileStore;
use crate::quote::quote;
use crate::session::{Ending, Output, Session};
use crate::{
    agency, audit, charges, cluster, dead_letter, decision, environment, fund, invoice, job, link,
    member, permit, pool, project, rate_card, request,
};

/// What `--help` ends with.
const NOTES: &str = "\
Times are shown and read by the clocks of Stockholm, GPU time as hours:minutes:seconds.
Exit codes: 0 done, 1 refused or not as it should be, 2 typed wrongly or not logged in, \
3 the server or Slurm cannot be reached, 130 stopped by Ctrl-C.";

/// GPU time for public agencies: ask, decide, run, pay and check, step by step.
#[derive(Parser)]
#[command(name = "mimer", version, after_help = NOTES, propagate_version = true)]
pub(crate) struct Arguments {
    /// Which of your identities to use [default: $MIMER_PROFILE, or `default`].
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// Print the API's answer as JSON, errors too.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Everything that can be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    Login(Login),
    /// Forget the profile's access key on this machine.
    Logout,
    /// Show who is logged in, and with which roles.
    Me,
    #[command(subcommand)]
    Agency(agency::AgencyCommand),
    #[command(subcommand)]
    Fund(fund::FundCommand),
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    #[command(subcommand)]
    RateCard(rate_card::RateCardCommand),
    #[command(subcommand)]
    Environment(environment::EnvironmentCommand),
    #[command(subcommand)]
    Project(project::ProjectCommand),
    #[command(subcommand)]
    Member(member::MemberCommand),
    #[command(subcommand)]
    Request(request::RequestCommand),
    #[command(subcommand)]
    Decision(decision::DecisionCommand),
    #[command(subcommand)]
    Permit(permit::PermitCommand),
    #[command(subcommand)]
    Link(link::LinkCommand),
    /// Say what a job would cost at most, or why it would be refused; changes nothing (member).
    Quote(PlanArguments),
    #[command(subcommand)]
    Job(job::JobCommand),
    /// List charges, each down to one run of one job (finance).
    Charges(charges::Charges),
    #[command(subcommand)]
    Invoice(invoice::InvoiceCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    #[command(subcommand)]
    DeadLetter(dead_letter::DeadLetterCommand),
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        shell: Flavour,
    },
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self, store: &ProfileStore, output: Output) -> Result<Ending, Failure> {
        let session = || -> Result<Session, Failure> {
            Ok(Session { client: Client::new(&store.get()?)?, output })
        };
        match self {
            Self::Login(command) => command.run(store, output).await,
            Self::Logout => logout(store, output),
            Self::Completion { shell } => completion(shell, output),
            Self::Me => me(&session()?).await,
            Self::Agency(command) => command.run(&session()?).await,
            Self::Fund(command) => command.run(&session()?).await,
            Self::Pool(command) => command.run(&session()?).await,
            Self::RateCard(command) => command.run(&session()?).await,
            Self::Environment(command) => command.run(&session()?).await,
            Self::Project(command) => command.run(&session()?).await,
            Self::Member(command) => command.run(&session()?).await,
            Self::Request(command) => command.run(&session()?).await,
            Self::Decision(command) => command.run(&session()?).await,
            Self::Permit(command) => command.run(&session()?).await,
            Self::Link(command) => command.run(&session()?).await,
            Self::Quote(plan) => quote(plan, &session()?).await,
            Self::Job(command) => command.run(&session()?).await,
            Self::Charges(command) => command.run(&session()?).await,
            Self::Invoice(command) => command.run(&session()?).await,
            Self::Audit(command) => command.run(&session()?).await,
            Self::Cluster(command) => command.run(&session()?).await,
            Self::DeadLetter(command) => command.run(&session()?).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wrong_amounts_and_times_are_refused_while_typing() {
        let quote = |time: &str| {
            let line =
                ["mimer", "quote", "--project=a", "--gpus=1", "--class=h200", "--time", time];
            Arguments::try_parse_from(line).map(|_| ())
        };
        assert!(quote("2h30m").is_ok());
        assert!(quote("2").unwrap_err().to_string().contains("has no unit"));
    }
}
