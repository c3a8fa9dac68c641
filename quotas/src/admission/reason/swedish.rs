//! The reasons in Swedish, in the words of the glossary.

use super::Reason;
use crate::{
    admission::words::swedish::{gpu_time, gpus, kronor_down, kronor_up, moment, span},
    limit::use_limit::Scope,
};

/// What is wrong and what to do.
pub(super) fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::UnknownProject => {
            "Det finns inget sådant projekt; kontrollera kortnamnet eller fråga din myndighet."
                .into()
        }
        Reason::NotAMember => {
            "Du är inte medlem i projektet; be din myndighet att lägga till dig.".into()
        }
        Reason::NothingAsked => {
            "Jobbet begär inga GPU:er eller ingen tid; begär minst 1 GPU och 1 \
                                 sekund."
                .into()
        }
        Reason::NoTasks => "Jobbserien har ingen deluppgift som får köras; begär minst 1 \
                            deluppgift, och minst 1 åt gången."
            .into(),
        Reason::NoGrant { class } => format!(
            "Projektet har ingen tilldelning av klassen {class}; skicka en ansökan eller välj en \
             klass som projektet har."
        ),
        Reason::GrantExpired { ended_at } => format!(
            "Projektets sista tilldelning av klassen upphörde {}; skicka en ny ansökan.",
            moment(*ended_at)
        ),
        Reason::GrantSuperseded { ended_at } => format!(
            "Projektets tilldelning av klassen ersattes av en annan {}; välj den nya \
             tilldelningens klass eller skicka en ny ansökan.",
            moment(*ended_at)
        ),
        Reason::GrantNotYetValid { begins_at } => format!(
            "Projektets tilldelning börjar gälla {}; skicka in jobbet igen då.",
            moment(*begins_at)
        ),
        Reason::GrantEndsTooSoon { ends_at, asked_s } => format!(
            "Tilldelningen upphör {}, innan ett jobb på {} hinner avslutas; begär en kortare \
             körtid eller skicka en ny ansökan.",
            moment(*ends_at),
            span(*asked_s)
        ),
        Reason::FundEnded { ended_at } => format!(
            "Finansieringen bakom tilldelningen upphörde {}; ansök om en tilldelning ur en \
             finansiering som fortsätter.",
            moment(*ended_at)
        ),
        Reason::NotOpenYet { opens_at } => {
            format!("Miljön öppnar för användare {}; skicka in jobbet igen då.", moment(*opens_at))
        }
        Reason::NoPrice { class, partition } => format!(
            "Det finns i dag inget pris för klassen {class} på partitionen {partition}; meddela \
             driften, som publicerar prislistan."
        ),
        Reason::NotEnoughGpuSeconds { wanted, available } => format!(
            "Jobbet behöver upp till {}, men projektet har {} kvar; begär färre GPU:er eller en \
             kortare körtid, vänta tills pågående jobb är klara eller skicka en ansökan.",
            gpu_time(*wanted),
            gpu_time(*available)
        ),
        Reason::NotEnoughMoney { wanted, available } => format!(
            "Jobbet kan kosta upp till {}, men projektet kan betala {}; begär färre GPU:er eller \
             en kortare körtid, vänta tills pågående jobb är klara eller skicka en ansökan.",
            kronor_up(*wanted),
            kronor_down(*available)
        ),
        Reason::TooManyGpusForNode { asked, per_node } => format!(
            "Jobbet begär {}, men en nod av klassen har {per_node}; begär högst {per_node}.",
            gpus(*asked)
        ),
        Reason::WholeNodesOnly { asked, per_node } => format!(
            "Jobbet begär {}, men klassen delas ut i hela noder om {per_node}; begär {per_node}.",
            gpus(*asked)
        ),
        Reason::TooManyGpusForGrant { asked, limit } => format!(
            "Jobbet begär {}, men tilldelningen medger {limit} samtidigt; begär högst {limit}.",
            gpus(*asked)
        ),
        Reason::TooManyTasksForGrant { asked, limit, fitting } => format!(
            "Jobbseriens deluppgifter begär {} samtidigt, men tilldelningen medger {limit}; låt \
             högst {fitting} av dem köras samtidigt.",
            gpus(*asked)
        ),
        Reason::WallTimeAboveGrant { asked_s, limit_s } => format!(
            "Jobbet begär {}, men tilldelningen medger {} per jobb; begär en kortare körtid och \
             spara mellanresultat.",
            span(*asked_s),
            span(*limit_s)
        ),
        Reason::GpusAtOnceReached { scope, asked, in_use, limit } => format!(
            "Jobbet begär {}, {} köade och pågående jobb har {in_use} och gränsen är {limit} \
             samtidigt; vänta tills jobb är klara eller begär färre.",
            gpus(*asked),
            of(*scope)
        ),
        Reason::JobsAtOnceReached { scope, in_use, limit } => format!(
            "{} har {in_use} köade eller pågående jobb och gränsen är {limit} samtidigt; vänta \
             tills ett är klart.",
            the(*scope)
        ),
        Reason::TasksAtOnceReached { scope, asked, in_use, limit } => format!(
            "Jobbserien begär {asked} deluppgifter samtidigt, {} har {in_use} köade eller pågående \
             jobb och gränsen är {limit} samtidigt; låt färre av dem köras samtidigt eller vänta \
             tills jobb är klara.",
            who(*scope)
        ),
        Reason::UseNotCounted => "Det gick inte att räkna vad som används just nu, och en gräns \
                                  gäller för det; skicka in jobbet igen och meddela driften om \
                                  det avvisas på nytt."
            .into(),
        Reason::NewJobsStopped { percent, .. } => format!(
            "Din myndighet har förbrukat minst {percent} procent av sin GPU-tid och har bestämt \
             att inga nya jobb då får startas; be myndigheten att ändra sin regel eller att skicka \
             en ansökan."
        ),
        Reason::PermitMissing { dataset: None } => "Projektets data är konfidentiella och det \
                                                    saknar datatillstånd; se först till att \
                                                    tillståndsmyndighetens beslut registreras."
            .into(),
        Reason::PermitMissing { dataset: Some(dataset) } => format!(
            "Projektet saknar datatillstånd för datamängden ”{dataset}”; se först till att \
             tillståndsmyndighetens beslut registreras."
        ),
        Reason::PermitExpired { permit_id, expired_at } => format!(
            "Datatillståndet {permit_id} upphörde {}; be tillståndsmyndigheten att förnya det.",
            moment(*expired_at)
        ),
        Reason::PermitNotYetValid { permit_id, begins_at } => format!(
            "Datatillståndet {permit_id} börjar gälla {}; skicka in jobbet igen då.",
            moment(*begins_at)
        ),
        Reason::PermitEndsTooSoon { permit_id, ends_at, asked_s } => format!(
            "Datatillståndet {permit_id} upphör {}, innan ett jobb på {} hinner avslutas; begär en \
             kortare körtid eller be tillståndsmyndigheten att förnya det.",
            moment(*ends_at),
            span(*asked_s)
        ),
        Reason::PermitRevoked { permit_id, revoked_at } => format!(
            "Datatillståndet {permit_id} återkallades {}; tala med den personuppgiftsansvarige \
             innan du gör något annat.",
            moment(*revoked_at)
        ),
        Reason::PersonNotInPermit { permit_id } => format!(
            "Datatillståndet {permit_id} omfattar inte dig; be tillståndsmyndigheten att lägga \
             till dig."
        ),
        Reason::EnvironmentNotInPermit { permit_id, environment } => format!(
            "Datatillståndet {permit_id} omfattar inte miljön {environment}; be \
             tillståndsmyndigheten att lägga till den eller använd en miljö som tillståndet \
             omfattar."
        ),
        Reason::DatasetNotInPermit { permit_id, dataset } => format!(
            "Datatillståndet {permit_id} omfattar inte datamängden ”{dataset}”; ta bort dess \
             datalänk ur jobbet eller ansök om datatillstånd för den."
        ),
    }
}

/// Whose jobs they are.
const fn of(scope: Scope) -> &'static str {
    match scope {
        Scope::Agency(_) => "myndighetens",
        Scope::Project(_) => "projektets",
    }
}

/// Who has them, within a sentence.
const fn who(scope: Scope) -> &'static str {
    match scope {
        Scope::Agency(_) => "myndigheten",
        Scope::Project(_) => "projektet",
    }
}

/// Who has them, at the head of a sentence.
const fn the(scope: Scope) -> &'static str {
    match scope {
        Scope::Agency(_) => "Myndigheten",
        Scope::Project(_) => "Projektet",
    }
}
