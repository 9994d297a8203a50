-- Roles, the tenant policy, and the tables that belong to no tenant.
--
-- The roles themselves are made by `presdr migrate` before this runs (they belong to the cluster, not the database):
--   presdr_owner      owns every table, runs migrations, serves nobody
--   presdr_worker     consumers and the run manager
--   presdr_projector  projections
--   presdr_producer   ingest, scheduler, gateway, command line
--   presdr_reader     people's dashboards: reads projections of the tenant in their DSN
-- None of the four service roles owns a table or bypasses row level security.

-- The tenant of the current transaction. Unset or empty is an error, not an empty page.
create function request_tenant() returns text
    language plpgsql stable parallel safe as $$
declare
    tenant text := current_setting('request.tenant_id', true);
begin
    if tenant is null or tenant = '' then
        raise exception 'request.tenant_id is not set: enter a tenant before touching its tables'
            using errcode = 'insufficient_privilege';
    end if;
    return tenant;
end $$;

-- Declares a tenant-owned table: what it is (`record` or `projection`, kept in its comment, where a test reads it), and its
-- isolation. The sub-select makes the policy one init plan per statement rather than one call per row.
create function protect_tenant_table(target regclass, declared text, purpose text) returns void
    language plpgsql as $$
begin
    if declared not in ('record', 'projection') then
        raise exception '% must be declared record or projection, not %', target, declared;
    end if;
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('create policy tenant on %s using (tenant_id = (select request_tenant())) with check (tenant_id = (select request_tenant()))', target);
    execute format('comment on table %s is %L', target, declared || ': ' || purpose);
    if declared = 'projection' then
        execute format('grant select, insert, update, delete on %s to presdr_projector', target); -- no truncate: it heeds no policy
        execute format('grant select on %s to presdr_worker, presdr_producer, presdr_reader', target);
    end if;
end $$;

-- Declares a table without a tenant.
create function declare_platform_table(target regclass, purpose text) returns void
    language plpgsql as $$
begin
    execute format('comment on table %s is %L', target, 'platform: ' || purpose);
end $$;

create table tenants (
    tenant_id  text primary key check (tenant_id ~ '^[a-z0-9-]{1,32}$' and tenant_id <> 'presdr'),
    name       text not null,
    status     text not null default 'active' check (status in ('provisioning', 'active', 'suspended', 'purged')),
    created_at timestamptz not null default now()
);
select declare_platform_table('tenants', 'which tenants there are: services walk it; slugs are never reused, so rows stay');
grant select on tenants to presdr_worker, presdr_projector, presdr_producer;
grant insert, update on tenants to presdr_producer;

create table tenant_settings (
    tenant_id text primary key references tenants,
    -- one key per section: weights, thresholds, email_policy, alerts, schedule, retention; a missing one means the default
    settings  jsonb not null default '{}',
    updated_at timestamptz not null default now()
);
select protect_tenant_table('tenant_settings', 'record', 'what a tenant has set differently from the defaults');
grant select on tenant_settings to presdr_worker, presdr_projector;
grant select, insert, update on tenant_settings to presdr_producer;
