//! What a page says: text, contacts, technology, jobs.
