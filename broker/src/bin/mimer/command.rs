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
    access_mode, agency, agency_share, audit, charges, cluster, crisis, dead_letter, decision,
    environment, exception, fund, grant_change, invoice, job, limit, limit_policy, link, member,
    overrun, permit, pool, project, rate_card, reconcile, request, why,
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
    AgencyShare(agency_share::AgencyShareCommand),
    #[command(subcommand)]
    AccessMode(access_mode::AccessModeCommand),
    #[command(subcommand)]
    Limit(limit::LimitCommand),
    #[command(subcommand)]
    LimitPolicy(limit_policy::LimitPolicyCommand),
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
    Grant(grant_change::GrantCommand),
    #[command(subcommand)]
    Overrun(overrun::OverrunCommand),
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
    Reconcile(reconcile::Reconcile),
    Cluster(cluster::Cluster),
    #[command(subcommand)]
    Crisis(crisis::CrisisCommand),
    #[command(subcommand)]
    Exception(exception::ExceptionCommand),
    Why(why::Why),
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
            let client = Client::new(&store.get()?)?.reading(output.language);
            Ok(Session { client, output })
        };
        match self {
            Self::Login(command) => command.run(store, output).await,
            Self::Logout => logout(store, output),
            Self::Completion { shell } => completion(shell, output),
            Self::Me => me(&session()?).await,
            Self::Agency(command) => command.run(&session()?).await,
            Self::Fund(command) => command.run(&session()?).await,
            Self::Pool(command) => command.run(&session()?).await,
            Self::AgencyShare(command) => command.run(&session()?).await,
            Self::AccessMode(command) => command.run(&session()?).await,
            Self::Limit(command) => command.run(&session()?).await,
            Self::LimitPolicy(command) => command.run(&session()?).await,
            Self::RateCard(command) => command.run(&session()?).await,
            Self::Environment(command) => command.run(&session()?).await,
            Self::Project(command) => command.run(&session()?).await,
            Self::Member(command) => command.run(&session()?).await,
            Self::Request(command) => command.run(&session()?).await,
            Self::Decision(command) => command.run(&session()?).await,
            Self::Grant(command) => command.run(&session()?).await,
            Self::Overrun(command) => command.run(&session()?).await,
            Self::Permit(command) => command.run(&session()?).await,
            Self::Link(command) => command.run(&session()?).await,
            Self::Quote(plan) => quote(plan, &session()?).await,
            Self::Job(command) => command.run(&session()?).await,
            Self::Charges(command) => command.run(&session()?).await,
            Self::Invoice(command) => command.run(&session()?).await,
            Self::Audit(command) => command.run(&session()?).await,
            Self::Reconcile(command) => command.run(&session()?).await,
            Self::Cluster(command) => command.run(&session()?).await,
            Self::Crisis(command) => command.run(&session()?).await,
            Self::Exception(command) => command.run(&session()?).await,
            Self::Why(command) => command.run(&session()?).await,
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

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    /// Types a line in which `ID` stands for an id.
    fn typed(line: &str) -> Result<(), clap::Error> {
        let words = line.split_whitespace().map(|word| if word == "ID" { ID } else { word });
        Arguments::try_parse_from(std::iter::once("mimer").chain(words)).map(|_| ())
    }

    #[test]
    fn what_operators_and_deciders_type_is_understood() {
        for line in [
            "fund create --name P --purpose innovation --kronor 30000000 --from 2027-01-01 \
             --until 2028-01-01 --envelope-low 20000000 --envelope-high 50000000 --carry-over 0,25",
            "fund envelope P --class h200 --partition gpu --at 2027-03-01",
            "fund proof ID",
            "pool create --fund P --cluster c --class m --gpu-type h200 --gpus-per-node 8 \
             --partition gpu --gpu-hours 10 --unit mig:0,25 --over-allocation 1,25 \
             --from 2027-01-01 --until 2028-01-01",
            "pool set-share ID --set-aside node01,node02",
            "pool share ID",
            "agency-share set --pool ID --agency ID --gpu-hours 10",
            "access-mode create --fund P --name short --least 1 --most 100 --days 30",
            "access-mode list --project stroke",
            "limit set --agency ID --class h200 --gpus 8 --jobs 4",
            "limit-policy decide ID --step 80=warn --step 100=stop-new --dry-run --motivation m",
            "limit-policy decide ID --nothing --motivation m",
            "grant top-up ID --gpu-hours 10 --motivation m",
            "grant give-back ID --kronor 12,50",
            "grant transfer ID --to ID --gpu-hours 1 --motivation m",
            "grant carry-over ID --to ID --motivation m",
            "grant supersede ID --to ID --motivation m",
            "overrun propose ID --gpu-hours 1 --kronor 25 --how write-off --motivation m",
            "overrun confirm ID",
            "reconcile --from 2027-03-01 --until 2027-04-01 --cluster dal",
            "cluster --cluster dal diff",
            "cluster apply --why w --cluster dal",
        ] {
            assert!(typed(line).is_ok(), "{line}: {}", typed(line).unwrap_err());
        }
    }

    #[test]
    fn what_says_nothing_or_two_things_is_refused() {
        for line in [
            "fund create --name P --purpose research --kronor 1 --from 2027-01-01 \
             --until 2028-01-01 --envelope-low 1",
            "pool set-share ID",
            "access-mode list",
            "access-mode list --fund P --project stroke",
            "limit set --gpus 8",
            "limit set --agency ID --project ID --gpus 8",
            "limit-policy decide ID --motivation m",
            "limit-policy decide ID --nothing --step 80=warn --motivation m",
            "grant transfer ID --gpu-hours 1 --motivation m",
            "grant top-up ID --gpu-hours 10",
        ] {
            assert!(typed(line).is_err(), "{line}");
        }
    }
}
