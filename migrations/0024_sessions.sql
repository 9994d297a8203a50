-- Browsers' sessions. A cookie holds tenant and a random id; here is the id's hash alone, so that whoever reads this table can use none.
create table sessions (
    tenant_id      text not null references tenants,
    session_hash   bytea not null check (octet_length(session_hash) = 32),
    user_id        uuid not null,
    subject_hash   bytea not null check (octet_length(subject_hash) = 32),          -- keyed hash of the provider's name for the person
    provider_hash  bytea check (octet_length(provider_hash) = 32),                  -- keyed hash of the provider's own session
    sealed         bytea not null,                -- who they are, and the tokens to renew and end it: under the tenant's data key
    renew_at       timestamptz not null,          -- from then on the provider is asked whether it still holds
    renewing_until timestamptz,                   -- one request asks, the others wait for it
    expires_at     timestamptz not null,          -- whatever the provider says
    created_at     timestamptz not null default now(),
    primary key (tenant_id, session_hash),
    foreign key (tenant_id, user_id) references users on delete cascade   -- whoever is erased is signed out
);
create index sessions_subject on sessions (tenant_id, subject_hash);
create index sessions_provider on sessions (tenant_id, provider_hash) where provider_hash is not null;
create index sessions_expiry on sessions (tenant_id, expires_at);
select protect_tenant_table('sessions', 'record', 'browsers that are signed in; a row that is gone is a session that has ended');
grant select, insert, update, delete on sessions to presdr_producer;

-- Logout tokens that were obeyed, until they would be too old anyway: one that is sent again must not end a newer session.
create table logout_tokens (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    expires_at timestamptz not null
);
create index logout_tokens_expiry on logout_tokens (expires_at);
select declare_platform_table('logout_tokens', 'back-channel logout tokens by hash, so that each counts once');
grant select, insert, delete on logout_tokens to presdr_producer;
