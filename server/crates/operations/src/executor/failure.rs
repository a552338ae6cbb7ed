//! What a command's failure means, in the operator's words. Invariant: pure; where nothing is known, nothing is said, and
//! what the command printed stands alone. curl's numbers are those of its manual's EXIT CODES.

/// Why `argv` ended with `status` after printing `printed`, and what to do; none when that is not known.
pub(super) fn why(argv: &[String], status: i32, printed: &str) -> Option<&'static str> {
    if printed.contains("No space left on device") || printed.contains("Disk quota exceeded") {
        return Some("the disk is full: free some space on the host, then retry");
    }
    match (argv.first().map(String::as_str)?, status) {
        ("curl", 22) if printed.contains("404") => {
            Some("the archive is not there: check the version and the download URL, or let the console push it")
        }
        ("curl", 22) => Some("the download server refused it: look at the server, or let the console push the archive"),
        ("curl", 5 | 6) => Some("the host cannot resolve the download server's name: let the console push the archive"),
        ("curl", 7) => {
            Some("the host does not reach the download server: open the way, or let the console push the archive")
        }
        ("curl", 18 | 52 | 56) => Some("the download was cut off: retry begins it anew"),
        ("curl", 23) => Some("the archive could not be written: free some space on the host, then retry"),
        ("curl", 28) => Some("the download took too long: retry, or let the console push the archive"),
        ("curl", 35 | 51 | 53 | 54 | 58 | 59 | 60 | 77 | 83) => Some(
            "the host does not accept the download server's certificate: install its CA on the host, or let the console push the archive",
        ),
        ("sha256sum", 1) => Some(
            "the checksum does not match, so the archive is not used: retry downloads it anew; if that fails too, do not trust this source",
        ),
        (_, 124 | 137) => Some("it took too long and was ended: look at the host, then retry"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(program: &str, status: i32, printed: &str) -> String {
        why(&[program.to_owned()], status, printed).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_failed_download_says_what_to_do() {
        assert!(words("curl", 22, "curl: (22) The requested URL returned error: 404").contains("not there"));
        assert!(words("curl", 22, "curl: (22) The requested URL returned error: 503").contains("refused"));
        assert!(words("curl", 18, "").contains("cut off"));
        assert!(words("curl", 23, "curl: (23) Failed writing body").contains("free some space"));
        assert!(words("sha256sum", 1, "x: FAILED").contains("checksum"));
    }

    #[test]
    fn a_full_disk_is_named_whatever_met_it() {
        assert!(words("tar", 2, "tar: etcd: Cannot write: No space left on device").contains("disk is full"));
        assert_eq!(words("tar", 2, "tar: not a gzip"), "");
        assert_eq!(why(&[], 1, ""), None);
    }
}
