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

    UNIT: "Allocated by", "Fördelas per";
    UNIT_SHARE: "{share} of a GPU", "{share} av en GPU";
    OVER_ALLOCATION: "Over-allocation", "Överteckning";
    NOT_OVER_ALLOCATED: "none: never more is granted than is reserved",
        "ingen: aldrig mer beviljas än vad som är reserverat";
    OVER_ALLOCATED: "factor {factor}, by plan: up to {hours} may be granted",
        "faktor {factor}, enligt plan: upp till {hours} får beviljas";

    SHARE: "How Slurm keeps it", "Så håller Slurm den";
    SHARE_SET: "Decided", "Beslutat";
    NONE_KEEPS:
        "Nothing is kept apart in Slurm: the pool's jobs wait like everybody's, and research may have filled the cluster.",
        "Inget hålls avskilt i Slurm: poolens jobb väntar som allas, och forskningen kan ha fyllt klustret.";
    SET_ASIDE_KEEPS:
        "A reservation keeps {nodes} for the fund's account; nothing else runs there.",
        "En reservation håller {nodes} åt finansieringens konto; inget annat körs där.";
    GUARANTEED_KEEPS:
        "Its jobs may make research jobs give way (QOS), and the fund uses at most {count} GPUs of the type at once.",
        "Dess jobb får tränga undan forskningens jobb (QOS), och finansieringen använder högst {count} GPU:er av typen samtidigt.";
    CAPPED_KEEPS:
        "Nothing is guaranteed; the fund's account uses at most {count} GPUs of the type at once.",
        "Inget är garanterat; finansieringens konto använder högst {count} GPU:er av typen samtidigt.";
    WHOLE_NODES:
        "On Slurm 22.05 a reservation takes whole nodes, and does so in silence: asked for single GPUs it reserves their whole nodes and reports no error. These nodes stand still for everybody else whether they are used or not.",
        "I Slurm 22.05 tar en reservation hela noder, och gör det utan att säga till: om man begär enstaka GPU:er reserveras hela noderna utan felmeddelande. Noderna står stilla för alla andra vare sig de används eller inte.";
    RESERVATION_WRITTEN: "The broker wrote the reservation to Slurm", "Tjänsten skrev reservationen till Slurm";
    RESERVATION_MISSING: "Not written to Slurm yet", "Ännu inte skriven till Slurm";
    AGENCY_SHARES: "Shares of agencies", "Myndigheternas andelar";
    NO_AGENCY_SHARES: "No agency's part of the pool is bounded.",
        "Ingen myndighets del av poolen är begränsad.";
    AT_MOST: "At most", "Högst";

    KEPT: "What the broker keeps in Slurm", "Vad tjänsten håller i Slurm";
    KEPT_LEAD:
        "What the broker has written, by its own memory: no look at Slurm is behind these figures.",
        "Vad tjänsten har skrivit, enligt dess eget minne: siffrorna är inte hämtade ur Slurm.";
    NOTHING_KEPT: "The broker has written nothing to Slurm yet.",
        "Tjänsten har inte skrivit något till Slurm än.";
    OBJECTS: "Objects", "Objekt";
    WRITTEN: "Written", "Skrivna";
    UNDER_WAY: "Being changed", "Ändras";
    LAST_WRITTEN: "Last written", "Senast skrivet";
    DRIFT_IS_LIVE:
        "What Slurm has at this moment, and what somebody changed there by hand, is shown by",
        "Vad Slurm har just nu, och vad någon ändrat där för hand, visar";
    DRIFT_IS_MENDED: "It is mended only by", "Det rättas bara med";

    ALARM: "Jobs past the broker: {count}", "Jobb förbi tjänsten: {count}";
    ALARM_WHY: "Somebody ran on the public sector's partitions or accounts without a plan. Look at each.",
        "Någon har kört på offentlig sektors partitioner eller konton utan plan. Granska vart och ett.";
    UNPLANNED_WHERE: "User {uid}, account {account}, partition {partition}.",
        "Användare {uid}, konto {account}, partition {partition}.";
    UNPLANNED_TOOK: "It took {hours}, charged to nobody. Close it with a reason:",
        "Det tog {hours}, som ingen debiteras. Stäng med ett skäl:";
    UNPLANNED_STILL_THERE: "It is being cancelled and is not over yet.",
        "Det avbryts och är inte över än.";

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
    EXCEPTIONS_LEAD:
        "Jobs that nobody planned, jobs that something went wrong with in Slurm, use above a hold that is not cleared, and jobs that Slurm refused in the last {days} days.",
        "Jobb som ingen planerat, jobb som något gått fel med i Slurm, användning över det avsatta som inte är utredd, och jobb som Slurm avvisat de senaste {days} dagarna.";
    NO_EXCEPTIONS: "There is no open exception.", "Det finns ingen öppen avvikelse.";
    EXCEPTION: "Exception", "Avvikelse";
    SECOND_START_WHY:
        "Slurm's controller died and Slurm ran the script again by itself; what Slurm recorded is charged.",
        "Slurms styrprogram dog och Slurm körde skriptet igen på egen hand; det som Slurm har antecknat debiteras.";
    RUNAWAY_RECORD_WHY:
        "Slurm's accounting has no end of it, and it runs nowhere. Give it one with sacctmgr show runawayjobs; it is settled then.",
        "Slurms bokföring har inget slut för det, och det körs ingenstans. Ge det ett med sacctmgr show runawayjobs; sedan avräknas det.";
    LOST_JOB_WHY:
        "It ran, and Slurm knew nothing of it any more. It was submitted again under the same id, and its script starts a second time.",
        "Det hade körts, och Slurm kände inte längre till det. Det lämnades in igen under samma id, och dess skript startar en andra gång.";
    EDITED_RECORD_WHY:
        "Slurm's record was changed after it was charged. The charge stands until a person corrects it.",
        "Slurms uppgift ändrades efter debiteringen. Debiteringen gäller tills en person rättar den.";
    CLOSE_IT: "Close it with a reason:", "Stäng med ett skäl:";
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
