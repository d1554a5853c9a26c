//! The power is cut, with and without a sync that failed before: what was
//! acknowledged is there, and what was given away does not come back.

use std::time::Duration;

use tempfile::TempDir;

use super::crash::{Journal, Model};
use super::disk::{Disk, EIO, Fault};
use super::worker::{Known, command, open};
use super::{Dice, rounds};

/// A worker on a disk, killed after `script`.
fn work(disk: &Disk, round: &str, script: impl FnOnce(&Disk)) -> Journal {
    let mut command = command(&disk.dir(), round);
    let mut child = disk
        .under(&mut command)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    script(disk);
    disk.kill(&mut child);
    Journal::read(&disk.journal())
}

/// Cuts the power at some lines of a journal, from one of them on, and opens what
/// is left.
async fn cut(journal: &Journal, from: usize, times: u32, dice: &mut Dice) -> usize {
    let last = journal.len();
    let mut moments: Vec<usize> = (0..times)
        .map(|_| from + dice.index(last - from + 1))
        .collect();
    moments.sort_unstable();
    moments.push(last);
    let mut model = Model::default();
    let mut most = 0;
    for moment in moments {
        model.advance(journal, moment, dice);
        let dir = TempDir::new().unwrap();
        model.cut(dir.path(), dice);
        let mut known = Known::default();
        known.listen(journal.said(moment).as_slice());
        let when = format!("cut at {moment} of {last}");
        let store = match open(dir.path()) {
            Ok(store) => store,
            Err(error) => panic!("{when}: {error}; see {}", dir.keep().display()),
        };
        known.hold(&store, &when).await;
        most = most.max(known.count().0);
    }
    most
}

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

#[tokio::test]
async fn d2_power_cuts_take_nothing_that_was_acknowledged() {
    let mut dice = Dice::throw();
    for round in 0..rounds(2) {
        let disk = Disk::new();
        let journal = work(&disk, &round.to_string(), |_| pause(1200));
        let most = cut(&journal, 0, 20, &mut dice).await;
        assert!(most > 100, "the worker hardly worked: {most}");
    }
}

/// For 50 ms no sync succeeds, then all do again; then the power is cut.
#[tokio::test]
async fn f10_a_sync_that_failed_is_not_believed_later() {
    let mut dice = Dice::throw();
    for round in 0..rounds(3) {
        let disk = Disk::new();
        let journal = work(&disk, &round.to_string(), |disk| {
            pause(500 + dice.roll(200));
            disk.set(Fault::Sync, EIO);
            pause(50);
            disk.set(Fault::Sync, 0);
            pause(900);
        });
        let failed = journal.failed_syncs();
        let last = *failed.last().expect("no sync failed");
        let count = |until| {
            let mut known = Known::default();
            known.listen(journal.said(until).as_slice());
            known.count().0
        };
        let (before, after) = (count(last), count(journal.len()));
        assert!(after > before + 50, "it did not go on: {before}, {after}");
        cut(&journal, failed[0], 20, &mut dice).await;
    }
}

/// The same with writes that fail, and with both.
#[tokio::test]
async fn f10_a_write_that_failed_is_not_believed_later() {
    let mut dice = Dice::throw();
    for round in 0..rounds(2) {
        let disk = Disk::new();
        let journal = work(&disk, &round.to_string(), |disk| {
            pause(500 + dice.roll(200));
            if round % 2 == 1 {
                disk.set(Fault::Sync, EIO);
            }
            disk.set(Fault::Write, EIO);
            pause(50);
            disk.set(Fault::Write, 0);
            disk.set(Fault::Sync, 0);
            pause(900);
        });
        let most = cut(&journal, 0, 20, &mut dice).await;
        assert!(most > 100, "the worker hardly worked: {most}");
    }
}

/// The process ends while syncs fail, and the next one finds them succeed.
#[tokio::test]
async fn f10_a_new_process_does_not_believe_it_either() {
    let mut dice = Dice::throw();
    for round in 0..rounds(2) {
        let disk = Disk::new();
        work(&disk, &format!("{round}-0"), |disk| {
            pause(500 + dice.roll(200));
            disk.set(Fault::Sync, EIO);
            pause(20);
        });
        disk.set(Fault::Sync, 0);
        let first = Journal::read(&disk.journal());
        let failed = first.failed_syncs();
        let journal = work(&disk, &format!("{round}-2"), |_| pause(1200));
        let mut known = Known::default();
        known.listen(journal.said(journal.len()).as_slice());
        assert_eq!(known.refused, None);
        assert!(journal.len() > first.len() + 50, "it did not go on");
        cut(
            &journal,
            *failed.first().expect("no sync failed"),
            20,
            &mut dice,
        )
        .await;
    }
}
