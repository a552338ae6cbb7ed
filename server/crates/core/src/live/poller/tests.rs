//! The pure rules of the poller; polling itself is tested with real processes in `tests/`.

use super::*;
use crate::live::assemble::tests::{CLUSTER, REFUSED, Says, Stage, no_leader, says};

#[test]
fn the_tick_follows_who_looks_and_what_is_wrong() {
    let mut stage = Stage::new(3);
    let well = stage.step(0, &[says(5, 1), says(5, 1), says(5, 1)]);
    assert_eq!((tick(&well, true, false, 0), tick(&well, false, false, 0)), (WATCHED, IDLE));
    assert_eq!(tick(&well, false, true, 0), HURRIED, "an answer is late");
    let silent = stage.step(0, &[says(5, 1), says(5, 1), REFUSED]);
    assert_eq!((tick(&silent, true, false, 0), tick(&silent, false, false, 0)), (HURRIED, HURRIED));
    let leaderless = stage.step(0, &[no_leader(5), no_leader(5), no_leader(5)]);
    assert_eq!(tick(&leaderless, false, false, 0), HURRIED);
    let dead = stage.step(0, &[REFUSED, REFUSED, REFUSED]);
    assert_eq!((tick(&dead, true, false, 50), tick(&dead, false, false, 1)), (HURRIED, HURRIED));
    assert_eq!((tick(&dead, false, false, 3), tick(&dead, false, false, 5000)), (HURRIED * 4, LONGEST));
}

#[test]
fn a_new_cluster_id_is_believed_when_most_voters_tell_it() {
    let stage = Stage::new(3);
    let seats = |ids: &[Option<u64>]| -> Vec<Seat> {
        let seat = |(known, id): (&Known, &Option<u64>)| Seat {
            known: known.clone(),
            answer: id.map(|id| {
                let reply = StatusReply { cluster_id: id, ..stage.reply(known.id, Says(5, Some(1))) };
                Answer { asked_at: Timestamp(0), at: Timestamp(0), outcome: Ok(reply) }
            }),
        };
        stage.known.iter().zip(ids).map(seat).collect()
    };
    assert!(refounded(&seats(&[Some(7), Some(7), None]), Some(CLUSTER)));
    assert!(!refounded(&seats(&[Some(7), Some(8), None]), Some(CLUSTER)));
    assert!(!refounded(&seats(&[Some(7), Some(CLUSTER), Some(CLUSTER)]), Some(CLUSTER)));
    assert!(!refounded(&seats(&[Some(7), Some(7), None]), None), "nothing was believed yet");
}
