//! Adding hosts: paste lines, put the console's key on them, done. Invariant: each wrong line is named by its number
//! before anything is sent; the same rules decide on the server.

use crate::{
    components::{
        button::{Button, Look},
        copy::CopyBox,
        field::{Field, Select, TextArea},
        load::load,
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, Data, memo},
    format,
    navigate::Navigator,
    pages::{entry, host_edit, page_head},
    routes, rpc,
    session::SecretInput,
};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use quorate_domain::{
    Problem,
    host::{ConsoleKey, Elevation, NewHost},
    names::{SshTarget, check_name},
};

/// What the pasted text came to.
#[derive(Clone, Debug, PartialEq, Default)]
struct Lines {
    /// (line number, host)
    hosts: Vec<(usize, NewHost)>,
    /// (line number, what is wrong)
    wrong: Vec<(usize, String)>,
}

/// Reads `[user@]host[:port] [name]` lines; empty ones and `#` comments are left out.
fn parse(text: &str, elevation: Option<Elevation>) -> Lines {
    let mut lines = Lines::default();
    for (i, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(target) = words.next() else { continue };
        let name = words.next().unwrap_or_default();
        let checked = SshTarget::parse(target)
            .and_then(|_| if name.is_empty() { Ok(()) } else { check_name(name) })
            .and_then(|()| match words.next() {
                None => Ok(()),
                Some(_) => Err("Give a target and, if you like, one name".into()),
            });
        match checked {
            Ok(()) => lines.hosts.push((i + 1, NewHost { target: target.into(), name: name.into(), elevation })),
            Err(why) => lines.wrong.push((i + 1, why)),
        }
    }
    lines
}

impl Lines {
    /// `line 2: …` for each wrong one.
    fn complaint(&self) -> Option<String> {
        let all: Vec<String> = self.wrong.iter().map(|(n, why)| format!("Line {n}: {why}")).collect();
        (!all.is_empty()).then(|| all.join(". "))
    }

    /// The server's messages (`hosts.1.target`) with the numbers of the pasted lines.
    fn server_complaint(&self, problem: &Problem) -> Option<String> {
        let of = |field: &str| {
            let index: usize = field.strip_prefix("hosts.")?.split('.').next()?.parse().ok()?;
            self.hosts.get(index).map(|(line, _)| *line)
        };
        let all: Vec<String> = problem
            .fields
            .iter()
            .map(|f| match of(&f.field) {
                Some(line) => format!("Line {line}: {}", f.message),
                None => f.message.clone(),
            })
            .collect();
        (!all.is_empty()).then(|| all.join(". "))
    }
}

/// The page.
#[component]
pub(crate) fn AddHosts() -> AnyView {
    let key = Data::new(rpc::hosts::public_key);
    let query = use_query_map();
    let first = memo(move || query.with(|q| q.get_str("first").is_some()));
    view! {
        {page_head("Add hosts", ().into_any())}
        {move || first.get().then(|| view! {
            {entry::progress(1)}
            <p class="note tone-info">
                "The file master.key beside the database opens everything that is sealed in it. Keep a copy of it elsewhere, never in the same backup."
            </p>
        })}
        <section class="panel" aria-label="The console's key">
            <h2>"1. Let the console in"</h2>
            <p>"Run this on each host, as the login that the console will use:"</p>
            {load(key, key_box)}
        </section>
        <section class="panel" aria-label="Hosts to add">
            <h2>"2. Name the hosts"</h2>
            <AddForm/>
        </section>
    }
    .boxed()
}

/// The key's line and its public half.
pub(crate) fn key_box(key: ConsoleKey) -> AnyView {
    view! {
        <CopyBox text=key.one_liner what="Line"/>
        <p class="muted">"Or put the public key there yourself:"</p>
        <CopyBox text=key.public_key what="Key"/>
        <p class="muted">"Fingerprint "<code>{key.fingerprint}</code></p>
    }
    .boxed()
}

