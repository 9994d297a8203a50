//! What is said when the program breaks: where, and nothing of what it was working on.
//!
//! A panic's own words may quote a page, a payload or a person, as those of a slice at a wrong place do.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

use tokio::task::JoinError;

const WITHHELD: &str = "what it said is withheld, since it may quote a page or a person";

/// From here on a panic is logged by its place alone. `RUST_BACKTRACE=1` adds the way there.
pub fn install() {
    panic::set_hook(Box::new(|broken| {
        let place = broken.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let way = Backtrace::capture();
        match way.status() {
            BacktraceStatus::Captured => tracing::error!("presdr is broken at {place}; {WITHHELD}\n{way}"),
            _ => tracing::error!("presdr is broken at {place}; {WITHHELD}"),
        }
    }));
}

/// Why a task ended that should not have; its own error would quote a panic's words.
pub fn ended(error: &JoinError) -> anyhow::Error {
    let how = if error.is_panic() { "is broken: the log says where" } else { "was cut off" };
    anyhow::anyhow!("a task {how}")
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_by_its_place_and_without_its_words() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let page = "é write to jo.tan@acme.example".to_owned();
        let before = panic::take_hook();
        install();
        let line = line!() + 2;
        let broken = tracing::subscriber::with_default(subscriber, || {
            panic::catch_unwind(|| page[1..].len()) // in the middle of a letter: the standard library quotes the text
        });
        panic::set_hook(before);
        assert!(broken.is_err());
        let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(told.contains(&format!("presdr is broken at src/panics.rs:{line}:")), "{told}");
        assert!(!told.contains("acme") && !told.contains("jo.tan"), "{told}");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_told_of_without_its_words() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let error = tokio::spawn(async { panic!("jo.tan@acme.example") }).await.unwrap_err();
        panic::set_hook(before);
        assert!(error.to_string().contains("jo.tan"), "the error by itself would tell");
        assert_eq!(ended(&error).to_string(), "a task is broken: the log says where");
    }
}
