-- What was kept long enough goes. Raw text goes by dropping partitions: each holds what expires on one Monday. docs/decisions/retention.md.

alter table runs
    add column text_expires_on date,             -- the Monday on which the run's pages and texts are dropped: fixed when it starts
    add column text_forgotten_at timestamptz;    -- when what is shown of them was emptied as well

-- The owner is under the policies, too: tenant by tenant.
do $$
declare
    tenant text;
begin
    for tenant in select tenant_id from tenants where status <> 'purged' loop
        perform set_config('request.tenant_id', tenant, true);
        perform set_config('request.erasing', tenant, true);   -- one that is being erased has rows yet
        update runs
        set text_expires_on = date_trunc('week', created_at + make_interval(days => greatest(90,
                coalesce((select (settings -> 'retention' ->> 'text_days')::integer from tenant_settings s where s.tenant_id = tenant), 90))))::date
        where tenant_id = tenant;
    end loop;
    perform set_config('request.tenant_id', '', true);
    perform set_config('request.erasing', '', true);
end $$;
alter table runs alter column text_expires_on set not null;

alter table site_visits rename to site_visits_before;
alter table lead_texts rename to lead_texts_before;
alter index site_visits_pkey rename to site_visits_before_pkey;
alter index lead_texts_pkey rename to lead_texts_before_pkey;

create table site_visits (
    tenant_id  text not null,
    company_id bigint not null,
    run_id     bigint not null,
    attempt    integer not null,
    domain     text not null,
    visit      jsonb not null,
    fetched_at timestamptz not null default now(),
    expires_on date not null,
    primary key (tenant_id, company_id, run_id, attempt, expires_on)
) partition by list (expires_on);
create index on site_visits (tenant_id, run_id);
select protect_tenant_table('site_visits', 'record', 'pages read and what they say: conditional requests, extraction, evidence');
select keep_out_of_statistics('site_visits', '{visit}');

create table lead_texts (
    tenant_id   text not null,
    company_id  bigint not null,
    run_id      bigint not null,
    attempt     integer not null,
    corpus_hash text not null,
    about_text  text not null,
    corpus      text not null,
    stored_at   timestamptz not null default now(),
    expires_on  date not null,
    primary key (tenant_id, company_id, run_id, attempt, expires_on)
) partition by list (expires_on);
create index on lead_texts (tenant_id, run_id);
select protect_tenant_table('lead_texts', 'record', 'the merged text whose hash the event holds');
select keep_out_of_statistics('lead_texts', '{about_text, corpus}');

grant select, insert, update on site_visits, lead_texts to presdr_worker;
grant select on lead_texts to presdr_projector;
grant select, update, delete on site_visits, lead_texts to presdr_producer;

-- Makes the partitions of what expires on a Monday, if they are not there. Runs as the owner, since services own no table. Nobody is granted
-- anything on a partition: it is reached through its table alone.
create function ensure_text_partitions(expiry date) returns void
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    parent name;
    made text;
begin
    if extract(isodow from expiry) <> 1 then
        raise exception '% is no Monday: text expires on one', expiry;
    end if;
    foreach parent in array array['site_visits', 'lead_texts']::name[] loop
        made := format('public.%I', parent || '_until_' || to_char(expiry, 'YYYYMMDD'));
        continue when to_regclass(made) is not null;
        -- One after the other: what attaching takes anyway. Unlike an advisory lock it lets the next one see what the last one made.
        execute format('lock table public.%I in share update exclusive mode', parent);
        continue when to_regclass(made) is not null;  -- somebody else made it meanwhile
        execute format('create table %s (like public.%I including all)', made, parent);
        perform protect_tenant_table(made::regclass, 'record', 'what of ' || parent || ' expires on ' || expiry);
        if parent = 'site_visits' then
            perform keep_out_of_statistics(made::regclass, '{visit}');
        else
            perform keep_out_of_statistics(made::regclass, '{about_text, corpus}');
        end if;
        execute format('alter table public.%I attach partition %s for values in (%L)', parent, made, expiry);
    end loop;
end $$;
revoke execute on function ensure_text_partitions(date) from public;
grant execute on function ensure_text_partitions(date) to presdr_producer;

-- Drops the partitions of what expired, and tells which. Whoever reads such a table is waited for, and nobody queues behind that for long.
create function drop_text_partitions(today date) returns setof text
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '3s' as $$
declare
    expired text;
begin
    for expired in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent in ('public.site_visits'::regclass, 'public.lead_texts'::regclass)
          and substring(pg_get_expr(c.relpartbound, c.oid) from '\d{4}-\d{2}-\d{2}')::date <= today
        order by 1
    loop
        execute format('drop table public.%I', expired);
        return next expired;
    end loop;
end $$;
revoke execute on function drop_text_partitions(date) from public;
grant execute on function drop_text_partitions(date) to presdr_producer;

do $$
declare
    tenant text;
    expiry date;
begin
    for tenant in select tenant_id from tenants where status <> 'purged' loop
        perform set_config('request.tenant_id', tenant, true);
        perform set_config('request.erasing', tenant, true);
        -- Every text is of a run that is there: runs are removed with their tenant alone.
        for expiry in select distinct text_expires_on from runs loop
            perform ensure_text_partitions(expiry);
        end loop;
        insert into site_visits
        select old.*, r.text_expires_on from site_visits_before old join runs r using (tenant_id, run_id) where old.tenant_id = tenant;
        insert into lead_texts
        select old.*, r.text_expires_on from lead_texts_before old join runs r using (tenant_id, run_id) where old.tenant_id = tenant;
    end loop;
    perform set_config('request.tenant_id', '', true);
    perform set_config('request.erasing', '', true);
end $$;
drop table site_visits_before;
drop table lead_texts_before;

-- When a person was last found or verified: who was not for long enough loses their key.
alter table data_subjects add column seen_at timestamptz not null default now();
create index data_subjects_seen on data_subjects (tenant_id, seen_at) where wrapped_key is not null;
grant update (seen_at) on data_subjects to presdr_worker, presdr_producer;

-- What a pass of the retention job was to remove, written down before it removes anything, and what it removed. One that was cut off goes on.
create table retention_passes (
    tenant_id     text not null references tenants,
    number        integer not null,
    day           date not null,               -- in Singapore: text that expires on it or before goes
    text_before   timestamptz not null,        -- text of finished runs that started before goes, whatever it was to expire on
    logs_before   timestamptz not null,
    people_before timestamptz not null,        -- who was not seen since then
    log_number    integer,                     -- of the newest checkpoint that is old enough: the first that is kept
    log_sequence  bigint,                      -- and the last event that it covers: rebuilt logs begin behind it
    planned       jsonb not null,              -- table -> rows
    removed       jsonb not null default '{}',
    forgetting    uuid[] not null default '{}',-- whose keys are gone and whose rows may be there yet
    actor         text not null,
    planned_at    timestamptz not null,
    finished_at   timestamptz,
    primary key (tenant_id, number)
);
create index retention_passes_unfinished on retention_passes (tenant_id) where finished_at is null;
select protect_tenant_table('retention_passes', 'record', 'what was removed because it was kept long enough, and what was to be');
grant select, insert, update on retention_passes to presdr_producer;
grant select on retention_passes to presdr_projector;

grant delete on lead_steps, parked_messages, audit_checkpoints to presdr_producer;
