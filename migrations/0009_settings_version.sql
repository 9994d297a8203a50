-- How often a tenant's settings were set: a number of its own for each event that tells so.
alter table tenant_settings add column version integer not null default 0;
