//! Every reason by name, with what a person reads in English and in Swedish.
//!
//! The table has each code of the closed list once: a new reason without its two sentences here
//! fails the test.

use std::collections::BTreeSet;

use super::*;
use crate::limit::use_limit::Scope;

/// A reason, its sentence in English and in Swedish.
type Told = (Reason, &'static str, &'static str);

const PERMIT_WORD: &str = "00000000-0000-0000-0000-000000000003";

fn of_project_and_grant() -> Vec<Told> {
    let class = || "h200".to_owned();
    vec![
        (
            Reason::UnknownProject,
            "There is no such project; check its short name, or ask your agency for it.",
            "Det finns inget sådant projekt; kontrollera kortnamnet eller fråga din myndighet.",
        ),
        (
            Reason::NotAMember,
            "You are not a member of this project; ask your agency to add you.",
            "Du är inte medlem i projektet; be din myndighet att lägga till dig.",
        ),
        (
            Reason::NothingAsked,
            "The job asks for no GPUs or no time; ask for at least 1 GPU and 1 second.",
            "Jobbet begär inga GPU:er eller ingen tid; begär minst 1 GPU och 1 sekund.",
        ),
        (
            Reason::NoTasks,
            "The array has no task that may run; ask for at least 1 task, and at least 1 at once.",
            "Jobbserien har ingen deluppgift som får köras; begär minst 1 deluppgift, och minst 1 \
             åt gången.",
        ),
        (
            Reason::NoGrant { class: class() },
            "The project has no grant of class h200; send a request for one, or choose a class \
             that it has.",
            "Projektet har ingen tilldelning av klassen h200; skicka en ansökan eller välj en \
             klass som projektet har.",
        ),
        (
            Reason::GrantExpired { ended_at: at(10) },
            "The project's last grant of this class ended on 2027-03-10 13:00; send a new request.",
            "Projektets sista tilldelning av klassen upphörde den 10 mars 2027 kl. 13.00; skicka \
             en ny ansökan.",
        ),
        (
            Reason::GrantSuperseded { ended_at: at(10) },
            "The project's grant of this class was replaced by another on 2027-03-10 13:00; choose \
             that one's class, or send a new request.",
            "Projektets tilldelning av klassen ersattes av en annan den 10 mars 2027 kl. 13.00; \
             välj den nya tilldelningens klass eller skicka en ny ansökan.",
        ),
        (
            Reason::GrantNotYetValid { begins_at: at(11) },
            "The project's grant begins on 2027-03-11 13:00; submit the job again from then on.",
            "Projektets tilldelning börjar gälla den 11 mars 2027 kl. 13.00; skicka in jobbet \
             igen då.",
        ),
        (
            Reason::GrantEndsTooSoon { ends_at: at(20), asked_s: 90_000 },
            "The grant ends on 2027-03-20 13:00, before a job of 25 h could; ask for a shorter \
             wall time or send a new request.",
            "Tilldelningen upphör den 20 mars 2027 kl. 13.00, innan ett jobb på 25 timmar hinner \
             avslutas; begär en kortare körtid eller skicka en ny ansökan.",
        ),
        (
            Reason::FundEnded { ended_at: at(10) },
            "The money behind the grant ended on 2027-03-10 13:00; ask for a grant from a fund \
             that goes on.",
            "Finansieringen bakom tilldelningen upphörde den 10 mars 2027 kl. 13.00; ansök om en \
             tilldelning ur en finansiering som fortsätter.",
        ),
        (
            Reason::NotOpenYet { opens_at: at(11) },
            "The environment opens for users on 2027-03-11 13:00; submit the job again from then \
             on.",
            "Miljön öppnar för användare den 11 mars 2027 kl. 13.00; skicka in jobbet igen då.",
        ),
        (
            Reason::NoPrice { class: class(), partition: "confidential".to_owned() },
            "There is no price for class h200 on partition confidential today; tell the operator, \
             who publishes the rate card.",
            "Det finns i dag inget pris för klassen h200 på partitionen confidential; meddela \
             driften, som publicerar prislistan.",
        ),
        (
            Reason::NotEnoughGpuSeconds { wanted: gpu_seconds(7_320), available: gpu_seconds(90) },
            "The job needs up to 2 h 2 min of GPU time and the project has 1 min 30 s left; ask \
             for fewer GPUs or a shorter wall time, wait for running jobs to end, or send a \
             request.",
            "Jobbet behöver upp till 2 GPU-timmar och 2 minuter, men projektet har 1 minut och 30 \
             sekunders GPU-tid kvar; begär färre GPU:er eller en kortare körtid, vänta tills \
             pågående jobb är klara eller skicka en ansökan.",
        ),
        (
            Reason::NotEnoughMoney { wanted: usek(12_345_670_001), available: usek(999_999) },
            "The job would cost up to 12\u{a0}345.68 SEK and the project can pay 0.99 SEK; ask for \
             fewer GPUs or a shorter wall time, wait for running jobs to end, or send a request.",
            "Jobbet kan kosta upp till 12\u{a0}345,68\u{a0}kr, men projektet kan betala \
             0,99\u{a0}kr; begär färre GPU:er eller en kortare körtid, vänta tills pågående jobb \
             är klara eller skicka en ansökan.",
        ),
    ]
}

