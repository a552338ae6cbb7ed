//! Real ssh against the lab's hosts. Invariant: without a running lab these tests fail and say so, they are never
//! skipped as passed; `make test-unit` leaves them out by their module name `lab`.

mod lab {
    mod connect;
    mod files;
    mod jobs;
    mod probes;
    mod releases;
    mod support;
    mod tunnels;
}
