-- Runs for companies that a person names, and the pages that such a run must read.
alter table runs
    drop constraint runs_kind_check,
    add constraint runs_kind_check check (kind in ('nightly', 'manual', 'named')),
    add column company_ids bigint[] not null default '{}',
    add column include text[] not null default '{}';
