//! Texts of an agency's page: what happens at its limits, in words.

use super::texts;

texts! {
    LEAD:
        "What happens when the agency comes near what it was granted, where it stands now, and what was done.",
        "Vad som händer när myndigheten närmar sig det beviljade, var den står nu och vad som har gjorts.";
    ORGANISATION_NUMBER: "Organisation number", "Organisationsnummer";
    CATEGORY: "Kind of applicant", "Sökandekategori";

    STANDING: "Where use stands now", "Var förbrukningen står nu";
    STANDING_LEAD:
        "Of the grants that are open now: what was settled, and what ran past its hold and is not cleared.",
        "Av de tilldelningar som är öppna nu: det avräknade, och det som gått över sin avsättning och inte är utrett.";
    OF_GRANTED: "Of what is granted", "Av det beviljade";
    NOTHING_OPEN: "No grant is open now, so no step is reached.",
        "Ingen tilldelning är öppen nu, så inget steg är nått.";

    POLICY: "Action at a limit", "Åtgärd vid gräns";
    NO_POLICY:
        "Nothing has been decided: no step of use does anything. Jobs are still refused when a grant is used up.",
        "Inget är beslutat: ingen nivå på förbrukningen utlöser något. Jobb avvisas ändå när en tilldelning är slut.";
    EMPTY_POLICY:
        "It was decided that nothing happens at any step. Jobs are still refused when a grant is used up.",
        "Det är beslutat att inget händer vid någon nivå. Jobb avvisas ändå när en tilldelning är slut.";
    DRY_RUN: "Dry run", "Provkörning";
    IN_FORCE: "In force", "Gäller";
    DRY_RUN_WHY:
        "A dry run: what each step would do is written down below, and nothing is done.",
        "En provkörning: det som varje steg skulle göra skrivs upp nedan, och ingenting görs.";
    DECIDED: "Decided by", "Beslutat av";
    DECIDED_AT: "Decided", "Beslutat";
    MOTIVATION: "Reason", "Skäl";
    EARLIER: "Earlier decisions", "Tidigare beslut";
    STEPS: "The steps", "Stegen";
    AT: "From", "Från";
    ACTION: "What happens", "Vad som händer";
    REACHED: "Reached", "Nått";
    NOT_REACHED: "Not reached", "Inte nått";

    WARN_MEANS:
        "It is written down here and told to the operator. Nothing stops.",
        "Det skrivs upp här och meddelas driften. Ingenting stoppas.";
    STOP_NEW_MEANS:
        "New job plans are refused. What waits or runs goes on.",
        "Nya jobbplaner avvisas. Det som väntar eller körs fortsätter.";
    LOWER_QOS_MEANS:
        "Jobs that wait come after everybody else's. Nothing is refused.",
        "Väntande jobb kommer efter alla andras. Ingenting avvisas.";
    HOLD_PENDING_MEANS:
        "Jobs that wait are held, and new ones refused, until more time is granted. What runs goes on.",
        "Väntande jobb hålls kvar, och nya avvisas, tills mer tid har beviljats. Det som körs fortsätter.";
    CANCEL_RUNNING_MEANS:
        "Running jobs are cancelled and charged for what they used, and new ones are refused.",
        "Pågående jobb avbryts och debiteras det de använt, och nya avvisas.";

    ACTIONS: "What was done", "Vad som har gjorts";
    ACTIONS_SHOWN: "The {count} latest actions", "De {count} senaste åtgärderna";
    NO_ACTIONS: "Nothing yet.", "Ingenting än.";
    ACTION_TAKEN: "Action", "Åtgärd";
    TAKEN_AT: "When", "När";
    USE_THEN: "Use then", "Förbrukning då";
    DONE_TO: "Done to", "Gällde";
    THE_AGENCY: "the agency as a whole", "myndigheten som helhet";
    OTHER_JOB: "a job of another project", "ett jobb i ett annat projekt";
    DONE: "Done", "Gjort";
    NOT_DONE: "Only written down", "Bara uppskrivet";

    LIMITS: "Use at once", "Samtidig användning";
    LIMITS_LEAD:
        "How much may be in use at one time, beside what is granted. The tightest limit counts.",
        "Hur mycket som får användas samtidigt, vid sidan av det beviljade. Den snävaste gränsen gäller.";
    NO_LIMITS: "There is no limit on use at once.", "Det finns ingen gräns för samtidig användning.";
    HOLDER: "For", "För";
    ALL_CLASSES: "all classes together", "alla klasser tillsammans";
    GPUS_AT_ONCE: "GPUs at once", "GPU:er samtidigt";
    JOBS_AT_ONCE: "Jobs at once", "Jobb samtidigt";
    NOT_LIMITED: "not limited", "obegränsat";
    SET_AT: "Set", "Satt";
}
