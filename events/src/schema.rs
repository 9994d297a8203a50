//! JSON Schema and AsyncAPI.
