-- Runs, admissions and lead steps: what workers act on. Postgres is their only home.

create sequence run_id_seq maxvalue 9007199254740991;

create table icp_rules (
    rule_id    bigint generated always as identity,
    tenant_id  text not null references tenants,
    name       text not null default 'default',
    payload    jsonb not null,
    version    integer not null default 1,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, rule_id),
    unique (tenant_id, name)
);
select protect_tenant_table('icp_rules', 'record', 'the newest version of each ideal customer profile');

create table icp_rule_versions (
    tenant_id  text not null,
    rule_id    bigint not null,
    version    integer not null,
    payload    jsonb not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, rule_id, version),
    foreign key (tenant_id, rule_id) references icp_rules
);
select protect_tenant_table('icp_rule_versions', 'record', 'every version of each profile: a run pins the one it started with');

create table runs (
    tenant_id   text not null references tenants,
    run_id      bigint not null,
    kind        text not null check (kind in ('nightly', 'manual')),
    local_date  date,
    status      text not null default 'open' check (status in ('open', 'paused', 'cancelled', 'completed')),
    attempt     integer not null default 1,   -- 2 when a parked lead is put back after the run was over, and so on
    cap         integer not null check (cap between 1 and 5000),
    icp_rule    bigint not null,
    icp_version integer not null,
    candidates  bigint,
    degraded    text[] not null default '{}',
    created_at  timestamptz not null default now(),
    targeted_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, run_id)
);
create unique index runs_run_id on runs (run_id);
create index runs_unfinished on runs (tenant_id) where finished_at is null;
select protect_tenant_table('runs', 'record', 'the state that workers check before they act');

create table run_claims (
    tenant_id  text not null references tenants,
    kind       text not null,
    local_date date not null,
    run_id     bigint not null,
    claimed_at timestamptz not null default now(),
    primary key (tenant_id, kind, local_date)
);
select protect_tenant_table('run_claims', 'record', 'one nightly run per tenant and date: whoever inserts the row starts it');

-- One row per tenant: its lock makes counting places in flight and giving them out one act.
create table admission_windows (
    tenant_id text primary key references tenants,
    size      integer not null default 256 check (size between 1 and 10000)
);
select protect_tenant_table('admission_windows', 'record', 'how many leads of a tenant may be in flight at once');

create table admissions (
    tenant_id   text not null,
    run_id      bigint not null,
    company_id  bigint not null,
    position    integer not null,
    state       text not null default 'selected' check (state in ('selected', 'admitted', 'terminal')),
    attempt     integer not null default 1,
    outcome     text check (outcome in ('scored', 'dropped', 'parked', 'timed_out', 'not_admitted')),
    score       double precision,
    confidence  double precision,
    bucket      text,
    uen         text,
    degraded    text[] not null default '{}',
    admitted_at timestamptz,
    deadline_at timestamptz,
    terminal_at timestamptz,
    primary key (tenant_id, run_id, company_id),
    foreign key (tenant_id, run_id) references runs,
    check ((state = 'terminal') = (outcome is not null))
);
create index admissions_selected on admissions (tenant_id, run_id, position) where state = 'selected';
create index admissions_in_flight on admissions (tenant_id, deadline_at) where state = 'admitted';
select protect_tenant_table('admissions', 'record', 'one row per lead of a run: selected, admitted, terminal');

create table seen_companies (
    tenant_id    text not null references tenants,
    company_id   bigint not null,
    last_seen_at timestamptz not null,
    primary key (tenant_id, company_id)
);
select protect_tenant_table('seen_companies', 'record', 'when a tenant''s pipeline last finished a company: never seen first, then stalest');

-- What a step came to: the exact bytes of its event. Run-level events have company_id 0, tenant-level ones run_id 0 too.
create table lead_steps (
    tenant_id    text not null,
    run_id       bigint not null,
    company_id   bigint not null,
    step         text not null,
    attempt      integer not null,
    event_id     uuid not null,
    subject      text not null,
    body         bytea not null,
    committed_at timestamptz not null default now(),
    published_at timestamptz,
    primary key (tenant_id, run_id, company_id, step, attempt)
);
create index lead_steps_unpublished on lead_steps (tenant_id, committed_at) where published_at is null;
select protect_tenant_table('lead_steps', 'record', 'the outcome of every step, committed before it is published');

create table parked_messages (
    parked_id   bigint generated always as identity,
    tenant_id   text not null,
    consumer    text not null,
    event_id    uuid,
    subject     text not null,
    stream_sequence bigint not null,
    deliveries  integer not null,
    run_id      bigint,
    company_id  bigint,
    error       text not null,
    parked_at   timestamptz not null default now(),
    retried_at  timestamptz,
    primary key (tenant_id, parked_id),
    unique (tenant_id, consumer, stream_sequence)
);
select protect_tenant_table('parked_messages', 'record', 'work that could not be done and waits for a person');

-- What the last visit to a company's site brought: page by page, with the readable text. Kept for the tenant's retention window.
create table site_visits (
    tenant_id  text not null,
    company_id bigint not null,
    run_id     bigint not null,
    attempt    integer not null,
    domain     text not null,
    visit      jsonb not null,
    fetched_at timestamptz not null default now(),
    primary key (tenant_id, company_id, run_id, attempt)
);
create index site_visits_age on site_visits (tenant_id, fetched_at);
select protect_tenant_table('site_visits', 'record', 'pages read and what they say: conditional requests, extraction, evidence');

create table lead_texts (
    tenant_id   text not null,
    company_id  bigint not null,
    run_id      bigint not null,
    attempt     integer not null,
    corpus_hash text not null,
    about_text  text not null,
    corpus      text not null,
    stored_at   timestamptz not null default now(),
    primary key (tenant_id, company_id, run_id, attempt)
);
create index lead_texts_age on lead_texts (tenant_id, stored_at);
select protect_tenant_table('lead_texts', 'record', 'the merged text whose hash the event holds');

create table rationale_cache (
    tenant_id  text not null references tenants,
    cache_key  text not null,
    rationale  text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, cache_key)
);
select protect_tenant_table('rationale_cache', 'record', 'rationales by the hash of the features they were made from');

-- From when on a domain may be asked again, so that spacing holds when a visit passes from one worker to another.
create table domain_visits (
    domain  text primary key,
    free_at timestamptz not null
);
select declare_platform_table('domain_visits', 'politeness across the fleet: the same site is spaced whoever visits it');

grant select on icp_rules, icp_rule_versions, run_claims, runs, admissions, lead_steps, admission_windows to presdr_worker, presdr_producer;
grant insert, update on icp_rules, icp_rule_versions to presdr_producer;
grant insert on runs, run_claims to presdr_producer;
grant update on runs, admissions, lead_steps, admission_windows to presdr_worker, presdr_producer;
grant insert on lead_steps, admissions, admission_windows to presdr_worker, presdr_producer;
grant select, insert, update on seen_companies, parked_messages to presdr_worker, presdr_producer;
grant select, insert, update on site_visits, lead_texts, rationale_cache, domain_visits to presdr_worker;
grant select on lead_texts to presdr_projector, presdr_producer;
grant select on site_visits to presdr_producer;
grant usage on sequence run_id_seq to presdr_producer;
