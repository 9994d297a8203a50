-- What presdr wrote to each tenant's Odoo, and what is to be written there.
create table odoo_records (
    tenant_id  text not null references tenants,
    place      bytea not null check (octet_length(place) = 32),    -- which database: SHA-256 of its address and name
    model      text not null check (model in ('res.partner', 'crm.lead')),
    company_id bigint not null,
    subject_id uuid not null,                                      -- of a contact: who; zeroes for the company itself
    odoo_id    bigint,                                             -- none while nobody saw it made
    origin     text not null check (origin in ('made', 'adopted')),
    state      text not null check (state in ('sending', 'held', 'archived', 'deleted', 'ambiguous', 'refused', 'owed', 'erased')),
    fields     jsonb not null default '{}',                        -- field -> keyed hashes: wanted, held, sending
    run_id     bigint not null,                                    -- whose values it has
    attempt    integer not null,                                   -- of the sync that touched it last
    outcome    text not null,                                      -- what that sync did with it
    problem    text,                                               -- in our own words
    changed_at timestamptz not null,
    primary key (tenant_id, place, model, company_id, subject_id)
);
create index odoo_records_subject on odoo_records (tenant_id, subject_id) where subject_id <> '00000000-0000-0000-0000-000000000000';
create index odoo_records_id on odoo_records (tenant_id, place, odoo_id);
create index odoo_records_owed on odoo_records (tenant_id, place) where state = 'owed';
create index odoo_records_run on odoo_records (tenant_id, run_id);
select protect_tenant_table('odoo_records', 'record', 'what presdr wrote to a tenant''s Odoo: intents before, and what Odoo held after');
grant select, insert, update on odoo_records to presdr_worker, presdr_producer;

create table odoo_syncs (
    tenant_id       text not null references tenants,
    run_id          bigint not null,
    attempt         integer not null,
    state           text not null check (state in ('due', 'done')),
    cause_id        uuid not null,                                 -- the event that asked for it
    correlation_id  uuid not null,
    actor           text not null,                                 -- for whom it is written
    asked_at        timestamptz not null,
    due_at          timestamptz not null,
    tries           integer not null default 0,                    -- that failed
    first_failed_at timestamptz,
    problem         text,                                          -- of the last try, with its cure
    finished_at     timestamptz,
    counts          jsonb not null default '{}',                   -- outcome -> records
    primary key (tenant_id, run_id, attempt),
    unique (tenant_id, cause_id)
);
create index odoo_syncs_due on odoo_syncs (tenant_id, due_at) where state = 'due';
create index odoo_syncs_asked on odoo_syncs (tenant_id, asked_at desc);
select protect_tenant_table('odoo_syncs', 'record', 'runs whose shortlist is to be written to the tenant''s Odoo, and when: what is due stays due until it is done');
grant select, insert, update on odoo_syncs to presdr_worker, presdr_producer;
