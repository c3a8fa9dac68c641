-- The application works in this schema and owns nothing in it; the sealer reads what it seals.
grant usage on schema accounting to mimer_app, mimer_sealer;
