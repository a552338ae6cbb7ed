//! Changing single settings of an `etcd.conf` that is there. Invariant: every line that is not asked for stays as it is,
//! comments and order too; a file whose layout is not plain `key: value` lines at the keys asked for is not touched.

use super::{Setting, quoted};

/// `text` with each of `settings` set; keys that are not there are added at the end.
///
/// # Errors
/// Why the file is not understood, in words.
pub fn with_settings(text: &str, settings: &[(&str, Setting)]) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, value) in settings {
        let places: Vec<usize> = (0..lines.len()).filter(|&i| key_of(&lines[i]) == Some(*key)).collect();
        let wanted = match value {
            // etcd does not take a quoted number for a number.
            Setting::Number(n) => format!("{key}: {n}"),
            Setting::Text(text) => format!("{key}: {}", quoted(text)),
            Setting::Raw(raw) => format!("{key}: {raw}"),
        };
        match places.as_slice() {
            [] => lines.push(wanted),
            [at] if continues(lines.get(at + 1)) => {
                return Err(format!("{key} goes over several lines, which the console does not change"));
            }
            [at] => lines[*at] = wanted,
            _ => return Err(format!("{key} is set twice")),
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The value of `key`, without quotes and without a comment behind it; none when it is not set on one plain line.
pub fn setting<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut lines = text.lines();
    let line = lines.find(|line| key_of(line) == Some(key))?;
    let value = line.split_once(':')?.1.trim();
    let end = |quote: char| value.strip_prefix(quote)?.split(quote).next();
    Some(end('\'').or_else(|| end('"')).unwrap_or_else(|| value.split(" #").next().unwrap_or(value).trim()))
}

/// What stands behind `key` as it is written, quotes and all; none when it is not set on one plain line, or is a structure.
pub fn raw<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| key_of(line) == Some(key))?;
    let value = lines[at].split_once(':')?.1.trim();
    let next = lines.get(at + 1).map(|line| (*line).to_owned());
    let plain = !value.is_empty() && !value.starts_with(['{', '[', '|', '>', '&', '*']) && !continues(next.as_ref());
    plain.then_some(value)
}

/// Whether the cluster is found by a discovery service, which etcd does not take beside `initial-cluster`
/// (`ErrConflictBootstrapFlags` in etcd's embed package).
pub fn is_found_by_discovery(text: &str) -> bool {
    keys(text).iter().any(|key| key.starts_with("discovery"))
}

/// The keys that are set, in the file's order.
pub fn keys(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with([' ', '\t', '-', '#'])).filter_map(key_of).collect()
}

/// The key that a line sets, if it is a setting at the top level.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    let key = key.trim_end();
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    plain.then_some(key)
}

/// Whether a line belongs to the setting before it.
fn continues(line: Option<&String>) -> bool {
    line.is_some_and(|l| l.starts_with([' ', '\t', '-']) && !l.trim().is_empty() && !l.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "# ours\nname: 'lab1'\ndata-dir: /var/lib/etcd # here\ninitial-cluster: \"lab1=http://a:2380\"\nlog-level: info\n";

    fn text(value: &str) -> Setting {
        Setting::Text(value.into())
    }

    #[test]
    fn only_what_is_asked_for_changes() {
        let changed =
            with_settings(CONF, &[("initial-cluster", text("a=x,b=y")), ("initial-cluster-state", text("existing"))]);
        assert_eq!(
            changed.as_deref(),
            Ok(
                "# ours\nname: 'lab1'\ndata-dir: /var/lib/etcd # here\ninitial-cluster: 'a=x,b=y'\nlog-level: info\ninitial-cluster-state: 'existing'\n"
            )
        );
        let again = with_settings(changed.as_deref().expect("changed"), &[("initial-cluster", text("a=x,b=y"))]);
        assert_eq!(again, changed, "a second time changes nothing");
    }

    #[test]
    fn a_layout_that_is_not_understood_is_left_alone() {
        let folded = "initial-cluster: >\n  a=x,\n  b=y\nname: x\n";
        assert!(
            with_settings(folded, &[("initial-cluster", text("c=z"))]).expect_err("refused").contains("several lines")
        );
        assert!(with_settings("name: a\nname: b\n", &[("name", text("c"))]).expect_err("refused").contains("twice"));
    }

    #[test]
    fn values_are_read_without_quotes_and_comments() {
        assert_eq!(setting(CONF, "name"), Some("lab1"));
        assert_eq!(setting(CONF, "data-dir"), Some("/var/lib/etcd"));
        assert_eq!(setting(CONF, "initial-cluster"), Some("lab1=http://a:2380"));
        assert_eq!(setting(CONF, "quota-backend-bytes"), None);
        assert_eq!(keys(CONF), ["name", "data-dir", "initial-cluster", "log-level"]);
        assert_eq!(raw(CONF, "initial-cluster"), Some("\"lab1=http://a:2380\""));
        assert_eq!(
            (raw("a: {b: c}\n", "a"), raw("a:\n  b: c\n", "a"), raw("a: true\n", "a")),
            (None, None, Some("true"))
        );
        assert!(is_found_by_discovery("discovery-srv: example.net\n") && !is_found_by_discovery(CONF));
        let numbered = with_settings("name: x\n", &[("snapshot-count", Setting::Number(5))]);
        assert_eq!(numbered.as_deref(), Ok("name: x\nsnapshot-count: 5\n"));
    }
}
