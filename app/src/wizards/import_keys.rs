//! The wizard of the kind `import_keys`: which file, what becomes of keys that are there, and what that would do. Invariant: a file is
//! read by the console to its end before anything else; nothing is written before the plan was reviewed and started.

mod preview;

use crate::{
    components::{
        button::{Button, Look},
        field::Select,
        keyed::keyed,
        load::load,
        problem::ProblemBox,
        task::Task,
        time,
        upload::Upload,
    },
    data::{Boxed, Data, memo},
    format,
    pages::{keys::size_words, no_such, page_head, path_id},
    routes, rpc,
    wizards::{ask, asked, form_end, option, request, stages},
};
use leptos::{ev, prelude::*};
use preview::Preview;
use quorate_domain::{
    ClusterId, KeyFileId, Problem, ProblemKind,
    cluster::ClusterView,
    keys::{FILE_MAX, ImportKeysParams, ImportMode, KeyFile},
    plan::PlanView,
};

/// The page.
#[component]
pub(crate) fn ImportKeys() -> AnyView {
    let asked = asked("file").parse::<KeyFileId>().ok();
    let data = Data::keyed(path_id(), |id| async move {
        let id: ClusterId = id.parse().map_err(|_| no_such("cluster"))?;
        let page = rpc::clusters::cluster(id.clone()).await?;
        Ok((page.view, rpc::keys::key_files(id).await?))
    });
    view! {
        {page_head("Import keys", ().into_any())}
        {load(data, move |(view, files)| {
            let importing = Importing::new(&view, files, asked.as_ref());
            stages(importing.plan, "Import", move || importing.form(&view))
        })}
    }
    .boxed()
}

/// What was chosen, and what is known of it.
#[derive(Clone, Copy)]
struct Importing {
    cluster: StoredValue<ClusterId>,
    /// The files that the console keeps.
    files: RwSignal<Vec<KeyFile>>,
    chosen: RwSignal<Option<KeyFile>>,
    mode: RwSignal<String>,
    preview: Preview,
    plan: RwSignal<Option<PlanView>>,
    upload: Upload,
    uploading: Task,
}

impl Importing {
    fn new(view: &ClusterView, files: Vec<KeyFile>, asked: Option<&KeyFileId>) -> Self {
        let chosen = files.iter().find(|file| Some(&file.id) == asked).cloned();
        let importing = Self {
            cluster: StoredValue::new(view.id.clone()),
            chosen: RwSignal::new(chosen),
            files: RwSignal::new(files),
            mode: RwSignal::new(ImportMode::Skip.as_str().to_owned()),
            preview: Preview::new(),
            plan: RwSignal::new(None),
            upload: Upload::new(),
            uploading: Task::new(),
        };
        if asked.is_some() && importing.chosen.with_untracked(Option::is_none) {
            let problem = Problem::new(ProblemKind::NotFound, "This file is not kept any more; choose another one");
            importing.uploading.problem.set(Some(problem));
        }
        Effect::new(move |_| {
            importing.mode.track();
            if importing.chosen.with(Option::is_some) {
                importing.preview.ask(importing);
            }
        });
        importing
    }

    fn mode(self) -> ImportMode {
        mode_named(&self.mode.try_get_untracked().unwrap_or_default())
    }

    /// File and mode that are chosen now; none, too, when the page is gone.
    fn wanted(self) -> Option<(KeyFileId, ImportMode)> {
        let file = self.chosen.try_with_untracked(|chosen| chosen.as_ref().map(|file| file.id.clone()))??;
        Some((file, self.mode()))
    }

