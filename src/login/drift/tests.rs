//! Several brokers watch one provider.

use super::*;
use crate::base::{Clock, ManualClock};
use crate::store::MemoryStore;

fn note(there: bool) -> Note {
    let matched = there.then(|| "string".to_owned());
    Note {
        field: "userinfo.email".to_owned(),
        place: "email".to_owned(),
        matched: matched.into_iter().collect(),
        outcome: String::new(),
        hint: None,
    }
}

/// Two brokers on one store: what one saw, the other does not write over.
#[tokio::test]
async fn drifts_of_all_brokers_are_kept() {
    let clock = ManualClock::default();
    let store = MemoryStore::new(Arc::new(clock.clone()));
    let (account, provider) = ("acme".parse().unwrap(), "idp".parse().unwrap());
    let (one, two) = (Watch::default(), Watch::default());
    let document = Value::Null;
    for there in [true, true, true, true, true, false, false, false] {
        for watch in [&one, &two] {
            let now = clock.now();
            let notes = [note(there)];
            watch
                .observe(&store, &account, &provider, &notes, &document, now)
                .await
                .unwrap();
            clock.advance(std::time::Duration::from_secs(1));
        }
    }
    let known = find(&store, &account, &provider).await.unwrap().unwrap();
    assert_eq!(known.drifts.len(), 2, "{:?}", known.drifts);
}

/// A norm that is forgotten at one broker, since the mapping changed, is none at the
/// others either.
#[tokio::test]
async fn what_is_forgotten_at_one_broker_is_at_all() {
    let clock = ManualClock::default();
    let store = MemoryStore::new(Arc::new(clock.clone()));
    let (account, provider) = ("acme".parse().unwrap(), "idp".parse().unwrap());
    let (one, two) = (Watch::default(), Watch::default());
    let see = async |watch: &Watch, there| {
        let notes = [note(there)];
        let seen = watch.observe(
            &store,
            &account,
            &provider,
            &notes,
            &Value::Null,
            clock.now(),
        );
        seen.await.unwrap();
        clock.advance(std::time::Duration::from_secs(1));
    };
    for _ in 0..LOGINS_BEFORE_DRIFT {
        see(&one, true).await;
        see(&two, true).await;
    }
    one.forget(&store, &account, &provider).await.unwrap();
    // From now on it is never there, which is the norm.
    for _ in 0..4 {
        see(&one, false).await;
        see(&two, false).await;
    }
    let known = find(&store, &account, &provider).await.unwrap().unwrap();
    assert!(known.drifts.is_empty(), "{:?}", known.drifts);
    // Also where nobody wrote since.
    one.forget(&store, &account, &provider).await.unwrap();
    let three = Watch::default();
    for _ in 0..=LOGINS_BEFORE_DRIFT {
        see(&three, true).await;
    }
    one.forget(&store, &account, &provider).await.unwrap();
    for _ in 0..4 {
        see(&three, false).await;
    }
    let known = find(&store, &account, &provider).await.unwrap().unwrap();
    assert!(known.drifts.is_empty(), "{:?}", known.drifts);
}
