-- Erasing a tenant: nobody can enter it any more, then its keys, events and rows go, and a receipt stays.

alter table tenants drop constraint tenants_status_check;
alter table tenants add constraint tenants_status_check
    check (status in ('provisioning', 'active', 'suspended', 'purging', 'purged'));

-- Closes every tenant that is being erased or was: from the commit on, whoever is in such a tenant gets an error from each statement
-- on a tenant's table, whatever role or tool it is. The names are in the function's own text: every statement of every service asks for
-- its tenant, and a list in a table would cost each of them a look-up. The one who erases says so in `request.erasing`.
create function close_erased_tenants() returns void
    language plpgsql as $$
declare
    closed text[];
begin
    select coalesce(array_agg(tenant_id order by tenant_id), '{}') into closed from tenants where status in ('purging', 'purged');
    execute format($function$
        create or replace function request_tenant() returns text
            language plpgsql stable parallel safe as $body$
        declare
            tenant text := current_setting('request.tenant_id', true);
        begin
            if tenant is null or tenant = '' then
                raise exception 'request.tenant_id is not set: enter a tenant before touching its tables'
                    using errcode = 'insufficient_privilege';
            end if;
            if tenant = any (%L::text[]) and current_setting('request.erasing', true) is distinct from tenant then
                raise exception 'tenant %% was erased: nothing of it is read or written, and its name is never used again', tenant
                    using errcode = 'PR001';
            end if;
            return tenant;
        end $body$
    $function$, closed);
end $$;
select close_erased_tenants();
revoke execute on function close_erased_tenants() from public;

create table tenant_purges (
    purge_id       integer generated always as identity primary key,
    slug           text not null references tenants,
    started_at     timestamptz not null default now(),
    started_by     text not null,
    rows_removed   jsonb not null default '{}',       -- table -> rows; written with each deletion
    rows_of_others jsonb not null default '{}',       -- table -> rows of all other tenants, the same before and after the deletion
    events_marked  bigint,                            -- counted before they are removed
    events_removed bigint not null default 0,
    finished_at    timestamptz
);
create unique index tenant_purges_open on tenant_purges (slug) where finished_at is null;
select declare_platform_table('tenant_purges', 'receipts of erased tenants: what was removed, and that nothing is left');
grant select on tenant_purges to presdr_producer;
grant update (finished_at) on tenant_purges to presdr_producer;
