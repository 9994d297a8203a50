-- Conversations. A thread belongs to one user of one tenant. What was said is a chain of checkpoints: going back to an older one and saying
-- something else makes a branch, and the thread's head says where it stands.
create table threads (
    tenant_id        text not null references tenants,
    thread_id        uuid not null,
    owner            text not null,                         -- the user's opaque id, as events name them
    metadata         jsonb not null default '{}',
    status           text not null default 'idle' check (status in ('idle', 'busy', 'interrupted', 'error')),
    head             uuid,                                  -- the newest checkpoint, none in a fresh thread
    hidden           boolean not null default false,        -- of a run without a thread: not listed
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    state_updated_at timestamptz not null default now(),
    primary key (tenant_id, thread_id)
);
create index threads_owner on threads (tenant_id, owner, updated_at desc) where not hidden;
create index threads_age on threads (tenant_id, updated_at);
select protect_tenant_table('threads', 'record', 'conversations, each of one user');

create table thread_checkpoints (
    tenant_id     text not null,
    thread_id     uuid not null,
    checkpoint_id uuid not null,                            -- version 7: later ones are greater
    parent_id     uuid,
    run_id        uuid,
    source        text not null check (source in ('input', 'loop', 'update')),
    step          integer not null,
    messages      jsonb not null,                           -- addresses masked, tables of leads by reference: read with the reader's sight
    pending       jsonb,                                    -- a command that waits for a yes
    created_at    timestamptz not null default now(),
    primary key (tenant_id, thread_id, checkpoint_id),
    foreign key (tenant_id, thread_id) references threads on delete cascade
);
select protect_tenant_table('thread_checkpoints', 'record', 'the states that conversations have been in');

grant select, insert, update, delete on threads to presdr_producer;
grant select, insert, delete on thread_checkpoints to presdr_producer;

-- Conversations in which nothing was said for long go, like everything else that was kept long enough.
alter table retention_passes add column threads_before timestamptz not null default 'epoch';