fn of_bounds() -> Vec<Told> {
    vec![
        (
            Reason::TooManyGpusForNode { asked: 9, per_node: 8 },
            "The job asks for 9 GPUs and a node of this class has 8; ask for at most 8.",
            "Jobbet begär 9 GPU:er, men en nod av klassen har 8; begär högst 8.",
        ),
        (
            Reason::WholeNodesOnly { asked: 1, per_node: 8 },
            "The job asks for 1 GPU and this class is given out in whole nodes of 8; ask for 8.",
            "Jobbet begär 1 GPU, men klassen delas ut i hela noder om 8; begär 8.",
        ),
        (
            Reason::TooManyGpusForGrant { asked: 5, limit: 4 },
            "The job asks for 5 GPUs and the grant allows 4 at once; ask for at most 4.",
            "Jobbet begär 5 GPU:er, men tilldelningen medger 4 samtidigt; begär högst 4.",
        ),
        (
            Reason::TooManyTasksForGrant { asked: 20, limit: 8, fitting: 4 },
            "The array's tasks ask for 20 GPUs at once and the grant allows 8; let at most 4 of \
             them run at once.",
            "Jobbseriens deluppgifter begär 20 GPU:er samtidigt, men tilldelningen medger 8; låt \
             högst 4 av dem köras samtidigt.",
        ),
        (
            Reason::WallTimeAboveGrant { asked_s: 90_000, limit_s: 86_400 },
            "The job asks for 25 h and the grant allows 24 h per job; ask for a shorter wall time \
             and save checkpoints.",
            "Jobbet begär 25 timmar, men tilldelningen medger 24 timmar per jobb; begär en kortare \
             körtid och spara mellanresultat.",
        ),
        (
            Reason::GpusAtOnceReached {
                scope: Scope::Project(OTHER),
                asked: 2,
                in_use: 3,
                limit: 4,
            },
            "The job asks for 2 GPUs, the project's waiting and running jobs have 3, and the limit \
             is 4 at once; wait for jobs to end, or ask for fewer.",
            "Jobbet begär 2 GPU:er, projektets köade och pågående jobb har 3 och gränsen är 4 \
             samtidigt; vänta tills jobb är klara eller begär färre.",
        ),
        (
            Reason::JobsAtOnceReached { scope: Scope::Agency(AGENCY), in_use: 10, limit: 10 },
            "The agency has 10 jobs waiting or running and the limit is 10 at once; wait for one \
             to end.",
            "Myndigheten har 10 köade eller pågående jobb och gränsen är 10 samtidigt; vänta tills \
             ett är klart.",
        ),
        (
            Reason::TasksAtOnceReached {
                scope: Scope::Project(Uuid::nil()),
                asked: 20,
                in_use: 3,
                limit: 10,
            },
            "The array asks for 20 tasks at once, the project has 3 jobs waiting or running, and \
             the limit is 10 at once; let fewer of them run at once, or wait for jobs to end.",
            "Jobbserien begär 20 deluppgifter samtidigt, projektet har 3 köade eller pågående jobb \
             och gränsen är 10 samtidigt; låt färre av dem köras samtidigt eller vänta tills jobb \
             är klara.",
        ),
        (
            Reason::UseNotCounted,
            "What is in use now could not be counted, and a limit applies to it; submit the job \
             again, and tell the operator if it is refused again.",
            "Det gick inte att räkna vad som används just nu, och en gräns gäller för det; skicka \
             in jobbet igen och meddela driften om det avvisas på nytt.",
        ),
        (
            Reason::NewJobsStopped { percent: 100, policy: OTHER },
            "Your agency has used 100 percent or more of its GPU time and has decided that no new \
             jobs start then; ask your agency to change its rule or to send a request.",
            "Din myndighet har förbrukat minst 100 procent av sin GPU-tid och har bestämt att inga \
             nya jobb då får startas; be myndigheten att ändra sin regel eller att skicka en \
             ansökan.",
        ),
    ]
}

