-- Turns of conversations, and what their clients were told, in order: a client that lost its connection goes on from where it was, at
-- whichever gateway. Telling is by reference, as in thread_checkpoints.
create table chat_runs (
    tenant_id  text not null,
    run_id     uuid not null,
    thread_id  uuid not null,
    status     text not null default 'pending' check (status in ('pending', 'running', 'success', 'error', 'timeout', 'interrupted')),
    metadata   jsonb not null default '{}',
    resumable  boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    alive_at   timestamptz not null default now(),          -- when the gateway that works on it last said so
    primary key (tenant_id, run_id),
    foreign key (tenant_id, thread_id) references threads on delete cascade
);
create index chat_runs_thread on chat_runs (tenant_id, thread_id, created_at desc);
select protect_tenant_table('chat_runs', 'record', 'turns of conversations');

create table chat_run_events (
    tenant_id text not null,
    run_id    uuid not null,
    seq       bigint not null,
    event     text not null,
    data      jsonb not null,
    primary key (tenant_id, run_id, seq),
    foreign key (tenant_id, run_id) references chat_runs on delete cascade
);
select protect_tenant_table('chat_run_events', 'record', 'what a turn told its clients');

grant select, insert, update, delete on chat_runs to presdr_producer;
grant select, insert, delete on chat_run_events to presdr_producer;
