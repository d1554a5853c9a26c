//! Typed records on top.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{Keyspace, StoreError, Token};
use super::{Bench, Key, Precondition, Spaces, is_conflict};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pet {
    name: String,
    legs: u8,
}

fn pet(name: &str) -> Pet {
    Pet {
        name: name.into(),
        legs: 4,
    }
}

pub(super) async fn pages(bench: &Bench, spaces: &Spaces) {
    let store = bench.store.as_ref();
    let pets: Keyspace<Pet> = Keyspace::new(spaces.plain);
    pets.put(store, "acme", b"rex", &pet("Rex"), Precondition::Any)
        .await
        .unwrap();
    pets.put(store, "acme", b"tom", &pet("Tom"), Precondition::Any)
        .await
        .unwrap();
    let page = pets
        .page(store, "acme", b"", Some(b"rex".to_vec()), 9)
        .await
        .unwrap();
    let names: Vec<_> = page
        .iter()
        .map(|(_, found)| found.value.name.as_str())
        .collect();
    assert_eq!(names, ["Tom"], "the page after the first");
}

pub(super) async fn records_and_tokens(bench: &Bench, spaces: &Spaces) {
    let store = bench.store.as_ref();
    let pets: Keyspace<Pet> = Keyspace::new(spaces.plain);
    let rex = pet("Rex");
    let version = pets
        .put(store, "acme", b"rex", &rex, Precondition::Absent)
        .await
        .unwrap();
    let again = pets
        .put(store, "acme", b"rex", &rex, Precondition::Absent)
        .await;
    assert!(is_conflict(&again), "{again:?}");
    let found = pets
        .get(store, "acme", b"rex")
        .await
        .unwrap()
        .expect("it was put");
    assert_eq!(
        (found.value, found.version),
        (rex.clone(), version),
        "it reads as written"
    );
    assert!(
        pets.get(store, "beta", b"rex").await.unwrap().is_none(),
        "not in another account"
    );
    assert!(
        pets.delete(store, "acme", b"rex", Precondition::Version(version))
            .await
            .unwrap()
    );

    let strays: Keyspace<Pet> = Keyspace::new(spaces.expiring);
    let token = Token::new(bench.later(1000));
    strays
        .put_by(store, "acme", &token, &rex, Precondition::Absent)
        .await
        .unwrap();
    let sent = Token::parse(token.as_str()).expect("a token reads as it was sent");
    let found = strays
        .get_by(store, "acme", &sent)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(found.value, rex);
    let guessed = Token::new(bench.later(1000));
    assert!(
        strays
            .get_by(store, "acme", &guessed)
            .await
            .unwrap()
            .is_none(),
        "another token"
    );
    assert_eq!(
        strays.take_by(store, "acme", &sent).await.unwrap(),
        Some(rex.clone())
    );
    assert_eq!(
        strays.take_by(store, "acme", &sent).await.unwrap(),
        None,
        "once only"
    );
    strays
        .put_by(store, "acme", &token, &rex, Precondition::Absent)
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(1));
    assert!(
        strays.get_by(store, "acme", &sent).await.unwrap().is_none(),
        "it has ended"
    );
    assert!(
        !strays.delete_by(store, "acme", &sent).await.unwrap(),
        "it has ended"
    );
}

pub(super) async fn an_unknown_schema_is_corrupt(bench: &Bench, spaces: &Spaces) {
    let pets: Keyspace<Pet> = Keyspace::new(spaces.plain);
    let bad: [&[u8]; 4] = [
        b"",
        b"\x02{\"name\":\"Rex\",\"legs\":4}",
        b"\x01{\"name\"",
        b"\x01{}",
    ];
    for (number, bytes) in (0_u8..).zip(bad) {
        bench
            .put(&Key::new(spaces.plain, "acme", [number]), bytes)
            .await;
        let read = pets.get(bench.store.as_ref(), "acme", &[number]).await;
        let Err(StoreError::Corrupt { place, why }) = read else {
            panic!("{bytes:?} must not be read as a record: {read:?}");
        };
        assert!(
            place.contains(spaces.plain.name),
            "it says where: {place}: {why}"
        );
    }
}
