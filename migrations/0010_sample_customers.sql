-- How often a tenant's sample customers were set: a number of its own for each event that tells so.
alter table tenant_settings add column samples_version integer not null default 0;
