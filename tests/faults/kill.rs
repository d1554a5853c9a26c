//! The process is killed in the middle of its work: what it had acknowledged is
//! there, and what it had given away does not come back.

use std::io::BufReader;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule::store::Store;

use super::worker::{Known, command, open};
use super::{Dice, rounds};

#[tokio::test]
async fn d1_killed_again_and_again() {
    let mut dice = Dice::throw();
    let dir = TempDir::new().unwrap();
    let mut known = Known::default();
    let started = Instant::now();
    let kills = rounds(40);
    let worked = |known: &Known| {
        let (durable, used) = known.count();
        durable > 1000 && used > 1000
    };
    // On a slow machine it takes more of them until there is enough to lose.
    for round in 0..4 * kills {
        if round >= kills && worked(&known) {
            break;
        }
        let mut child = command(dir.path(), &round.to_string()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let listener = std::thread::spawn(move || {
            let mut heard = Known::default();
            heard.listen(out);
            heard
        });
        // Real time: it is the child's. Some die while they are still opening.
        std::thread::sleep(Duration::from_millis(30 + dice.roll(300)));
        child.kill().unwrap();
        child.wait().unwrap();
        known.extend(listener.join().unwrap());
        assert_eq!(known.refused, None, "round {round}");
        // Mostly the next child finds what the last one left.
        if dice.roll(3) == 0 || round + 1 >= kills {
            let store = open(dir.path()).unwrap_or_else(|e| panic!("round {round}: {e}"));
            known.hold(&store, &format!("round {round}")).await;
            if dice.roll(2) == 0 {
                store.close().await.unwrap();
            }
        }
    }
    let (durable, used) = known.count();
    println!(
        "{kills} kills at least, {durable} durable records, {used} used tokens, {:?}",
        started.elapsed()
    );
    assert!(durable > 100 && used > 100, "the workers hardly worked");
}