fn of_permits() -> Vec<Told> {
    let dataset = || "stroke-register".to_owned();
    vec![
        (
            Reason::PermitMissing { dataset: None },
            "The project's data are confidential and it has no permit; have the authority's permit \
             recorded first.",
            "Projektets data är konfidentiella och det saknar datatillstånd; se först till att \
             tillståndsmyndighetens beslut registreras.",
        ),
        (
            Reason::PermitMissing { dataset: Some(dataset()) },
            "The project has no permit for dataset `stroke-register`; have the authority's permit \
             recorded first.",
            "Projektet saknar datatillstånd för datamängden ”stroke-register”; se först till att \
             tillståndsmyndighetens beslut registreras.",
        ),
        (
            Reason::PermitExpired { permit_id: PERMIT, expired_at: at(10) },
            "Permit PERMIT expired on 2027-03-10 13:00; ask the authority to renew it.",
            "Datatillståndet PERMIT upphörde den 10 mars 2027 kl. 13.00; be \
             tillståndsmyndigheten att förnya det.",
        ),
        (
            Reason::PermitNotYetValid { permit_id: PERMIT, begins_at: at(11) },
            "Permit PERMIT is not valid before 2027-03-11 13:00; submit the job again from then \
             on.",
            "Datatillståndet PERMIT börjar gälla den 11 mars 2027 kl. 13.00; skicka in jobbet igen \
             då.",
        ),
        (
            Reason::PermitEndsTooSoon { permit_id: PERMIT, ends_at: at(11), asked_s: 86_401 },
            "Permit PERMIT ends on 2027-03-11 13:00, before a job of 24 h 1 s could; ask for a \
             shorter wall time, or ask the authority to renew it.",
            "Datatillståndet PERMIT upphör den 11 mars 2027 kl. 13.00, innan ett jobb på 24 timmar \
             och 1 sekund hinner avslutas; begär en kortare körtid eller be tillståndsmyndigheten \
             att förnya det.",
        ),
        (
            Reason::PermitRevoked { permit_id: PERMIT, revoked_at: at(9) },
            "Permit PERMIT was revoked on 2027-03-09 13:00; speak with the data controller before \
             anything else.",
            "Datatillståndet PERMIT återkallades den 9 mars 2027 kl. 13.00; tala med den \
             personuppgiftsansvarige innan du gör något annat.",
        ),
        (
            Reason::PersonNotInPermit { permit_id: PERMIT },
            "Permit PERMIT does not name you; ask the authority to add you to it.",
            "Datatillståndet PERMIT omfattar inte dig; be tillståndsmyndigheten att lägga till dig.",
        ),
        (
            Reason::EnvironmentNotInPermit { permit_id: PERMIT, environment: "BIANCA".to_owned() },
            "Permit PERMIT does not name the environment BIANCA; ask the authority to add it, or \
             use one that it names.",
            "Datatillståndet PERMIT omfattar inte miljön BIANCA; be tillståndsmyndigheten att \
             lägga till den eller använd en miljö som tillståndet omfattar.",
        ),
        (
            Reason::DatasetNotInPermit { permit_id: PERMIT, dataset: dataset() },
            "Permit PERMIT does not cover dataset `stroke-register`; remove its link from the job, \
             or ask the authority for a permit.",
            "Datatillståndet PERMIT omfattar inte datamängden ”stroke-register”; ta bort dess \
             datalänk ur jobbet eller ansök om datatillstånd för den.",
        ),
    ]
}

fn every_reason() -> Vec<Told> {
    [of_project_and_grant(), of_bounds(), of_permits()].concat()
}

#[test]
fn every_reason_has_its_sentence_in_both_languages() {
    for (reason, english, swedish) in every_reason() {
        let in_words = |sentence: &str| sentence.replace("PERMIT", PERMIT_WORD);
        assert_eq!(reason.sentence(Language::English), in_words(english), "{}", reason.code());
        assert_eq!(reason.sentence(Language::Swedish), in_words(swedish), "{}", reason.code());
    }
}

#[test]
fn the_table_above_names_the_whole_closed_list() {
    let told: BTreeSet<&str> = every_reason().iter().map(|(reason, ..)| reason.code()).collect();
    let listed: BTreeSet<&str> = Reason::CODES.iter().copied().collect();
    assert_eq!(told, listed);
    assert_eq!(listed.len(), Reason::CODES.len(), "no code stands for two reasons");
}

#[test]
fn a_refusal_is_told_in_the_sentences_of_its_reasons() {
    let refusal = Refusal { reasons: vec![Reason::NotAMember, Reason::UseNotCounted] };
    let both = [Reason::NotAMember, Reason::UseNotCounted]
        .map(|reason| reason.sentence(Language::Swedish))
        .join(" ");
    assert_eq!(refusal.sentence(Language::Swedish), both);
    assert_eq!(refusal.to_string(), refusal.sentence(Language::English));
}
