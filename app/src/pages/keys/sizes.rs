//! Measuring values. Invariant: sizes are known only where they were seen, and it is said when that was; a scan reads values in
//! pieces and can be stopped between them.

use super::browser::Browser;
use crate::{
    components::{
        button::{Button, Look},
        problem::ProblemBox,
        task::Task,
        time,
    },
    data::Boxed,
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::keys::Key;

/// How far a scan is.
#[derive(Clone, Copy, Default, PartialEq)]
struct Progress {
    looked: u64,
    of: Option<u64>,
    read: u64,
}

impl Progress {
    fn words(self) -> String {
        let of = self.of.map_or_else(String::new, |of| format!(" of {}", format::count(of)));
        format!("measured {}{of} keys, {} read", format::count(self.looked), format::bytes(self.read))
    }
}

/// The button, its progress and the age of what is known. Offered to whoever may read values: the scan does.
pub(super) fn scan(browser: Browser) -> AnyView {
    if !browser.rights.values {
        return ().into_any();
    }
    let task = Task::new();
    let (progress, stopped) = (RwSignal::new(Progress::default()), RwSignal::new(false));
    let start = Callback::new(move |()| {
        progress.set(Progress::default());
        stopped.set(false);
        task.run(move || async move {
            let mut after = None;
            loop {
                let page = rpc::keys::scan_key_sizes(browser.cluster(), Key::default(), after).await?;
                let told = progress.try_update(|progress| {
                    progress.looked += page.looked.0;
                    progress.read += page.read.0;
                    progress.of = page.of.map(|of| of.0).or(progress.of);
                });
                after = page.next;
                // The page may be gone, too.
                if after.is_none() || told.is_none() || stopped.try_get_untracked() != Some(false) {
                    break;
                }
            }
            if stopped.try_get_untracked().is_some() {
                browser.restart();
            }
            Ok(())
        });
    });
    let stop = Callback::new(move |()| stopped.set(true));
    let age = move || browser.index.with(|index| index.sizes_at);
    let told = move || match (task.busy.get(), age()) {
        (true, _) => progress.get().words().into_any(),
        (false, Some(at)) => view! { "Sizes as seen "{time::ago(at)} }.into_any(),
        (false, None) => "Sizes are not known yet".into_any(),
    };
    let button = move || {
        if task.busy.get() {
            view! { <Button label="Stop" look=Look::Bare on_press=stop/> }.into_any()
        } else {
            view! { <Button label="Scan sizes" look=Look::Bare on_press=start/> }.into_any()
        }
    };
    view! {
        <div class="keys-sizes">
            <span class="muted">{move || told()}</span>
            {move || button()}
        </div>
        <ProblemBox problem=task.problem/>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_says_how_far_it_is() {
        let progress = Progress { looked: 1200, of: Some(4000), read: 3 << 20 };
        assert_eq!(progress.words().replace('\u{202f}', " "), "measured 1 200 of 4 000 keys, 3 MiB read");
        assert_eq!(Progress::default().words(), "measured 0 keys, 0 B read");
    }
}
