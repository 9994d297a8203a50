-- What somebody said of a person who was erased is taken out of conversations.
grant update (messages) on thread_checkpoints to presdr_producer;
grant update (data) on chat_run_events to presdr_producer;
