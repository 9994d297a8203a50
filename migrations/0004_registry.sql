-- The company registry that all tenants share, what a tenant knows besides, and the candidates of each profile.

-- The SSIC classification on its five levels. Codes are compared byte by byte: the prefix of a code is a level above it.
create table ssic_ref (
    code        text collate "C" primary key,
    title       text not null,
    label       text not null,   -- the title in the form in which labels are compared: lower case, single spaces
    description text not null default '',
    level       text not null check (level in ('section', 'division', 'group', 'class', 'subclass')),
    section     text not null,
    parent      text
);
select declare_platform_table('ssic_ref', 'the industry classification: titles by code');

-- Ids are allotted once per UEN and never change hands; below 2^53, for they travel through JSON. A registry load numbers its new
-- companies from the sequence's value on and sets it at the end, under a lock that others hold shared: hence no cache.
create sequence company_id_seq maxvalue 9007199254740991;

-- Keys and indexes: index_companies() below.
create table companies (
    company_id         bigint not null default nextval('company_id_seq'),
    incorporation_year integer,
    employees_est      integer,                -- not in the registry: for an operator to fill
    live               boolean not null,       -- registered and not being wound up; others are kept, and are no candidates
    sg_registered      boolean not null default true,
    updated_at         timestamptz not null default now(),   -- when a load last changed the row
    uen                text collate "C" not null,
    name               text not null,
    entity_type        text,
    entity_status      text,
    industry_code      text collate "C",       -- SSIC, five digits; may be of an older edition
    industry_norm      text,                   -- label of the code's division
    postal_code        text,
    revenue_bucket     text,                   -- not in the registry
    website_domain     text                    -- not in the registry
);
select declare_platform_table('companies', 'registry facts, one row per UEN: read-only to workers');
-- A nightly load changes few rows of many, and refreshes read an index alone where no row of a page changed: tidy up soon.
alter table companies set (autovacuum_vacuum_scale_factor = 0.001, autovacuum_vacuum_insert_scale_factor = 0.001,
                           autovacuum_analyze_scale_factor = 0.02);

-- Ids of companies that a tenant named by UEN before the registry did. The registry takes them over when it brings the UEN.
create table company_uens (
    uen        text collate "C" primary key,
    company_id bigint not null unique default nextval('company_id_seq')
);
select declare_platform_table('company_uens', 'ids allotted to UENs that the registry did not have');

-- The lines of the registry load in hand, or of the last one; a line that cannot be used has a reason. Filled again from the start
-- by every load, so it need not survive a crash.
create unlogged table staging_acra_companies (
    line               integer not null,
    file               smallint not null,   -- place in the load's list of files, from 0
    incorporation_year smallint,
    live               boolean,
    uen                text collate "C",
    name               text,
    entity_type        text,
    entity_status      text,
    industry_code      text collate "C",
    postal_code        text,
    reason             text,
    raw                text
);
select declare_platform_table('staging_acra_companies', 'the registry load in hand');

-- Counted once per load: counting two million rows for every refresh would take longer than the refresh.
create table registry_state (
    only_row       boolean primary key default true check (only_row),
    live_companies bigint not null,
    counted_at     timestamptz not null default now()
);
select declare_platform_table('registry_state', 'how many live companies the last registry load left');

-- Loads of the registry have the platform's own name as tenant.
create table ingest_loads (
    tenant_id    text not null,
    load_id      bigint generated always as identity,
    source       text not null check (source in ('acra', 'ssic', 'companies')),
    files        text[] not null,
    state        text not null default 'loading' check (state in ('loading', 'done', 'abandoned')),
    content_hash text,
    rows         bigint,
    quarantined  bigint,
    inserted     bigint,
    updated      bigint,
    started_at   timestamptz not null default now(),
    finished_at  timestamptz,
    primary key (tenant_id, load_id)
);
select protect_tenant_table('ingest_loads', 'record', 'what was loaded when, and whether it was finished');

-- What could not be used of a file as it was last loaded. The line itself is kept for the public registry alone: a tenant's list may
-- hold personal data, and the tenant has the file.
create table ingest_quarantine (
    tenant_id text not null,
    load_id   bigint not null,
    file      text not null,
    line      bigint not null,
    reason    text not null,
    raw       text,
    primary key (tenant_id, load_id, file, line)
);
select protect_tenant_table('ingest_quarantine', 'record', 'lines that could not be used, and why');

-- What a tenant says about companies, of the registry or not.
create table tenant_companies (
    tenant_id          text not null references tenants,
    company_id         bigint not null,
    identity           text not null,          -- what it is known by in the tenant's lists: UEN, or name and domain
    uen                text collate "C",
    name               text,
    website_domain     text,
    industry_norm      text,
    industry_code      text collate "C",
    employees_est      integer,
    revenue_bucket     text,
    incorporation_year integer,
    place              text,
    updated_at         timestamptz not null default now(),
    primary key (tenant_id, company_id),
    unique (tenant_id, identity)
);
select protect_tenant_table('tenant_companies', 'record', 'a tenant''s own company list: overrides what the registry says');

