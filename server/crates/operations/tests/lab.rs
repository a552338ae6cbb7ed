//! Operations on the lab's hosts without the rest of the console: what needs a snapshot to be at hand and a console that dies at a
//! chosen moment. Invariant: without a running lab these tests fail and say so; `make test-unit` leaves them out by their module.

mod lab {
    mod rescue;
    mod restore;
    mod world;
}
