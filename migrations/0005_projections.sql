-- What people read of the pipeline. Only the projector writes these tables; each can be emptied and made anew from the log.
--
-- Two rules keep a rebuild simple: indexes are not named here (a copy then gets the same names), and nothing refers to these
-- tables by foreign key, trigger or view. `version` columns order what was said about the same thing: attempt first, then place in
-- the log (attempt * 2^47 + sequence; see projections/src/batch.rs). No column holds the time of projecting, so that a rebuild
-- gives the same rows.

-- Where each set of read models stands in the log. A batch of rows and this row are one transaction.
create table projection_checkpoints (
    name              text not null,
    schema            text not null check (schema in ('live', 'rebuild')),
    stream            text not null,
    stream_created_at timestamptz not null,  -- with the name, the log's identity
    sequence          bigint not null,       -- every event up to here is in the tables
    settled_sequence  bigint not null,       -- and up to here it is counted, too
    unsettled         jsonb not null default '{}',  -- tenant -> runs whose counts are behind
    updated_at        timestamptz not null default now(),
    primary key (name, schema)
);
select declare_platform_table('projection_checkpoints', 'how far the read models have read the log');
grant select, insert, update on projection_checkpoints to presdr_projector;
grant select on projection_checkpoints to presdr_worker, presdr_producer;

-- Events that could not be applied. While a tenant has any, its read models lack something: they are stale until rebuilt.
create table projection_parked (
    tenant_id text not null,
    sequence  bigint not null,
    subject   text not null,
    error     text not null,
    primary key (tenant_id, sequence)
);
select protect_tenant_table('projection_parked', 'projection', 'events that the read models lack, and why: these make a tenant''s models stale');

create table audit_log (
    tenant_id        text not null,
    event_id         uuid not null,
    sequence         bigint not null,
    occurred_at      timestamptz not null,
    event_type       text not null,
    source           text not null,
    actor            text not null,
    run_id           bigint,
    company_id       bigint,
    tool             text not null,
    arguments        jsonb not null,  -- redacted where the event was made
    status           text not null,
    duration_ms      bigint not null,
    attempt          bigint not null,
    degraded_reasons text[] not null,
    trace_id         text,
    correlation_id   uuid not null,
    causation_id     uuid,
    primary key (tenant_id, event_id)
);
create index on audit_log (tenant_id, run_id, sequence);
create index on audit_log (tenant_id, company_id, sequence) where company_id is not null;
select protect_tenant_table('audit_log', 'projection', 'every event: who did what to which company in which run');

create table enrichment_runs (
    tenant_id          text not null,
    run_id             bigint not null,
    kind               text,
    local_date         date,
    cap                bigint,
    icp_rule           bigint,
    icp_version        bigint,
    started_at         timestamptz,
    started_version    bigint not null default 0,
    companies          bigint,           -- live companies looked at
    candidates         bigint,
    candidates_added   bigint,
    candidates_removed bigint,
    fallback           boolean,
    after_filters      jsonb,
    candidates_version bigint not null default 0,
    status             text not null default 'running',
    status_version     bigint not null default 0,  -- when it happened, in microseconds: pauses and ends are ordered by time
    ended_at           timestamptz,
    ended_version      bigint not null default 0,
    degraded           boolean not null default false,
    degraded_reasons   text[] not null default '{}',
    primary key (tenant_id, run_id)
);
create index on enrichment_runs (tenant_id, started_at);
select protect_tenant_table('enrichment_runs', 'projection', 'one row per run');

create table run_manifests (
    tenant_id         text not null,
    run_id            bigint not null,
    selected_ids      bigint[] not null default '{}',
    candidates        bigint,
    never_seen        bigint,
    selected_version  bigint not null default 0,
    shortlisted_ids   bigint[],
    buckets           jsonb,
    shortlisted_at    timestamptz,
    shortlist_version bigint not null default 0,
    primary key (tenant_id, run_id)
);
select protect_tenant_table('run_manifests', 'projection', 'which companies a run chose, and which it shortlisted, in order');

create table run_event_logs (
    tenant_id        text not null,
    run_id           bigint not null,
    sequence         bigint not null,
    event_id         uuid not null,
    event_type       text not null,
    stage            text not null,   -- the tool of the step that the event reports
    company_id       bigint,
    attempt          bigint not null,
    status           text not null,
    duration_ms      bigint not null,
    degraded_reasons text[] not null,
    tool             text not null,
    arguments        jsonb not null,
    occurred_at      timestamptz not null,
    primary key (tenant_id, run_id, sequence)
);
select protect_tenant_table('run_event_logs', 'projection', 'every step of a run');

