-- Keys and data subjects: master key (outside the database) -> tenant key -> data subject key.

create table tenant_keys (
    tenant_id  text primary key references tenants,
    data_key   bytea not null,  -- wrapped by the master key; wraps the subjects' keys
    index_key  bytea not null,  -- wrapped by the master key; makes the keyed hashes below
    created_at timestamptz not null default now()
);
select protect_tenant_table('tenant_keys', 'record', 'the tenant''s keys, wrapped by the master key');

create table data_subjects (
    tenant_id   text not null references tenants,
    subject_id  uuid not null,
    wrapped_key bytea,          -- null once erased: nothing sealed for this person opens again
    created_at  timestamptz not null default now(),
    erased_at   timestamptz,    -- the tombstone that sealing and projecting check
    primary key (tenant_id, subject_id),
    check ((wrapped_key is null) = (erased_at is not null))
);
select protect_tenant_table('data_subjects', 'record', 'one key per person, destroyed when the person is erased');

create table subject_identifiers (
    tenant_id  text not null,
    kind       text not null check (kind in ('email', 'profile', 'phone', 'name', 'company')),
    hash       bytea not null check (octet_length(hash) = 32),
    subject_id uuid not null,
    primary key (tenant_id, kind, hash),
    foreign key (tenant_id, subject_id) references data_subjects
);
create index subject_identifiers_subject on subject_identifiers (tenant_id, subject_id);
select protect_tenant_table('subject_identifiers', 'record', 'keyed hashes that lead to a data subject');

create table suppressions (
    tenant_id  text not null references tenants,
    kind       text not null check (kind in ('email', 'domain', 'company', 'phone')),
    hash       bytea not null check (octet_length(hash) = 32),
    reason     text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, kind, hash)
);
select protect_tenant_table('suppressions', 'record', 'who must not be contacted, by keyed hash: outlives the person''s key');

grant select on tenant_keys to presdr_worker, presdr_projector, presdr_producer;
grant insert on tenant_keys to presdr_producer;
grant select, insert on data_subjects, subject_identifiers to presdr_worker, presdr_producer;
grant select on data_subjects, subject_identifiers to presdr_projector;
grant select on suppressions to presdr_worker, presdr_projector;
grant select, insert, delete on suppressions to presdr_producer;
