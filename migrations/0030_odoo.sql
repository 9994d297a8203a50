-- Each tenant's Odoo: where it is, as whom presdr works there, and whose a database is.
create table odoo_connections (
    tenant_id  text primary key references tenants,
    base_url   text not null,
    database   text not null,
    login      text not null,                              -- the service account's
    sealed_key bytea,                                      -- its API key under the tenant's key; none once it is disconnected
    flavour    text not null check (flavour in ('json2', 'jsonrpc')),
    active     boolean not null default true,
    version    integer not null default 1,                 -- how often it was set
    actor      text not null,                              -- who set it last
    changed_at timestamptz not null,
    checked_at timestamptz,
    problem    text,                                       -- what keeps it from working, and what cures that: nothing when it works
    check (active = (sealed_key is not null))
);
select protect_tenant_table('odoo_connections', 'record', 'where a tenant''s Odoo is, as whom presdr works there, and whether that works');
select keep_out_of_statistics('odoo_connections', '{sealed_key}');
grant select, insert, update on odoo_connections to presdr_producer;
grant select, update (checked_at, problem) on odoo_connections to presdr_worker;

-- A database of Odoo is one tenant's: no other is ever connected to it.
create table odoo_databases (
    place      bytea primary key check (octet_length(place) = 32),  -- SHA-256 of its address and name
    slug       text not null,
    claimed_at timestamptz not null default now()
);
select declare_platform_table('odoo_databases', 'which tenant an Odoo database is of, so that no other is connected to it');
grant select, insert, delete on odoo_databases to presdr_producer;
