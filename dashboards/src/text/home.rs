//! Texts of the login page and the start page.

use super::texts;

texts! {
    LOG_IN: "Log in", "Logga in";
    LOG_IN_LEAD:
        "With the login and the access key that the operator gave you.",
        "Med det inloggningsnamn och den åtkomstnyckel som du fått av driften.";
    LOGIN: "Login", "Inloggningsnamn";
    ACCESS_KEY: "Access key", "Åtkomstnyckel";
    ACCESS_KEY_HINT:
        "The key is shown once when it is made. If yours is lost or has expired, ask the operator for a new one.",
        "Nyckeln visas en gång när den skapas. Har du tappat den eller har den gått ut, be driften om en ny.";
    LOG_IN_FAILED: "You are not logged in", "Du är inte inloggad";
    LOG_IN_FAILED_WHY:
        "The login and the access key do not belong together, or the key has expired. Check both and try again.",
        "Inloggningsnamnet och åtkomstnyckeln hör inte ihop, eller så har nyckeln gått ut. Kontrollera båda och försök igen.";

    WELCOME: "Welcome, {name}", "Välkommen, {name}";
    WELCOME_NAMELESS: "Welcome", "Välkommen";
    YOUR_ROLES: "Your roles", "Dina roller";
    YOUR_PROJECTS: "Your projects", "Dina projekt";
    NO_PROJECTS:
        "You are not in any project. The person responsible for a project can add you.",
        "Du är inte med i något projekt. Den som ansvarar för ett projekt kan lägga till dig.";
    LATEST_JOBS: "Your latest jobs", "Dina senaste jobb";
    NO_JOBS: "You have not planned any job yet.", "Du har inte planerat något jobb än.";
    OPEN_REQUESTS: "Requests that wait for a decision", "Ansökningar som väntar på beslut";
    NO_OPEN_REQUESTS: "No request waits for a decision.", "Ingen ansökan väntar på beslut.";
    ASKED_FOR: "Asked for", "Söker";
    SUBMITTED: "Submitted", "Inkom";
    ALSO_FOR_YOU: "Also for you", "Också för dig";
    OPERATOR_LEAD:
        "Pools, settings of Slurm, exceptions and the seal of the ledger.",
        "Pooler, Slurms inställningar, avvikelser och huvudbokens försegling.";
    FINANCE_LEAD:
        "What every agency owes, down to one job, and the invoice drafts.",
        "Vad varje myndighet är skyldig, ned till ett enskilt jobb, och fakturautkasten.";
    AGENCY_LEAD: "What happens at your agency's limits, and where its use stands.",
        "Vad som händer vid myndighetens gränser, och var förbrukningen står.";
    FUNDS: "Funds", "Finansieringar";
    FUNDS_LEAD: "Terms, pools, and the proof that funds did not mix.",
        "Villkor, pooler och beviset på att finansieringar inte blandats.";
}
