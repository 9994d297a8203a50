-- When a tenant was last swept: time in which nobody worked does not count against its leads' deadlines.
alter table admission_windows add column swept_at timestamptz;

-- Places are given by position over all of a tenant's open runs.
drop index admissions_selected;
create index admissions_waiting on admissions (tenant_id, position, run_id) where state = 'selected';
create index admissions_selected on admissions (tenant_id, run_id) where state = 'selected';

-- Text is kept for the tenant's retention window.
grant delete on site_visits, lead_texts to presdr_worker;
