-- Paid vendors: the ledger of what was bought, caps, circuit breakers, rates, and answers that were paid for.

-- One row per thing bought (an address, a company, a request), never per batch.
--   reserved  room is taken, the call has not begun         sent      the call may have begun
--   settled   answered, at what it came to                  released  refused or failed: nothing is charged
--   unknown   sent and never heard of again: charged at the maximum
create table vendor_intents (
    tenant_id       text not null references tenants,
    intent_id       uuid not null,
    ask_id          uuid not null,             -- those of one lead that were asked together: the ledger_id of their event
    vendor          text not null,
    operation       text not null,
    purpose         text not null,
    because         text not null,
    step            text not null,
    thing           bytea not null check (octet_length(thing) = 32),   -- keyed hash of what is bought
    run_id          bigint not null,           -- 0: outside runs
    company_id      bigint not null,           -- 0: about no company
    attempt         integer not null,
    state           text not null check (state in ('reserved', 'sent', 'settled', 'released', 'unknown')),
    owner           bigint not null,           -- the advisory lock that the asking process holds: whether it lives
    lease_until     timestamptz not null,      -- by then a living process is done with it
    day             date not null,             -- whose cap it counts against, in Singapore
    meter           text not null,
    reserved        numeric not null,          -- the worst case: on the meter, in units, tokens and money
    reserved_units  numeric not null,
    reserved_input  bigint not null,
    reserved_output bigint not null,
    reserved_usd    numeric not null,
    counted         numeric not null,          -- what the budgets hold for it now
    counted_usd     numeric not null,
    used            numeric not null default 0,   -- what it came to
    units           numeric not null default 0,
    tokens_input    bigint not null default 0,
    tokens_output   bigint not null default 0,
    cost_usd        numeric not null default 0,
    requests        integer not null default 0,   -- sent for it; those of a batch are counted on one of its things
    http_status     integer,
    created_at      timestamptz not null,
    ended_at        timestamptz,
    reconciled_at   timestamptz,               -- from then on the budgets hold what it came to
    primary key (tenant_id, intent_id)
) with (fillfactor = 70);
create unique index vendor_intents_live on vendor_intents (tenant_id, vendor, operation, thing) where state in ('reserved', 'sent');
create index vendor_intents_unknown on vendor_intents (tenant_id, vendor, operation, thing) where state = 'unknown';
create index vendor_intents_ask on vendor_intents (tenant_id, ask_id);
create index vendor_intents_unreconciled on vendor_intents (tenant_id) where reconciled_at is null and state in ('settled', 'released');
create index vendor_intents_ended on vendor_intents (tenant_id, ended_at);
select protect_tenant_table('vendor_intents', 'record', 'the ledger: every thing bought of a vendor, reserved before and settled after');

-- What is reserved or used of each cap. Only changed under the tenant's lock (ledger.rs), and never past its cap.
create table vendor_budgets (
    tenant_id text not null references tenants,
    meter     text not null,
    period    text not null,                   -- 2026-11-23, or run 17
    taken     numeric not null default 0 check (taken >= 0),
    primary key (tenant_id, meter, period)
) with (fillfactor = 50);
select protect_tenant_table('vendor_budgets', 'record', 'how much of each cap is reserved or used');

-- A missing row is a closed breaker.
create table vendor_breakers (
    tenant_id text not null references tenants,
    vendor    text not null,
    state     text not null check (state in ('closed', 'open', 'half_open')),
    reason    text check (reason in ('failures', 'quota', 'key')),
    failures  integer not null default 0,      -- in a row
    since     timestamptz,                     -- the first of them
    until     timestamptz,                     -- open: from then on one may try; half open: by then the one who tries is done
    key_id    bytea,                           -- the key it was opened with, as a hash
    primary key (tenant_id, vendor)
);
select protect_tenant_table('vendor_breakers', 'record', 'which vendor is not asked for a tenant now, and why');

-- GCRA: the theoretical arrival time of a key's next request. Lost in a crash it costs a few requests that come too early.
create table vendor_rates (
    vendor     text not null,
    key_id     bytea not null,                 -- hash of the vendor's key: tenants may share it
    arrival_at timestamptz not null,
    primary key (vendor, key_id)
) with (fillfactor = 50);
select declare_platform_table('vendor_rates', 'requests per vendor key are spaced across the fleet');

create table vendor_answers (
    tenant_id  text not null references tenants,
    vendor     text not null,
    operation  text not null,
    thing      bytea not null check (octet_length(thing) = 32),
    run_id     bigint not null,                -- whose lead bought it
    company_id bigint not null,
    attempt    integer not null,
    sealed     bytea not null,                 -- under the tenant's data key: it may name people
    stored_at  timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, vendor, operation, thing)
);
create index vendor_answers_expiry on vendor_answers (tenant_id, expires_at);
create index vendor_answers_company on vendor_answers (tenant_id, company_id);
select protect_tenant_table('vendor_answers', 'record', 'answers that were paid for, until they are too old to be used again');

create table vendor_alert_claims (
    tenant_id  text not null references tenants,
    about      text not null,                  -- a vendor, or a meter with its period
    kind       text not null,
    day        date not null,
    claimed_at timestamptz not null default now(),
    primary key (tenant_id, about, kind, day)
);
select protect_tenant_table('vendor_alert_claims', 'record', 'one alert per tenant, vendor and day: whoever inserts the row raises it');

create table email_verification_cache (
    tenant_id  text not null references tenants,
    hash       bytea not null check (octet_length(hash) = 32),   -- keyed hash of the address, as in subject_identifiers
    status     text not null,
    sub_status text not null,
    confidence double precision,
    vendor     text not null,
    checked_at timestamptz not null,
    recheck_at timestamptz not null,
    primary key (tenant_id, hash)
);
create index email_verification_cache_age on email_verification_cache (tenant_id, checked_at);
select protect_tenant_table('email_verification_cache', 'record', 'what a verifier said of an address, by keyed hash, until it is asked again');

-- Vectors are little-endian float32, as the vendor sends them.
create table embeddings (
    tenant_id  text not null references tenants,
    company_id bigint not null,
    model      text not null,
    text_hash  text not null,
    vector     bytea not null,
    made_at    timestamptz not null,
    primary key (tenant_id, company_id, model)
);
create index embeddings_age on embeddings (tenant_id, made_at);
select protect_tenant_table('embeddings', 'record', 'the vector of a company''s about text: made again only when the text changes');

create table icp_samples (
    tenant_id   text not null references tenants,
    sample      text not null,                 -- the customer's name or domain, as the tenant gave it
    description text not null,
    text_hash   text not null,
    model       text,
    vector      bytea,
    updated_at  timestamptz not null default now(),
    primary key (tenant_id, sample)
);
select protect_tenant_table('icp_samples', 'record', 'customers that the tenant names as samples: what leads are compared with');

grant select, insert, update on vendor_intents, vendor_budgets, vendor_breakers, vendor_rates to presdr_worker, presdr_producer;
grant select, insert, update, delete on vendor_answers to presdr_worker, presdr_producer;
grant select, insert on vendor_alert_claims to presdr_worker, presdr_producer;
grant select, insert, update, delete on email_verification_cache, embeddings to presdr_worker, presdr_producer;
grant select, update on icp_samples to presdr_worker;
grant select, insert, update, delete on icp_samples to presdr_producer;