    fn form(self, view: &ClusterView) -> AnyView {
        let planning = Task::new();
        let wrong = planning.field("file");
        let chosen = memo(move || self.chosen.with(Option::is_some));
        let heading = format!("A file for {}", view.name);
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            let Some((file, mode)) = self.wanted() else { return };
            let params = ImportKeysParams { cluster: self.cluster.get_value(), file, mode, revision: None };
            ask(planning, request("import_keys", &params), self.plan);
        };
        let file = move || match self.chosen.get() {
            Some(file) => self.chosen_file(&file),
            None => self.file_choice(),
        };
        let rest = move || {
            chosen.get().then(|| {
                view! {
                    <section class="panel" aria-label="Keys that are there">
                        <h2>"Keys that are there"</h2>
                        <Select label="A key that is there with another value" name="mode" value=self.mode options=mode_options()/>
                    </section>
                    {self.preview.view(self)}
                    <p class="field-error" aria-live="polite">{move || wrong.get()}</p>
                    {form_end(planning)}
                }
                .into_any()
            })
        };
        view! {
            <form class="form wizard" on:submit=submit>
                <section class="panel" aria-label="File">
                    <h2>{heading}</h2>
                    {move || file()}
                </section>
                {move || rest()}
            </form>
        }
        .boxed()
    }

    fn chosen_file(self, file: &KeyFile) -> AnyView {
        let other = Callback::new(move |()| self.chosen.set(None));
        view! {
            <p><bdi><strong>{file.name.clone()}</strong></bdi></p>
            <p class="muted">{size_words(file)}" · kept until "{file.until.to_utc_text()}</p>
            <div class="form-actions"><Button label="Choose another file" on_press=other/></div>
        }
        .into_any()
    }

    fn file_choice(self) -> AnyView {
        let error = self.uploading.field("file");
        let none = memo(move || self.files.with(Vec::is_empty));
        let kept = move || (!none.get()).then(|| self.kept());
        let taken = Callback::new(move |()| self.take());
        let stays = move || error.get().map(|_| "Nothing was imported, and nothing of the file was kept.");
        view! {
            <p class="muted">
                "NDJSON, JSON, YAML, or what etcdctl prints; which one it is the console sees by itself. Keys go where the file says, whatever folder you come from. Nothing is written yet."
            </p>
            {self.upload.view(taken, "the console reads it to its end")}
            <p class="field-error" role="alert">{move || error.get()}</p>
            <p class="muted">{move || stays()}</p>
            <ProblemBox problem=self.uploading.general()/>
            {move || kept()}
        }
        .into_any()
    }

    /// The chosen file is sent.
    fn take(self) {
        self.uploading.run(move || async move {
            let Some((name, size)) = self.upload.chosen() else { return Ok(()) };
            if size > FILE_MAX {
                // Told before a byte is sent.
                return Err(Problem::field("file", format!("The file is larger than {} MiB", FILE_MAX >> 20)).into());
            }
            let path = routes::upload_key_file(&self.cluster.get_value(), &name);
            if let Some(kept) = self.upload.send::<KeyFile>(&path).await? {
                let _ = self.files.try_update(|files| files.insert(0, kept.clone()));
                let _ = self.chosen.try_set(Some(kept));
            }
            Ok(())
        });
    }

    fn kept(self) -> AnyView {
        view! {
            <h3>"Or one that is kept"</h3>
            <ul class="kept-files">
                {keyed(
                    move || self.files.get(),
                    |file: &KeyFile| file.id.to_string(),
                    move |file| self.kept_line(file),
                )}
            </ul>
        }
        .into_any()
    }

    fn kept_line(self, file: &KeyFile) -> AnyView {
        let taken = file.clone();
        let take = Callback::new(move |()| {
            self.uploading.problem.set(None);
            self.chosen.set(Some(taken.clone()));
        });
        view! {
            <li class="kept-file kept-choice">
                <div>
                    <p><bdi>{file.name.clone()}</bdi></p>
                    <p class="muted">{size_words(file)}", "{format::words(&file.why)}" "{time::ago(file.at)}</p>
                </div>
                <Button label="Use it" look=Look::Bare on_press=take/>
            </li>
        }
        .boxed()
    }
}

fn mode_named(name: &str) -> ImportMode {
    ImportMode::ALL.into_iter().find(|mode| mode.as_str() == name).unwrap_or_default()
}

/// What becomes of a key that is there, in a sentence each.
fn mode_options() -> Vec<(String, String)> {
    let words = |mode| match mode {
        ImportMode::Skip => "Skip: it stays as it is",
        ImportMode::Overwrite => "Overwrite: it is replaced, and kept so that it can come back",
        ImportMode::OnlyIfUnchanged => {
            "Only if unchanged: it is replaced if it is still at the revision that the file tells"
        }
    };
    ImportMode::ALL.map(|mode| option(mode.as_str(), words(mode))).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_offered_and_read_back() {
        let offered: Vec<ImportMode> = mode_options().iter().map(|(value, _)| mode_named(value)).collect();
        assert_eq!(offered, ImportMode::ALL);
        assert_eq!(mode_named("other"), ImportMode::Skip, "what nobody knows does the least");
    }
}
