-- What waits for a yes in a conversation is taken by the yes, so that it is done once.
grant update (pending) on thread_checkpoints to presdr_producer;

-- A user who goes takes their sessions along.
create index on sessions (tenant_id, user_id);

-- What a period cost is told beside what it brought: scores and verified addresses of some days. Without names of their own, so that a rebuild
-- makes the same.
create index on lead_scores (tenant_id, created_at);
create index on lead_emails (tenant_id, last_verified_at) where verification_status = 'valid';