#[component]
fn AddForm() -> AnyView {
    let text = RwSignal::new(String::new());
    let elevation = RwSignal::new("guess".to_owned());
    let password = RwSignal::new(String::new());
    let toasts = Toasts::get();
    let task = Task::new();
    let lines = memo(move || text.with(|t| parse(t, host_edit::elevation_of(&elevation.read()))));
    // Complaints while a line is being typed would be noise: they come with the first press.
    let pressed = RwSignal::new(false);
    let error = Signal::derive(move || {
        let typed = pressed.get().then(|| lines.with(Lines::complaint)).flatten();
        typed.or_else(|| task.problem.with(|p| p.as_ref().and_then(|p| lines.with(|l| l.server_complaint(p)))))
    });
    let navigator = Navigator::get();
    let add = move || {
        pressed.set(true);
        let now = lines.get_untracked();
        if now.hosts.is_empty() || !now.wrong.is_empty() {
            return;
        }
        let hosts: Vec<NewHost> = now.hosts.into_iter().map(|(_, host)| host).collect();
        let typed = password.get_untracked();
        let secret = (!typed.is_empty()).then(|| SecretInput::new(typed));
        task.run(move || {
            let (hosts, secret) = (hosts.clone(), secret.clone());
            async move {
                let added = rpc::hosts::add_hosts(hosts, secret).await?;
                toasts.say(format!("{} added; compare the keys next", format::plural(added.len(), "host")));
                navigator.go(routes::HOSTS);
                Ok(())
            }
        });
    };
    let mut options = vec![("guess".to_owned(), "By the login: root is root, others use sudo".to_owned())];
    options.extend(host_edit::elevation_options());
    let asks = memo(move || elevation.with(|e| e == "sudo_password"));
    let label = Signal::derive(move || match lines.with(|l| l.hosts.len()) {
        0 => "Add hosts".to_owned(),
        n => format!("Add {}", format::plural(n, "host")),
    });
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                add();
            }
        >
            <TextArea label="Hosts" name="hosts" value=text error=error rows=6
                placeholder="ops@10.0.0.11:22 lab1"
                hint="One a line: user@host:port and, if you like, a name. Without a user it is root, without a port 22."/>
            <Select label="Root by" name="elevation" value=elevation options=options/>
            {move || asks.get().then(|| view! {
                <Field label="sudo password" name="sudo_password" kind="password" autocomplete="new-password" value=password hint="The same for these hosts; kept sealed, never shown again."/>
            })}
            <ProblemBox problem=task.general()/>
            <div class="form-actions"><Button label=label look=Look::Primary submit=true busy=task.busy/></div>
        </form>
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{ProblemKind, problem::FieldError};

    #[test]
    fn pasted_lines_become_hosts_and_wrong_ones_are_numbered() {
        let lines = parse("# rack 1\nops@10.77.0.11:22 lab1\n\n10.77.0.12\nx;reboot\nok a b\n", Some(Elevation::Sudo));
        assert_eq!(
            lines.hosts.iter().map(|(n, h)| (*n, h.target.as_str(), h.name.as_str())).collect::<Vec<_>>(),
            [(2, "ops@10.77.0.11:22", "lab1"), (4, "10.77.0.12", ""),]
        );
        assert_eq!(lines.wrong.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [5, 6]);
        assert!(lines.complaint().is_some_and(|c| c.starts_with("Line 5: ")));
    }

    #[test]
    fn what_the_server_refuses_is_said_at_the_pasted_line() {
        let lines = parse("a\n\nb", None);
        let fields = vec![FieldError { field: "hosts.1.target".into(), message: "b is registered already".into() }];
        let problem = Problem { kind: ProblemKind::Invalid, title: String::new(), detail: String::new(), fields };
        assert_eq!(lines.server_complaint(&problem).as_deref(), Some("Line 3: b is registered already"));
    }
}
