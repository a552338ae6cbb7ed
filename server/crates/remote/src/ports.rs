//! Whether one host reaches ports of others. Invariant: only a TCP connection is opened and closed, nothing is sent;
//! two seconds decide for all ports together. What it means for an install is said in `domain::preflight`.

use crate::{command::Command, error::RemoteError, host::Host};
use quorate_domain::{host::PortReach, names::check_address};
use std::time::Duration;

/// Arguments: host port host port … Prints `n status text` for each, all tried at once.
const PROBE: &str = r#"n=0
try() {
  if command -v bash >/dev/null 2>&1; then
    text=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1)
    status=$?
  else
    text=$(curl -sS --connect-timeout 2 --max-time 2 "telnet://$2:$3" </dev/null 2>&1)
    status=$?
    [ $status = 0 ] || status=1$status
  fi
  printf '%s %s %s\n' "$1" "$status" "$(printf %s "$text" | tr '\n' ' ')"
}
while [ $# -ge 2 ]; do
  try "$n" "$1" "$2" &
  n=$((n + 1))
  shift 2
done
wait
"#;

/// Tries every target from `host`, at once; the answers are in the order of `targets`.
///
/// # Errors
/// As `Host::run_ok`; `Invalid` for an address that is none; `Garbled` when an answer is missing.
pub async fn probe(host: &Host, targets: &[(String, u16)]) -> Result<Vec<PortReach>, RemoteError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = Command::script(PROBE, &[]).deadline(Duration::from_secs(15));
    for (address, port) in targets {
        check_address(address).map_err(|what| RemoteError::Invalid { what })?;
        command = command.arg(address.as_str()).arg(port.to_string());
    }
    let output = host.run_ok(command).await?;
    parse(&output.text(), targets.len()).map_err(|detail| host.garbled("the port probe", &detail))
}

fn parse(text: &str, count: usize) -> Result<Vec<PortReach>, String> {
    let mut found = vec![None; count];
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let index = words.next().and_then(|w| w.parse::<usize>().ok());
        let status = words.next().and_then(|w| w.parse::<i32>().ok());
        if let (Some(slot), Some(status)) = (index.and_then(|i| found.get_mut(i)), status) {
            *slot = Some(reach(status, words.next().unwrap_or_default()));
        }
    }
    found.into_iter().enumerate().map(|(i, reach)| reach.ok_or(format!("no answer for target {i}"))).collect()
}

/// From bash's status and text, or curl's exit code behind a 1 and its text.
fn reach(status: i32, text: &str) -> PortReach {
    match status {
        0 => PortReach::Open,
        _ if text.contains("Connection refused") => PortReach::Refused,
        _ if ["No route", "unreachable", "Name or service", "resolve", "name resolution"]
            .iter()
            .any(|t| text.contains(t)) =>
        {
            PortReach::NoRoute
        }
        // timeout(1): no answer in time; curl 28 while still connecting.
        124 => PortReach::Filtered,
        128 if text.contains("Connection timed out") || text.contains("Connection timeout") => PortReach::Filtered,
        // curl stays connected until its time is over: the port is open.
        128 => PortReach::Open,
        _ => PortReach::Filtered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn open_refused_filtered_and_no_route_are_told_apart() {
        let text = "1 1 bash: connect: Connection refused bash: line 1: /dev/tcp/a/1: Connection refused \n0 0 \n\
            3 1 bash: connect: No route to host \n2 124 \n4 1 bash: nosuch: Name or service not known \n5 128 curl: \
            (28) Connection timed out after 2001 milliseconds\n6 128 curl: (28) Operation timed out after 2001 ms\n";
        use PortReach::{Filtered, NoRoute, Open, Refused};
        assert_eq!(parse(text, 7), Ok(vec![Open, Refused, Filtered, NoRoute, NoRoute, Filtered, Open]));
    }

    #[test]
    fn a_missing_answer_is_an_error_not_a_verdict() {
        assert!(parse("0 0 \n", 2).is_err());
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(text in ".{0,200}", count in 0usize..5) {
            let _ = parse(&text, count);
        }
    }
}
