//! Texts of a fund's page, with the proof that funds did not mix.

use super::texts;

texts! {
    LEAD: "Terms, pools, and the proof that the fund paid for its own and for nothing else.",
        "Villkor, pooler och beviset på att finansieringen betalat för sitt eget och inget annat.";
    PURPOSE: "For", "För";
    PERIOD: "Period", "Period";
    CONDITIONS: "Conditions", "Villkor";
    NO_CONDITIONS: "No conditions are recorded.", "Inga villkor är registrerade.";
    CARRY_OVER: "Carry-over", "Överföring till nytt år";
    CARRY_OVER_PART: "{share} of what expires on a grant may be carried over, by a decision",
        "{share} av det som går ut på en tilldelning får föras över, genom ett beslut";
    CARRY_OVER_NONE: "what expires goes back to the fund", "det som går ut återgår till finansieringen";

    CEILING: "Ceiling", "Tak";
    GRANTED: "Granted from it", "Beviljat ur den";
    SETTLED: "Charged so far", "Debiterat hittills";
    LEFT: "Not granted yet", "Ännu inte beviljat";

    ENVELOPE: "Envelope for a year", "Ram för ett år";
    ENVELOPE_MEANING:
        "What a year is expected to bring. Nothing is granted on it: the ceiling counts.",
        "Vad ett år väntas ge. Inget beviljas på den: taket gäller.";
    ENVELOPE_RANGE: "{low} to {high}", "{low} till {high}";
    ENVELOPE_IN_HOURS: "The envelope in GPU-hours, at the prices of {day}",
        "Ramen i GPU-timmar, till priserna den {day}";
    NO_PRICE: "No price is published for the fund's pools today, so it cannot be told in GPU-hours.",
        "Inget pris är publicerat för finansieringens pooler i dag, så ramen kan inte anges i GPU-timmar.";
    LOW: "At least", "Minst";
    HIGH: "At most", "Högst";
    PRICE: "Price per GPU-hour", "Pris per GPU-timme";
    FACTOR: "Factor", "Faktor";
    CARD: "Rate card", "Prislista";

    POOLS: "Pools", "Pooler";
    NO_POOLS: "The fund has no pool.", "Finansieringen har ingen pool.";
    POOL: "Pool", "Pool";
    NOT_GRANTED: "Not granted", "Ej beviljat";
    ACCESS_MODES: "Ways to ask for time", "Sätt att söka tid";
    ACCESS_MODE: "Way", "Sätt";
    LONGEST: "Longest", "Längst";
    DAYS: "{count} days", "{count} dagar";

    PROOF: "Proof that funds did not mix", "Bevis på att finansieringar inte blandats";
    HOLDS: "Holds", "Håller";
    BROKEN: "Broken", "Brutet";
    AS_IT_MUST_BE: "As it must be", "Som det ska vara";
    MUST_BE_NOTHING: "Must be nothing", "Ska vara noll";
    WHOLE_MEANING:
        "Every grant went to the fund's own kind of applicant, and its projects used no time of any other purpose. Research time was not consumed.",
        "Varje tilldelning gick till finansieringens egen sökandekategori, och dess projekt använde ingen tid med annat ändamål. Forskningens tid har inte förbrukats.";
    WHOLE_MEANING_OTHER:
        "Every grant went to the fund's own kind of applicant, and its projects used no time of any other purpose.",
        "Varje tilldelning gick till finansieringens egen sökandekategori, och dess projekt använde ingen tid med annat ändamål.";
    BROKEN_MEANING:
        "Something below that must be nothing is not. Stop granting from the fund and look at it.",
        "Något nedan som måste vara noll är det inte. Stoppa nya beviljanden och undersök.";
    PROOF_HOW:
        "Told from grants, changes and charges as they stand, not from the rules that let them in.",
        "Räknat ur tilldelningar, ändringar och debiteringar som de står, inte ur reglerna som släppte in dem.";
    GRANTED_TO: "Granted, by kind of applicant", "Beviljat, per sökandekategori";
    GRANTS: "Grants", "Tilldelningar";
    OWN: "the fund is for these", "finansieringen är till för dessa";
    NOT_OWN: "the fund is not for these", "finansieringen är inte till för dessa";
    NOTHING_GRANTED: "Nothing has been granted from the fund.", "Inget har beviljats ur finansieringen.";
    CHECKS: "What must be nothing", "Det som måste vara noll";
    CHECK: "Check", "Kontroll";
    FOUND: "Found", "Funnet";
    MIXED_GRANTS: "Grants to applicants that the fund is not for",
        "Tilldelningar till sökande som finansieringen inte är till för";
    MOVED_ACROSS: "Changes that moved time between this fund and another",
        "Ändringar som flyttat tid mellan denna och en annan finansiering";
    OUTSIDE_PERIOD: "Grants that reach outside the fund's period",
        "Tilldelningar som går utanför finansieringens period";
    CHARGED_MIXED: "Charges on the fund for projects it has granted nothing",
        "Debiteringar på finansieringen för projekt den inte beviljat något";
    CHARGED_ELSEWHERE:
        "Charges of the fund's projects on funds of another purpose, research among them",
        "Debiteringar av finansieringens projekt på finansieringar med annat ändamål, bland dem forskning";
    CHARGED_OWN: "For comparison: charges of its own projects",
        "Som jämförelse: debiteringar av de egna projekten";
    CHARGE_COUNT: "{count} charges, {hours}, {amount}", "{count} debiteringar, {hours}, {amount}";
    SAME_AT_THE_SHELL: "The same at a shell:", "Samma sak i en terminal:";
}
