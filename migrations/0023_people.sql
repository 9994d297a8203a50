-- People who use presdr through the gateway. Events name them by user_id alone; the address stands here and nowhere else.
create table users (
    tenant_id     text not null references tenants,
    user_id       uuid not null,
    subject_hash  bytea not null check (octet_length(subject_hash) = 32),   -- keyed hash of the provider's name for them
    email         text,
    first_seen_at timestamptz not null default now(),
    last_seen_at  timestamptz not null default now(),
    primary key (tenant_id, user_id),
    unique (tenant_id, subject_hash)
);
select protect_tenant_table('users', 'record', 'who signed in or wrote: the id that events name, and the address behind it');
select keep_out_of_statistics('users', '{email}');
grant select, insert, update, delete on users to presdr_producer;
