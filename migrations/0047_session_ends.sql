-- Sign-outs that the identity provider told of, for as long as a sign-in may take: one that was begun before must not end in a session after.
create table session_ends (
    tenant_id text not null references tenants,
    hash      bytea not null check (octet_length(hash) = 32),   -- keyed hash of the person, or of the provider's own session
    ended_at  timestamptz not null,
    primary key (tenant_id, hash)
);
create index session_ends_age on session_ends (tenant_id, ended_at);
select protect_tenant_table('session_ends', 'record', 'sign-outs of a quarter of an hour, so that a sign-in that was on its way ends in no session');
grant select, insert, update, delete on session_ends to presdr_producer;
