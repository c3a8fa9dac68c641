//! Texts of crisis mode, on its own page and on the operator's.

use super::texts;

texts! {
    TITLE: "Crisis of {day}", "Krisläge {day}";
    LEAD:
        "While a crisis lasts, the jobs of its projects go before all others: research and other projects' jobs are stopped to make room. At its end everything is as before by itself.",
        "Under ett krisläge går dess projekts jobb före alla andra: forskningens och andra projekts jobb stoppas för att ge plats. När det är slut återgår allt av sig självt.";

    PROPOSED: "Waits for a second person", "Väntar på en andra person";
    ACTIVE: "Active", "Pågår";
    OVER: "Over", "Avslutat";
    WITHDRAWN: "Never active", "Blev aldrig av";

    CRISES: "Crisis mode", "Krislägen";
    NO_CRISES: "There has been no crisis.", "Inget krisläge har förekommit.";
    CRISIS: "Crisis", "Krisläge";
    ATTENTION_ACTIVE: "Crisis mode is active: {count}", "Krisläge pågår: {count}";
    ATTENTION_PROPOSED: "Crisis mode waits for a second person: {count}",
        "Krisläge väntar på en andra person: {count}";

    REASON: "Reason", "Skäl";
    REASON_ERASED: "The reason was erased.", "Skälet är raderat.";
    PROJECTS_FIRST: "Projects that go first", "Projekt som går före";
    PROPOSED_BY: "Proposed by", "Föreslaget av";
    CONFIRMED_BY: "Confirmed by", "Bekräftat av";
    NOT_CONFIRMED: "Nobody yet: it takes a second person.",
        "Ingen än: det krävs en andra person.";
    ENDS: "Ends by itself", "Upphör av sig självt";
    ENDED: "Ended", "Upphörde";
    BY_ITSELF: "by itself, at its time", "av sig självt, i tid";
    ENDED_EARLY: "before its time, by", "i förtid, av";

    REPORT: "Report", "Rapport";
    COMPLETE: "Complete", "Fullständig";
    NOT_COMPLETE: "Not complete yet", "Ännu inte fullständig";
    NOT_COMPLETE_WHY:
        "It is complete one minute after the end, when slurmdbd has told of every run.",
        "Den är fullständig en minut efter slutet, när slurmdbd har berättat om varje körning.";
    RUNS_MADE_WAY: "Runs that made way", "Körningar som gav plats";
    TIME_LOST: "GPU time lost to it", "GPU-tid som gick förlorad";
    CHARGED: "Charged for it", "Debiterat för den";
    CHARGED_NOTHING: "as the rule says: nobody pays for a run that made way",
        "enligt regeln: ingen betalar för en körning som gav plats";
    CHARGED_SOMETHING: "against the rule; correct it", "mot regeln; ska rättas";
    RUNS_WENT_FIRST: "Runs that went first", "Körningar som gick före";

    MADE_WAY: "Who made way", "Vilka som gav plats";
    NOBODY_MADE_WAY: "No run had to make way.", "Ingen körning behövde ge plats.";
    ACCOUNT: "Slurm account", "Slurm-konto";
    NOT_THE_BROKERS: "not the broker's job", "inte tjänstens jobb";
    STARTED: "Started", "Startade";
    STOPPED: "Made way", "Gav plats";
    WENT_FIRST: "Who went first", "Vilka som gick före";
    NOBODY_WENT_FIRST: "No run of these projects started while it lasted.",
        "Ingen körning av projekten startade under tiden.";
    RUN_ENDED: "Ended", "Slutade";
    STILL_RUNS: "still runs", "körs fortfarande";
}
