-- Which master key wraps tenants' keys, so that it can be changed while services run.

create table master_keys (
    master_id  text primary key check (master_id ~ '^[0-9a-f]{16}$'),   -- the first half of a hash of the key: names it, tells nothing
    state      text not null check (state in ('current', 'retiring', 'retired')),
    since      timestamptz not null default now(),
    actor      text not null
);
create unique index master_keys_current on master_keys (state) where state = 'current';
select declare_platform_table('master_keys', 'the master keys that tenants'' keys are or were wrapped with; never a key itself');
grant select on master_keys to presdr_worker, presdr_projector, presdr_producer;
grant insert, update on master_keys to presdr_producer;

-- Null: wrapped before master keys had names; whichever opens it is the one.
alter table tenant_keys add column master_id text check (master_id ~ '^[0-9a-f]{16}$');   -- no key to master_keys: a tenant's table refers to none without the tenant
