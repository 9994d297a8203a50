-- A site is read for about five seconds of pauses; with 256 leads in flight the processors idle for most of them. The crawl's own slots
-- (448 to a process) stay above it, so that one tenant's large run leaves places for another's.
alter table admission_windows alter column size set default 384;

-- Each tenant that still has the old default; the owner of the table enters like anybody else.
do $$
declare
    entered text;
begin
    for entered in select tenant_id from tenants loop
        perform set_config('request.tenant_id', entered, true);
        update admission_windows set size = 384 where tenant_id = entered and size = 256;
    end loop;
    perform set_config('request.tenant_id', '', true);
end
$$;
