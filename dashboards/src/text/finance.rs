//! Texts of the finance page.

use super::texts;

texts! {
    TITLE: "Finance {month}", "Ekonomi {month}";
    LEAD:
        "What every agency owes for the month, from the invoice draft down to one job.",
        "Vad varje myndighet är skyldig för månaden, från fakturautkast ned till ett enskilt jobb.";
    MONTH: "Month", "Månad";
    MONTH_HINT: "written as 2027-03", "skrivs som 2027-03";
    SHOW: "Show", "Visa";
    PREVIOUS: "Previous month", "Föregående månad";
    NEXT: "Next month", "Nästa månad";
    PROVISIONAL: "Provisional", "Preliminärt";
    PROVISIONAL_WHY:
        "The period is not closed. Amounts can still change: late facts from Slurm are added until closing, and after that they become correction lines.",
        "Perioden är inte stängd. Beloppen kan ännu ändras: sena uppgifter från Slurm läggs till fram till stängning, därefter blir de rättelserader.";
    NOTHING: "No agency has any charge in this month.", "Ingen myndighet har någon debitering under månaden.";
    TOTAL_ALL: "All agencies", "Alla myndigheter";
    AGENCIES: "Agencies", "Myndigheter";
    JOBS_CHARGED: "Runs charged", "Debiterade körningar";
    WITHOUT_VAT: "without VAT", "exklusive moms";
    ORGANISATION_NUMBER: "Organisation number", "Organisationsnummer";
    DRAFT: "Invoice draft", "Fakturautkast";
    CARD: "Rate card", "Prislista";
    RUNS: "Runs", "Körningar";
    PRICE: "Price per GPU-hour", "Pris per GPU-timme";
    FACTOR: "Factor", "Faktor";
    ROUNDING: "Rounding: paper minus ledger", "Avrundning: papper minus huvudbok";
    ROUNDING_MEANING:
        "Each line is rounded once to whole öre. Closing posts this difference, so that ledger and paper are equal.",
        "Varje rad avrundas en gång till hela ören. Vid stängning bokförs skillnaden, så att huvudbok och papper är lika.";
    CHARGES: "Charges, run by run", "Debitering, körning för körning";
    ENDED: "Ended", "Avslutad";
    LEDGER_AMOUNT: "Amount in the ledger", "Belopp i huvudboken";
    LEDGER_TOTAL: "Total in the ledger", "Summa i huvudboken";
    UNPLANNED: "no job plan", "ingen jobbplan";
}
