//! Texts around every page: header, banner, footer, and words that several pages share.

use super::texts;

texts! {
    PRODUCT: "Mimer Broker", "Mimer Broker";
    SKIP_TO_CONTENT: "Skip to the content", "Hoppa till innehållet";
    MAIN_NAVIGATION: "Main", "Huvudmeny";
    BREADCRUMBS: "You are here", "Du är här";
    HOME: "Start", "Start";
    OPERATOR: "Operation", "Drift";
    FINANCE: "Finance", "Ekonomi";
    LOGGED_IN_AS: "Logged in as", "Inloggad som";
    LOG_OUT: "Log out", "Logga ut";
    LANGUAGE: "Language", "Språk";
    SIMULATED_HERE: "Simulated in this installation:", "Simulerat i den här installationen:";
    SIMULATED_MEANING:
        "Figures that come from what is simulated say nothing about real hardware.",
        "Siffror som kommer från det simulerade säger ingenting om verklig hårdvara.";
    ABOUT: "GPU time for the public sector. All times are Swedish time, all figures can be traced to the ledger.",
        "GPU-tid för offentlig sektor. Alla tider är svensk tid, alla siffror kan spåras till huvudboken.";

    CONFIDENTIAL: "Confidential", "Konfidentiellt";
    OPEN: "Open data", "Öppna data";
    SIMULATED: "Simulated", "Simulerat";
    NAME_ERASED: "Name erased", "Namnet raderat";
    NOT_MEASURED: "Not measured", "Ej uppmätt";

    GPU_HOURS: "GPU-hours", "GPU-timmar";
    GPU_SECONDS: "GPU-seconds", "GPU-sekunder";
    AMOUNT: "Amount", "Belopp";
    BAR: "Bar", "Stapel";
    CLASS: "Class", "Klass";
    STATE: "State", "Status";
    PROJECT: "Project", "Projekt";
    AGENCY: "Agency", "Myndighet";
    PERSON: "Person", "Person";
    JOB: "Job", "Jobb";
    PARTITION: "Partition", "Partition";
    CLUSTER: "Cluster", "Kluster";
    SLURM_JOB_ID: "Slurm job id", "Slurms jobb-id";
    GPUS: "GPUs", "GPU:er";
    VALID: "Valid", "Giltig";
    TOTAL: "Total", "Summa";
    REASON: "Reason", "Orsak";
    SINCE: "Since", "Sedan";

    RESERVED: "Reserved", "Reserverat";
    GRANTED: "Granted", "Beviljat";
    HELD: "Held", "Avsatt";
    USED: "Used", "Förbrukat";
    AVAILABLE: "Available", "Kvar";
    IDLE: "Idle", "Outnyttjat";
}
