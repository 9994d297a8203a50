-- Some read models can be made anew without the others, and be compared with the live ones.

drop function prepare_rebuild();
drop function rebuild_matches();

-- Whether the rebuild's tables are these, with the live tables' columns: what was begun before a migration, or for other tables, starts over.
create function rebuild_matches(wanted text[]) returns boolean
    language sql stable as $$
    with columns as (
        select table_schema::text, table_name::text, column_name::text, data_type::text
        from information_schema.columns
        where (table_schema = 'public' and table_name = any (wanted))
           or (table_schema = 'rebuild' and table_name in (select projection_tables('rebuild')))
    )
    select not exists (
        select from (select table_name, column_name, data_type from columns where table_schema = 'public') live
        full join (select table_name, column_name, data_type from columns where table_schema = 'rebuild') anew
            using (table_name, column_name, data_type)
        where live is null or anew is null
    )
$$;

-- Drops what a rebuild made, and its checkpoint.
create function discard_rebuild(of_name text) returns void
    language plpgsql as $$
declare
    old name;
begin
    for old in select relname from pg_class where relnamespace = 'rebuild'::regnamespace and relkind = 'r' loop
        execute format('drop table rebuild.%I', old);
    end loop;
    delete from projection_checkpoints where name = of_name and schema = 'rebuild';
end $$;

-- Makes these tables a second time, empty: same columns, indexes, policies and rights.
create function prepare_rebuild(of_name text, wanted text[]) returns void
    language plpgsql as $$
declare
    made record;
    held record;
begin
    perform discard_rebuild(of_name);
    for made in
        select t.name, c.oid, c.relowner, c.relacl, obj_description(c.oid, 'pg_class') as comment
        from projection_tables('public') as t (name)
        join pg_class c on c.relname = t.name and c.relnamespace = 'public'::regnamespace
        where t.name = any (wanted)
    loop
        execute format('create table rebuild.%1$I (like public.%1$I including all)', made.name);
        perform protect_tenant_table(format('rebuild.%I', made.name)::regclass, 'projection', substr(made.comment, length('projection: ') + 1));
        for held in select privilege_type, grantee from aclexplode(made.relacl) where grantee not in (0, made.relowner) loop
            execute format('grant %s on rebuild.%I to %s', held.privilege_type, made.name, held.grantee::regrole);
        end loop;
    end loop;
end $$;

-- Puts some of the rebuilt tables in the place of the live ones, which stand at the same place of the log, and drops the rest.
create function swap_rebuilt(of_name text, wanted text[]) returns void
    language plpgsql as $$
declare
    swapped name;
begin
    foreach swapped in array wanted loop
        execute format('drop table public.%I', swapped);
        execute format('alter table rebuild.%I set schema public', swapped);
    end loop;
    perform discard_rebuild(of_name);
end $$;
