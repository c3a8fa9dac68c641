//! Texts of "Why can't I run?". What stands at each station comes from the broker.

use super::texts;

texts! {
    TITLE: "Why can't I run?", "Varför kan jag inte köra?";
    LEAD_PROJECT:
        "The way of your next job in this project, from login to node. Each step says what must be so, what is, and what to do.",
        "Vägen för ditt nästa jobb i projektet, från inloggning till nod. Varje steg säger vad som ska gälla, hur det är och vad du kan göra.";
    LEAD_JOB:
        "The way of this job, from login to node. Each step says what must be so, what is, and what to do.",
        "Jobbets väg från inloggning till nod. Varje steg säger vad som ska gälla, hur det är och vad du kan göra.";
    FOR_WHOM: "Looked at for", "Gäller för";
    AS_PLANNER: "“You” below is whoever planned the job.",
        "”Du” nedan är den som planerade jobbet.";

    NOTHING: "Nothing is in the way.", "Ingenting står i vägen.";
    STANDS_IN_THE_WAY: "In the way: {titles}.", "Står i vägen: {titles}.";
    UNKNOWN_STATIONS: "Could not be looked at: {titles}.", "Kunde inte kontrolleras: {titles}.";
    STATIONS: "The way, step by step", "Vägen, steg för steg";

    GOOD: "Good", "I ordning";
    IN_THE_WAY: "In the way", "Står i vägen";
    NOT_KNOWN: "Not known", "Okänt";
    NOT_CHECKED: "Not checked here", "Kontrolleras inte här";

    EXPECTED: "What must be so", "Ska gälla";
    ACTUAL: "What is", "Så är det";
    FIX: "What to do", "Att göra";
    CODE: "Code", "Kod";
    SAME_AT_THE_SHELL: "The same at a shell:", "Samma sak i en terminal:";
}
