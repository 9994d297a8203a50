-- Who agreed to be written to at a private address: what the e-mail policy `allow_with_consent` goes by.

create table consents (
    tenant_id    text not null references tenants,
    hash         bytea not null check (octet_length(hash) = 32),   -- of the address, as in suppressions
    consent_id   uuid not null,                                    -- what its events name
    given_at     timestamptz not null,                             -- when the person agreed
    basis        text not null,                                    -- where and how, in a few words
    actor        text not null,                                    -- who recorded it
    recorded_at  timestamptz not null,
    withdrawn_at timestamptz,                                      -- when the person took it back
    primary key (tenant_id, hash)
);
select protect_tenant_table('consents', 'record', 'consents to be written to, by keyed hash of the address');

grant select on consents to presdr_worker;
grant select, insert, update, delete on consents to presdr_producer;
