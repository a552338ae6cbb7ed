//! POSIX shell quoting, for showing commands and printing runbooks only. Invariant: nothing quoted here is ever run by
//! the console itself: it passes arguments as arguments.

/// One word, quoted if it needs to be.
pub fn word(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A command line.
pub fn line(argv: &[String]) -> String {
    argv.iter().map(|a| word(a)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_only_what_needs_it() {
        assert_eq!(word("/usr/bin/etcd"), "/usr/bin/etcd");
        assert_eq!(word(""), "''");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(line(&["sh".into(), "$(x)".into()]), "sh '$(x)'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_real_shell_reads_back_every_word(text in "[^\0]{0,40}") {
            let out = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", word(&text))])
                .output()
                .expect("sh runs");
            prop_assert_eq!(out.stdout, text.as_bytes());
        }
    }
}
