-- What is shown of one company: every question to a vendor about it, newest first.
create index on vendor_calls (tenant_id, company_id, sequence) where company_id is not null;
