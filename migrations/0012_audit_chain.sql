-- Each tenant's events, linked in the order of the log (events/src/chain.rs), and what of that was signed.

-- Rows from before were never linked: a projector that meets them stops and asks for a rebuild.
alter table audit_log
    add column event_hash bytea not null default '',   -- the event's bytes at its place
    add column chain_hash bytea not null default '',   -- this and every event of the tenant before it
    alter column correlation_id drop not null;         -- an event that cannot be read is there, too, with status unreadable
alter table audit_log
    alter column event_hash drop default,
    alter column chain_hash drop default;
create index on audit_log (tenant_id, sequence);

-- Outlives the rows that retention takes.
create table audit_heads (
    tenant_id  text not null,
    sequence   bigint not null,   -- of the last event
    events     bigint not null,   -- how many, each once
    chain_hash bytea not null,
    primary key (tenant_id)
);
select protect_tenant_table('audit_heads', 'projection', 'the end of each tenant''s audit chain');

-- A rebuild cannot make a signature anew, so this is a record. What is signed is in the log as well: audit.checkpointed.
create table audit_checkpoints (
    tenant_id     text not null,
    number        integer not null check (number > 0),
    day           date not null,          -- when it was made, in Singapore
    sequence      bigint not null,        -- the last event that it covers
    events        bigint not null,        -- how many it covers from the first on
    chain_hash    bytea not null check (octet_length(chain_hash) = 32),
    previous_hash bytea check (octet_length(previous_hash) = 32),   -- of the checkpoint before
    key_hash      bytea not null check (octet_length(key_hash) = 32),
    signature     text not null,          -- Ed25519 of all above, base64
    created_at    timestamptz not null default now(),
    primary key (tenant_id, number)
);
select protect_tenant_table('audit_checkpoints', 'record', 'how far each tenant''s audit chain had come, signed');
grant select, insert on audit_checkpoints to presdr_producer;
grant select on audit_checkpoints to presdr_reader;
