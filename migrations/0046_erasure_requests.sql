-- Erasures that somebody asked for over HTTP. Whoever asks cannot read the log, so that a service which can carries them out; who is meant waits
-- for it under the tenant's key, and is forgotten when it is done.
create table erasure_requests (
    tenant_id   text not null references tenants,
    request_id  uuid not null,
    state       text not null default 'asked' check (state in ('asked', 'under_way', 'done', 'failed')),
    sealed      bytea,                                   -- who is meant, until it is done or failed
    actor       text not null,                           -- who asked
    asked_at    timestamptz not null,
    due_at      timestamptz not null,                    -- when it is tried next
    tries       integer not null default 0,
    problem     text,                                    -- why it failed, or has to be tried again, in our own words
    erasures    integer[] not null default '{}',         -- what it came to: their receipts
    finished_at timestamptz,
    primary key (tenant_id, request_id),
    check ((state in ('asked', 'under_way')) = (sealed is not null)),
    check ((state in ('asked', 'under_way')) = (finished_at is null))
);
create index erasure_requests_due on erasure_requests (tenant_id, due_at) where sealed is not null;
create index erasure_requests_asked on erasure_requests (tenant_id, asked_at desc);
select protect_tenant_table('erasure_requests', 'record', 'erasures that were asked for and who asked; who is meant is sealed and goes when it is done');
select keep_out_of_statistics('erasure_requests', '{sealed}');
grant select, insert, update on erasure_requests to presdr_producer;