-- Companies as a tenant sees them: the registry's, with what the tenant knows better, and those of the tenant alone. A registered name
-- stays as it is registered.
create view tenant_company with (security_invoker) as
    select c.company_id, c.uen, c.name, c.live, c.sg_registered, c.entity_type, c.entity_status, c.postal_code,
           coalesce(t.industry_norm, c.industry_norm) as industry_norm,
           coalesce(t.industry_code, c.industry_code) as industry_code,
           coalesce(t.employees_est, c.employees_est) as employees_est,
           coalesce(t.revenue_bucket, c.revenue_bucket) as revenue_bucket,
           coalesce(t.incorporation_year, c.incorporation_year) as incorporation_year,
           coalesce(t.website_domain, c.website_domain) as website_domain,
           t.place, t.company_id is not null as listed, true as in_registry
    from companies c
    left join tenant_companies t on t.tenant_id = (select request_tenant()) and t.company_id = c.company_id
    union all
    select t.company_id, t.uen, coalesce(t.name, t.uen), true, false, null, null, null,
           t.industry_norm, t.industry_code, t.employees_est, t.revenue_bucket, t.incorporation_year, t.website_domain,
           t.place, true, false
    from tenant_companies t
    where t.tenant_id = (select request_tenant()) and not exists (select from companies c where c.company_id = t.company_id);

create table icp_candidate_companies (
    tenant_id  text not null,
    rule_id    bigint not null,
    company_id bigint not null,
    primary key (tenant_id, rule_id, company_id)
);
select protect_tenant_table('icp_candidate_companies', 'record', 'the companies that fit each profile, as of its last refresh');

-- The keys and indexes of companies, in one place since a first load drops them and makes them again.
create function index_companies() returns void
    language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    alter table companies add constraint companies_pkey primary key (company_id);
    alter table companies add constraint companies_uen_key unique (uen);
    -- What a refresh of candidates reads, without touching the table.
    create index companies_industry on companies (industry_code, incorporation_year)
        include (employees_est, revenue_bucket, company_id) where live;
end $$;
select index_companies();

-- What a load's lines say, one line per UEN: the last file's last.
create view staged_companies as
    select s.*, d.label as industry_norm
    from (select distinct on (uen) * from staging_acra_companies where reason is null order by uen, file desc, line desc) s
    left join ssic_ref d on d.level = 'division' and d.code = left(s.industry_code, 2);

-- Lets the planner know how many companies are staged: ten of a correction or two million of a release. The owner's to do, too.
create function analyze_staged_companies() returns void
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    analyze staging_acra_companies;
end $$;

-- Inserts the staged companies that are new and returns how many; their ids go on from last_id. Into an empty table the rows go before
-- the indexes are made, which takes a third of the time. That is the owner's to do, so this runs as the owner.
create function insert_staged_companies(last_id bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp set work_mem = '64MB' as $$
declare
    first_load boolean := not exists (select from companies);
    inserted   bigint;
begin
    if first_load then
        alter table companies drop constraint companies_pkey, drop constraint companies_uen_key;
        drop index companies_industry;
    end if;
    insert into companies (company_id, incorporation_year, live, uen, name, entity_type, entity_status, industry_code,
                           industry_norm, postal_code)
    select coalesce(u.company_id, last_id + row_number() over ()), s.incorporation_year, s.live, s.uen, s.name, s.entity_type,
           s.entity_status, s.industry_code, s.industry_norm, s.postal_code
    from staged_companies s left join company_uens u on u.uen = s.uen
    where not exists (select from companies c where c.uen = s.uen);
    get diagnostics inserted = row_count;
    if first_load then
        perform index_companies();
        analyze companies;
    end if;
    return inserted;
end $$;

revoke execute on function index_companies(), analyze_staged_companies(), insert_staged_companies(bigint) from public;
grant execute on function analyze_staged_companies(), insert_staged_companies(bigint) to presdr_producer;

grant select on ssic_ref, companies to presdr_worker, presdr_projector, presdr_producer, presdr_reader;
grant select on tenant_companies, tenant_company, icp_candidate_companies to presdr_worker, presdr_projector, presdr_producer, presdr_reader;
grant select on registry_state, company_uens to presdr_worker, presdr_producer;
grant insert, update, delete on ssic_ref to presdr_producer;
grant insert, update on companies, registry_state, tenant_companies to presdr_producer;
grant insert on company_uens to presdr_producer;
grant select, insert, truncate on staging_acra_companies to presdr_producer;
grant select on staged_companies to presdr_producer;
grant select, insert, update on ingest_loads to presdr_producer;
grant select, insert, delete on ingest_quarantine to presdr_producer;
grant insert, delete on icp_candidate_companies to presdr_worker, presdr_producer;
grant select, usage, update on sequence company_id_seq to presdr_producer;
