//! Who reads an answer that is given in this process hears at once that there is more of it: others look now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use uuid::Uuid;

/// The turns that are given here. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct News(Arc<Mutex<HashMap<Uuid, watch::Sender<()>>>>);

/// A turn while it is given here.
pub struct Given {
    news: News,
    run: Uuid,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.news.turns().remove(&self.run);
    }
}

impl News {
    fn turns(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn is given here from now on.
    pub(super) fn given(&self, run: Uuid) -> Given {
        self.turns().insert(run, watch::channel(()).0);
        Given { news: self.clone(), run }
    }

    /// There is more of a turn, or it is over.
    pub(super) fn more(&self, run: Uuid) {
        if let Some(turn) = self.turns().get(&run) {
            turn.send_replace(());
        }
    }

    /// Hears of a turn that is given here.
    pub(super) fn listen(&self, run: Uuid) -> Option<watch::Receiver<()>> {
        self.turns().get(&run).map(watch::Sender::subscribe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_hears_of_more_and_of_the_end() {
        let (news, run) = (News::default(), Uuid::nil());
        assert!(news.listen(run).is_none());
        let given = news.given(run);
        let mut heard = news.listen(run).unwrap();
        news.more(run);
        heard.changed().await.unwrap();
        drop(given);
        assert!(heard.changed().await.is_err() && news.listen(run).is_none());
    }
}
