-- What people read of paid vendors: every call, each run's use, each day's costs; and what vendors told about leads.

create table vendor_calls (
    tenant_id       text not null,
    event_id        uuid not null,
    sequence        bigint not null,
    run_id          bigint,
    company_id      bigint,
    attempt         bigint not null,
    step            text not null,      -- the tool: the vendor and what it was asked
    vendor          text not null,
    operation       text not null,
    purpose         text not null,
    because         text not null,
    status          text not null,
    units           numeric not null,
    tokens_input    bigint not null,
    tokens_output   bigint not null,
    cost_usd        numeric not null,
    latency_ms      bigint not null,
    http_status     integer,
    requests        bigint not null,    -- those of a shared batch are counted on one of its leads
    rate_limit_hits bigint not null,
    quota_exhausted boolean not null,
    cache_hit       boolean not null,
    ledger_id       uuid,               -- vendor_intents.ask_id: what was set aside and charged for it
    called_at       timestamptz not null,
    primary key (tenant_id, event_id)
);
create index on vendor_calls (tenant_id, run_id, vendor);
create index on vendor_calls (tenant_id, called_at);
select protect_tenant_table('vendor_calls', 'projection', 'every question to a vendor: asked, answered from what was bought before, or refused');

create table run_vendor_usage (
    tenant_id       text not null,
    run_id          bigint not null,
    vendor          text not null,
    calls           bigint not null,    -- questions that were asked
    errors          bigint not null,    -- of these, without an answer
    cache_hits      bigint not null,    -- answered from what was bought before
    refused         bigint not null,    -- not asked: at a cap, or the breaker open
    requests        bigint not null,
    units           numeric not null,
    tokens_input    bigint not null,
    tokens_output   bigint not null,
    cost_usd        numeric not null,
    rate_limit_hits bigint not null,
    quota_exhausted boolean not null,   -- the vendor said so at least once
    primary key (tenant_id, run_id, vendor)
);
select protect_tenant_table('run_vendor_usage', 'projection', 'what a run used of each vendor, counted from vendor_calls');

-- A rebuild changes tables, and a view would hold on to the old one: so it reads through a function, which looks its table up as it runs.
create function vendor_costs()
    returns table (tenant_id text, day date, vendor text, purpose text, calls bigint, errors bigint, cache_hits bigint, refused bigint,
                   units numeric, tokens_input numeric, tokens_output numeric, cost_usd numeric)
    language plpgsql stable as $$
begin
    return query
    select c.tenant_id, (c.called_at at time zone 'Asia/Singapore')::date, c.vendor, c.purpose,
        count(*) filter (where c.status not in ('cached', 'refused_cap', 'breaker_open')),
        count(*) filter (where c.status not in ('answered', 'cached', 'refused_cap', 'breaker_open')),
        count(*) filter (where c.status = 'cached'), count(*) filter (where c.status in ('refused_cap', 'breaker_open')),
        sum(c.units), sum(c.tokens_input), sum(c.tokens_output), sum(c.cost_usd)
    from public.vendor_calls as c
    group by 1, 2, 3, 4;
end $$;

create view vendor_costs_daily with (security_invoker) as select * from vendor_costs();
comment on view vendor_costs_daily is 'what each vendor cost a tenant on each day (in Singapore), by purpose';
grant select on vendor_costs_daily to presdr_worker, presdr_projector, presdr_producer, presdr_reader;

alter table company_enrichment_runs
    add column ai_model            text,
    add column ai_fields           text[],
    add column ai_dropped          jsonb,            -- reason -> claims of the model that were not believed
    add column vendor_read_verdict text,
    add column vendor_pages        bigint,
    add column vendor_read_version bigint not null default 0,
    add column contacts_found      bigint,
    add column contacts_version    bigint not null default 0;

alter table lead_scores add column rationale_source text not null default 'deterministic';

-- What a vendor told has a version of its own: what the site says later does not wipe it out.
alter table lead_emails
    add column vendor_id           text,
    add column because             text,             -- why the vendor was asked
    add column vendor_run_id       bigint not null default 0,
    add column vendor_version      bigint not null default 0,
    add column verification_detail text;             -- the verifier's finer word

alter table lead_email_verifications add column detail text;

alter table contacts
    add column phone          text,
    add column vendor_id      text,
    add column because        text,
    add column vendor_run_id  bigint not null default 0,
    add column vendor_version bigint not null default 0;
