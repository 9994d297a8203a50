-- Suppression lists that people keep, and erasures that go on after a crash. Each suppression is a keyed hash; see events/src/identifiers.rs.

alter table suppressions drop constraint suppressions_kind_check;
alter table suppressions
    add constraint suppressions_kind_check
        check (kind in ('email', 'domain', 'company', 'phone', 'profile', 'name', 'thing')),
    add column company_id bigint,                        -- of a company: which; of a name: where it is looked for
    add column subject_id uuid,                          -- of an erased person: the tombstone
    add column source     text not null default 'command' check (source in ('import', 'command', 'erasure', 'consent')),
    add column actor      text not null default 'service:unknown',
    add column lifted_at  timestamptz,                   -- what was found before stays away: a rebuild must give the same rows
    add check (subject_id is null or lifted_at is null); -- nobody brings an erased person back
create index suppressions_company on suppressions (tenant_id, company_id) where company_id is not null;
create index suppressions_subject on suppressions (tenant_id, subject_id) where subject_id is not null;
create index suppressions_created on suppressions (tenant_id, created_at);

create table erasures (
    tenant_id    text not null references tenants,
    number       integer not null,                       -- the receipt's attempt
    subjects     uuid[] not null,
    actor        text not null,
    begun_at     timestamptz not null,
    finished_at  timestamptz,                            -- with the receipt, in one transaction
    removed      jsonb not null default '{}',            -- place -> rows so far
    primary key (tenant_id, number)
);
create index erasures_unfinished on erasures (tenant_id) where finished_at is null;
select protect_tenant_table('erasures', 'record', 'who was erased and when, by random id: what was cut off goes on from here');

grant update on suppressions to presdr_producer;
revoke delete on suppressions from presdr_producer;      -- they are lifted
grant select, insert, update on erasures to presdr_producer;
grant select on erasures to presdr_worker;

-- What an erasure does to records. Keys can be destroyed and identifiers forgotten, and nothing else changed about them.
grant update (wrapped_key, erased_at) on data_subjects to presdr_producer;
grant delete on subject_identifiers to presdr_producer;
grant select, update, delete on site_visits, lead_texts to presdr_producer;
grant select, delete on rationale_cache to presdr_producer;

-- Lists of suppressions are loads like others.
alter table ingest_loads drop constraint ingest_loads_source_check;
alter table ingest_loads add constraint ingest_loads_source_check check (source in ('acra', 'ssic', 'companies', 'suppressions'));

-- Companies that must not be contacted, by themselves or by a domain that any of their leads had: shortlists leave them out.
create table suppressed_companies (
    tenant_id  text not null,
    company_id bigint not null,
    primary key (tenant_id, company_id)
);
select protect_tenant_table('suppressed_companies', 'projection', 'companies that the tenant suppresses, or whose domain it does');

-- ANALYZE would copy values of these columns into the planner's statistics, where nobody erases them. Queries find rows by key.
create function keep_out_of_statistics(target regclass, of_columns name[]) returns void
    language plpgsql as $$
declare
    kept name;
begin
    foreach kept in array of_columns loop
        execute format('alter table %s alter column %I set statistics 0', target, kept);
    end loop;
end $$;
select keep_out_of_statistics('lead_emails', '{email, first_name, last_name, role_title, vendor_id}');
select keep_out_of_statistics('contacts', '{name, first_name, last_name, role_title, email, phone, profile_url, vendor_id}');
select keep_out_of_statistics('lead_phones', '{phone}');
select keep_out_of_statistics('company_enrichment_runs', '{about_text}');
select keep_out_of_statistics('lead_texts', '{about_text, corpus}');
select keep_out_of_statistics('site_visits', '{visit}');
select keep_out_of_statistics('icp_samples', '{sample, description}');
select keep_out_of_statistics('data_subjects', '{wrapped_key}');
select keep_out_of_statistics('vendor_answers', '{sealed}');

-- The same for the tables of a rebuild: copying a table does not copy this.
create function keep_rebuild_out_of_statistics() returns void
    language plpgsql as $$
declare
    kept record;
begin
    for kept in
        select anew.oid::regclass as target, array_agg(a.attname) as of_columns
        from pg_class live join pg_class anew on anew.relname = live.relname and anew.relnamespace = 'rebuild'::regnamespace
        join pg_attribute a on a.attrelid = live.oid and a.attstattarget = 0 and a.attnum > 0 and not a.attisdropped
        where live.relnamespace = 'public'::regnamespace and live.relkind in ('r', 'p')
        group by anew.oid
    loop
        perform keep_out_of_statistics(kept.target, kept.of_columns);
    end loop;
end $$;
