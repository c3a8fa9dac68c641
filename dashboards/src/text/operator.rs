//! Texts of the operator's page.

use super::texts;

texts! {
    TITLE: "Operation", "Drift";
    LEAD: "What the public sector has of the cluster, and what needs your attention.",
        "Vad offentlig sektor har av klustret, och vad som kräver uppmärksamhet.";
    AS_OF: "As of", "Läget";
    ATTENTION: "Needs attention", "Kräver åtgärd";
    ALL_WELL: "Nothing needs attention.", "Ingenting kräver åtgärd.";
    ATTENTION_SETTINGS: "Settings of Slurm that are not as the broker needs them: {count}",
        "Slurm-inställningar som inte är som tjänsten behöver: {count}";
    ATTENTION_NOT_CHECKED: "Slurm's settings could not be checked",
        "Slurms inställningar kunde inte kontrolleras";
    ATTENTION_LETTERS: "Effects that gave up: {count}", "Åtgärder som gett upp: {count}";
    ATTENTION_EXCEPTIONS: "Open exceptions: {count}", "Öppna avvikelser: {count}";

    POOLS: "Pools", "Pooler";
    NO_POOLS: "There is no pool. Create a fund and a pool first.",
        "Det finns ingen pool. Skapa först en finansiering och en pool.";
    POOL_CAPTION: "{class} on {cluster}", "{class} på {cluster}";
    FUND: "Fund", "Finansiering";
    MEASURE: "Measure", "Mått";
    OF_RESERVED: "Of what is reserved", "Av det reserverade";
    RESERVED_MEANING: "set apart for the public sector", "reserverat för offentlig sektor";
    GRANTED_MEANING: "promised to projects", "utlovat till projekt";
    HELD_MEANING: "set aside for jobs that are not settled", "avsatt för jobb som inte är avräknade";
    USED_MEANING: "settled", "avräknat";
    IDLE_MEANING: "held by jobs of the last {days} days while the GPU did nothing",
        "avsatt för jobb de senaste {days} dagarna medan GPU:n inte arbetade";
    IDLE_MONEY: "corresponds to {amount}", "motsvarar {amount}";
    IDLE_NOTHING_RAN: "no job held a GPU in the last {days} days",
        "inget jobb hade någon GPU de senaste {days} dagarna";
    IDLE_COVERAGE_LOW: "coverage is {share}; idle time is claimed from 90 %",
        "täckningen är {share}; outnyttjad tid anges från 90 %";
    IDLE_COVERAGE: "coverage {share}", "täckning {share}";

    JOBS_NOW: "Jobs now", "Jobb nu";
    NO_JOBS_NOW: "No job is on its way or running.", "Inget jobb är på väg eller körs.";
    JOB_COUNT: "Jobs", "Jobb";

    SETTINGS: "Settings of Slurm", "Slurms inställningar";
    SETTINGS_GOOD: "All settings are as the broker needs them.",
        "Alla inställningar är som tjänsten behöver.";
    SETTINGS_NOT_CHECKED: "Not checked: {reason}", "Ej kontrollerat: {reason}";
    SETTING: "Setting", "Inställning";
    EXPECTED: "Needed", "Behövs";
    ACTUAL: "Now", "Nu";
    FEATURE: "Does not work without it", "Fungerar inte utan den";
    WHAT_TO_DO: "What to do", "Att göra";

    EXCEPTIONS: "Exceptions", "Avvikelser";
    EXCEPTIONS_LEAD: "Use above a hold, and jobs that Slurm refused in the last {days} days.",
        "Användning över det avsatta, och jobb som Slurm avvisat de senaste {days} dagarna.";
    NO_EXCEPTIONS: "There is no open exception.", "Det finns ingen öppen avvikelse.";
    EXCEPTION: "Exception", "Avvikelse";
    OVERRUN_WHY: "{hours} ({amount}) ran past the hold and no grant had room. Two people have to clear it.",
        "{hours} ({amount}) gick över det avsatta och ingen tilldelning räckte. Två personer ska avgöra det.";
    OVERRUN: "Use above the hold", "Användning över det avsatta";
    REFUSED: "Refused by Slurm", "Avvisat av Slurm";
    REFUSED_WHY: "Slurm refused the job for good.", "Slurm avvisade jobbet slutgiltigt.";

    LETTERS: "Effects that gave up", "Åtgärder som gett upp";
    NO_LETTERS: "Every effect has been carried out or is still being tried.",
        "Varje åtgärd är utförd eller försöks fortfarande.";
    EFFECT: "Effect", "Åtgärd";
    TRIES: "Tries", "Försök";
    LAST_ERROR: "Last error", "Senaste fel";
    GAVE_UP: "Gave up", "Gav upp";

    CHAIN: "Seal of the record", "Huvudbokens försegling";
    SEALS: "Seals in the chain", "Förseglingar i kedjan";
    LAST_SEALED: "Last sealed: {at}", "Senast förseglat: {at}";
    NEVER: "never", "aldrig";
    TAIL: "Rows that wait for their seal", "Rader som väntar på försegling";
    TABLE: "Table", "Tabell";
    ROWS: "Rows", "Rader";
    VERIFY_HINT: "mimer audit verify proves the chain row by row.",
        "mimer audit verify bevisar kedjan rad för rad.";
}
