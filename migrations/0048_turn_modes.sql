-- What the client of a turn wants to be told: who comes back to it without saying gets the same.
alter table chat_runs add column modes text[] not null default '{}';
