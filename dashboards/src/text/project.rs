//! Texts of the project page.

use super::texts;

texts! {
    SLURM_ACCOUNT: "Slurm account", "Slurm-konto";
    LEFT_TO_USE: "Left to use now", "Kvar att använda nu";
    HELD_FOR_JOBS: "Held for jobs", "Avsatt för jobb";
    USED_SO_FAR: "Used so far", "Förbrukat hittills";
    ONE_LINE:
        "Held and used together never pass what was granted.",
        "Avsatt och förbrukat tillsammans överstiger aldrig det beviljade.";

    ORDER:
        "Of several grants of one class and fund, the one that ends first is used first; what it lacks is taken from the next.",
        "Av flera tilldelningar av samma klass och finansiering används den som går ut först; det som saknas tas från nästa.";
    USED_FIRST: "Used first", "Används först";
    CHANGES: "Changes of the grants", "Ändringar av tilldelningarna";
    CHANGED_AT: "When", "När";
    CHANGE: "Change", "Ändring";
    FROM: "From", "Från";
    TO: "To", "Till";
    DECIDED_BY: "Decided by", "Beslutat av";
    NOBODY_DECIDES: "no decision needed", "inget beslut behövs";
    THE_FUND: "the fund", "finansieringen";
    REPLACED_BY: "replaced by", "ersatt av";

    GRANTS: "Grants", "Tilldelningar";
    NO_GRANTS:
        "The project has no grant. Send a request; a decider answers it.",
        "Projektet har ingen tilldelning. Skicka en ansökan; en beslutsfattare besvarar den.";
    GRANTS_IN_HOURS: "Grants in GPU-hours", "Tilldelningar i GPU-timmar";
    GRANTS_IN_MONEY: "Grants in kronor", "Tilldelningar i kronor";
    GRANT: "Grant", "Tilldelning";
    OVERRUN:
        "{hours} ({amount}) ran past what was held, and no grant had room. The operator has to clear it.",
        "{hours} ({amount}) gick över det avsatta, och ingen tilldelning räckte. Driften ska avgöra det.";
    VALID_NOW: "Valid", "Gäller";
    NOT_YET: "Not yet", "Gäller inte än";
    OVER: "Over", "Har gått ut";

    PEOPLE: "People", "Personer";
    PART: "Part in the project", "Roll i projektet";
    CONTROLLER: "Data controller", "Personuppgiftsansvarigs företrädare";
    MEMBER: "Member", "Medlem";
    NO_PEOPLE: "Nobody is in the project yet.", "Ingen är med i projektet än.";

    REQUESTS: "Requests", "Ansökningar";
    NO_REQUESTS: "The project has not asked for GPU time yet.",
        "Projektet har inte sökt GPU-tid än.";
    ASKED_AT: "Asked", "Sökt";
    DECISION: "Decision", "Beslut";

    PERMITS: "Permits", "Datatillstånd";
    NO_PERMITS: "No permit is recorded for the project.",
        "Inget datatillstånd är registrerat för projektet.";
    PERMITS_NEEDED:
        "The data of this project are confidential: a job needs a valid permit for every dataset it uses.",
        "Projektets data är konfidentiella: ett jobb behöver ett giltigt tillstånd för varje datamängd det använder.";
    ISSUER: "Issued by", "Utfärdat av";
    REFERENCE: "Case number", "Diarienummer";
    DATASETS: "Datasets", "Datamängder";
    REVOKED: "Revoked {at}", "Återkallat {at}";

    LINKS: "Staging links", "Datalänkar";
    NO_LINKS: "No data are staged for the project.", "Inga data hämtas till projektet.";
    DATASET: "Dataset", "Datamängd";
    ENVIRONMENT: "From environment", "Från miljö";
    LINK: "Link", "Länk";
    FILES: "Files", "Filer";
    SIZE: "Size", "Storlek";

    JOBS: "Jobs", "Jobb";
    NO_JOBS: "No job has been planned yet.", "Inget jobb har planerats än.";
    JOBS_SHOWN: "The {count} latest jobs", "De {count} senaste jobben";
    PLANNED: "Planned", "Planerat";
    CHARGED: "Charged", "Debiterat";
    NOT_CHARGED_YET: "not yet", "inte än";
}
