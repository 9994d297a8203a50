//! What the database's catalogue says about isolation: every table, view, function, role and grant is looked at.

use sqlx::{Executor, PgConnection};

/// Tables with a tenant_id that every service may read, and why. Names follow the search path: `public` is not written.
const WITHOUT_POLICY: &[(&str, &str)] =
    &[("tenants", "the list of tenants itself: services walk it to know whom to enter")];

/// Unique indexes without the tenant, and why they tell one tenant nothing about another.
const UNIQUE_FOR_ALL: &[(&str, &str)] = &[("runs_run_id", "run ids come from one sequence: no tenant chooses its own")];

/// Functions that run as their owner, and why that is no way across.
const RUN_AS_OWNER: &[(&str, &str)] = &[
    ("analyze_staged_companies()", "counts one registry table for the planner and answers nothing"),
    ("drop_text_partitions(date)", "drops whole partitions of text whose day has come, and answers their names: dates"),
    ("ensure_text_partitions(date)", "makes empty tables that nobody is granted anything on"),
    ("insert_staged_companies(bigint)", "touches registry tables alone; the owner is under the policies as well"),
];

/// Every relation of ours, with what the checks ask about.
const HELD: &str = "
    create or replace temp view held as
    select c.oid, c.oid::regclass::text as name, c.relkind::text as kind, coalesce(obj_description(c.oid, 'pg_class'), '') as comment,
           c.relowner::regrole::text as owner, c.relrowsecurity as secured, c.relforcerowsecurity as forced, c.relacl, c.relowner,
           'security_invoker=true' = any(coalesce(c.reloptions, '{}')) or 'security_invoker=on' = any(coalesce(c.reloptions, '{}')) as invoker,
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as of_tenant
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)' and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and c.oid::regclass::text <> '_sqlx_migrations' -- the list of migrations, which is not ours to declare
";

/// Each answers with a row per flaw; `$1` are the exceptions that concern it.
const CHECKS: &[(&str, &[(&str, &str)])] = &[
    (
        "select name || ' is not declared record, projection or platform' from held
         where kind in ('r', 'p', 'f') and comment !~ '^(record|projection|platform): .' and $1::text[] is not null",
        &[],
    ),
    (
        "select name || ' has a tenant_id, but row level security is not enabled and forced' from held
         where kind in ('r', 'p', 'f') and of_tenant and not (secured and forced) and name <> all($1)",
        WITHOUT_POLICY,
    ),
    (
        "select name || ' has a tenant_id, but other policies than the one of every tenant table' from held
         where kind in ('r', 'p') and of_tenant and name <> all($1)
           and (select array_agg((p.polpermissive, p.polroles, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text)
                from pg_policy p where p.polrelid = held.oid) is distinct from
               array[(true, '{0}'::oid[], '*'::\"char\", '(tenant_id = ( SELECT request_tenant() AS request_tenant))',
                      '(tenant_id = ( SELECT request_tenant() AS request_tenant))')::text]",
        WITHOUT_POLICY,
    ),
    (
        "select name || ' is declared ' || split_part(comment, ':', 1) || case when of_tenant then ', but has a tenant_id' else ', but has none' end
         from held where kind in ('r', 'p') and comment like '%: %' and of_tenant = (comment like 'platform: %') and name <> all($1)",
        WITHOUT_POLICY,
    ),
    (
        "select i.indexrelid::regclass::text || ' of ' || name || ' is unique without the tenant' from held join pg_index i on i.indrelid = held.oid
         where of_tenant and i.indisunique and i.indexrelid::regclass::text <> all($1)
           and not exists (select from pg_attribute a where a.attrelid = held.oid and a.attname = 'tenant_id' and a.attnum = any(i.indkey))",
        UNIQUE_FOR_ALL,
    ),
    (
        // A foreign key is checked without regard to policies: without the tenant in it, it tells what another tenant has.
        "select f.conname || ' of ' || name || ' refers to another table without the tenant' from held join pg_constraint f on f.conrelid = held.oid
         where f.contype = 'f' and of_tenant and $1::text[] is not null
           and not exists (select from pg_attribute a where a.attrelid = held.oid and a.attname = 'tenant_id' and a.attnum = any(f.conkey))",
        &[],
    ),
    (
        "with recursive reads (view, relation) as (
             select r.ev_class, d.refobjid from pg_rewrite r join pg_depend d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass
             where d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
             union
             select reads.view, d.refobjid from reads join pg_rewrite r on r.ev_class = reads.relation
             join pg_depend d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass
             where d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
         )
         select distinct v.name || ' reads ' || t.name || ' with the rights of its owner' from reads
         join held v on v.oid = reads.view join held t on t.oid = reads.relation
         where (v.kind = 'm' or not v.invoker) and t.kind in ('r', 'p') and t.of_tenant and $1::text[] is not null",
        &[],
    ),
    (
        "select name || ' belongs to ' || owner from held where owner <> 'presdr_owner' and $1::text[] is not null",
        &[],
    ),
    (
        "select rolname || ' is stronger than a service may be' from pg_roles r where rolname ~ '^presdr_' and $1::text[] is not null
           and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or exists (select from pg_auth_members m where m.member = r.oid))",
        &[],
    ),
    (
        "select r.rolname || ' may make things in schema ' || n.nspname from pg_roles r, pg_namespace n
         where r.rolname ~ '^presdr_' and r.rolname <> 'presdr_owner' and n.nspname !~ '^pg_' and $1::text[] is not null
           and has_schema_privilege(r.oid, n.oid, 'create')",
        &[],
    ),
    (
        // Truncation heeds no policy, a reference looks past it, and a trigger runs as whoever comes by.
        "select lower(g.privilege_type) || ' on ' || name || ' is granted to ' || g.grantee::regrole from held, aclexplode(relacl) g
         where of_tenant and g.grantee not in (0, relowner) and g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') and $1::text[] is not null",
        &[],
    ),
    (
        "select name || ' is a partition that is granted to ' || g.grantee::regrole from held join pg_class c using (oid), aclexplode(held.relacl) g
         where c.relispartition and g.grantee not in (0, held.relowner) and $1::text[] is not null",
        &[],
    ),
    (
        "select name || ' is granted to everybody' from held, aclexplode(relacl) g where g.grantee = 0 and $1::text[] is not null",
        &[],
    ),
    (
        "select distinct g.grantee::regrole || ' writes ' || name || ', which is a ' || split_part(comment, ':', 1) from held, aclexplode(relacl) g
         where g.privilege_type <> 'SELECT' and g.grantee not in (0, relowner) and $1::text[] is not null
           and (comment like 'projection: %' and g.grantee <> 'presdr_projector'::regrole
                or comment like 'record: %' and g.grantee = 'presdr_projector'::regrole)",
        &[],
    ),
    (
        "select p.oid::regprocedure || ' runs as its owner, and nobody has said why that is no way across' from pg_proc p
         join pg_namespace n on n.oid = p.pronamespace
         where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') and p.oid::regprocedure::text <> all($1)",
        RUN_AS_OWNER,
    ),
];

/// What is wrong with the isolation of this database, in words; nothing when all is well.
pub async fn flaws(connection: &mut PgConnection) -> Vec<String> {
    connection.execute(HELD).await.unwrap();
    let mut flaws = Vec::new();
    for (check, exceptions) in CHECKS {
        let names: Vec<&str> = exceptions.iter().map(|(name, _)| *name).collect();
        let found = sqlx::query_scalar::<_, String>(*check).bind(names).fetch_all(&mut *connection).await;
        flaws.extend(found.unwrap_or_else(|error| panic!("{error}: {check}")));
    }
    flaws
}
