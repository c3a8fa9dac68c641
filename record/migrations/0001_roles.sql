-- The application and the sealer, as roles of the whole database server. The owner runs migrations;
-- `mimer_app` owns nothing and cannot change what is sealed; `mimer_sealer` adds seals only.
-- Racing databases of one server may both get here, so "already there" is not an error.
do $$
begin
    if not exists (select from pg_roles where rolname = 'mimer_app') then
        create role mimer_app login;
    end if;
    if not exists (select from pg_roles where rolname = 'mimer_sealer') then
        create role mimer_sealer login;
    end if;
exception when duplicate_object or unique_violation then null;
end $$;

grant usage on schema record to mimer_app, mimer_sealer;
