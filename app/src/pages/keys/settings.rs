//! How the keys of a cluster are handled: what is masked, what the audit trail names, how long changes can be undone.
//! Invariant: settings that nobody touched are saved as they were read. What they mean is decided in `domain::keys`.

use super::browser::Browser;
use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{CheckBox, Field, TextArea},
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::Boxed,
    rpc,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Problem,
    keys::{Key, KeySettings, UNDO_HOURS_MAX},
    problem::FieldError,
};

const MASKED_HINT: &str = "One a line. Values below are shown only after Reveal, which the audit trail notes. A backslash is \
    written \\\\, a byte that is no text \\x and two hexadecimal digits.";

/// The dialog.
pub(super) fn dialog(browser: Browser, open: RwSignal<bool>) -> AnyView {
    view! { <Dialog open=open title="Settings of keys">{move || content(browser, open)}</Dialog> }.boxed()
}

fn content(browser: Browser, open: RwSignal<bool>) -> AnyView {
    let kept = RwSignal::new(None::<KeySettings>);
    let reading = Task::new();
    reading.run(move || async move {
        let settings = rpc::keys::key_settings(browser.cluster()).await?;
        let _ = kept.try_set(Some(settings));
        Ok(())
    });
    view! {
        <p class="muted" role="status">{move || reading.busy.get().then_some("Reading…")}</p>
        <ProblemBox problem=reading.problem/>
        {move || kept.get().map(|settings| form(browser, &settings, open))}
    }
    .into_any()
}

/// Settings as they were typed.
#[derive(Clone, Debug, PartialEq)]
struct Typed {
    /// One prefix a line.
    masked: String,
    /// All values are masked. That is the empty prefix, which no line can say.
    all: bool,
    hash: bool,
    hours: String,
}

impl Typed {
    fn of(settings: &KeySettings) -> Self {
        let prefixes = settings.masked.iter().filter(|prefix| !prefix.is_empty());
        Self {
            masked: prefixes.map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            all: settings.masked.iter().any(Key::is_empty),
            hash: settings.hash_in_audit,
            hours: settings.undo_hours.to_string(),
        }
    }

    /// The settings, or all that is wrong with them.
    fn settings(&self) -> Result<KeySettings, Problem> {
        match (self.prefixes(), self.undo_hours()) {
            (Ok(masked), Ok(undo_hours)) => Ok(KeySettings { masked, hash_in_audit: self.hash, undo_hours }),
            (masked, hours) => Err(Problem::invalid([masked.err(), hours.err()].into_iter().flatten().collect())),
        }
    }

    /// Spaces count: they can be part of a key.
    fn prefixes(&self) -> Result<Vec<Key>, FieldError> {
        let mut prefixes: Vec<Key> = self.all.then(Key::default).into_iter().collect();
        for (at, line) in self.masked.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            prefixes.push(line.parse().map_err(|error| FieldError {
                field: "masked".into(),
                message: format!("Line {} is no prefix: {error}", at + 1),
            })?);
        }
        Ok(prefixes)
    }

    fn undo_hours(&self) -> Result<u32, FieldError> {
        self.hours.trim().parse().map_err(|_| FieldError {
            field: "undo_hours".into(),
            message: format!("Give a whole number of hours, from 1 to {UNDO_HOURS_MAX}"),
        })
    }
}

fn form(browser: Browser, settings: &KeySettings, open: RwSignal<bool>) -> AnyView {
    let typed = Typed::of(settings);
    let (masked, hours) = (RwSignal::new(typed.masked), RwSignal::new(typed.hours));
    let (all, hash) = (RwSignal::new(typed.all), RwSignal::new(typed.hash));
    let (task, toasts) = (Task::new(), Toasts::get());
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let typed = Typed {
            masked: masked.get_untracked(),
            all: all.get_untracked(),
            hash: hash.get_untracked(),
            hours: hours.get_untracked(),
        };
        let settings = match typed.settings() {
            Ok(settings) => settings,
            Err(problem) => return task.problem.set(Some(problem)),
        };
        task.run(move || {
            let settings = settings.clone();
            async move {
                rpc::keys::set_key_settings(browser.cluster(), settings).await?;
                toasts.say("The settings were saved");
                let _ = open.try_set(false);
                // What is shown may be masked from now on, or no more.
                let _ = browser.changes.try_update(|n| *n += 1);
                Ok(())
            }
        });
    };
    let cancel = Callback::new(move |()| open.set(false));
    view! {
        <form class="form" on:submit=submit>
            <TextArea
                label="Masked prefixes"
                name="masked"
                value=masked
                rows=5
                hint=MASKED_HINT
                error=task.field("masked")
            />
            <CheckBox label="Mask all values" name="mask_all" value=all/>
            <CheckBox label="Hash keys in the audit trail" name="hash_in_audit" value=hash/>
            <Field
                label="Hours that changes can be taken back"
                name="undo_hours"
                value=hours
                hint="1 to 720, for changes from now on. Earlier ones stay for as long as they were to stay."
                error=task.field("undo_hours")
            />
            <ProblemBox problem=task.general()/>
            <div class="form-actions">
                <Button label="Save settings" look=Look::Primary submit=true busy=task.busy/>
                <Button label="Cancel" on_press=cancel/>
            </div>
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(masked: &str, hours: &str) -> Typed {
        Typed { masked: masked.into(), all: false, hash: false, hours: hours.into() }
    }

    #[test]
    fn settings_that_nobody_touched_are_saved_as_they_were() {
        let odd = vec![Key::default(), Key::raw(" /a b "), Key(b"\xff\n\\".to_vec())];
        let other = KeySettings { masked: odd, hash_in_audit: true, undo_hours: 1 };
        for settings in [KeySettings::default(), other, KeySettings { masked: Vec::new(), ..KeySettings::default() }] {
            assert_eq!(Typed::of(&settings).settings(), Ok(settings));
        }
    }

    #[test]
    fn empty_lines_are_no_prefixes() {
        let settings = typed("\n/a/\r\n\n/b/\n", " 72 ").settings().expect("settings");
        assert_eq!(settings.masked, [Key::raw("/a/"), Key::raw("/b/")]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_where() {
        let problem = typed("/a/\n\n\\q", "three").settings().expect_err("wrong");
        assert!(problem.message_for("masked").is_some_and(|words| words.starts_with("Line 3 ")), "{problem:?}");
        assert!(problem.message_for("undo_hours").is_some_and(|words| words.contains("720")), "{problem:?}");
        assert!(typed("", "-1").settings().is_err());
    }
}
