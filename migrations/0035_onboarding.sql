-- How far the setting up of a tenant is. A tenant without a row was set up before there were any.
create table tenant_onboarding (
    tenant_id  text primary key references tenants,
    state      text not null default 'provisioning' check (state in ('provisioning', 'syncing', 'ready')),
    problem    text,                  -- what keeps it from going on, and what cures that
    begun_by   text not null,
    begun_at   timestamptz not null,
    changed_at timestamptz not null,
    ready_by   text,
    ready_at   timestamptz,
    check ((state = 'ready') = (ready_at is not null) and (ready_by is null) = (ready_at is null))
);
select protect_tenant_table('tenant_onboarding', 'record', 'how far the setting up of a tenant is, who began it and who finished it');
grant select, insert, update on tenant_onboarding to presdr_producer;
