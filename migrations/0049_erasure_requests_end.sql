-- Requests that were done or failed go with the logs of their time; the receipts of erasures stay.
grant delete on erasure_requests to presdr_producer;

-- What names somebody and waits for a yes is forgotten by every erasure and every night.
create index thread_checkpoints_named on thread_checkpoints (tenant_id, created_at) where pending ? 'sealed';