create table run_stage_stats (
    tenant_id      text not null,
    run_id         bigint not null,
    stage          text not null,
    count_total    bigint not null,
    count_success  bigint not null,   -- ok or degraded
    count_degraded bigint not null,
    count_error    bigint not null,
    count_skipped  bigint not null,
    p50_ms         bigint not null,
    p95_ms         bigint not null,
    p99_ms         bigint not null,
    primary key (tenant_id, run_id, stage)
);
select protect_tenant_table('run_stage_stats', 'projection', 'a run''s stages, counted from run_event_logs');

create table run_summaries (
    tenant_id   text not null,
    run_id      bigint not null,
    candidates  bigint,
    selected    bigint not null,
    admitted    bigint not null,
    processed   bigint not null,   -- leads that are terminal
    scored      bigint not null,
    dropped     bigint not null,
    parked      bigint not null,
    timed_out   bigint not null,
    shortlisted bigint not null,
    degraded    jsonb not null,    -- reason -> how many leads have it
    primary key (tenant_id, run_id)
);
select protect_tenant_table('run_summaries', 'projection', 'what a run came to, counted from its leads');

create table company_enrichment_runs (
    tenant_id           text not null,
    company_id          bigint not null,
    run_id              bigint not null,
    position            bigint,
    admitted_at         timestamptz,
    deadline_at         timestamptz,
    admitted_version    bigint not null default 0,
    domain              text,
    domain_method       text,
    domain_confidence   double precision,
    domain_version      bigint not null default 0,
    visit_verdict       text,
    pages_read          bigint,
    robots              text,
    measured            jsonb,
    visited_at          timestamptz,
    visit_version       bigint not null default 0,
    about_text          text,          -- from lead_texts, for as long as the text is kept
    corpus_hash         text,
    words               bigint,
    text_characters     bigint,
    language            text,
    tech_stack          text[],
    social_networks     text[],
    keywords            text[],
    careers             boolean,
    jobs_count          bigint,
    identity_confirmed  boolean,
    emails_found        bigint,
    extracted_version   bigint not null default 0,
    outcome             text check (outcome in ('scored', 'dropped', 'parked', 'timed_out')),
    outcome_reason      text,
    ended_at            timestamptz,
    outcome_version     bigint not null default 0,
    degraded_reasons    text[] not null default '{}',  -- of the highest attempt
    degraded_attempt    bigint not null default 0,
    primary key (tenant_id, run_id, company_id)
);
create index on company_enrichment_runs (tenant_id, company_id, run_id);
select protect_tenant_table('company_enrichment_runs', 'projection', 'one row per lead: a company on its way through a run');

create table lead_features (
    tenant_id  text not null,
    company_id bigint not null,
    run_id     bigint not null,
    features   jsonb not null,
    version    bigint not null,
    primary key (tenant_id, run_id, company_id)
);
create index on lead_features (tenant_id, company_id, run_id);
select protect_tenant_table('lead_features', 'projection', 'what a lead''s score was made from');

create table lead_scores (
    tenant_id     text not null,
    company_id    bigint not null,
    run_id        bigint not null,
    score         double precision not null,
    bucket        text not null,
    confidence    double precision not null,
    rationale     text not null,
    contributions jsonb not null,
    cache_key     text not null,
    created_at    timestamptz not null,   -- when it was scored
    version       bigint not null,
    primary key (tenant_id, run_id, company_id)
);
create index on lead_scores (tenant_id, company_id, run_id);
select protect_tenant_table('lead_scores', 'projection', 'a lead''s score and why');

create table shortlists (
    tenant_id  text not null,
    run_id     bigint not null,
    rank       bigint not null,
    company_id bigint not null,
    score      double precision,
    bucket     text,
    confidence double precision,
    domain     text,
    rationale  text,
    primary key (tenant_id, run_id, rank)
);
create index on shortlists (tenant_id, company_id);
select protect_tenant_table('shortlists', 'projection', 'a run''s ranking, best first');

-- Personal data in the clear: read under row level security, deleted with the person (see projections/src/erasure.rs).
create table lead_emails (
    tenant_id            text not null,
    company_id           bigint not null,
    email                text not null,
    subject_id           uuid not null,
    first_name           text,
    last_name            text,
    role_title           text,
    role_account         boolean not null,
    own_domain           boolean not null,
    source               text not null,
    run_id               bigint not null,
    version              bigint not null,
    last_seen_at         timestamptz not null,
    verification_status  text not null default 'unknown',
    smtp_confidence      double precision,
    verification_source  text,
    last_verified_at     timestamptz,
    primary key (tenant_id, company_id, email)
);
create index on lead_emails (tenant_id, subject_id);
select protect_tenant_table('lead_emails', 'projection', 'business addresses, opened with their subjects'' keys');

