//! Has the crate compiled again when a migration is added: `sqlx::migrate!` reads the folder, and does not watch it.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
