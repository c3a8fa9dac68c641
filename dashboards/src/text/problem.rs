//! Texts of the page shown when a page cannot be.

use super::texts;

texts! {
    CODE: "Code", "Kod";
    REQUEST_ID: "Request id", "Ärende-id";
    BACK_HOME: "Go to the start page", "Gå till startsidan";
    QUOTE_THE_ID:
        "Quote the request id when you ask the operator about this.",
        "Ange ärende-id när du frågar driften om detta.";
    BAD_REQUEST: "The request cannot be understood", "Begäran går inte att förstå";
    BAD_REQUEST_WHY:
        "Part of the address or the form is not as expected.",
        "En del av adressen eller formuläret är inte som väntat.";
    UNAUTHORIZED: "You need to log in", "Du behöver logga in";
    UNAUTHORIZED_WHY:
        "You are not logged in, or were logged out after a time without use.",
        "Du är inte inloggad, eller har loggats ut efter en tid utan aktivitet.";
    FORBIDDEN: "This page is not for your role", "Sidan är inte för din roll";
    FORBIDDEN_WHY:
        "You are logged in, but your roles do not open this page.",
        "Du är inloggad, men dina roller ger inte tillgång till sidan.";
    NOT_FOUND: "There is no such page", "Sidan finns inte";
    NOT_FOUND_WHY:
        "It does not exist, or it belongs to a project that you are not in.",
        "Den finns inte, eller hör till ett projekt som du inte är med i.";
    UNAVAILABLE: "This does not work right now", "Det här fungerar inte just nu";
    UNAVAILABLE_WHY:
        "A part that the broker needs does not answer. Try again in a minute.",
        "En del som tjänsten behöver svarar inte. Försök igen om en minut.";
    INTERNAL: "Something went wrong with us", "Något gick fel hos oss";
    INTERNAL_WHY:
        "The fault is ours and has been logged. Nothing was changed.",
        "Felet är vårt och har loggats. Ingenting har ändrats.";
}