create table lead_email_verifications (
    tenant_id   text not null,
    company_id  bigint not null,
    subject_id  uuid not null,
    status      text not null,
    confidence  double precision,
    source      text not null,
    verified_at timestamptz not null,
    run_id      bigint not null,
    version     bigint not null,
    primary key (tenant_id, company_id, subject_id)
);
select protect_tenant_table('lead_email_verifications', 'projection', 'the newest check of each address, whichever of finding and checking is read first');

create table contacts (
    tenant_id    text not null,
    company_id   bigint not null,
    subject_id   uuid not null,
    name         text,             -- as it stands on the site, or first and last name
    first_name   text,
    last_name    text,
    role_title   text,
    wanted_title boolean not null, -- whether the tenant looks for such a title
    email        text,
    profile_url  text,
    source       text not null,
    run_id       bigint not null,
    version      bigint not null,
    last_seen_at timestamptz not null,
    primary key (tenant_id, company_id, subject_id)
);
create index on contacts (tenant_id, subject_id);
select protect_tenant_table('contacts', 'projection', 'people with a name or a title at a company');

create table lead_phones (
    tenant_id    text not null,
    company_id   bigint not null,
    phone        text not null,
    subject_id   uuid not null,
    run_id       bigint not null,
    version      bigint not null,
    last_seen_at timestamptz not null,
    primary key (tenant_id, company_id, phone)
);
create index on lead_phones (tenant_id, subject_id);
select protect_tenant_table('lead_phones', 'projection', 'phone numbers in E.164, opened with their subjects'' keys');

create table alerts (
    tenant_id       text not null,
    event_id        uuid not null,
    sequence        bigint not null,
    run_id          bigint,
    alert           text not null,
    value           double precision,
    limit_value     double precision,
    message         text not null,
    degraded_reason text,
    raised_at       timestamptz not null,
    primary key (tenant_id, event_id)
);
create index on alerts (tenant_id, raised_at);
select protect_tenant_table('alerts', 'projection', 'what an operator should look at');

-- Rebuilding: a second schema with the same tables, filled beside the live ones and then put in their place.
create schema rebuild;
grant usage on schema rebuild to presdr_projector;

create function projection_tables(of_schema text) returns setof name
    language sql stable as $$
    select relname from pg_class
    where relnamespace = of_schema::regnamespace and relkind = 'r' and obj_description(oid, 'pg_class') like 'projection: %'
    order by relname
$$;

-- Whether both schemas have the same projections with the same columns: a rebuild that was begun before a migration starts over.
create function rebuild_matches() returns boolean
    language sql stable as $$
    with columns as (
        select table_schema::text, table_name::text, column_name::text, data_type::text, ordinal_position::int
        from information_schema.columns
        where (table_schema = 'public' and table_name in (select projection_tables('public')))
           or (table_schema = 'rebuild' and table_name in (select projection_tables('rebuild')))
    )
    select not exists (
        select from (select table_name, column_name, data_type from columns where table_schema = 'public') live
        full join (select table_name, column_name, data_type from columns where table_schema = 'rebuild') anew
            using (table_name, column_name, data_type)
        where live is null or anew is null
    )
$$;

create function prepare_rebuild() returns void
    language plpgsql as $$
declare
    old name;
    made record;
    held record;
begin
    for old in select relname from pg_class where relnamespace = 'rebuild'::regnamespace and relkind = 'r' loop
        execute format('drop table rebuild.%I', old);
    end loop;
    for made in
        select t.name, c.oid, c.relowner, c.relacl, obj_description(c.oid, 'pg_class') as comment
        from projection_tables('public') as t (name)
        join pg_class c on c.relname = t.name and c.relnamespace = 'public'::regnamespace
    loop
        execute format('create table rebuild.%1$I (like public.%1$I including all)', made.name);
        perform protect_tenant_table(format('rebuild.%I', made.name)::regclass, 'projection', substr(made.comment, length('projection: ') + 1));
        for held in select privilege_type, grantee from aclexplode(made.relacl) where grantee not in (0, made.relowner) loop
            execute format('grant %s on rebuild.%I to %s', held.privilege_type, made.name, held.grantee::regrole);
        end loop;
    end loop;
end $$;

-- Puts the rebuilt tables and their checkpoint in the place of the live ones. `reached` is how far both have certainly read.
create function swap_rebuild(of_name text, reached bigint) returns void
    language plpgsql as $$
declare
    swapped name;
begin
    for swapped in select projection_tables('rebuild') loop
        execute format('drop table public.%I', swapped);
        execute format('alter table rebuild.%I set schema public', swapped);
    end loop;
    delete from projection_checkpoints where name = of_name and schema = 'live';
    update projection_checkpoints
    set schema = 'live', sequence = greatest(sequence, reached), settled_sequence = greatest(settled_sequence, reached), updated_at = now()
    where name = of_name and schema = 'rebuild';
end $$;
