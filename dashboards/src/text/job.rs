//! Texts of the job page.

use super::texts;

texts! {
    PLANNED_BY: "Planned by", "Planerat av";
    WALL_TIME: "Longest time", "Längsta tid";
    JOB_PLAN: "Job plan", "Jobbplan";
    GPU_HOURS_CHARGED: "Charged time", "Debiterad tid";
    MONEY_CHARGED: "Charged amount", "Debiterat belopp";
    GPU_HOURS_HELD: "Held time", "Avsatt tid";
    NOT_YET: "Not yet", "Inte än";

    STAYS_IN_AREA:
        "This job works on confidential data. Its output stays in the project's area and is never shown here; results leave only after review.",
        "Jobbet arbetar med konfidentiella data. Utdata stannar i projektets område och visas aldrig här; resultat lämnas ut först efter granskning.";

    ATTEMPT: "Attempt {number}", "Försök {number}";
    NO_ATTEMPT: "The job has not been admitted to Slurm.", "Jobbet har inte släppts fram till Slurm.";
    WALK: "What has happened", "Vad som har hänt";
    PLANNED: "Planned", "Planerat";
    ADMITTED: "Admitted, hold placed", "Godkänt, tid avsatt";
    QUEUED: "In Slurm's queue", "I Slurms kö";
    STARTED: "Started", "Startat";
    ENDED: "Ended", "Avslutat";
    SETTLED: "Settled", "Avräknat";
    EXIT_CODE: "exit code {code}", "slutkod {code}";
    CANCELLED: "Cancelled", "Avbrutet";
    REFUSED: "Refused", "Avvisat";
    WAITS_FOR_LINKS:
        "Waits until every staging link is verified. Not verified yet: {links}.",
        "Väntar tills varje datalänk är verifierad. Ännu inte verifierade: {links}.";
    HELD_BACK:
        "Held back by the agency's own decision on what happens at its limits.",
        "Hålls kvar enligt myndighetens eget beslut om vad som händer vid dess gränser.";
    SLURM_SAYS: "It waits in Slurm. Slurm's own reason:", "Det väntar i Slurm. Slurms eget skäl:";
    SECOND_STARTS:
        "Second starts: {count}. Slurm's controller died, and Slurm ran the script again by itself. What Slurm recorded is charged.",
        "Omstarter: {count}. Slurms styrprogram dog, och Slurm körde skriptet igen på egen hand. Det som Slurm har antecknat debiteras.";
    STARTED_AGAIN:
        "Slurm started the script {count} times. Every run is charged by what Slurm recorded.",
        "Slurm startade skriptet {count} gånger. Varje körning debiteras enligt Slurms uppgifter.";

    TASKS: "Tasks", "Deluppgifter";
    TASKS_AT_ONCE: "{count}, at most {most} at once", "{count}, högst {most} samtidigt";
    TASK_NO: "task {number}", "deluppgift {number}";
    TASK: "Task", "Deluppgift";
    TASKS_SEEN: "Tasks that Slurm has split off", "Deluppgifter som Slurm har delat ut";
    BEGINS: "Begins no earlier than", "Börjar tidigast";
    WAITS_FOR: "Waits for", "Väntar på";
    MUST_END: "must have ended", "ska ha avslutats";
    MUST_SUCCEED: "must have succeeded", "ska ha lyckats";
    MUST_FAIL: "must have failed", "ska ha misslyckats";
    WAITS_FOR_JOBS:
        "Waits for other jobs to end. It starts when they have ended as asked, and is cancelled if that can no longer be.",
        "Väntar på att andra jobb avslutas. Det startar när de har avslutats som begärts, och avbryts om det inte längre är möjligt.";
    KEPT_BY_MEMBER: "Held by a member since", "Kvarhållet av en medlem sedan";
    KEPT_BY_OPERATOR: "Held by an operator since", "Kvarhållet av driften sedan";
    SUSPENDED:
        "Suspended by an operator. Its suspended seconds are not charged, and it keeps its GPUs. Since",
        "Pausat av driften. Pausade sekunder debiteras inte, och jobbet behåller sina GPU:er. Sedan";
    EXTENSIONS: "More time", "Mer tid";
    EXTENDED_BY: "Longer by", "Förlängt med";
    ASKED_AT: "Asked for", "Begärt";
    EXTENSION_IN_FORCE: "In force", "Gäller";
    EXTENSION_ON_ITS_WAY: "On its way to Slurm", "På väg till Slurm";
    EXTENSION_REFUSED: "Refused by Slurm, given back", "Avvisat av Slurm, återlämnat";

    HOLD: "Hold", "Avsättning";
    NO_HOLD: "Nothing is held for this attempt.", "Ingenting är avsatt för försöket.";
    RATE_CARD: "Rate card", "Prislista";
    PRICE: "Price per GPU-hour", "Pris per GPU-timme";
    FACTOR: "Factor", "Faktor";
    EXPIRES: "Expires", "Upphör";

    CHARGES: "Charges", "Debitering";
    NO_CHARGES: "Nothing has been charged.", "Ingenting har debiterats.";
    RUNS: "Runs that Slurm recorded", "Körningar som Slurm registrerat";
    RUN_STARTED: "Started", "Start";
    RUN_ENDED: "Ended", "Slut";
    DB_INDEX: "Slurm record", "Slurm-post";
    NOT_CHARGEABLE: "Not charged: ended by the machine's own fault",
        "Debiteras inte: avslutades av maskinens eget fel";
    SUM_EXPLAINED:
        "{seconds} GPU-seconds × {price} per GPU-hour × factor {factor} = {amount}",
        "{seconds} GPU-sekunder × {price} per GPU-timme × faktor {factor} = {amount}";
    CLEARED: "Two people let the grant pay what ran past the hold: {seconds}, {amount}.",
        "Två personer lät tilldelningen betala det som gick över det avsatta: {seconds}, {amount}.";
    OVERRUN_POSTED: "Above the hold", "Över det avsatta";

    METERED: "Metered use", "Uppmätt användning";
    METERED_LEAD:
        "Charges follow what Slurm allocated. Metering shows how the GPUs were used.",
        "Debiteringen följer vad Slurm tilldelat. Mätningen visar hur GPU:erna användes.";
    NOTHING_METERED:
        "Not measured: no segment from the node's agent covers this attempt.",
        "Ej uppmätt: inget mätsegment från nodens agent täcker försöket.";
    NO_ASSIGNMENT:
        "Not measured: the attempt has had no GPU.",
        "Ej uppmätt: försöket har inte haft någon GPU.";
    ENERGY: "Energy", "Energi";
    ENERGY_PARTLY: "at least, measured for {share} of the GPU time",
        "minst, uppmätt under {share} av GPU-tiden";
    UTILIZATION: "Mean utilization", "Medelutnyttjande";
    COVERAGE: "Coverage", "Täckning";
    COVERAGE_MEANING: "of the GPU time was measured", "av GPU-tiden mättes";
    IDLE_GPUS: "Held but idle", "Avsatt men outnyttjat";
    IDLE_UNKNOWN:
        "Cannot be said below 90 % coverage.",
        "Kan inte anges under 90 % täckning.";
    COUNTERS_MISSING: "Counters that could not be read: {reasons}.",
        "Räknare som inte kunde läsas: {reasons}.";
    METER_SIMULATED:
        "These measurements come from a simulated GPU.",
        "Mätvärdena kommer från en simulerad GPU.";

    LINKS: "Staging links of the job", "Jobbets datalänkar";
    NO_LINKS: "The job uses no staged data.", "Jobbet använder inga hämtade data.";
    SCRIPT: "Script", "Skript";
}
