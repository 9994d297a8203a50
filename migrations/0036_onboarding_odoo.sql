-- Whether a tenant that is set up waits for its Odoo: for a connection that works, and the fields there.
alter table tenant_onboarding add column awaits_odoo boolean not null default false;
