//! What the walk says, in both languages.

use record::Language;

use super::Station;

/// A sentence in both languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text(&'static str, &'static str);

impl Text {
    pub(super) const fn say(self, language: Language) -> &'static str {
        match language {
            Language::English => self.0,
            Language::Swedish => self.1,
        }
    }
}

/// The title of a station, and what must be so there.
pub(super) const fn station(station: Station) -> (Text, Text) {
    match station {
        Station::Login => (
            Text("Login", "Inloggning"),
            Text(
                "You are known and ask on behalf of an agency.",
                "Du är känd och ansöker för en myndighets räkning.",
            ),
        ),
        Station::Membership => (
            Text("Membership", "Medlemskap"),
            Text("You are a member of the project.", "Du är medlem i projektet."),
        ),
        Station::Permit => (
            Text("Permit", "Datatillstånd"),
            Text(
                "A permit names you, the data and the environment, and is valid.",
                "Ett giltigt datatillstånd omfattar dig, datan och miljön.",
            ),
        ),
        Station::Grant => (
            Text("Grant", "Tilldelning"),
            Text(
                "A grant is open and has enough GPU time and money left.",
                "En tilldelning är öppen och har GPU-tid och pengar kvar.",
            ),
        ),
        Station::Limit => (
            Text("Limits", "Gränser"),
            Text(
                "The job keeps the limits of the node, the grant, the project and the agency.",
                "Jobbet håller sig inom nodens, tilldelningens, projektets och myndighetens gränser.",
            ),
        ),
        Station::Association => (
            Text("Account in Slurm", "Konto i Slurm"),
            Text(
                "Slurm lets your user run under the project's account.",
                "Slurm låter din användare köra på projektets konto.",
            ),
        ),
        Station::Partition => (
            Text("Partition", "Partition"),
            Text(
                "Slurm is set up so that the project's partition may be used.",
                "Slurm är inställt så att projektets partition får användas.",
            ),
        ),
        Station::Attestation => (
            Text("Node attestation", "Nodattestering"),
            Text("The node has proved what it runs.", "Noden har visat vad den kör."),
        ),
        Station::Job => (
            Text("The job", "Jobbet"),
            Text("The job waits only for its turn.", "Jobbet väntar bara på sin tur."),
        ),
    }
}

pub(super) const ASK_FOR_A_ROLE: Text = Text(
    "You ask on behalf of no agency; have the operator make you a member of yours.",
    "Du företräder ingen myndighet; be driften göra dig till medlem i din.",
);
pub(super) const ASK_FOR_A_LOGIN: Text = Text(
    "The broker does not know you; ask the operator for a login.",
    "Förmedlaren känner inte till dig; be driften om en inloggning.",
);
pub(super) const MEMBER: Text = Text("You are a member.", "Du är medlem.");
pub(super) const HIDDEN: Text =
    Text("Not known until what stands above is mended.", "Okänt tills det ovanför är åtgärdat.");
pub(super) const NOTHING_IN_THE_WAY: Text = Text("Nothing is in the way.", "Inget står i vägen.");
pub(super) const NO_GRANT: Text = Text(
    "The project has no grant; send a request for one.",
    "Projektet har ingen tilldelning; skicka en ansökan.",
);
pub(super) const SLURM_SILENT: Text = Text(
    "Slurm does not answer just now, so this cannot be looked at.",
    "Slurm svarar inte just nu, så detta kan inte kontrolleras.",
);
pub(super) const NO_POSIX_USER: Text = Text(
    "There is no user for you in this project; ask the operator to make one.",
    "Du har ingen användare i projektet; be driften skapa en.",
);
pub(super) const NO_ASSOCIATION: Text = Text(
    "Slurm does not have you under the project's account yet. It is made within a minute after \
     the grant or the membership; if not, ask the operator to look at `mimer cluster diff`.",
    "Slurm har dig ännu inte på projektets konto. Det läggs upp inom en minut efter tilldelningen \
     eller medlemskapet; annars, be driften titta på `mimer cluster diff`.",
);
pub(super) const SETTINGS: Text = Text(
    "Tell the operator: a setting of Slurm must be mended first.",
    "Kontakta driften: en inställning i Slurm måste rättas först.",
);
pub(super) const NO_ATTESTATION: Text = Text(
    "Nodes are not attested in this installation.",
    "Noder attesteras inte i den här installationen.",
);
pub(super) const PLAN_SOMETHING: Text = Text("No attempt was made.", "Inget försök har gjorts.");
pub(super) const WAITS_FOR_LINKS: Text = Text(
    "It is held until every link is verified; look at the links.",
    "Det hålls tills alla länkar är verifierade; titta på länkarna.",
);
pub(super) const WAITS_FOR_JOBS: Text = Text(
    "It waits for other jobs to end; look at the jobs it waits for.",
    "Det väntar på att andra jobb avslutas; titta på jobben det väntar på.",
);
pub(super) const HELD_BY_MEMBER: Text = Text(
    "A member holds it; release it to let it start.",
    "En medlem håller kvar det; släpp det så att det kan starta.",
);
pub(super) const HELD_BY_OPERATOR: Text = Text(
    "An operator holds it; ask the operator, whose reason is shown on the job's page.",
    "Driften håller kvar det; fråga driften, vars skäl står på jobbets sida.",
);
pub(super) const ON_ITS_WAY: Text = Text(
    "It is on its way to Slurm; wait a moment.",
    "Det är på väg till Slurm; vänta ett ögonblick.",
);
pub(super) const WAITS_IN_SLURM: Text = Text(
    "It waits in Slurm for the reason shown; it starts by itself when that passes.",
    "Det väntar i Slurm av det skäl som visas; det startar av sig självt när det upphör.",
);
pub(super) const OVER: Text = Text(
    "It is over; send a new plan to run again.",
    "Det är avslutat; skicka en ny jobbplan för att köra igen.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_station_speaks_both_languages() {
        for place in [
            Station::Login,
            Station::Membership,
            Station::Permit,
            Station::Grant,
            Station::Limit,
            Station::Association,
            Station::Partition,
            Station::Attestation,
            Station::Job,
        ] {
            let (title, expected) = station(place);
            assert!(!title.say(Language::Swedish).is_empty(), "{place:?}");
            assert_ne!(expected.say(Language::English), expected.say(Language::Swedish));
        }
    }
}
